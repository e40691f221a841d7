//! Runs the items of a batch concurrently in their caller's task, and the loads that they share.

use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, Stream};

use super::party::{Asked, deal, together};
use super::shape::Each;
use crate::engine::Table;

/// Polls `items` to completion and passes each result to `done`. Runs `load` when all items that need it have requested it.
///
/// `done` returns whether the whole batch has failed. Then running loads are awaited, and no other load starts: items that wait for
/// other callers' loads no longer need them.
pub(crate) async fn drive<G, Item, Output, F>(
    items: FuturesUnordered<Item>,
    table: &Table,
    asked: &Asked<G>,
    load: impl Fn(Vec<G::Id>) -> F,
    mut done: impl FnMut(Output) -> bool,
) where
    G: Each<Id: Clone + Eq + Hash>,
    Item: Future<Output = Output>,
    F: Future<Output = G::Whole>,
{
    let mut items = pin!(items);
    // More than one if another caller's load, for which an item waited, failed.
    let mut loads = pin!(FuturesUnordered::new());
    let mut failed = false;
    poll_fn(|cx| {
        loop {
            while let Some(output) = next(items.as_mut(), cx) {
                failed = done(output);
            }
            if items.is_empty() || failed && loads.is_empty() {
                return Poll::Ready(());
            }
            if !failed && table.is_complete(cx.waker()) {
                let asked = asked.take();
                if !asked.is_empty() {
                    let ids = asked.iter().map(|asking| asking.id.clone()).collect();
                    let nesting = together(&asked);
                    let loading = nesting.enter(|| load(ids));
                    loads.push(async move { deal(asked, nesting.around(loading).await) });
                }
            }
            if next(loads.as_mut(), cx).is_none() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

fn next<S: Stream>(stream: std::pin::Pin<&mut S>, cx: &mut Context<'_>) -> Option<S::Item> {
    match stream.poll_next(cx) {
        Poll::Ready(next) => next,
        Poll::Pending => None,
    }
}

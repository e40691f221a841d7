//! Runs the items of a batch concurrently in their caller's task, and the loads that they share.

use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, Stream};
use tokio::task::coop::{poll_proceed, unconstrained};

use super::party::{Asked, deal, together};
use super::shape::Each;
use crate::base::{CacheValue, Cached, boxed};
use crate::call::output::output_of;
use crate::engine::{First, Item, Items, Seat, Seated};

/// Takes the items to their ends, and passes each result to `done`. Those that the first request does not answer `go_on` as futures.
/// Runs `load` when all items that need it have requested it.
///
/// A turn ends after as many results as the budget of the task allows, so that other tasks have their turns. An item does not use that
/// budget: when it is used up, every further item would look at its answer in vain, in each turn, and the time of a batch would grow with
/// the square of its size.
///
/// `done` returns whether the whole batch has failed. Then running loads are awaited, and no other load starts: items that wait for
/// other callers' loads no longer need them.
pub(crate) async fn drive<G, Rest, F>(
    items: &Items,
    begun: Vec<(usize, First)>,
    go_on: impl Fn(usize, Seated) -> Rest,
    asked: &Asked<G>,
    load: impl Fn(Vec<G::Id>) -> F,
    mut done: impl FnMut(usize, Cached<G::Output>) -> bool,
) where
    G: Each<Id: Clone + Eq + Hash, Value: CacheValue>,
    Rest: Future<Output = (usize, Cached<G::Output>)>,
    F: Future<Output = G::Whole>,
{
    let mut rest = pin!(FuturesUnordered::new());
    // More than one if another caller's load, for which an item waited, failed.
    let mut loads = pin!(FuturesUnordered::new());
    let mut failed = false;
    let mut asking = Vec::new();
    let mut answered = Vec::new();
    for (at, begun) in begun {
        match begun {
            First::Asks(item) => asking.push((at, item)),
            First::Item(item) => answered.push((at, item)),
        }
    }
    // The seat makes the others wait for those that ask, as for every item that may register a request.
    let mut first =
        (!asking.is_empty()).then(|| (boxed(|| items.ask(asking)), Seat::new(&items.table)));
    poll_fn(|cx| {
        loop {
            for (at, item) in answered.drain(..) {
                match item {
                    Item::Hit(hit) => failed = done(at, output_of::<G>(hit)),
                    Item::GoesOn(seated) => rest.push(unconstrained(go_on(at, seated))),
                }
            }
            if let Some((asking, _)) = &mut first
                && let Poll::Ready(items) = asking.as_mut().poll(cx)
            {
                (answered, first) = (items, None);
                continue;
            }
            loop {
                let Poll::Ready(budget) = poll_proceed(cx) else { return Poll::Pending };
                let Some((at, output)) = next(rest.as_mut(), cx) else { break };
                budget.made_progress();
                failed = done(at, output);
            }
            if first.is_none() && rest.is_empty() || failed && loads.is_empty() {
                return Poll::Ready(());
            }
            if !failed && first.is_none() && items.table.is_complete(cx.waker()) {
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

fn next<S: Stream>(stream: Pin<&mut S>, cx: &mut Context<'_>) -> Option<S::Item> {
    match stream.poll_next(cx) {
        Poll::Ready(next) => next,
        Poll::Pending => None,
    }
}

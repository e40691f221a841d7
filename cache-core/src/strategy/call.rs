//! The caller's side of a read: the function's body and its output, beside the engine that knows values only.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::desk::{Ask, Desk, Wanted};
use super::plan::Plan;
use super::read::read;
use super::{Work, boxed, spawn};
use crate::Cached;
use crate::backend::BoxFuture;
use crate::cache::Inner;
use crate::call::Rules;
use crate::value::{Bare, Bared, CacheValue, Fault, Shape};

/// A load that is under way in the caller's task.
enum Running<O, L> {
    No,
    Here(Pin<Box<L>>),
    /// It goes on without the caller.
    Along(BoxFuture<'static, O>),
}

/// A read with everything that may happen to it. The memory tier was not asked yet.
pub(crate) async fn call<S, W>(
    inner: Arc<Inner>,
    plan: Plan,
    rules: Rules<S>,
    work: W,
) -> Cached<S::Output>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    let desk = Desk::new();
    let ask = Ask { desk: desk.clone(), detaches: work.detaches(), seat: work.seat() };
    let mut engine = boxed(|| read::<Bare<S::Value>>(inner, plan, rules.bare(), ask));
    let (mut work, mut running) = (Some(work), Running::No);
    let mut absent = None;
    poll_fn(|cx| {
        loop {
            // A failed output is given back in the poll that brought it: it is not held across a wait, so that
            // it need not be `Send`.
            let mut own = None;
            if let Poll::Ready(output) = running.poll(cx) {
                running = Running::No;
                absent = S::split(output).map_or_else(
                    |output| {
                        let (fault, absent) = fault::<S>(&output);
                        desk.bring(Err(fault));
                        own = Some(output);
                        absent
                    },
                    |value| {
                        desk.bring(Ok(value));
                        None
                    },
                );
            }
            let polled = engine.as_mut().poll(cx);
            match (desk.wanted(), work.take()) {
                (Some(Wanted::Load), Some(work)) => {
                    running = Running::Here(boxed(|| work.start()));
                    continue;
                }
                (Some(Wanted::Along), Some(work)) => {
                    running = match work.detach() {
                        Ok(load) => Running::Along(load),
                        Err(work) => Running::Here(boxed(|| work.start())),
                    };
                    continue;
                }
                (Some(Wanted::Behind(give)), Some(work)) => {
                    if let Ok(load) = work.detach() {
                        let _ = give.send(bare::<S>(load));
                    }
                }
                (_, back) => work = back,
            }
            let Poll::Ready(done) = polled else { return Poll::Pending };
            if let Running::Along(load) = std::mem::replace(&mut running, Running::No) {
                let (desk, load) = (desk.clone(), bare::<S>(load));
                spawn(async move { desk.bring_to_task(load.await) });
            }
            return Poll::Ready(done.map(|done| output(&rules, done, own, absent)));
        }
    })
    .await
}

impl<O, L: Future<Output = O>> Running<O, L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O> {
        match self {
            Self::No => Poll::Pending,
            Self::Here(load) => load.as_mut().poll(cx),
            Self::Along(load) => load.as_mut().poll(cx),
        }
    }
}

/// What the engine hears of a failed output, and how to make another where it only says that there is no value.
fn fault<S: Shape>(output: &S::Output) -> (Fault, Option<fn() -> S::Output>) {
    match S::absence(output) {
        Some(absent) => (Fault::Absent, Some(absent)),
        None => (Fault::Own(S::share(output)), None),
    }
}

/// A load whose output nobody takes: a failure is kept only as far as it can be shared.
fn bare<S>(load: BoxFuture<'static, S::Output>) -> BoxFuture<'static, Bared<S::Value>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    Box::pin(async move { S::split(load.await).map_err(|output| fault::<S>(&output).0) })
}

/// What the function returns.
fn output<S>(
    rules: &Rules<S>,
    done: Bared<S::Value>,
    own: Option<S::Output>,
    absent: Option<fn() -> S::Output>,
) -> S::Output
where
    S: Shape,
    S::Value: CacheValue,
{
    let made = match done {
        Ok(value) => Some(S::join(value)),
        Err(Fault::Own(_)) => own,
        Err(Fault::Shared(failure)) => S::unshare(&failure),
        Err(Fault::Absent) => absent.map(|absent| absent()),
        Err(Fault::TimedOut) => rules.timed_out.map(|timed_out| timed_out()),
        Err(Fault::Refused(error)) => rules.refused.map(|refused| refused(error)),
    };
    match made {
        Some(output) => output,
        None => unreachable!("the engine names only what its caller has"),
    }
}

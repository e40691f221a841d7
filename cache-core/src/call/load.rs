//! The load behind a call: the one generic part, its future boxed only once there is no hit.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Cached, Rules, Source, Target};
use crate::cache::Inner;
use crate::key::KeyId;
use crate::policy::Policy;
use crate::strategy::{Look, Plan, Work, read};
use crate::value::{CacheValue, Shape};

/// Names lifetimes and types that a returned `impl` type uses; says nothing by itself.
pub trait Captures<T: ?Sized> {}
impl<T: ?Sized, U: ?Sized> Captures<U> for T {}

/// The load behind a [`Call`](crate::Call). Not to be implemented outside larder.
pub trait Load: Unpin {
    /// What the function returns.
    type Output;
    #[doc(hidden)]
    fn hit(&self, inside: &Inside<'_>) -> Option<Glance<Self::Output>>;
    #[doc(hidden)]
    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<Self::Output>>;
}

/// What [`Load::hit`] saw.
#[derive(Debug)]
pub enum Glance<O> {
    /// All that is needed.
    Hit(Cached<O>),
    /// A fresh value, and the lot to refresh it early.
    Drawn,
}

/// What [`Load::hit`] gets.
#[derive(Debug)]
pub struct Inside<'a> {
    pub(super) inner: &'a Inner,
    pub(super) id: KeyId,
    pub(super) policy: &'a Policy,
}

/// What [`Load::run`] gets.
#[derive(Debug)]
pub struct Outside<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
}

pub(super) struct Loading<S, W, M, F> {
    pub(super) start: Option<(W, M)>,
    pub(super) running: Option<Pin<Box<F>>>,
    pub(super) shape: PhantomData<fn() -> S>,
}

// Nothing in it is pinned in place: the running future is boxed.
impl<S, W, M, F> Unpin for Loading<S, W, M, F> {}

impl<S, W, M, F> Load for Loading<S, W, M, F>
where
    S: Shape,
    S::Value: CacheValue,
    M: FnOnce(Option<Arc<Inner>>, Plan, W) -> F,
    F: Future<Output = Cached<S::Output>>,
{
    type Output = S::Output;

    #[inline]
    fn hit(&self, inside: &Inside<'_>) -> Option<Glance<S::Output>> {
        match inside.inner.look::<S::Value>(inside.id, inside.policy, false) {
            Look::Hit(hit) if hit.source == Source::Memory => {
                inside.inner.counters.memory_hits();
                Some(Glance::Hit(hit.map(S::join)))
            }
            Look::Renew(hit) if hit.source == Source::Memory => Some(Glance::Drawn),
            _ => None,
        }
    }

    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        if let Some((work, make)) = self.start.take() {
            let inner = outside.target.inner();
            self.running = Some(Box::pin(make(inner, outside.plan.clone(), work)));
        }
        match &mut self.running {
            Some(running) => running.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// The slow path: everything but a memory hit. Without a cache (an unknown named one) it loads.
pub(super) async fn uncached_or_read<S, W>(
    inner: Option<Arc<Inner>>,
    plan: Plan,
    (rules, work): (Rules<S>, W),
) -> Cached<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    match inner {
        Some(inner) => read(inner, plan, rules, work).await,
        None => {
            let value = work.start().await;
            Cached { value, source: Source::Bypassed, age: Duration::ZERO }
        }
    }
}

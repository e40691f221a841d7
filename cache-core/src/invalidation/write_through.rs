//! Writing through: a mutator's result becomes the cached value.

use crate::call::{Call, Judge, Load, Put, Target};
use crate::invalidation::Evictions;
use crate::strategy::{Plan, start_now};
use crate::value::{CacheValue, Holds, Shape};

/// Where a mutator's value goes. Made by `#[cache_put]`, before the body runs; it holds none of the
/// body's arguments.
///
/// If the body fails, panics or is cancelled, the value is evicted instead: the mutator may have
/// committed.
#[derive(Debug)]
#[must_use]
pub struct WriteThrough<S> {
    shape: S,
    target: Target,
    plan: Plan,
    judge: Judge,
    otherwise: Evictions,
    wanted: bool,
}

impl<S> WriteThrough<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// `call` is what the value is to answer from now on.
    pub fn new<L>(call: Call<L>, shape: S) -> Self
    where
        L: Load,
        L::Output: Holds<S::Value>,
    {
        let otherwise = Evictions::new().call(call.evict());
        let judge = call.judge();
        let (target, plan) = call.into_parts();
        Self { shape, target, plan, judge, otherwise, wanted: true }
    }

    /// Leaves the entry as it is unless the output is an `Ok`.
    pub fn on_ok(mut self) -> Self {
        self.otherwise = self.otherwise.held();
        self
    }

    /// A value that isn't `wanted` is not put: the entry, which it has made old, is evicted.
    pub fn only_if(mut self, wanted: bool) -> Self {
        self.wanted = wanted;
        self
    }

    /// Takes the body's output: a value is put, a failure evicts.
    ///
    /// The future holds a copy of the value and does not borrow the output, which need not be `Sync`.
    pub fn finish(self, output: &S::Output) -> impl Future<Output = ()> + use<S> {
        let Self { shape, target, plan, judge, otherwise, wanted } = self;
        let value = shape.value(output).cloned();
        async move {
            let Some(value) = value else { return otherwise.run().await };
            let otherwise = otherwise.released();
            if !wanted {
                return otherwise.run().await;
            }
            write(Put::new(target, plan, value, judge), otherwise).await;
        }
    }

    /// [`finish`](Self::finish) for sync functions: memory at once, the remote tier in the
    /// background.
    pub fn finish_blocking(self, output: &S::Output) {
        let Self { shape, target, plan, judge, otherwise, wanted } = self;
        let Some(value) = shape.value(output) else { return drop(otherwise) };
        let otherwise = otherwise.released();
        if !wanted {
            return drop(otherwise);
        }
        start_now(write(Put::new(target, plan, value.clone(), judge), otherwise));
    }
}

/// A value that could not be written everywhere is evicted everywhere.
async fn write(put: Put, otherwise: Evictions) {
    match put.await {
        Ok(()) => otherwise.disarm(),
        Err(error) => {
            tracing::warn!(%error, "larder: a value was not written through everywhere");
            otherwise.run().await;
        }
    }
}

//! Write-through: a mutator's result becomes the cached value.

use super::evictions::Evictions;
use crate::base::{CacheValue, Shape};
use crate::call::{PutTarget, Write, Writing};
use crate::engine::start_now;
use crate::stats::log_failure;

/// The target of a mutator's value. Made by `#[cache_put]` before the body runs; it holds none of the body's
/// arguments.
///
/// If the body fails, panics or is cancelled, the entry is evicted instead, because the mutator may have
/// committed.
/// committed.
#[must_use]
pub struct WriteThrough<S: Shape> {
    shape: S,
    write: Write<S::Value>,
    otherwise: Evictions,
    wanted: bool,
}

impl<S: Shape> std::fmt::Debug for WriteThrough<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteThrough").field("otherwise", &self.otherwise).finish_non_exhaustive()
    }
}

impl<S> WriteThrough<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// The value becomes the cached value of `call`.
    pub fn new(call: impl PutTarget<S::Value>, shape: S) -> Self {
        let otherwise = Evictions::new().call(&call);
        Self { shape, write: call.into_write(), otherwise, wanted: true }
    }

    /// Leaves the entry as it is unless the output is an `Ok`.
    pub fn on_ok(mut self) -> Self {
        self.otherwise = self.otherwise.held();
        self
    }

    /// Without `wanted` the value is not put, and the entry, which is now old, is evicted.
    pub fn only_if(mut self, wanted: bool) -> Self {
        self.wanted = wanted;
        self
    }

    /// Takes the body's output: puts a value, evicts after a failure.
    ///
    /// The future holds a copy of the value and does not borrow the output, which need not be `Sync`.
    pub fn finish(self, output: &S::Output) -> impl Future<Output = ()> + use<S> {
        let Self { shape, write, otherwise, wanted } = self;
        let value = shape.value(output).cloned();
        async move {
            let Some(value) = value else { return otherwise.run().await };
            let otherwise = otherwise.released();
            if !wanted {
                return otherwise.run().await;
            }
            finish(write(value), otherwise).await;
        }
    }

    /// Takes the output of a sync function, like [`finish`](Self::finish): memory immediately, the remote
    /// tier in the background.
    pub fn finish_blocking(self, output: &S::Output) {
        let Self { shape, write, otherwise, wanted } = self;
        let Some(value) = shape.value(output) else { return drop(otherwise) };
        let otherwise = otherwise.released();
        if !wanted {
            return drop(otherwise);
        }
        start_now(finish(write(value.clone()), otherwise));
    }
}

/// Evicts a value everywhere if it could not be written everywhere.
async fn finish(writing: Writing, otherwise: Evictions) {
    match writing.await {
        Ok(()) => otherwise.disarm(),
        Err(error) => {
            log_failure("a value was not written through everywhere", &error);
            otherwise.run().await;
        }
    }
}

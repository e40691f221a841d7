//! Writing through: a mutator's result becomes the cached value.

use crate::call::{Call, Load};
use crate::invalidation::Evictions;
use crate::strategy::start_now;
use crate::value::{CacheValue, Holds, Shape};

/// A cached call whose value a mutator brings. Made by `#[cache_put]`.
///
/// If the body fails, panics or is cancelled, the value is evicted instead: the mutator may have
/// committed.
#[derive(Debug)]
#[must_use]
pub struct WriteThrough<S, L> {
    shape: S,
    call: Call<L>,
    otherwise: Evictions,
}

impl<S, L> WriteThrough<S, L>
where
    S: Shape,
    S::Value: CacheValue,
    L: Load,
    L::Output: Holds<S::Value>,
{
    /// `call` is what the value is to answer from now on.
    pub fn new(call: Call<L>, shape: S) -> Self {
        let otherwise = Evictions::new().call(call.evict());
        Self { shape, call, otherwise }
    }

    /// Takes the body's output: a value is put, a failure evicts.
    pub async fn finish(self, output: &S::Output) {
        let Self { shape, call, otherwise } = self;
        let Some(value) = shape.value(output) else { return otherwise.run().await };
        match call.write(value.clone()).await {
            Ok(()) => otherwise.disarm(),
            Err(error) => {
                tracing::warn!(%error, "larder: a value was not written through everywhere");
                otherwise.run().await;
            }
        }
    }

    /// [`finish`](Self::finish) for sync functions: memory at once, the remote tier in the
    /// background.
    pub fn finish_blocking(self, output: &S::Output) {
        let Self { shape, call, otherwise } = self;
        let Some(value) = shape.value(output) else { return drop(otherwise) };
        let put = call.write(value.clone());
        start_now(async move {
            match put.await {
                Ok(()) => otherwise.disarm(),
                Err(_) => otherwise.run().await,
            }
        });
    }
}

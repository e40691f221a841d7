//! Write-through: a mutator's result becomes the cached value.

use super::evictions::Evictions;
use crate::base::CacheValue;
use crate::call::{PutTarget, Puts, Write, Writing};
use crate::engine::{TenantScope, start_now};
use crate::key::TenantText;
use crate::stats::log_failure;

/// The target of a mutator's value. Made by `#[cache_put]` before the body runs; it holds none of the body's
/// arguments.
///
/// If the body fails, panics or is cancelled, the entry is evicted instead, because the mutator may have
/// committed.
#[must_use]
pub struct WriteThrough<P: Puts> {
    write: Write<P::Value>,
    otherwise: Evictions,
    wanted: bool,
}

impl<P: Puts> std::fmt::Debug for WriteThrough<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteThrough").field("otherwise", &self.otherwise).finish_non_exhaustive()
    }
}

impl<P> WriteThrough<P>
where
    P: Puts<Value: CacheValue>,
{
    /// The value becomes the cached value of `call`.
    pub fn new(call: impl PutTarget<P::Value>, _: P) -> Self {
        let otherwise = Evictions::new().call(&call);
        Self { write: call.into_write(), otherwise, wanted: true }
    }

    /// The same for one tenant, unless the call names another.
    pub fn of_tenant(tenant: &TenantScope, call: impl PutTarget<P::Value>, puts: P) -> Self {
        tenant.run_sync(|| Self::new(call, puts))
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

    /// Puts a value; evicts without one, which is a failure of the body.
    pub async fn finish(self, value: Option<P::Given>) {
        let Self { write, otherwise, wanted } = self;
        let Some(value) = value else { return otherwise.run().await };
        let otherwise = otherwise.released();
        if !wanted {
            return otherwise.run().await;
        }
        finish(write(P::value(value)), otherwise).await;
    }

    /// The same for a sync function: memory immediately, the remote tier in the background.
    pub fn finish_blocking(self, value: Option<P::Given>) {
        let Self { write, otherwise, wanted } = self;
        let Some(value) = value else { return drop(otherwise) };
        let otherwise = otherwise.released();
        if !wanted {
            return drop(otherwise);
        }
        start_now(finish(write(P::value(value)), otherwise));
    }
}

/// The tenant of a mutator, before its body may consume the arguments.
pub fn tenant_of<T: TenantText + ?Sized>(name: &T) -> TenantScope {
    TenantScope::new(name)
}

/// The value that the user has written for this target.
pub fn put_value<P: Puts>(_: &WriteThrough<P>, value: P::Given) -> P::Given {
    value
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

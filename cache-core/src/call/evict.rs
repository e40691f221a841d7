//! The eviction of the entry that a call would read.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Call;
use super::load::Load;
use super::target::CacheRef;
use crate::base::{BoxFuture, Error};
use crate::engine::Mutation;
use crate::key::EntryKey;

/// The future of [`Call::evict`](super::Call::evict) and [`Call::mark_stale`](super::Call::mark_stale). Its output is whether
/// there was an entry.
#[must_use = "it does nothing unless it is awaited"]
pub struct Evict {
    pub(crate) target: CacheRef,
    pub(crate) key: EntryKey,
    /// Whether the value is kept for failed loads.
    soft: bool,
    running: Option<BoxFuture<'static, Result<bool, Error>>>,
}

impl Evict {
    pub(crate) fn new(target: CacheRef, key: EntryKey) -> Self {
        Self { target, key, soft: false, running: None }
    }

    pub(super) fn softly(self) -> Self {
        Self { soft: true, ..self }
    }

    /// What it does.
    pub(crate) fn mutation(&self) -> Mutation {
        let evict = Mutation::evict(self.key.clone());
        if self.soft { evict.softened() } else { evict }
    }
}

impl fmt::Debug for Evict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evict").field("key", &self.key.as_str()).finish_non_exhaustive()
    }
}

impl Future for Evict {
    type Output = Result<bool, Error>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let running = match self.running.take() {
            Some(running) => running,
            None => {
                let (target, what) = (self.target.clone(), self.mutation());
                Box::pin(async move {
                    let evicted = target.resolve_to_evict()?.engine.invalidate(what).await?;
                    Ok(evicted > 0)
                })
            }
        };
        self.running.insert(running).as_mut().poll(cx)
    }
}

/// A call of a cached function, or a [function](crate::function) with all its entries, as the target of an eviction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call of a cached function",
    label = "this target can't be evicted",
    note = "a target is a call of a `#[cached]` async function; a sync one is written `call!(f(x))`",
    note = "a function that returns a boxed future, as `#[async_trait]` makes them, gives that box and no call: evict by `key`, `pattern` \
            or `tags`"
)]
pub trait EvictTarget {
    /// What is evicted, and in which cache. Without one it is the cache of the list.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)>;
    /// Whether targets without a cache are those of a tenant already.
    #[doc(hidden)]
    fn names_tenant(&self) -> bool {
        false
    }
}

impl<T: EvictTarget + ?Sized> EvictTarget for &T {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        (**self).evictions()
    }

    fn names_tenant(&self) -> bool {
        (**self).names_tenant()
    }
}

impl<L: Load> EvictTarget for Call<L> {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        self.evict().evictions()
    }
}

impl EvictTarget for Evict {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        vec![(Some(self.target.clone()), self.mutation())]
    }
}

//! The directions of a batch.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::ids::Pairs;
use super::load::LoadEach;
use super::{Asking, Batch, BatchInner};
use crate::base::{Access, Error, Holds, IntoTtl, PolicyRef, Source, Tiers, Usage};
use crate::call::describe::key_of;
use crate::call::direct::boxed_future;
use crate::call::evict::EvictTarget;
use crate::call::put_target::{PutTarget, Write};
use crate::call::target::{CacheRef, IntoCache};
use crate::engine::{Mode, Mutation};
use crate::key::{Key, TenantPrefix};

boxed_future! {
    /// The future of [`Batch::peek`].
    PeekEach<C> -> C
}

boxed_future! {
    /// The future of [`Batch::put`].
    PutEach -> ()
}

boxed_future! {
    /// The future of [`Batch::evict`]. Its output is the number of ids that had an entry.
    EvictEach -> u64
}

impl<L: LoadEach> Batch<L> {
    /// Loads all ids now and replaces the cached values; see [`Call::refresh`](crate::call::Call::refresh).
    pub fn refresh(mut self) -> Self {
        if self.whole.mode != Mode::Bypass {
            self.whole.mode = Mode::Refresh;
        }
        self
    }

    /// Also takes values that are not fresh; see [`Call::accept_stale`](crate::call::Call::accept_stale).
    pub fn accept_stale(mut self) -> Self {
        if self.whole.mode == Mode::Normal {
            self.whole.mode = Mode::AcceptStale;
        }
        self
    }

    /// Runs the function for all ids without the cache; see [`Call::bypass`](crate::call::Call::bypass).
    pub fn bypass(mut self) -> Self {
        self.whole.mode = Mode::Bypass;
        self
    }

    /// Sets the time to live of the values that this call stores; see [`Call::ttl`](crate::call::Call::ttl).
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        match ttl.into_ttl() {
            Ok(ttl) => self.whole.ttl = ttl,
            Err(error) => crate::base::warn_once("a call keeps its function's ttl", &error),
        }
        self
    }

    /// Sets the tiers that this call reads and fills; see [`Call::tiers`](crate::call::Call::tiers).
    pub fn tiers(self, tiers: Tiers) -> Self {
        self.using(|usage| usage.tiers = Some(tiers))
    }

    /// Sets whether this call reads and stores the cached values; see [`Call::access`](crate::call::Call::access).
    pub fn access(self, access: Access) -> Self {
        self.using(|usage| usage.access = Some(access))
    }

    fn using(mut self, set: impl FnOnce(&mut Usage)) -> Self {
        set(&mut self.whole.usage);
        let policy = self.whole.usage.of(&self.whole.policy);
        self.whole.policy = PolicyRef::Own(Arc::new(policy));
        self
    }

    /// Uses another cache: a handle, or a name.
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.whole.target.choose(cache.into_choice());
        self
    }

    /// Makes this call for one tenant; see [`Call::tenant`](crate::call::Call::tenant).
    pub fn tenant(mut self, name: impl fmt::Display) -> Self {
        self.whole.tenant = Some(Box::new(TenantPrefix::of(&name)));
        self
    }

    /// Returns the keys of the ids' entries, in the order of the ids' first occurrence, without running the call; see
    /// [`Call::cache_key`](crate::call::Call::cache_key).
    ///
    /// # Errors
    /// As `Call::cache_key`, for the first id without a key.
    pub fn cache_keys(&self) -> Result<Vec<Key>, Error> {
        let Asking { target, requests } = self.whole.asking();
        requests.iter().map(|request| key_of(&target, request)).collect()
    }

    /// Returns the output together with the source of each id's value, in the order of the ids' first occurrence.
    pub fn traced(self) -> TracedBatch<L> {
        TracedBatch(self)
    }

    /// Evicts the entries of the ids from every tier, and wins over every load of them that has begun. Returns how many ids had an
    /// entry.
    ///
    /// # Cancellation
    /// Once the future was polled, the evictions take place, even if the future is dropped.
    ///
    /// # Errors
    /// The first failure of the remote tier. The failed evictions are pending then: this process carries them out before it reads the
    /// tier again.
    pub fn evict(&self) -> EvictEach {
        let Asking { target, requests } = self.whole.asking();
        let keys: Vec<_> = requests.into_iter().map(|request| request.key).collect();
        let future = async move { target.resolve_to_evict()?.engine.invalidate_keys(&keys).await };
        EvictEach { future: Box::pin(future) }
    }
}

impl<L: LoadEach> EvictTarget for Batch<L> {
    #[allow(private_interfaces)]
    fn evictions(&self) -> Vec<(Option<CacheRef>, Mutation)> {
        let Asking { target, requests } = self.whole.asking();
        let keys = requests.into_iter().map(|request| Mutation::evict(request.key));
        keys.map(|what| (Some(target.clone()), what)).collect()
    }
}

impl<L, V> PutTarget<V> for Batch<L>
where
    L: LoadEach<Output: Holds<V> + 'static>,
{
    #[allow(private_interfaces)]
    fn into_write(self) -> Write<V> {
        let (put, asking) = (self.whole.load.put(), self.whole.asking());
        Box::new(move |value| put(asking, Holds::hold(value)))
    }
}

impl<L: LoadEach> BatchInner<L> {
    /// Returns the fresh cached values, without the ids that have none. It never loads, and it has no side effects: see
    /// `Call::peek`.
    ///
    /// # Errors
    /// If the remote tier fails and the memory tier does not have all values.
    pub fn peek(&self) -> PeekEach<L::Output>
    where
        L::Output: 'static,
    {
        PeekEach { future: self.load.peek(self.asking()) }
    }

    /// Stores values in every tier, as if the function had returned them now. An id of the call without a value is evicted (with
    /// `none_ttl`, it is cached as absent). Values of other ids are ignored.
    ///
    /// # Errors
    /// The first failure: no codec can represent a value, or the remote tier fails. The memory tier has the values nevertheless.
    pub fn put(&self, values: L::Output) -> PutEach {
        PutEach { future: self.load.put()(self.asking(), values) }
    }
}

impl<L, C, E> Batch<L>
where
    L: LoadEach<Output = Result<C, E>>,
    C: Pairs + 'static,
    E: 'static,
{
    /// Returns the fresh cached values, without the ids that have none. It never loads, and it has no side effects: see
    /// `Call::peek`.
    ///
    /// # Errors
    /// If the remote tier fails and the memory tier does not have all values.
    pub fn peek(&self) -> PeekEach<C> {
        let peeked = self.whole.load.peek(self.whole.asking());
        let future = async move {
            // A cached value is always an `Ok`.
            Ok(peeked.await?.unwrap_or_else(|_| C::collect(std::iter::empty())))
        };
        PeekEach { future: Box::pin(future) }
    }

    /// Stores values in every tier, as if the function had returned them now. An id of the call without a value is evicted (with
    /// `none_ttl`, it is cached as absent). Values of other ids are ignored.
    ///
    /// # Errors
    /// The first failure: no codec can represent a value, or the remote tier fails. The memory tier has the values nevertheless.
    pub fn put(&self, values: C) -> PutEach {
        self.whole.put(Ok(values))
    }
}

/// The future of [`Batch::traced`], which returns the output with the source of each value.
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct TracedBatch<L>(Batch<L>);

impl<L: LoadEach> Future for TracedBatch<L> {
    type Output = (L::Output, Vec<(L::Id, Source)>);
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = std::task::ready!(self.0.whole.poll(cx));
        let ids = self.0.whole.load.ids().iter().cloned();
        Poll::Ready((answered.output, ids.zip(answered.sources).collect()))
    }
}

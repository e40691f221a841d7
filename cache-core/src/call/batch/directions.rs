//! What a batch can be told before it is awaited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::ids::Pairs;
use super::load::LoadEach;
use super::{Asking, Batch, BatchInner};
use crate::base::{Error, Holds, PolicyRef, Source};
use crate::call::direct::boxed_future;
use crate::call::evict::{Evict, EvictTarget};
use crate::call::put_target::{PutTarget, Write};
use crate::call::target::{IntoCache, IntoTtl};
use crate::engine::Mode;
use crate::key::TenantPrefix;

boxed_future! {
    /// The future of [`Batch::peek`].
    PeekEach<C> -> C
}

boxed_future! {
    /// The future of [`Batch::put`].
    PutEach -> ()
}

boxed_future! {
    /// The future of [`Batch::evict`]: for how many ids there was something.
    EvictEach -> u64
}

impl<L: LoadEach> Batch<L> {
    /// Loads all ids now, whatever is cached, and replaces it; see [`Call::refresh`](crate::call::Call::refresh).
    pub fn refresh(mut self) -> Self {
        if self.whole.mode != Mode::Bypass {
            self.whole.mode = Mode::Refresh;
        }
        self
    }

    /// Loads all ids beside the cache: it is neither read nor written, and nobody is waited for.
    pub fn bypass(mut self) -> Self {
        self.whole.mode = Mode::Bypass;
        self
    }

    /// The time to live of what this call stores; see [`Call::ttl`](crate::call::Call::ttl).
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        match ttl.into_ttl() {
            Ok(ttl) => {
                let policy = self.whole.policy.ttl(ttl);
                self.whole.policy = PolicyRef::Own(Arc::new(policy));
            }
            Err(error) => crate::base::warn_once("a call keeps its function's ttl", &error),
        }
        self
    }

    /// Another cache: a handle, or a name.
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.whole.target.choose(cache.into_choice());
        self
    }

    /// This call for one tenant; see [`Call::tenant`](crate::call::Call::tenant).
    pub fn tenant(mut self, name: impl AsRef<str>) -> Self {
        self.whole.tenant = Some(Box::new(TenantPrefix::of(name.as_ref())));
        self
    }

    /// The output together with where each id's part came from, in the order in which the ids were first asked for.
    pub fn traced(self) -> TracedBatch<L> {
        TracedBatch(self)
    }

    /// Forgets what is cached for the ids, in every tier, and beats every load of them that has begun.
    ///
    /// Says for how many there was something. Once it is polled it holds for all, also if it is dropped.
    ///
    /// # Errors
    /// The first failure of the remote tier. No eviction is lost: what failed is carried out before the tier is read
    /// again by this process.
    pub fn evict(&self) -> EvictEach {
        let Asking { target, requests } = self.whole.asking();
        let keys = requests.into_iter().map(|request| request.key).collect();
        let future = async move { target.resolve_to_evict()?.engine.invalidate_keys(keys).await };
        EvictEach { future: Box::pin(future) }
    }
}

impl<L: LoadEach> EvictTarget for Batch<L> {
    fn evict_targets(&self) -> Vec<Evict> {
        let Asking { target, requests } = self.whole.asking();
        requests.into_iter().map(|request| Evict::new(target.clone(), request.key)).collect()
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
    /// What is cached, without loading and without a trace: it is not counted, begins no time to idle anew, and does not keep the
    /// entry in memory; what only the remote tier has is not taken to memory: the ids that have nothing fresh are left out.
    ///
    /// # Errors
    /// The remote tier failed, and the memory tier does not have all.
    pub fn peek(&self) -> PeekEach<L::Output>
    where
        L::Output: 'static,
    {
        PeekEach { future: self.load.peek(self.asking()) }
    }

    /// Stores values as if they had been loaded now, in every tier. An id of the call that has no value is forgotten
    /// (with `none_ttl`, kept as absent); values of other ids are left out.
    ///
    /// # Errors
    /// The first failure: a value can't be encoded, or the remote tier failed. They are in the memory tier even so.
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
    /// What is cached, without loading and without a trace: it is not counted, begins no time to idle anew, and does not keep the
    /// entry in memory; what only the remote tier has is not taken to memory: the ids that have nothing fresh are left out.
    ///
    /// # Errors
    /// The remote tier failed, and the memory tier does not have all.
    pub fn peek(&self) -> PeekEach<C> {
        let peeked = self.whole.load.peek(self.whole.asking());
        let future = async move {
            // What is cached is always an `Ok`.
            Ok(peeked.await?.unwrap_or_else(|_| C::collect(std::iter::empty())))
        };
        PeekEach { future: Box::pin(future) }
    }

    /// Stores values as if they had been loaded now, in every tier. An id of the call that has no value is forgotten
    /// (with `none_ttl`, kept as absent); values of other ids are left out.
    ///
    /// # Errors
    /// The first failure: a value can't be encoded, or the remote tier failed. They are in the memory tier even so.
    pub fn put(&self, values: C) -> PutEach {
        self.whole.put(Ok(values))
    }
}

/// A batch that tells where its values came from; made by [`Batch::traced`].
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

//! What expansions build a call from.

use std::future::Future;
use std::marker::PhantomData;

use super::load::{Loading, uncached_or_read};
use super::{Call, Load, Tags, Target, Whole};
use crate::cache::Cache;
use crate::codec::Codec;
use crate::key::KeyBuf;
use crate::site::Site;
use crate::strategy::{Once, Plan, Refreshing, Work};
use crate::value::{CacheValue, Shape};

/// What an expansion starts from: site and key.
#[derive(Debug)]
pub struct Fetch {
    plan: Plan,
    target: Target,
}

impl Fetch {
    /// A call at `site`.
    #[inline]
    pub fn new(site: &'static Site, mut key: KeyBuf) -> Self {
        key.seal();
        Self { plan: Plan::new(key, site.policy(), None), target: Target::Site(site) }
    }

    /// Tags of this call, beside the policy's.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.plan.tags = tags;
        self
    }

    /// The cache to use, instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.target = Target::Handle(cache.clone());
        self
    }

    /// A call whose load runs in the foreground only.
    pub fn call<S, M, F>(
        self,
        _: S,
        codec: Option<Codec>,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce() -> F,
        F: Future<Output = S::Output>,
    {
        self.work::<S, _>(codec, Once(load))
    }

    /// A call whose load can be detached.
    pub fn call_refreshing<S, A, M, F, G, H>(
        self,
        _: S,
        codec: Option<Codec>,
        args: A,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work::<S, _>(codec, Refreshing { args, load, again })
    }

    /// A call of a sync function: the memory tier only.
    pub fn call_sync<S, M>(self, _: S, load: M) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce() -> S::Output,
    {
        let mut this = self;
        this.plan.policy = this.plan.policy.local();
        this.plan.blocking = true;
        this.work::<S, _>(None, Once(move || async move { load() }))
    }

    fn work<S, W>(mut self, codec: Option<Codec>, work: W) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        W: Work<S::Output>,
    {
        self.plan.codec = codec;
        let start = Some((work, uncached_or_read::<S, W>));
        let load = Loading { start, running: None, shape: PhantomData::<fn() -> S> };
        Call {
            whole: Whole {
                plan: self.plan,
                target: self.target,
                load,
                polled: false,
                tenant: None,
            },
        }
    }
}

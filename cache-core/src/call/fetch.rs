//! What expansions build a call from.

use std::future::Future;
use std::sync::Arc;

use super::load::{Load, Loading, Paths};
use super::target::{CacheChoice, CacheRef};
use super::{Call, CallInner, CallState};
use crate::base::{PolicyRef, Shape};
use crate::engine::{Cache, CachedCell, Doing, Mode, Once, Refreshing, Request, Rules, Site, Work};
use crate::key::KeyBuf;
use crate::tags::Tags;

/// What an expansion starts from: site and key.
#[derive(Debug)]
pub struct Fetch {
    request: Request,
    target: CacheRef,
}

impl Fetch {
    /// A call at `site`.
    #[inline]
    pub fn new(site: &'static Site, mut key: KeyBuf) -> Self {
        key.seal();
        let mut target = CacheRef::of(site);
        target.judge(&key);
        let mut request = Request::new(key, PolicyRef::Static(site.policy()), None);
        request.site = Some(site);
        Self { request, target }
    }

    /// Tags of this call, beside the policy's.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.request.tags = tags.bounded();
        self
    }

    /// Runs beside the cache if `skip` is true.
    #[must_use]
    pub fn skip_if(mut self, skip: bool) -> Self {
        if skip {
            self.request.mode = Mode::Bypass;
        }
        self
    }

    /// The cache to use, instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.target.choose(CacheChoice::Handle(cache.clone()));
        self
    }

    /// The value is to end with this cell, which is in the key.
    #[must_use]
    pub fn cell(mut self, cell: &CachedCell) -> Self {
        self.request.cell = Some(Arc::clone(cell.contents()));
        self
    }

    /// A call whose load runs in the foreground only.
    pub fn call<S, M, F>(
        self,
        rules: Rules<S, Paths<S>>,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        M: FnOnce() -> F,
        F: Future<Output = S::Output>,
    {
        self.work(rules, Once(load))
    }

    /// A call whose load can be detached.
    pub fn call_refreshing<S, A, M, F, G, H>(
        self,
        rules: Rules<S, Paths<S>>,
        args: A,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work(rules, Refreshing { args, load, again })
    }

    /// A call of a sync function: the memory tier only.
    pub fn call_sync<S, M>(
        self,
        rules: Rules<S, Paths<S>>,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        M: FnOnce() -> S::Output,
    {
        let mut this = self;
        this.request.blocking = true;
        this.work(Rules { codec: None, ..rules }, Once(move || async move { load() }))
    }

    fn work<S, W>(
        mut self,
        rules: Rules<S, Paths<S>>,
        work: W,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        W: Work<S::Output>,
    {
        self.request.codec = rules.codec;
        let load = Loading { rules, body: Doing::Not(work), reading: None };
        let front = CallState { request: self.request, target: self.target, tenant: None };
        Call { whole: CallInner { front, load, polled: false } }
    }
}

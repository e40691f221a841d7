//! What expansions build a call from.

use std::future::Future;
use std::sync::Arc;

use super::load::{Load, Loading, Paths};
use super::target::{Choice, Target};
use super::{Call, Front, Whole};
use crate::base::{Held, Shape};
use crate::engine::{Cache, CachedCell, Doing, Mode, Once, Plan, Refreshing, Rules, Site, Work};
use crate::key::KeyBuf;
use crate::tags::Tags;

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
        let mut target = Target::of(site);
        target.judge(&key);
        let mut plan = Plan::new(key, Held::Static(site.policy()), None);
        plan.site = Some(site);
        Self { plan, target }
    }

    /// Tags of this call, beside the policy's.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.plan.tags = tags.bounded();
        self
    }

    /// Runs beside the cache if `skip` is true.
    #[must_use]
    pub fn skip_if(mut self, skip: bool) -> Self {
        if skip {
            self.plan.mode = Mode::Bypass;
        }
        self
    }

    /// The cache to use, instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.target.choose(Choice::Handle(cache.clone()));
        self
    }

    /// The value is to end with this cell, which is in the key.
    #[must_use]
    pub fn cell(mut self, cell: &CachedCell) -> Self {
        self.plan.cell = Some(Arc::clone(cell.contents()));
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
        this.plan.blocking = true;
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
        self.plan.codec = rules.codec;
        let load = Loading { rules, body: Doing::Not(work), reading: None };
        let front = Front { plan: self.plan, target: self.target, tenant: None };
        Call { whole: Whole { front, load, polled: false } }
    }
}

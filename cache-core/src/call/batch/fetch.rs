//! What expansions build a batch from.

use std::collections::HashSet;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Batch;
use super::items::{FEW, Items};
use super::load::{LoadEach, Loading};
use super::party::Loads;
use super::serve::{in_either, in_foreground};
use super::shape::Each;
use crate::base::{BoxFuture, CacheValue, Expiry, Policy, PolicyRef, outside};
use crate::call::function::Described;
use crate::call::load::Paths;
use crate::call::rules::Rules;
use crate::call::target::{CacheChoice, CacheRef};
use crate::call::tenant::Named;
use crate::engine::{Cache, Mode, Site};
use crate::key::{KeyBuf, TenantPrefix, TenantText};
use crate::tags::Tags;

/// The largest number of ids for which there is room from the start: of a longer list, many may be equal.
const ROOM: usize = 1024;

/// The start of an expansion: the site, and a key for each id.
#[derive(Debug)]
pub struct FetchEach<P, I> {
    of: PhantomData<fn() -> P>,
    site: &'static Site,
    target: CacheRef,
    policy: PolicyRef,
    /// The tags of the function that a policy of the call does not have: those of its events.
    tags: &'static [&'static str],
    mode: Mode,
    /// Whether the function is sync.
    blocking: bool,
    items: Items,
    tenant: Named,
    ids: SmallVec<[I; FEW]>,
    /// The same ids, if there are more than a few.
    known: HashSet<I>,
    /// The number of ids, some of which may be equal.
    room: usize,
}

impl<P: Described, I: Clone + Eq + Hash> FetchEach<P, I> {
    /// An empty batch of the function `P`, for so many ids, some of which may be equal.
    pub fn new(count: usize) -> Self {
        let (site, room) = (P::site(), count.min(ROOM));
        Self {
            of: PhantomData,
            site,
            target: CacheRef::of(site),
            policy: PolicyRef::Static(site.policy()),
            tags: &[],
            mode: Mode::Normal,
            blocking: false,
            items: Items::with_room(room),
            tenant: None,
            ids: SmallVec::new(),
            known: HashSet::new(),
            room,
        }
    }

    /// Whether an id was not pushed yet. The caller then pushes it next.
    pub fn is_new(&mut self, id: &I) -> bool {
        if self.ids.len() <= FEW {
            return !self.ids.contains(id);
        }
        if self.known.is_empty() {
            self.known.reserve(self.room);
            self.known.extend(self.ids.iter().cloned());
        }
        self.known.insert(id.clone())
    }

    /// Adds an id. `write` writes its key and tags.
    pub fn push(&mut self, id: &I, write: impl FnOnce(&mut KeyBuf, &mut Tags)) {
        let (mut key, mut tags) = (KeyBuf::new(), Tags::new());
        write(&mut key, &mut tags);
        for tag in self.tags {
            tags.begin();
            tags.text().literal(tag);
        }
        key.seal();
        tags.bound();
        self.target.judge(key.refused());
        self.items.push(&key, &tags);
        if self.ids.len() == FEW {
            self.ids.reserve(self.room.saturating_sub(FEW));
        }
        self.ids.push(id.clone());
    }

    /// Uses the time to live that was computed when the function was called.
    #[must_use]
    pub fn ttl(mut self, ttl: Option<Expiry>) -> Self {
        if let Some(ttl) = ttl {
            self.policy = PolicyRef::Own(Arc::new(self.policy.until(ttl)));
        }
        self
    }

    /// Uses the policy that was computed when the function was called.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = PolicyRef::Own(Arc::new(policy));
        self.tags = self.site.policy().tags;
        self
    }

    /// Runs without the cache if `skip` is true.
    #[must_use]
    pub fn skip_if(mut self, skip: bool) -> Self {
        if skip {
            self.mode = Mode::Bypass;
        }
        self
    }

    /// Uses this cache instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.target.choose(CacheChoice::Handle(cache.clone()));
        self
    }

    /// Makes the call for one tenant. A direction may replace it.
    #[must_use]
    pub fn tenant<T: TenantText + ?Sized>(mut self, name: &T) -> Self {
        self.tenant = Some(Box::new(TenantPrefix::of(name)));
        self
    }

    /// A batch whose load runs in the foreground only.
    pub fn call<G, A, L, F>(
        self,
        rules: Rules<G, Paths<G>>,
        args: A,
        load: L,
    ) -> Batch<impl LoadEach<Id = I, Output = G::Whole>>
    where
        G: Each<Id = I, Value: CacheValue>,
        I: Send + 'static,
        A: Clone,
        L: Fn(A, Vec<I>) -> F,
        F: Future<Output = G::Whole>,
    {
        let load = move |ids| load(args.clone(), ids);
        self.batch::<L, _, _, _, _>(rules, load, in_foreground::<G, _, _>)
    }

    /// A batch of a sync function.
    pub fn call_sync<G, A, L>(
        mut self,
        rules: Rules<G, Paths<G>>,
        args: A,
        load: L,
    ) -> Batch<impl LoadEach<Id = I, Output = G::Whole>>
    where
        G: Each<Id = I, Value: CacheValue>,
        I: Send + 'static,
        A: Clone,
        L: Fn(A, Vec<I>) -> G::Whole + Clone,
    {
        self.blocking = true;
        let load = move |ids| {
            let (args, load) = (args.clone(), load.clone());
            async move { outside(|| load(args, ids)) }
        };
        self.batch::<L, _, _, _, _>(rules, load, in_foreground::<G, _, _>)
    }

    /// A batch whose load can go on in the background: `again` makes a function that owns its inputs.
    pub fn call_refreshing<G, A, L, F, K, M, H>(
        self,
        rules: Rules<G, Paths<G>>,
        args: A,
        load: L,
        again: K,
    ) -> Batch<impl LoadEach<Id = I, Output = G::Whole>>
    where
        G: Each<Id = I, Value: CacheValue, Output: Send>,
        I: Send + 'static,
        A: Clone,
        L: Fn(A, Vec<I>) -> F,
        F: Future<Output = G::Whole>,
        K: FnOnce(A) -> M,
        M: Fn(Vec<I>) -> H + Send + Sync + 'static,
        H: Future<Output = G::Whole> + Send + 'static,
    {
        let borrowed = args.clone();
        let own = move || -> Loads<G> {
            let again = again(args);
            Box::new(move |ids| Box::pin(again(ids)) as BoxFuture<'static, G::Whole>)
        };
        let load = move |ids| load(borrowed.clone(), ids);
        self.batch::<L, _, _, _, _>(rules, (load, own), in_either::<G, _, _, _>)
    }

    fn batch<C, G, W, M, F>(
        self,
        rules: Rules<G, Paths<G>>,
        work: W,
        make: M,
    ) -> Batch<impl LoadEach<Id = I, Output = G::Whole>>
    where
        G: Each<Id = I, Value: CacheValue>,
        I: Send + 'static,
        M: FnOnce(super::load::Wanted<G>, W) -> F,
        F: Future<Output = super::Answered<G::Whole>>,
    {
        let Self { site, target, policy, mode, blocking, items, tenant, ids, .. } = self;
        let start = Some((work, make));
        let rules = rules.without_paths();
        let load = Loading::<P, C, _, _, _, _> {
            of: PhantomData,
            rules,
            ids,
            found: Vec::new(),
            start,
            running: None,
        };
        Batch::new((target, site), policy, (mode, blocking), (items, tenant), load)
    }
}

//! The data of a call in addition to its arguments: the function, and the directions.

use std::sync::Arc;

use super::directed::Own;
use super::target::{CacheChoice, CacheRef, guarded};
use super::tenant;
use crate::base::{CacheValue, Error, Expiry, Policy, PolicyRef, Usage};
use crate::codec::Coder;
use crate::engine::{Cache, CellContents, Engine, FirstLook, Mode, Request, Site, is_unscoped};
use crate::key::{EntryKey, KeyBuf, TenantPrefix};
use crate::tags::{Declared, RequestTags, Tags};

/// A call without its load. It has neither the key's text nor the tags, so it is small: the call writes them from the arguments when it is
/// polled.
#[derive(Debug)]
pub struct Head {
    site: &'static Site,
    /// The cell with which the value ends.
    cell: Option<Arc<CellContents>>,
    /// The cache, if it is given by handle. A name is in the options.
    cache: Option<Cache>,
    options: Option<Box<Options>>,
    pub(super) mode: Mode,
    /// Whether the function is sync.
    pub(super) blocking: bool,
}

/// What a first look is for.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) policy: &'a Policy,
    pub(super) key: &'a KeyBuf,
    pub(super) tags: &'a Tags,
}

/// The directions that most calls do not have.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) ttl: Option<Expiry>,
    /// The tiers and the access.
    pub(super) usage: Usage,
    /// Replaces the function's own key.
    pub(super) key: Option<KeyBuf>,
    /// The cache, by name.
    cache: Option<String>,
    pub(super) tenant: Option<Result<TenantPrefix, Error>>,
}

impl Options {
    /// Whether the value is under another key, in another cache, or in other tiers.
    fn is_elsewhere(&self) -> bool {
        self.key.is_some() || self.cache.is_some() || self.tenant.is_some() || self.usage.is_set()
    }
}

/// The request and the cache of a call, with all directions applied.
#[derive(Clone, Debug)]
pub struct CallState {
    pub(super) request: Request,
    pub(super) target: CacheRef,
}

impl Head {
    #[inline]
    pub(super) fn new(site: &'static Site) -> Self {
        let (cell, cache, options) = (None, None, None);
        Self { site, cell, cache, options, mode: Mode::Normal, blocking: false }
    }

    pub(super) fn options(&mut self) -> &mut Options {
        self.options.get_or_insert_default()
    }

    /// Uses another cache. The last choice counts.
    pub(super) fn choose(&mut self, cache: CacheChoice) {
        if let Some(options) = &mut self.options {
            options.cache = None;
        }
        match cache {
            CacheChoice::Site(_) => self.cache = None,
            CacheChoice::Handle(cache) => self.cache = Some(cache),
            CacheChoice::Named(name) => {
                self.cache = None;
                self.options().cache = Some(name);
            }
        }
    }

    pub(super) fn set_cell(&mut self, cell: &Arc<CellContents>) {
        self.cell = Some(Arc::clone(cell));
    }

    /// Completes the key and the tags that the function wrote.
    #[inline]
    pub(super) fn complete(&self, key: &mut KeyBuf, tags: &mut Tags) {
        if let Some(cell) = &self.cell {
            cell.write(key);
        }
        key.seal();
        tags.bound();
        // Before anything is read: templates of other functions may make the same key.
        self.site.enlist();
    }

    /// Whether the call is one like all others: it reads its own key, need not run uncached, and no scope concerns it. Any other
    /// call needs a [`CallState`] for its first look.
    #[inline]
    pub(super) fn is_plain(&self, key: &KeyBuf) -> bool {
        let of_tenant = self.cache.as_ref().is_some_and(|cache| cache.prefix().is_some());
        let moved = self.options.as_ref().is_some_and(|options| options.is_elsewhere());
        let directed = self.mode != Mode::Normal || moved || of_tenant;
        !directed && key.refused().is_none() && is_unscoped()
    }

    #[inline]
    pub(super) fn site(&self) -> &'static Site {
        self.site
    }

    /// The whole of a hit of a plain call.
    #[inline]
    pub(super) fn first_look<V: CacheValue>(
        &self,
        Look { policy, key, tags }: Look<'_>,
        seen: &mut FirstLook,
    ) -> Option<V> {
        let (id, tags) = (key.id(), Declared::new(policy.tags, tags.as_str()));
        let look =
            |engine: &Engine| engine.first_look::<V>(id, tags, policy, Some(self.site), seen);
        let look = |engine: &Engine| guarded(Some(self.site), engine, look);
        match &self.cache {
            None => self.site.with(look),
            Some(cache) => look(&cache.engine),
        }
    }

    /// The request and the cache, without the time to live of the directions.
    pub(super) fn state(
        &self,
        codec: Option<Coder>,
        key: EntryKey,
        tags: RequestTags,
        own: &Own,
    ) -> CallState {
        let mut target = CacheRef::of(self.site);
        target.judge(key.refused());
        if let Some(cache) = &self.cache {
            target.choose(CacheChoice::Handle(cache.clone()));
        }
        let policy = PolicyRef::Static(self.site.policy());
        let mut request = Request::new(key, tags, policy, codec);
        own.apply(&mut request);
        request.site = Some(self.site);
        request.mode = self.mode;
        request.blocking = self.blocking;
        request.cell.clone_from(&self.cell);
        let mut state = CallState { request, target };
        self.direct(&mut state);
        state
    }

    /// Applies the directions.
    fn direct(&self, state: &mut CallState) {
        let CallState { request, target } = state;
        let Some(options) = &self.options else {
            return tenant::enter(None, target, request);
        };
        request.use_as(options.usage);
        if let Some(key) = &options.key {
            request.rename(key);
            target.under_another_key();
            // Other functions can use this key, so the cell does not end its value.
            request.cell = None;
        }
        if let Some(name) = &options.cache {
            target.choose(CacheChoice::Named(name.clone()));
        }
        // Last, so that directions may come in any order: a key that is given after the tenant is also the tenant's.
        tenant::enter(options.tenant.as_ref(), target, request);
    }

    /// Applies the time to live of the stored value. A hit does not need it.
    pub(super) fn direct_ttl(&self, request: &mut Request) {
        if let Some(ttl) = self.options.as_ref().and_then(|options| options.ttl) {
            request.policy = PolicyRef::Own(Arc::new(request.policy.until(ttl)));
            request.ttl = Some(ttl);
            // The direction decides, and not the value.
            request.decide = request.decide.take().map(|decide| decide.with_ttl(ttl));
        }
    }
}

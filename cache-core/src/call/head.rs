//! What a call holds in addition to its arguments: the function, and the directions.

use std::sync::Arc;
use std::time::Duration;

use super::target::{CacheChoice, CacheRef};
use super::tenant;
use crate::base::{Error, PolicyRef};
use crate::codec::Coder;
use crate::engine::{Cache, CellContents, Mode, Request, Site};
use crate::key::{KeyBuf, TenantPrefix};
use crate::tags::Tags;

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

/// The directions that most calls do not have.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) ttl: Option<Duration>,
    /// Replaces the function's own key.
    pub(super) key: Option<KeyBuf>,
    /// The cache, by name.
    cache: Option<String>,
    pub(super) tenant: Option<Result<TenantPrefix, Error>>,
}

/// What a call asks for and where, with all directions applied.
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

    /// What the call asks for. `write` writes the function's key and tags.
    pub(super) fn state(
        &self,
        codec: Option<Coder>,
        write: impl FnOnce(&mut KeyBuf, &mut Tags),
    ) -> CallState {
        let mut state = self.blank(codec, self.cache.clone(), self.cell.clone());
        write(&mut state.request.key, &mut state.request.tags);
        self.direct(&mut state);
        self.direct_ttl(&mut state.request);
        state
    }

    /// The same for the first look, without the time to live. It moves the handle and the cell: to clone them would change reference
    /// counts that threads share.
    #[inline]
    pub(super) fn lent(
        &mut self,
        codec: Option<Coder>,
        write: impl FnOnce(&mut KeyBuf, &mut Tags),
    ) -> CallState {
        let (cache, cell) = (self.cache.take(), self.cell.take());
        let mut state = self.blank(codec, cache, cell);
        write(&mut state.request.key, &mut state.request.tags);
        self.direct(&mut state);
        state
    }

    /// Takes the handle and the cell back, for directions that follow a hit.
    #[inline]
    pub(super) fn returned(&mut self, state: CallState) {
        let CallState { request, target } = state;
        (self.cache, self.cell) = (target.into_handle(), request.cell);
    }

    #[inline]
    fn blank(
        &self,
        codec: Option<Coder>,
        cache: Option<Cache>,
        cell: Option<Arc<CellContents>>,
    ) -> CallState {
        let policy = PolicyRef::Static(self.site.policy());
        let mut request = Request::new(KeyBuf::new(), policy, codec);
        request.site = Some(self.site);
        request.mode = self.mode;
        request.blocking = self.blocking;
        request.cell = cell;
        let mut target = CacheRef::of(self.site);
        if let Some(cache) = cache {
            target.choose(CacheChoice::Handle(cache));
        }
        CallState { request, target }
    }

    /// Completes the function's key and tags, and applies the directions.
    #[inline]
    fn direct(&self, state: &mut CallState) {
        let CallState { request, target } = state;
        if let Some(cell) = &request.cell {
            cell.write(&mut request.key);
        }
        request.key.seal();
        request.tags.bound();
        target.judge(&request.key);
        if self.options.is_some() || target.prefix().is_some() {
            self.direct_slowly(state);
        }
    }

    #[cold]
    fn direct_slowly(&self, state: &mut CallState) {
        let CallState { request, target } = state;
        let Some(options) = &self.options else {
            return tenant::enter(None, target, request);
        };
        if let Some(key) = &options.key {
            request.rename(key.clone());
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
    #[inline]
    pub(super) fn direct_ttl(&self, request: &mut Request) {
        if let Some(ttl) = self.options.as_ref().and_then(|options| options.ttl) {
            request.policy = PolicyRef::Own(Arc::new(request.policy.ttl(ttl)));
        }
    }
}

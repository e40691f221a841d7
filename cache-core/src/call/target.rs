//! The cache of a call.

use std::sync::Arc;

use crate::base::Error;
use crate::engine::{Cache, Engine, Site};
use crate::key::TenantPrefix;
use crate::registry;

/// Which cache a call is for, and whether it may use one.
#[derive(Clone, Debug)]
pub(crate) struct CacheRef {
    cache: CacheChoice,
    /// Why the function runs uncached and everything else fails, in whatever cache: a direction changes the cache only.
    refused: Option<Arc<Error>>,
    /// Why the function runs uncached in whatever cache, while evictions go through: its key is another call's, too. (Another
    /// process may have called this one first, and have its value there.)
    shared: Option<Arc<Error>>,
    /// The function whose template made the key: it may have to give way to another one in a cache.
    site: Option<&'static Site>,
}

/// Which cache a call is for.
#[derive(Clone, Debug)]
pub(crate) enum CacheChoice {
    Site(&'static Site),
    Named(String),
    Handle(Cache),
}

impl From<CacheChoice> for CacheRef {
    fn from(cache: CacheChoice) -> Self {
        Self { cache, refused: None, shared: None, site: None }
    }
}

impl CacheRef {
    /// The function's own cache.
    #[inline]
    pub(crate) fn of(site: &'static Site) -> Self {
        Self { site: Some(site), ..CacheChoice::Site(site).into() }
    }

    /// What the keys of the handle that it is given begin with.
    #[inline]
    pub(crate) fn prefix(&self) -> Option<&TenantPrefix> {
        match &self.cache {
            CacheChoice::Handle(cache) => cache.prefix(),
            _ => None,
        }
    }

    /// Uses another cache, if one may be used.
    pub(crate) fn choose(&mut self, cache: CacheChoice) {
        self.cache = cache;
    }

    /// Uses no cache, not even to evict.
    pub(crate) fn refuse(&mut self, error: Arc<Error>) {
        self.refused = Some(error);
    }

    /// The key is none of the function's any more.
    pub(crate) fn under_another_key(&mut self) {
        self.site = None;
    }

    /// Uses no cache if the key that the function made is refused.
    #[inline]
    pub(crate) fn judge(&mut self, refused: Option<&Arc<Error>>) {
        if let Some(site) = self.site {
            site.enlist();
        }
        if let Some(error) = refused {
            self.shared = Some(Arc::clone(error));
        }
    }

    /// Whether it is this cache, by handle.
    pub(crate) fn is_handle_of(&self, home: &Cache) -> bool {
        self.refused.is_none()
            && matches!(&self.cache, CacheChoice::Handle(cache) if cache.is(home))
    }

    /// Checks that the call may use a cache, whichever it is.
    ///
    /// # Errors
    /// It must run uncached.
    pub(crate) fn admits(&self) -> Result<(), Error> {
        match self.refused.as_ref().or(self.shared.as_ref()) {
            Some(error) => Err(Error::clone(error)),
            None => Ok(()),
        }
    }

    /// The cache, to read and to store.
    pub(crate) fn resolve(&self) -> Result<Cache, Error> {
        if let Some(error) = &self.shared {
            return Err(Error::clone(error));
        }
        let cache = self.resolve_to_evict()?;
        if let Some(site) = self.site {
            cache.engine.admit(site)?;
        }
        Ok(cache)
    }

    /// The cache, to evict: whoever has a value under the key loses it.
    pub(crate) fn resolve_to_evict(&self) -> Result<Cache, Error> {
        if let Some(error) = &self.refused {
            return Err(Error::clone(error));
        }
        match &self.cache {
            CacheChoice::Site(site) => match site.cache_name() {
                None => Ok(registry::default_cache()),
                Some(name) => Cache::named(name),
            },
            CacheChoice::Named(name) => Cache::named(name),
            CacheChoice::Handle(cache) => Ok(cache.clone()),
        }
    }

    /// The cache; without one the reason is told once, and the function runs uncached.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, Error> {
        let cache = self.resolve().inspect_err(|error| {
            crate::base::warn_once("cached functions run uncached", error);
        })?;
        Ok(cache.engine)
    }

    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Engine) -> Option<R>) -> Option<R> {
        if self.refused.is_some() || self.shared.is_some() {
            return None;
        }
        let look = |engine: &Engine| guarded(self.site, engine, look);
        match &self.cache {
            CacheChoice::Site(site) => site.with(look),
            CacheChoice::Handle(cache) => look(&cache.engine),
            CacheChoice::Named(name) => look(&Cache::named(name).ok()?.engine),
        }
    }
}

/// One look at a cache for a call of `site`, unless another function has keys in common with it and was there first.
#[inline]
pub(super) fn guarded<R>(
    site: Option<&'static Site>,
    engine: &Engine,
    look: impl FnOnce(&Engine) -> Option<R>,
) -> Option<R> {
    let gives_way = || {
        let contested = site.filter(|site| site.is_contested());
        contested.is_some_and(|site| engine.admit(site).is_err())
    };
    if gives_way() {
        return None;
    }
    // Meanwhile another function of the same keys may have been called for the first time and have stored what was found.
    look(engine).filter(|_| !gives_way())
}

/// What [`Call::cache`](super::Call::cache) takes.
pub trait IntoCache {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn into_choice(self) -> CacheChoice;
}

impl IntoCache for &str {
    #[allow(private_interfaces)]
    fn into_choice(self) -> CacheChoice {
        CacheChoice::Named(self.to_owned())
    }
}

impl IntoCache for Cache {
    #[allow(private_interfaces)]
    fn into_choice(self) -> CacheChoice {
        CacheChoice::Handle(self)
    }
}

impl IntoCache for &Cache {
    #[allow(private_interfaces)]
    fn into_choice(self) -> CacheChoice {
        CacheChoice::Handle(self.clone())
    }
}

//! What the directions of a call take: a cache, a time to live.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, Inner};
use crate::site::Site;
use crate::{Error, parse_duration, registry};

/// Which cache a call is for.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Site(&'static Site),
    Named(String),
    Handle(Cache),
    /// A direction was impossible: the function runs uncached, everything else says why.
    Refused(Error),
}

impl Target {
    pub(crate) fn resolve(&self) -> Result<Cache, Error> {
        match self {
            Self::Site(site) => site.resolve(),
            Self::Named(name) => Cache::named(name),
            Self::Handle(cache) => Ok(cache.clone()),
            Self::Refused(error) => Err(error.clone()),
        }
    }

    /// The cache; without one the reason is told once, and the function runs uncached.
    pub(crate) fn inner(&self) -> Option<Arc<Inner>> {
        match self.resolve() {
            Ok(cache) => Some(cache.inner),
            Err(error) => {
                registry::complain("cached functions run uncached", &error);
                None
            }
        }
    }

    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Inner) -> Option<R>) -> Option<R> {
        match self {
            Self::Site(site) => site.with(look),
            Self::Handle(cache) => look(&cache.inner),
            Self::Refused(_) => None,
            Self::Named(name) => look(&Cache::named(name).ok()?.inner),
        }
    }
}

/// What [`Call::ttl`](crate::Call::ttl) takes.
pub trait IntoTtl {
    /// The duration.
    ///
    /// # Errors
    /// The text is no duration.
    fn into_ttl(self) -> Result<Duration, Error>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Result<Duration, Error> {
        Ok(self)
    }
}

impl IntoTtl for &str {
    fn into_ttl(self) -> Result<Duration, Error> {
        parse_duration(self)
    }
}

/// What [`Call::cache`](crate::Call::cache) takes.
pub trait IntoCache {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn into_target(self) -> Target;
}

impl IntoCache for &str {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Named(self.to_owned())
    }
}

impl IntoCache for Cache {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Handle(self)
    }
}

impl IntoCache for &Cache {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Handle(self.clone())
    }
}

//! What of a cache can be changed while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Cache, Capacity, Error};

/// The time to live of entries whose policy names none, in nanoseconds; all bits for "they do not expire".
#[derive(Debug)]
pub(crate) struct DefaultTtl(AtomicU64);

impl DefaultTtl {
    pub(crate) fn new(ttl: Option<Duration>) -> Self {
        Self(AtomicU64::new(nanos(ttl)))
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    fn set(&self, ttl: Option<Duration>) {
        self.0.store(nanos(ttl), Ordering::Relaxed);
    }

    pub(crate) fn check(ttl: Option<Duration>) -> Result<(), Error> {
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            let message = "found zero; wanted some time; leave it out, or write `never`, for entries that do not expire";
            return Err(Error::config("default_ttl", message));
        }
        Ok(())
    }
}

/// 584 years are as good as for ever.
fn nanos(ttl: Option<Duration>) -> u64 {
    ttl.map_or(u64::MAX, |ttl| u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX))
}

impl Cache {
    /// The time to live of entries whose policy names none; `None` if they do not expire.
    pub fn default_ttl(&self) -> Option<Duration> {
        self.inner.default_ttl.get()
    }

    /// Changes the [default time to live](crate::Builder::default_ttl) of what is stored from now on; `None`
    /// for entries that do not expire. What is stored keeps the end that it was given, in every tier.
    ///
    /// # Errors
    /// [`Error::Config`] for zero.
    pub fn set_default_ttl(&self, ttl: impl Into<Option<Duration>>) -> Result<(), Error> {
        let ttl = ttl.into();
        DefaultTtl::check(ttl)?;
        self.inner.default_ttl.set(ttl);
        Ok(())
    }

    /// Changes the bound of the memory tier. If it holds more, the surplus goes before this returns, by the tier's
    /// own policy. The tier keeps the parts that it was split into when it was built: after it has become smaller,
    /// so has the heaviest entry that a tier bounded by bytes can keep.
    ///
    /// # Errors
    /// [`Error::Config`], and nothing was changed: there is no memory tier, it is bounded by the other kind, the
    /// bound is less than one for each of its parts, or the engine is `moka` (`Eviction::Lru`, `Eviction::Lfu`),
    /// whose bound can't be changed.
    pub fn set_capacity(&self, capacity: Capacity) -> Result<(), Error> {
        let Some(memory) = &self.inner.memory else {
            return Err(Error::config(
                "memory",
                "this cache has no memory tier; build it with one",
            ));
        };
        // What went is dropped here, under no lock.
        memory
            .resize(capacity)
            .map(drop)
            .map_err(|message| Error::config(capacity.field(), message))
    }
}

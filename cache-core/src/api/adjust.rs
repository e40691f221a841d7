//! What of a cache can be changed while it runs.

use std::time::Duration;

use crate::base::Error;
use crate::engine::{Cache, DefaultTtl};
use crate::memory::Capacity;

impl Cache {
    /// The time to live of entries whose policy names none; `None` if they do not expire.
    pub fn default_ttl(&self) -> Option<Duration> {
        self.engine.default_ttl.get()
    }

    /// Changes the [default time to live](crate::registry::Builder::default_ttl) of what is stored from now on; `None`
    /// for entries that do not expire. What is stored keeps the end that it was given, in every tier.
    ///
    /// # Errors
    /// [`Error::Config`] for zero.
    pub fn set_default_ttl(&self, ttl: impl Into<Option<Duration>>) -> Result<(), Error> {
        let ttl = ttl.into();
        DefaultTtl::check(ttl)?;
        self.engine.default_ttl.set(ttl);
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
        let Some(memory) = &self.engine.memory else {
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

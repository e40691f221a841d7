//! Settings that can be changed while a cache is in use.

use std::time::Duration;

use crate::base::Error;
use crate::engine::{Cache, DefaultTtl};
use crate::memory::Capacity;

impl Cache {
    /// Returns the time to live of entries whose policy has none; `None` if they do not expire.
    pub fn default_ttl(&self) -> Option<Duration> {
        self.engine.default_ttl().get()
    }

    /// Changes the [default time to live](crate::registry::Builder::default_ttl) of entries that are stored
    /// from now on; `None` disables expiry. Stored entries keep their end, in every tier.
    ///
    /// # Errors
    /// [`Error::Config`] for zero.
    pub fn set_default_ttl(&self, ttl: impl Into<Option<Duration>>) -> Result<(), Error> {
        let ttl = ttl.into();
        DefaultTtl::check(ttl)?;
        self.engine.default_ttl().set(ttl);
        Ok(())
    }

    /// Changes the bound of the memory tier. If the tier holds more, this evicts the surplus before it
    /// returns, by the tier's own policy. The tier keeps the parts into which it was split when it was built:
    /// if a tier bounded by bytes becomes smaller, so does the heaviest entry that it can keep.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no memory tier, its bound is of the other kind, the new bound is less
    /// than one for each of its parts, or its engine is `moka` (`Eviction::Lru`, `Eviction::Lfu`), whose
    /// bound is fixed. Nothing is changed then.
    pub fn set_capacity(&self, capacity: Capacity) -> Result<(), Error> {
        let Some(memory) = self.engine.memory() else {
            return Err(Error::config(
                "memory",
                "this cache has no memory tier; build it with one",
            ));
        };
        // The removed entries are dropped here, under no lock.
        memory
            .resize(capacity)
            .map(drop)
            .map_err(|message| Error::config(capacity.field(), message))
    }
}

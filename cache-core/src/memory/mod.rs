//! The memory tier: typed values, bounded, behind one small seam for the engines.
//!
//! Owns entries while they are in memory. It knows nothing of freshness policy, tickets (beyond
//! demanding a [`Permit`]) or the remote tier.

mod config;
#[cfg(shuttle)]
mod model;
#[cfg(feature = "moka")]
mod moka;
#[cfg_attr(shuttle, allow(dead_code))]
mod quick;

pub use config::{Eviction, Memory};

use crate::Error;
use crate::entry::{Erased, Stored};
use crate::invalidation::Permit;
use crate::key::KeyId;

/// What an engine must do. One implementation a file; each is used only through [`MemoryTier`].
trait Engine {
    /// Shows the entry to `look`, under whatever guard the engine reads with.
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Erased));
    fn get(&self, id: KeyId) -> Option<Stored>;
    fn insert(&self, id: KeyId, entry: Stored);
    /// Gives the entry back, so that a value's own `Drop` runs under no lock.
    fn remove(&self, id: KeyId) -> Option<Stored>;
    /// Visits all entries; those for which `keep` is false are removed. No value is dropped while
    /// the engine holds a lock.
    fn retain(&self, keep: &mut dyn FnMut(&Erased) -> bool);
    fn len(&self) -> u64;
}

/// The memory tier of one cache.
pub(crate) struct MemoryTier(Kind);

enum Kind {
    #[cfg_attr(shuttle, allow(dead_code))]
    Quick(quick::Quick),
    #[cfg(feature = "moka")]
    Moka(moka::Moka),
    #[cfg(shuttle)]
    Model(model::Model),
}

impl std::fmt::Debug for MemoryTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTier").field("entries", &self.len()).finish()
    }
}

impl MemoryTier {
    pub(crate) fn new(config: &Memory) -> Result<Self, Error> {
        if config.capacity == 0 {
            return Err(Error::config(
                "memory",
                "max_entries must be at least 1; leave `memory` out, or use `no_memory()`, for a cache without a memory tier",
            ));
        }
        #[cfg(shuttle)]
        return Ok(Self(Kind::Model(model::Model::default())));
        #[cfg(not(shuttle))]
        Ok(Self(match config.eviction {
            Eviction::Auto => Kind::Quick(quick::Quick::new(config.capacity)),
            #[cfg(feature = "moka")]
            Eviction::Lru | Eviction::Lfu => Kind::Moka(moka::Moka::new(config)),
        }))
    }

    fn engine(&self) -> &dyn Engine {
        match &self.0 {
            Kind::Quick(quick) => quick,
            #[cfg(feature = "moka")]
            Kind::Moka(moka) => moka,
            #[cfg(shuttle)]
            Kind::Model(model) => model,
        }
    }

    /// Looks at an entry without sharing it: the value is cloned under the engine's guard, which
    /// costs less than counting a reference that every thread counts.
    #[inline]
    pub(crate) fn with<R>(&self, id: KeyId, look: impl FnOnce(&Erased) -> R) -> Option<R> {
        let mut look = Some(look);
        let mut found = None;
        let mut visit = |entry: &Erased| found = look.take().map(|look| look(entry));
        match &self.0 {
            Kind::Quick(quick) => quick.look(id, &mut visit),
            #[cfg(feature = "moka")]
            Kind::Moka(moka) => moka.look(id, &mut visit),
            #[cfg(shuttle)]
            Kind::Model(model) => model.look(id, &mut visit),
        }
        found
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<Stored> {
        self.engine().get(id)
    }

    /// Only a live ticket gives a permit: an unfenced fill can't be written.
    pub(crate) fn insert(&self, _: &Permit<'_>, id: KeyId, entry: Stored) {
        self.engine().insert(id, entry);
    }

    pub(crate) fn remove(&self, id: KeyId) -> Option<Stored> {
        self.engine().remove(id)
    }

    pub(crate) fn retain(&self, mut keep: impl FnMut(&Erased) -> bool) {
        self.engine().retain(&mut keep);
    }

    pub(crate) fn len(&self) -> u64 {
        self.engine().len()
    }
}

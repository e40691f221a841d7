//! The process's caches: the default one, which needs no set-up, and named ones. A test kit has its own.

mod builder;

pub use builder::Builder;

use std::sync::{Arc, PoisonError};

use crate::base::Error;
use crate::engine::{Cache, Engine, default_slot, known, named, named_slot};

/// The process's default cache: the one last installed, or an embedded one.
///
/// The embedded one is made at first use: a memory tier of 10,000 entries, no remote tier, no
/// default time to live, namespace `larder`.
///
/// In a test kit (`testing::Kit`) it is the kit's own.
pub fn default_cache() -> Cache {
    if let Some(world) = crate::engine::current() {
        return world.default();
    }
    let slot = default_slot();
    if let Some(engine) = slot.current.load_full() {
        return Cache::from(engine);
    }
    let embedded = Cache::embedded();
    let none: Option<Arc<Engine>> = None;
    // Two threads may come here at once: the first one's stays.
    slot.current.compare_and_swap(&none, Some(Arc::clone(&embedded.engine)));
    match slot.current.load_full() {
        Some(engine) => Cache::from(engine),
        None => embedded,
    }
}

impl Cache {
    /// Makes this the cache that functions find: under its name, or as the default if it has none.
    /// It replaces what was installed there; calls that are under way end on the former one.
    ///
    /// In a test kit (`testing::Kit`) it is installed for those who run in the kit.
    pub fn install(&self) {
        if let Some(world) = crate::engine::current() {
            return world.install(self);
        }
        let slot = match self.name() {
            Some(name) => named_slot(name),
            None => default_slot(),
        };
        slot.current.store(Some(Arc::clone(&self.engine)));
    }

    /// The cache installed under `name`. In a test kit (`testing::Kit`) every name has a cache.
    ///
    /// # Errors
    /// [`Error::UnknownCache`], which lists the names there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(world) = crate::engine::current() {
            return world.find(Some(name));
        }
        let slot = named().lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        slot.and_then(|slot| slot.current.load_full())
            .map(Self::from)
            .ok_or_else(|| Error::UnknownCache { name: name.to_owned(), known: known() })
    }
}

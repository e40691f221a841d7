//! The process's caches: the default one, which needs no setup, and named ones. A test kit has its own.

mod builder;

pub use builder::Builder;

use std::sync::{Arc, PoisonError};

use crate::base::Error;
use crate::engine::{Cache, Engine, default_slot, installed, known, named, named_slot};

/// Returns the process's default cache: the last one that was installed without a name, or an embedded one.
///
/// The embedded one is created at first use: a memory tier of 10,000 entries, no remote tier, no default time
/// to live, namespace `larder`.
///
/// In a test kit (`testing::Kit`), returns the kit's default cache.
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
    // Two threads may race here: the first one's cache stays.
    slot.current.compare_and_swap(&none, Some(Arc::clone(&embedded.engine)));
    match slot.current.load_full() {
        Some(engine) => Cache::from(engine),
        None => embedded,
    }
}

/// Returns a handle of every installed cache: the default one first, if a program has installed or used one, then
/// the others, sorted by [name](Cache::name).
///
/// In a test kit (`testing::Kit`), returns the kit's caches.
///
/// ```
/// # use cache_core::facade as larder;
/// # use larder::{Cache, Error, stats::Stats};
/// # fn main() -> Result<(), Error> {
/// Cache::builder().build()?.install();
/// Cache::builder().name("sessions").build()?.install();
///
/// for cache in larder::caches() {
///     println!("{}: {:.0} % hits", cache.name().unwrap_or("default"), cache.stats().hit_rate() * 100.0);
/// }
/// let total: Stats = larder::caches().iter().map(Cache::stats).sum();
/// println!("{total}");
/// # assert_eq!(larder::caches().iter().map(Cache::name).collect::<Vec<_>>(), [None, Some("sessions")]);
/// # Ok(())
/// # }
/// ```
pub fn caches() -> Vec<Cache> {
    match crate::engine::current() {
        Some(world) => world.installed(),
        None => installed().into_iter().map(Cache::from).collect(),
    }
}

impl Cache {
    /// Installs this cache for functions: under its name, or as the default if it has none. It replaces the
    /// cache that was installed there; calls in progress finish on the old one.
    ///
    /// Logs the cache and its settings, and advice on settings that are often mistakes
    /// ([`tracing`](https://docs.rs/tracing), target `larder::advisor`). If there is a remote tier and a Tokio
    /// runtime, a task in the background asks the server for its settings.
    ///
    /// In a test kit (`testing::Kit`), it is installed for code that runs in the kit.
    pub fn install(&self) {
        if let Some(world) = crate::engine::current() {
            return world.install(self);
        }
        let slot = match self.name() {
            Some(name) => named_slot(name),
            None => default_slot(),
        };
        slot.current.store(Some(Arc::clone(&self.engine)));
        self.engine.announce();
    }

    /// Returns the cache installed under `name`. In a test kit (`testing::Kit`) every name has a cache.
    ///
    /// # Errors
    /// [`Error::UnknownCache`], which lists the installed names.
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

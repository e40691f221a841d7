//! The caches that each promise is tested on.

use larder::{Builder, Cache, backend::MemoryBackend, time::Clock};

/// A cache, its name for messages, and the store that another process would share.
pub(crate) struct Tiers {
    pub(crate) name: &'static str,
    pub(crate) cache: Cache,
    pub(crate) store: Option<MemoryBackend>,
}

impl Tiers {
    /// Whether the cache can serve old values, which only a memory tier keeps.
    pub(crate) fn has_memory(&self) -> bool {
        self.name != "remote"
    }
}

/// Memory, memory over a remote tier, the remote tier alone, and another memory engine.
pub(crate) fn every(clock: &Clock) -> Vec<Tiers> {
    every_with(clock, |builder| builder)
}

pub(crate) fn every_with(clock: &Clock, with: impl Fn(Builder) -> Builder) -> Vec<Tiers> {
    let builder = || with(Cache::builder().clock(clock.clone()));
    let one = |name, builder: Builder, store: Option<MemoryBackend>| {
        let builder = store.iter().cloned().fold(builder, Builder::remote);
        Tiers { name, cache: builder.build().unwrap(), store }
    };
    let store = || Some(MemoryBackend::with_clock(clock.clone()));
    vec![
        one("memory", builder(), None),
        one("memory + remote", builder(), store()),
        one("remote", builder().no_memory(), store()),
        #[cfg(feature = "moka")]
        one(
            "moka",
            builder().memory(larder::Memory::max_entries(100).eviction(larder::Eviction::Lru)),
            None,
        ),
        #[cfg(feature = "moka")]
        one(
            "moka + remote",
            builder().memory(larder::Memory::max_entries(100).eviction(larder::Eviction::Lfu)),
            store(),
        ),
    ]
}

//! How large the memory tier is and what it gives up first.

/// The memory tier's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    pub(super) capacity: u64,
    pub(super) eviction: Eviction,
}

/// Which entry goes when the memory tier is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// CLOCK-Pro with a ghost list, by `quick_cache`: scan-resistant, and the cheapest hit.
    #[default]
    Auto,
    /// Least recently used, exact, by `moka`.
    #[cfg(feature = "moka")]
    Lru,
    /// Window TinyLFU, by `moka` (Einziger, Friedman, Manes: "TinyLFU", 2017).
    #[cfg(feature = "moka")]
    Lfu,
}

impl Memory {
    /// At most this many entries. (The bound is kept per shard: a small tier holds somewhat less.)
    pub const fn max_entries(entries: u64) -> Self {
        Self { capacity: entries, eviction: Eviction::Auto }
    }

    /// What goes first when it is full. Default: [`Eviction::Auto`].
    #[must_use]
    pub const fn policy(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }
}

impl Default for Memory {
    /// 10,000 entries.
    fn default() -> Self {
        Self::max_entries(10_000)
    }
}

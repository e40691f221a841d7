//! The size of the memory tier, and which entries it evicts first.

use std::time::Duration;

use serde::Serialize;

use super::weight::Weighers;
use crate::base::{CacheValue, Error, duration};

/// The configuration of the memory tier: a bound, in entries or in bytes, and an eviction policy.
///
/// A tier has one bound, chosen by the constructor. Entries of one kind are best bounded by their number, a
/// mixture by its bytes.
///
/// ```
/// # use cache_core as larder;
/// use larder::{Cache, Eviction, Memory};
/// use std::time::Duration;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Page {
///     html: String,
/// }
///
/// # fn main() -> Result<(), larder::Error> {
/// let memory = Memory::max_bytes(64 << 20)
///     .weigher(|page: &Page| page.html.capacity() as u64)
///     .eviction(Eviction::Ttl)
///     .sweep_every(Duration::from_secs(1));
/// let cache = Cache::builder().memory(memory).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    pub(super) bound: Capacity,
    pub(super) eviction: Eviction,
    pub(super) ttl: Option<Duration>,
    pub(super) sweep_every: Duration,
    pub(super) weighers: Weighers,
}

/// The bound of a memory tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capacity {
    /// A number of entries.
    Entries(u64),
    /// The total weight of the entries, in bytes.
    Bytes(u64),
}

impl Capacity {
    /// The name of the builder's field.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Entries(_) => "max_entries",
            Self::Bytes(_) => "max_bytes",
        }
    }

    pub(super) fn most(self) -> u64 {
        match self {
            Self::Entries(most) | Self::Bytes(most) => most,
        }
    }

    /// Divides the bound into equal parts.
    pub(super) fn split(self, parts: u64) -> Self {
        match self {
            Self::Entries(most) => Self::Entries(most / parts),
            Self::Bytes(most) => Self::Bytes(most / parts),
        }
    }
}

/// Which entry a full memory tier evicts.
///
/// Every policy reclaims expired entries; see [`Memory::sweep_every`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The most frequently or the most recently used entries stay, or a mixture, depending on which of these modes has more hits:
    /// TinyLFU's admission with a small or a large window for new entries (Einziger, Friedman, Manes: "TinyLFU", 2017), or an
    /// approximation of LRU. Small simulations over a part of the keys decide between them at run time (Waldspurger and
    /// others: "Cache Modeling and Optimization using Miniature Simulations", 2017). An inserted value is always kept for a
    /// while.
    #[default]
    Auto,
    /// Evicts the least recently used entry, exactly; implemented by `moka`.
    #[cfg(feature = "moka")]
    Lru,
    /// Window TinyLFU, by `moka` (Einziger, Friedman, Manes: "TinyLFU", 2017). A new entry that was requested
    /// less often than the entries it would replace is not kept.
    #[cfg(feature = "moka")]
    Lfu,
    /// Plain time to live; reads do not count. A full tier evicts the entry that expires soonest (as Redis'
    /// `volatile-ttl`, but exact); entries that do not expire go last, the oldest first.
    ///
    /// A tier of more than some thousand entries (or 4 MiB) is split into up to 16 parts, and the soonest
    /// entry in the part of the new entry is evicted.
    Ttl,
}

impl Memory {
    /// A tier of at most this many entries. (The bound is kept per shard: a small tier holds somewhat less.)
    ///
    /// [`build`](crate::registry::Builder::build) refuses zero.
    #[doc(alias("max_capacity", "max_size", "capacity"))]
    pub const fn max_entries(entries: u64) -> Self {
        Self::of(Capacity::Entries(entries))
    }

    /// A tier of at most this many bytes, by the weight of its entries. (The bound is kept per shard: a tier
    /// holds somewhat less.)
    ///
    /// An entry's weight is the sum of the following, in bytes:
    ///
    /// - the entry itself: the value's `size_of`, and 88 for its times and what else it has;
    /// - its key, if that has more than 23 bytes: its text and 16; its tags, if it has some: 56, and 16 for each;
    /// - the engine's overhead, a measured average: 85 (`Auto`), 310 (`Lru`, `Lfu`) or 170 (`Ttl`);
    /// - the value's heap memory, from its [`weigher`](Self::weigher). Without a weigher, larder measures the
    ///   value through `serde` (texts, byte strings, and the elements of lists and maps), if the value may go
    ///   to a remote tier; of `local` values it knows `String`, `Vec<u8>`, `Vec<String>`, `Bytes`, `Box` and
    ///   `Arc` of text and bytes, and `Option` of text and bytes. For any other type that may own memory, the
    ///   heap memory counts as zero, and larder warns once.
    ///
    /// A measurement is an estimate: it does not include spare capacity, padding and the allocator's
    /// rounding, and it visits the whole value at each insert. Write a weigher for large values of many
    /// parts.
    ///
    /// An entry that is heavier than the whole bound is not kept, and nothing is evicted for it. `Auto` and
    /// `Ttl` split the tier into shards of at least 4 MiB; an entry that is heavier than a shard is not kept.
    /// `Lru` and `Lfu` keep no entry of 4 GiB or more.
    ///
    /// [`build`](crate::registry::Builder::build) refuses zero.
    pub const fn max_bytes(bytes: u64) -> Self {
        Self::of(Capacity::Bytes(bytes))
    }

    const fn of(bound: Capacity) -> Self {
        Self {
            bound,
            eviction: Eviction::Auto,
            ttl: None,
            sweep_every: Duration::from_secs(10),
            weighers: Weighers::new(),
        }
    }

    /// Sets how long the tier serves an entry before the remote tier must confirm it, for entries whose
    /// [`Policy`](crate::base::Policy::memory_ttl) does not say so. Default: as long as the entry is fresh.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Memory};
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), Error> {
    /// // Ten minutes in all tiers together, and each process asks again after ten seconds.
    /// let cache = Cache::builder()
    ///     .memory(Memory::max_entries(10_000).ttl(Duration::from_secs(10)))
    ///     .default_ttl(Duration::from_secs(600))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`build`](crate::registry::Builder::build) refuses zero.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets which entry a full tier evicts. Default: [`Eviction::Auto`].
    #[must_use]
    pub const fn eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// Sets the weigher of a type: how many bytes a value holds in addition to its own `size_of`, usually on
    /// the heap. One per type; a second weigher for a type replaces the first. Default: larder's own
    /// measurement in a tier that is bounded by bytes (see [`max_bytes`](Self::max_bytes)), 0 in one that is
    /// bounded by entries.
    ///
    /// The type is that of the cached value: `T` if a function returns `Result<T, E>`, but `Option<T>` if it
    /// returns that.
    ///
    /// larder calls the weigher once for each stored entry, under no lock. The result must depend on the
    /// value only. A value that changes its size while it is cached (behind an `Arc<Mutex<_>>`) keeps the
    /// weight with which it was stored. If the weigher panics, so does the call that stores the value. A tier
    /// that is bounded by entries uses weighers for [`Stats::bytes`] only.
    ///
    /// [`Stats::bytes`]: crate::stats::Stats::bytes
    #[must_use]
    pub fn weigher<V: CacheValue>(
        mut self,
        weigh: impl Fn(&V) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.weighers.add(weigh);
        self
    }

    /// Sets how often larder looks for dead entries (expired, or with an evicted tag) and frees their memory.
    /// Default: 10 seconds.
    ///
    /// One thread does this for all caches of the process. It starts with the first entry that can expire,
    /// does nothing while nothing can have expired, and ends with the last cache.
    /// [`Cache::reclaim`](crate::engine::Cache::reclaim) frees dead entries immediately.
    ///
    /// [`build`](crate::registry::Builder::build) refuses less than a millisecond.
    #[must_use]
    pub const fn sweep_every(mut self, interval: Duration) -> Self {
        self.sweep_every = interval;
        self
    }

    pub(crate) fn check_bound(&self) -> Result<(), Error> {
        if self.bound.most() == 0 {
            let message = "found zero; wanted 1 at least; for a cache without a memory tier use `no_memory()`, or in a configuration `memory.enabled = false`";
            return Err(Error::config(self.bound.field(), message));
        }
        Ok(())
    }

    pub(crate) fn check_ttl(&self) -> Result<(), Error> {
        if self.ttl.is_some_and(|ttl| ttl.is_zero()) {
            let message = "found zero; wanted some time; leave it out to serve entries as long as they are fresh, or use `no_memory()`, or in a configuration `memory.enabled = false`";
            return Err(Error::config("memory_ttl", message));
        }
        Ok(())
    }

    pub(crate) fn check_sweep(&self) -> Result<(), Error> {
        duration::check_pause("sweep_every", self.sweep_every, "leave it out for 10 seconds")
    }
}

impl Default for Memory {
    /// A bound of 10,000 entries.
    fn default() -> Self {
        Self::max_entries(10_000)
    }
}

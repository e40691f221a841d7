//! How large the memory tier is and what it gives up first.

use std::time::Duration;

use serde::Serialize;

use super::weight::Weighers;
use crate::base::{CacheValue, Error, duration};

/// The memory tier's configuration: a bound, in entries or in bytes, and what goes first.
///
/// A tier has one bound: a `Memory` begins with the one or with the other. One kind of entry is
/// bounded best by its number, a mixture by its bytes.
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
///     .policy(Eviction::Ttl)
///     .sweep_every(Duration::from_secs(1));
/// let cache = Cache::builder().memory(memory).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    pub(super) bound: Capacity,
    pub(super) eviction: Eviction,
    pub(super) sweep_every: Duration,
    pub(super) weighers: Weighers,
}

/// What bounds a memory tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// A number of entries.
    Entries(u64),
    /// The entries' weight, in bytes.
    Bytes(u64),
}

impl Capacity {
    /// As the builder calls it.
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

    /// Each of `parts` alike.
    pub(super) fn split(self, parts: u64) -> Self {
        match self {
            Self::Entries(most) => Self::Entries(most / parts),
            Self::Bytes(most) => Self::Bytes(most / parts),
        }
    }
}

/// Which entry goes when the memory tier is full.
///
/// Expired entries are reclaimed under each of them; see [`Memory::sweep_every`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// What was used last, or what is used most, whichever has more hits: an approximation of LRU, or
    /// TinyLFU's admission (Einziger, Friedman, Manes: "TinyLFU", 2017). A small simulation over a part of
    /// the keys decides between them while the cache runs (Waldspurger and others: "Cache Modeling and
    /// Optimization using Miniature Simulations", 2017). An inserted value is always kept for a while.
    #[default]
    Auto,
    /// Least recently used, exact, by `moka`.
    #[cfg(feature = "moka")]
    Lru,
    /// Window TinyLFU, by `moka` (Einziger, Friedman, Manes: "TinyLFU", 2017). A new entry that was
    /// asked for less often than those it would push out is not kept.
    #[cfg(feature = "moka")]
    Lfu,
    /// Plain time to live: how often an entry is read counts for nothing. In a full tier the one
    /// that expires soonest makes room for the new one (as Redis' `volatile-ttl`, but exact);
    /// entries that do not expire go last, the oldest first.
    ///
    /// A tier of more than some thousand entries (or 4 MiB) is split into up to 16 parts, and it is
    /// the soonest of the new entry's part that goes.
    Ttl,
}

impl Memory {
    /// At most this many entries. (The bound is kept per shard: a small tier holds somewhat less.)
    ///
    /// [`build`](crate::registry::Builder::build) refuses less than a millisecond.
    pub const fn max_entries(entries: u64) -> Self {
        Self::of(Capacity::Entries(entries))
    }

    /// At most this many bytes, by the weight of the entries. (The bound is kept per shard: a tier
    /// holds somewhat less.)
    ///
    /// An entry weighs, in bytes:
    ///
    /// - the entry itself: the value's `size_of`, its times and generations;
    /// - its key's text, and 16 for each of its tags;
    /// - what the engine needs for it, an average of what was measured: 125 (`Auto`), 310 (`Lru`,
    ///   `Lfu`) or 170 (`Ttl`);
    /// - what the value holds on the heap, as its [`weigher`](Self::weigher) says. Without a weigher,
    ///   larder measures the value through `serde` (texts, byte strings, and the elements of lists and
    ///   maps), if the value may go to a remote tier; of `local` values it knows `String`, `Vec<u8>`,
    ///   `Vec<String>`, `Bytes`, `Box` and `Arc` of text and bytes, and `Option` of text and bytes. A
    ///   value of any other type that may own memory is counted without it, and larder warns once.
    ///
    /// A measurement is an estimate: spare capacity, padding and what the allocator loses to rounding are
    /// not counted, and it visits the whole value at each insert. Write a weigher for large values of
    /// many parts.
    ///
    /// An entry that is heavier than the whole bound is not kept, and nothing makes room for it.
    /// `Auto` and `Ttl` split the tier into shards of at least 4 MiB; an entry that is heavier than
    /// a shard is not kept. `Lru` and `Lfu` keep none of 4 GiB.
    ///
    /// Zero is refused by [`build`](crate::registry::Builder::build).
    pub const fn max_bytes(bytes: u64) -> Self {
        Self::of(Capacity::Bytes(bytes))
    }

    const fn of(bound: Capacity) -> Self {
        Self {
            bound,
            eviction: Eviction::Auto,
            sweep_every: Duration::from_secs(10),
            weighers: Weighers::new(),
        }
    }

    /// What goes first when it is full. Default: [`Eviction::Auto`].
    #[must_use]
    pub const fn policy(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// How many bytes a value of this type holds beyond its own `size_of`, usually on the heap.
    /// One for each type; a second one for a type replaces the first. Default: larder's own measurement
    /// in a tier that is bounded by bytes (see [`max_bytes`](Self::max_bytes)), 0 in one that is bounded by
    /// entries.
    ///
    /// The type is that of the cached value: `T` where a function returns `Result<T, E>`, but
    /// `Option<T>` where it returns that.
    ///
    /// It is called once for each entry that is stored, under no lock. Its answer must not depend
    /// on anything but the value, and a value that changes its size while it is cached (behind an
    /// `Arc<Mutex<_>>`) keeps the weight that it was stored with. If it panics, so does the call
    /// that stores. A tier that is bounded by entries uses it for [`Stats::bytes`] alone.
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

    /// How often to look for entries that nobody can be given any more, because they expired or a
    /// tag of theirs was evicted, and to give their memory back. Default: 10 seconds.
    ///
    /// One thread does it for all caches of the process. It starts with the first entry that can
    /// expire, does nothing while nothing can have expired, and ends with the last cache.
    /// [`Cache::reclaim`](crate::engine::Cache::reclaim) does it at once.
    ///
    /// Zero is refused by [`build`](crate::registry::Builder::build).
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

    pub(crate) fn check_sweep(&self) -> Result<(), Error> {
        duration::check_pause("sweep_every", self.sweep_every, "leave it out for 10 seconds")
    }
}

impl Default for Memory {
    /// 10,000 entries.
    fn default() -> Self {
        Self::max_entries(10_000)
    }
}

//! Counters that many threads bump without sharing a cache line.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

const STRIPES: usize = 16;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A cache's statistics since it was built: one moment's copy.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Entries in the memory tier, expired ones that were not yet reclaimed included.
            pub entries: u64,
            /// What these entries weigh, in bytes, as
            /// [`Memory::max_bytes`](crate::Memory::max_bytes) counts them. In a tier that is bounded
            /// by entries it is a sum kept beside the entries: right when nobody writes, nearly
            /// right while somebody does.
            pub bytes: u64,
            /// Entries that left the memory tier, or were not kept by it, for want of room.
            pub evicted_capacity: u64,
            /// Keys with a load, a look at the remote tier or a write in progress.
            pub in_flight: u64,
        }

        #[derive(Default)]
        struct Stripe {
            $($name: AtomicU64,)*
        }

        /// The cache's counters: a stripe per thread (or few), added up when read.
        pub(crate) struct Counters {
            stripes: Box<[CachePadded<Stripe>]>,
        }

        impl Counters {
            $(
                #[inline]
                pub(crate) fn $name(&self) {
                    self.stripe().$name.fetch_add(1, Ordering::Relaxed);
                }
            )*

            pub(crate) fn snapshot(&self) -> Stats {
                let mut stats = Stats::default();
                for stripe in &self.stripes {
                    $(stats.$name += stripe.$name.load(Ordering::Relaxed);)*
                }
                stats
            }
        }
    };
}

counters! {
    /// Reads answered by the memory tier with a fresh value.
    memory_hits,
    /// Reads answered by the remote tier.
    remote_hits,
    /// Reads answered with a stale value while a refresh runs.
    stale_hits,
    /// Reads answered with an old value because the load failed or took too long.
    fail_safe_hits,
    /// Reads that found nothing.
    misses,
    /// Loads that were started.
    loads,
    /// Loads that returned an error.
    load_failures,
    /// Reads that waited for another's load and took its result.
    coalesced,
    /// Reads whose hard timeout ended with nothing to serve.
    timed_out,
    /// Refreshes that were started before the ttl was over.
    early_refreshes,
    /// Values stored: loaded, inserted or put.
    stores,
    /// Keys evicted one by one.
    removals,
    /// Loaded values that were not stored, because an eviction came during the load.
    fenced,
    /// Operations of the remote tier that failed.
    remote_errors,
    /// Bytes in the remote tier that were not this type's value.
    foreign,
    /// Entries of the memory tier that were reclaimed after they expired or after a tag of theirs
    /// was evicted. (Those that were replaced or pushed out first are not among them.)
    expired,
}

impl Stats {
    /// All reads that were answered from a tier.
    pub fn hits(&self) -> u64 {
        self.memory_hits + self.remote_hits + self.stale_hits + self.fail_safe_hits + self.coalesced
    }

    /// Hits per read, from 0 to 1; 0 before the first read.
    #[allow(clippy::cast_precision_loss)]
    pub fn hit_rate(&self) -> f64 {
        let reads = self.hits() + self.misses;
        if reads == 0 { 0.0 } else { self.hits() as f64 / reads as f64 }
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { stripes: (0..STRIPES).map(|_| CachePadded::default()).collect() }
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        // A thread that is ending has no number any more; any stripe will do.
        let index = MINE.try_with(|mine| *mine).unwrap_or(0);
        &self.stripes[index]
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot().fmt(f)
    }
}

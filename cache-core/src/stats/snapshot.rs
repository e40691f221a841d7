//! The values of the counters at one moment.

use serde::{Deserialize, Serialize};

use super::histogram::LatencyStats;
use super::signal::RemovalCause;
use super::written::{WrittenStats, WrittenTier};

/// Passes all counters to the macro `$then`: the frequent ones, and the others.
macro_rules! counted {
    ($then:ident) => {
        $then! {
            often: [
                memory_hits remote_hits stale_hits fail_safe_hits misses coalesced
            ],
            else: [
                loads load_failures timed_out early_refreshes stores removals fenced remote_misses remote_stores
                remote_errors refused foreign schema_misses mistyped
            ]
        }
    };
}
pub(super) use counted;

macro_rules! counts {
    (often: [$($often:ident)*], else: [$($rare:ident)*]) => {
        counts!([$($often)*], [$($rare)*], [
            Capacity evicted_capacity, Expired expired, Tag evicted_tags, Key evicted_keys,
            Pattern evicted_patterns, Cleared evicted_cleared, Elsewhere evicted_elsewhere
        ]);
    };
    ([$($often:ident)*], [$($rare:ident)*], [$($cause:ident $left:ident),*]) => {
        /// The counters of one function, summed over threads.
        #[derive(Default)]
        pub(super) struct Counts {
            $(pub(super) $often: u64,)*
            $(pub(super) $rare: u64,)*
        }

        impl From<Counts> for Stats {
            fn from(counts: Counts) -> Self {
                Self { $($often: counts.$often,)* $($rare: counts.$rare,)* ..Self::default() }
            }
        }

        impl Stats {
            /// Pairs each counter of `self`, to be changed, with that of `other`.
            pub(super) fn pairs<'a>(&'a mut self, other: &Self) -> Vec<(&'a mut u64, u64)> {
                vec![
                    $((&mut self.$often, other.$often),)*
                    $((&mut self.$rare, other.$rare),)*
                    $((&mut self.$left, other.$left),)*
                ]
            }

            /// Returns the number of entries that left the memory tier for this cause; 0 for
            /// [`RemovalCause::Replaced`].
            pub fn evicted_by(&self, cause: RemovalCause) -> u64 {
                match cause {
                    $(RemovalCause::$cause => self.$left,)*
                    RemovalCause::Replaced => 0,
                }
            }
        }
    };
}
counted!(counts);

/// Statistics of a cache or of one function: the counts since the cache was built (or since
/// [`Cache::reset_stats`](crate::engine::Cache::reset_stats)), and the current sizes. A copy from one moment.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("a", 1_u64).await?;
/// let before = cache.stats();
/// cache.get::<u64>("a").await?;
/// cache.get::<u64>("b").await?;
/// let minute = cache.stats().since(&before);
/// assert_eq!((minute.requests(), minute.memory_hits, minute.misses, minute.stores), (2, 1, 1, 0));
/// println!("{minute}"); // a table
/// # Ok(())
/// # }
/// ```
///
/// Each read counts once, as a hit of some kind or as a miss. Background refreshes are not reads. The
/// counters are incremented one by one, so a copy that is taken during other reads may be off by a call.
///
/// Statistics of several caches or functions can be added (`+`, `+=`, `sum()`): counts, durations and current
/// sizes add up, and the breaker of the sum is the worse one.
///
/// The serde form has all fields, and also `requests`, `hits`, `hit_rate`, `miss_rate` (from 0 to 1), `evictions`
/// and the parts of the tiers (`memory`, `remote`), which are ignored when it is read. Times are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WrittenStats", from = "WrittenStats")]
#[non_exhaustive]
pub struct Stats {
    /// Reads that the memory tier answered with a fresh value.
    pub memory_hits: u64,
    /// Reads that the remote tier answered.
    pub remote_hits: u64,
    /// Reads that were answered with a stale value while a refresh runs.
    pub stale_hits: u64,
    /// Reads that were answered with an old value because the load failed or took too long.
    pub fail_safe_hits: u64,
    /// Reads that waited for another caller's load and took its result.
    pub coalesced: u64,
    /// Reads that found no value.
    pub misses: u64,
    /// Loads that were started. (A batch's load counts once for each of its items.)
    pub loads: u64,
    /// Loads that returned an error.
    pub load_failures: u64,
    /// Reads whose hard timeout ended without a value to serve. The misses include them.
    pub timed_out: u64,
    /// Refreshes that were started before the ttl ended.
    pub early_refreshes: u64,
    /// Values stored: loaded, inserted or put.
    pub stores: u64,
    /// Keys evicted one by one, with or without a value.
    pub removals: u64,
    /// Loaded values that were not stored, because an eviction came during the load.
    pub fenced: u64,
    /// Reads that asked the remote tier and found no usable value.
    pub remote_misses: u64,
    /// Values written to the remote tier.
    pub remote_stores: u64,
    /// Operations of the remote tier that failed.
    pub remote_errors: u64,
    /// Values that were not stored in the remote tier because no codec can represent them, or because they are larger
    /// than [`max_value_bytes`](crate::registry::Builder::max_value_bytes).
    pub refused: u64,
    /// Values in the remote tier that were not readable as this type, for any reason.
    pub foreign: u64,
    /// The part of [`foreign`](Self::foreign) that another version of the type has written: intact, but of
    /// another schema. Expected after a release; the rest is damage.
    pub schema_misses: u64,
    /// Reads that found a value of another type in memory. Two functions with one key then replace each
    /// other's values; the log names them.
    pub mistyped: u64,
    /// Entries that left the memory tier, or were not kept, because it was full. This counter, the following
    /// causes and [`removals`](Self::removals) belong to the cache: they are zero in a function's statistics.
    pub evicted_capacity: u64,
    /// Entries of the memory tier that were reclaimed after they expired. (Not those that were replaced or
    /// evicted before.)
    pub expired: u64,
    /// Entries of the memory tier that were reclaimed after one of their tags was evicted, or the cache was
    /// cleared.
    pub evicted_tags: u64,
    /// Entries of the memory tier that were evicted by key.
    pub evicted_keys: u64,
    /// Entries of the memory tier that were evicted by pattern.
    pub evicted_patterns: u64,
    /// Entries of the memory tier that [`Cache::clear`](crate::engine::Cache::clear) removed.
    pub evicted_cleared: u64,
    /// Entries of the memory tier that another process evicted or replaced.
    pub evicted_elsewhere: u64,
    /// The current number of entries in the memory tier, including expired ones that were not reclaimed yet.
    pub entries: u64,
    /// The current weight of these entries, in bytes, by the rule of
    /// [`Memory::max_bytes`](crate::memory::Memory::max_bytes). In a tier that is bounded by entries this is
    /// a separate sum, which includes the heap memory of a value only if its type has a
    /// [`weigher`](crate::memory::Memory::weigher): exact while nothing is written, approximate during writes.
    /// [`Cache::memory_usage`](crate::engine::Cache::memory_usage) measures all values.
    pub bytes: u64,
    /// Keys with a load, a read of the remote tier or a write in progress.
    pub in_flight: u64,
    /// The current state of the remote tier's breaker.
    pub breaker: BreakerState,
    /// Durations of completed loads, including failed ones.
    pub load_time: LatencyStats,
    /// Durations of reads that memory could not answer immediately: they asked the remote tier, waited or
    /// loaded. Reads that memory answered are not measured, because reading a precise clock would cost more
    /// than the hit itself. Reads by hand without a load ([`Cache::get`](crate::engine::Cache::get),
    /// [`peek`](crate::call::Call::peek)) are not measured.
    pub response_time: LatencyStats,
}

/// The state of the remote tier's circuit breaker.
///
/// The breaker opens after [`breaker_threshold`](crate::registry::Builder::breaker_threshold) consecutive
/// failures (no connection, or no answer in time). After each
/// [`breaker_cool_down`](crate::registry::Builder::breaker_cool_down) it lets one operation through; the
/// first success closes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Every operation goes through. Also the state of a cache without a remote tier.
    #[default]
    Closed,
    /// No operation goes through.
    Open,
    /// The cool-down has ended: one operation goes through and decides.
    HalfOpen,
}

impl BreakerState {
    /// The one in which fewer operations go through.
    pub(super) fn worse(self, other: Self) -> Self {
        let operations = |state| match state {
            Self::Open => 0,
            Self::HalfOpen => 1,
            Self::Closed => 2,
        };
        std::cmp::min_by_key(self, other, |state| operations(*state))
    }
}

/// One tier's part of [`Stats`]. The serde form also has `requests` and `hit_rate`, which are ignored when it is
/// read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WrittenTier", from = "WrittenTier")]
#[non_exhaustive]
pub struct TierStats {
    /// Reads that it answered, including those with old values.
    pub hits: u64,
    /// Reads that it could not answer.
    pub misses: u64,
    /// Values that were written to it.
    pub stores: u64,
    /// Operations that failed. Zero in memory.
    pub errors: u64,
    /// Entries that left it for any cause. Unknown, and zero, for the remote tier.
    pub evictions: u64,
}

/// Adds up; saturates, because statistics that were deserialized may contain anything.
fn sum<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

#[allow(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl TierStats {
    /// Returns the number of reads.
    pub fn requests(&self) -> u64 {
        self.hits.saturating_add(self.misses)
    }

    /// Returns the hits per read, from 0 to 1; 0 before the first read.
    pub fn hit_rate(&self) -> f64 {
        share(self.hits, self.requests())
    }
}

impl Stats {
    /// Returns the number of reads that a tier or another caller's load answered.
    pub fn hits(&self) -> u64 {
        sum([
            self.memory_hits,
            self.remote_hits,
            self.stale_hits,
            self.fail_safe_hits,
            self.coalesced,
        ])
    }

    /// Returns the number of reads.
    pub fn requests(&self) -> u64 {
        sum([self.hits(), self.misses])
    }

    /// Returns the hits per read, from 0 to 1; 0 before the first read.
    pub fn hit_rate(&self) -> f64 {
        share(self.hits(), self.requests())
    }

    /// Returns the misses per read, from 0 to 1; 0 before the first read.
    pub fn miss_rate(&self) -> f64 {
        share(self.misses, self.requests())
    }

    /// Returns the number of entries that left the memory tier for any cause, except those that a newer value
    /// replaced.
    pub fn evictions(&self) -> u64 {
        sum(RemovalCause::ALL.map(|cause| self.evicted_by(cause)))
    }

    /// Returns the memory tier's part. Stale and old values count as its hits, even if they first came from
    /// the remote tier.
    pub fn memory(&self) -> TierStats {
        let hits = sum([self.memory_hits, self.stale_hits, self.fail_safe_hits]);
        TierStats {
            hits,
            misses: self.requests().saturating_sub(hits),
            stores: self.stores,
            errors: 0,
            evictions: self.evictions(),
        }
    }

    /// Returns the remote tier's part; all zero if there is none.
    pub fn remote(&self) -> TierStats {
        TierStats {
            hits: self.remote_hits,
            misses: self.remote_misses,
            stores: self.remote_stores,
            errors: self.remote_errors,
            evictions: 0,
        }
    }

    /// Returns the counts and durations since `earlier` was taken from the same cache. Current values
    /// (entries, bytes, keys in flight, the breaker) are those of `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.pairs(earlier).into_iter().for_each(|(now, then)| *now = now.saturating_sub(then));
        since.load_time = self.load_time.since(&earlier.load_time);
        since.response_time = self.response_time.since(&earlier.response_time);
        since
    }

    /// Sets the numbers of entries that left the memory tier, by cause.
    pub(crate) fn with_causes(mut self, left: impl Fn(RemovalCause) -> u64) -> Self {
        self.evicted_capacity = left(RemovalCause::Capacity);
        self.expired = left(RemovalCause::Expired);
        self.evicted_tags = left(RemovalCause::Tag);
        self.evicted_keys = left(RemovalCause::Key);
        self.evicted_patterns = left(RemovalCause::Pattern);
        self.evicted_cleared = left(RemovalCause::Cleared);
        self.evicted_elsewhere = left(RemovalCause::Elsewhere);
        self
    }
}

//! What the counters say at one moment.

use serde::{Deserialize, Serialize};

use super::histogram::Timing;
use super::signal::Cause;

/// Names all counters to the macro `$then`: those that are counted often, and the others.
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
        /// One function's counters, added up over threads.
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
            /// Each counter of the two, the first one to be changed.
            fn pairs<'a>(&'a mut self, other: &Self) -> Vec<(&'a mut u64, u64)> {
                vec![
                    $((&mut self.$often, other.$often),)*
                    $((&mut self.$rare, other.$rare),)*
                    $((&mut self.$left, other.$left),)*
                ]
            }

            /// Entries that left the memory tier for this cause. None are counted for [`Cause::Replaced`].
            pub fn evicted_by(&self, cause: Cause) -> u64 {
                match cause {
                    $(Cause::$cause => self.$left,)*
                    Cause::Replaced => 0,
                }
            }
        }
    };
}
counted!(counts);

/// A cache's statistics, or one function's: what was counted since the cache was built (or since
/// [`Cache::reset_stats`](crate::engine::Cache::reset_stats)), and how things stand now. One moment's copy.
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
/// Reads are counted once each: as one of the hits or as a miss. What is read again in the background is no read. The
/// counters are bumped one by one, so a copy that is taken while others read may be ahead by a call here or there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// Reads answered by the memory tier with a fresh value.
    pub memory_hits: u64,
    /// Reads answered by the remote tier.
    pub remote_hits: u64,
    /// Reads answered with a stale value while a refresh runs.
    pub stale_hits: u64,
    /// Reads answered with an old value because the load failed or took too long.
    pub fail_safe_hits: u64,
    /// Reads that waited for another's load and took its result.
    pub coalesced: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Loads that were started. (A batch's load counts once for each item that it is for.)
    pub loads: u64,
    /// Loads that returned an error.
    pub load_failures: u64,
    /// Reads whose hard timeout ended with nothing to serve. They are among the misses.
    pub timed_out: u64,
    /// Refreshes that were started before the ttl was over.
    pub early_refreshes: u64,
    /// Values stored: loaded, inserted or put.
    pub stores: u64,
    /// Keys evicted one by one, whether there was a value or not.
    pub removals: u64,
    /// Loaded values that were not stored, because an eviction came during the load.
    pub fenced: u64,
    /// Reads for which the remote tier was asked and had nothing of use.
    pub remote_misses: u64,
    /// Values written to the remote tier.
    pub remote_stores: u64,
    /// Operations of the remote tier that failed.
    pub remote_errors: u64,
    /// Values that were not stored in the remote tier because no codec can represent them, or because they are larger
    /// than [`max_value_bytes`](crate::registry::Builder::max_value_bytes).
    pub refused: u64,
    /// Bytes in the remote tier that were not this type's value, for whatever reason.
    pub foreign: u64,
    /// Of [`foreign`](Self::foreign) those that another version of the type has written: whole, and of another
    /// schema. They are what is to be expected after a release; the others are damage.
    pub schema_misses: u64,
    /// Reads that found a value of another type in memory. Two functions with one key replace each other's
    /// values then, and the log says which.
    pub mistyped: u64,
    /// Entries that left the memory tier, or were not kept by it, for want of room. This, the causes that follow and
    /// [`removals`](Self::removals) are the cache's: a function's own statistics have none.
    pub evicted_capacity: u64,
    /// Entries of the memory tier that were reclaimed after they expired. (Those that were replaced or pushed out
    /// first are not among them.)
    pub expired: u64,
    /// Entries of the memory tier that were reclaimed after a tag of theirs was evicted, or everything was.
    pub evicted_tags: u64,
    /// Entries of the memory tier that were evicted by their key.
    pub evicted_keys: u64,
    /// Entries of the memory tier that were evicted by a pattern.
    pub evicted_patterns: u64,
    /// Entries of the memory tier that [`Cache::clear`](crate::engine::Cache::clear) found.
    pub evicted_cleared: u64,
    /// Entries of the memory tier that another process evicted or replaced.
    pub evicted_elsewhere: u64,
    /// Entries in the memory tier now, expired ones that were not yet reclaimed included.
    pub entries: u64,
    /// What these entries weigh, in bytes, as
    /// [`Memory::max_bytes`](crate::memory::Memory::max_bytes) counts them. In a tier that is bounded
    /// by entries it is a sum kept beside the entries: right when nobody writes, nearly
    /// right while somebody does.
    pub bytes: u64,
    /// Keys with a load, a look at the remote tier or a write in progress now.
    pub in_flight: u64,
    /// Whether the remote tier is left alone now, after failures.
    pub breaker: BreakerState,
    /// How long loads took that came to an end, failed ones included.
    pub load_time: Timing,
    /// How long reads took that memory could not answer at once: those that asked the remote tier, waited or loaded.
    /// Those that memory answered are not measured: reading a precise clock would cost a hit more than the hit
    /// itself. What was read by hand without a load
    /// ([`Cache::get`](crate::engine::Cache::get), [`peek`](crate::call::Call::peek)) is not measured.
    pub response_time: Timing,
}

/// The state of the breaker in front of the remote tier.
///
/// The breaker opens after [`breaker_threshold`](crate::registry::Builder::breaker_threshold) failures in a row: no connection, or no
/// answer in time. After each [`breaker_cool_down`](crate::registry::Builder::breaker_cool_down) it lets one operation through; the first
/// success closes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Every operation goes through. A cache without a remote tier has this state.
    #[default]
    Closed,
    /// No operation goes through.
    Open,
    /// The cool-down is over: one operation goes through and decides.
    HalfOpen,
}

/// One tier's part of [`Stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TierStats {
    /// Reads that it answered, old values included.
    pub hits: u64,
    /// Reads that it was asked for and could not answer.
    pub misses: u64,
    /// Values that were written to it.
    pub stores: u64,
    /// Operations that failed. None in memory.
    pub errors: u64,
    /// Entries that left it for whatever cause. Those of the remote tier are not known here.
    pub evictions: u64,
}

/// Statistics that were read from somewhere may hold anything.
fn sum<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

#[allow(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl TierStats {
    /// How often it was read.
    pub fn requests(&self) -> u64 {
        self.hits.saturating_add(self.misses)
    }

    /// Hits per read, from 0 to 1; 0 before the first read.
    pub fn hit_rate(&self) -> f64 {
        share(self.hits, self.requests())
    }
}

impl Stats {
    /// All reads that were answered from a tier, or by another's load.
    pub fn hits(&self) -> u64 {
        sum([
            self.memory_hits,
            self.remote_hits,
            self.stale_hits,
            self.fail_safe_hits,
            self.coalesced,
        ])
    }

    /// All reads.
    pub fn requests(&self) -> u64 {
        sum([self.hits(), self.misses])
    }

    /// Hits per read, from 0 to 1; 0 before the first read.
    pub fn hit_rate(&self) -> f64 {
        share(self.hits(), self.requests())
    }

    /// Misses per read, from 0 to 1; 0 before the first read.
    pub fn miss_rate(&self) -> f64 {
        share(self.misses, self.requests())
    }

    /// Entries that left the memory tier, whatever the cause, but not those that a newer value replaced.
    pub fn evictions(&self) -> u64 {
        sum(Cause::ALL.map(|cause| self.evicted_by(cause)))
    }

    /// The memory tier's part. Stale and old values count as its hits, wherever they came from first.
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

    /// The remote tier's part; all zero without one.
    pub fn remote(&self) -> TierStats {
        TierStats {
            hits: self.remote_hits,
            misses: self.remote_misses,
            stores: self.remote_stores,
            errors: self.remote_errors,
            evictions: 0,
        }
    }

    /// What was counted and measured since `earlier` was taken from the same cache. How things stand now (entries,
    /// bytes, what is in flight, the breaker) is as in `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.pairs(earlier).into_iter().for_each(|(now, then)| *now = now.saturating_sub(then));
        since.load_time = self.load_time.since(&earlier.load_time);
        since.response_time = self.response_time.since(&earlier.response_time);
        since
    }

    /// With the entries that left the memory tier, by cause.
    pub(crate) fn with_causes(mut self, left: impl Fn(Cause) -> u64) -> Self {
        self.evicted_capacity = left(Cause::Capacity);
        self.expired = left(Cause::Expired);
        self.evicted_tags = left(Cause::Tag);
        self.evicted_keys = left(Cause::Key);
        self.evicted_patterns = left(Cause::Pattern);
        self.evicted_cleared = left(Cause::Cleared);
        self.evicted_elsewhere = left(Cause::Elsewhere);
        self
    }

    /// Both together: counts and times; how things stand is as in `self`.
    pub(crate) fn add(&mut self, other: &Self) {
        self.pairs(other).into_iter().for_each(|(sum, more)| *sum = sum.saturating_add(more));
        self.load_time.add(&other.load_time);
        self.response_time.add(&other.response_time);
    }
}

//! The serde form of statistics: the counters, with what is computed from them.

use serde::{Deserialize, Serialize};

use super::histogram::LatencyStats;
use super::snapshot::{BreakerState, Stats, TierStats, counted};

macro_rules! written {
    (often: [$($often:ident)*], else: [$($rare:ident)*]) => {
        written!([$($often)* $($rare)*
            evicted_capacity expired evicted_tags evicted_keys evicted_patterns evicted_cleared
            evicted_elsewhere entries bytes in_flight]);
    };
    ([$($count:ident)*]) => {
        /// The serde form of [`Stats`]. The first fields are computed, and ignored when they are read.
        #[derive(Default, Serialize, Deserialize)]
        #[serde(default)]
        pub(super) struct WrittenStats {
            requests: u64,
            hits: u64,
            hit_rate: f64,
            miss_rate: f64,
            evictions: u64,
            memory: TierStats,
            remote: TierStats,
            $($count: u64,)*
            breaker: BreakerState,
            load_time: LatencyStats,
            response_time: LatencyStats,
        }

        impl From<Stats> for WrittenStats {
            fn from(stats: Stats) -> Self {
                let (requests, hits, evictions) = (stats.requests(), stats.hits(), stats.evictions());
                let (hit_rate, miss_rate) = (stats.hit_rate(), stats.miss_rate());
                let (memory, remote) = (stats.memory(), stats.remote());
                let Stats { $($count,)* breaker, load_time, response_time } = stats;
                Self {
                    requests, hits, hit_rate, miss_rate, evictions, memory, remote,
                    $($count,)* breaker, load_time, response_time,
                }
            }
        }

        impl From<WrittenStats> for Stats {
            fn from(written: WrittenStats) -> Self {
                let WrittenStats { $($count,)* breaker, load_time, response_time, .. } = written;
                Self { $($count,)* breaker, load_time, response_time }
            }
        }
    };
}
counted!(written);

/// The serde form of [`TierStats`]. The first fields are computed, and ignored when they are read.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct WrittenTier {
    requests: u64,
    hit_rate: f64,
    hits: u64,
    misses: u64,
    stores: u64,
    errors: u64,
    evictions: u64,
}

#[doc(hidden)]
impl From<TierStats> for WrittenTier {
    fn from(tier: TierStats) -> Self {
        let (requests, hit_rate) = (tier.requests(), tier.hit_rate());
        let TierStats { hits, misses, stores, errors, evictions } = tier;
        Self { requests, hit_rate, hits, misses, stores, errors, evictions }
    }
}

#[doc(hidden)]
impl From<WrittenTier> for TierStats {
    fn from(written: WrittenTier) -> Self {
        let WrittenTier { hits, misses, stores, errors, evictions, .. } = written;
        Self { hits, misses, stores, errors, evictions }
    }
}

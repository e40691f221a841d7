//! Probabilistic early refresh, and random numbers for it and for jitter.
//!
//! "XFetch", from Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic Cache Stampede Prevention" (VLDB
//! 2015): an entry is refreshed when `now - cost * beta * ln(rand) >= expiry`. Each reader decides
//! independently, so no coordination is needed, and most probably one of them refreshes in time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::Timestamp;
use crate::entry::Lifetime;

/// Random numbers from SplitMix64 (Steele, Lea, Flood, 2014), one sequence for all threads. Not for secrets.
#[derive(Debug)]
pub(crate) struct RandomSource(AtomicU64);

impl RandomSource {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn number(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number greater than 0 and at most 1.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn fraction(&self) -> f64 {
        ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// Earlier than this many times `cost * beta` before the expiry the probability is below 10^-17, so readers
/// draw no random number.
const HORIZON: f64 = 40.0;

/// Whether a reader of a fresh entry must refresh it now.
pub(crate) fn is_early(
    life: impl FnOnce() -> Lifetime,
    now: Timestamp,
    beta: f64,
    chance: &RandomSource,
) -> bool {
    if beta <= 0.0 {
        return false;
    }
    let life = life();
    if life.cost.is_zero() {
        return false;
    }
    let Some(left) = life.fresh_until.since(now) else { return false };
    let scale = life.cost.get().as_secs_f64() * beta;
    let left = left.as_secs_f64();
    left <= scale * HORIZON && -chance.fraction().ln() * scale >= left
}

/// A time to live, shortened by a random fraction of up to `jitter`.
pub(crate) fn jittered(ttl: Duration, jitter: f64, chance: &RandomSource) -> Duration {
    if jitter <= 0.0 {
        return ttl;
    }
    // At least a millisecond.
    let kept = 1.0 - jitter.min(1.0) * chance.fraction();
    let shortened = Duration::try_from_secs_f64(ttl.as_secs_f64() * kept).unwrap_or(ttl);
    shortened.min(ttl).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Policy;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn life(cost: Duration) -> Lifetime {
        Lifetime { cost: cost.into(), ..Lifetime::new(Timestamp(0), Some(MINUTE), &Policy::new()) }
    }

    /// How many of 10,000 readers would refresh with `left` to the expiry.
    fn share(cost: Duration, left: Duration, beta: f64) -> f64 {
        let (life, chance) = (life(cost), RandomSource::new(1));
        let now = life.fresh_until.before(left);
        f64::from((0..10_000).filter(|_| is_early(|| life, now, beta, &chance)).count() as u32)
            / 10_000.0
    }

    #[test]
    fn the_probability_matches_the_paper() {
        // P(-ln(U) >= left / (cost * beta)) = exp(-left / (cost * beta)).
        let cost = Duration::from_millis(100);
        for (left, beta) in [(50, 1.0), (100, 1.0), (300, 1.0), (100, 2.0)] {
            let expected = (-f64::from(left) / (100.0 * beta)).exp();
            let found = share(cost, Duration::from_millis(left as u64), beta);
            assert!((found - expected).abs() < 0.03, "{left} {beta}: {found} for {expected}");
        }
    }

    #[test]
    fn free_loads_and_far_expiries_cause_no_refresh() {
        assert_eq!(share(Duration::ZERO, Duration::from_millis(1), 1.0), 0.0);
        assert_eq!(share(Duration::from_millis(10), MINUTE, 1.0), 0.0);
        assert_eq!(share(Duration::from_millis(10), Duration::ZERO, 0.0), 0.0);
    }

    proptest! {
        #[test]
        fn jitter_only_shortens(ttl in 1u64..100_000, jitter in 0.0f64..=1.0, seed: u64) {
            let ttl = Duration::from_millis(ttl);
            let found = jittered(ttl, jitter, &RandomSource::new(seed));
            prop_assert!(found <= ttl.max(Duration::from_millis(1)));
            prop_assert!(found >= ttl.mul_f64(1.0 - jitter).min(ttl));
        }
    }
}

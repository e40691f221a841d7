//! The only source of randomness: a seed decides everything that happens.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// SplitMix64.
pub(crate) struct Chance {
    state: AtomicU64,
    /// Times are multiples of this many milliseconds. A large grain makes many events happen at the same time.
    grain: AtomicU64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let state = AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6c61_7264_6572);
        let chance = Self { state, grain: AtomicU64::new(1) };
        chance.grain.store(*chance.pick(&[1, 1, 4, 20]), Ordering::Relaxed);
        chance
    }

    pub(crate) fn number(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn among(&self, range: Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// Returns true in this many of a thousand cases.
    pub(crate) fn in_thousand(&self, cases: u64) -> bool {
        self.among(0..1000) < cases
    }

    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        let grain = self.grain.load(Ordering::Relaxed);
        Duration::from_millis(self.among(range) / grain * grain)
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.among(0..from.len() as u64) as usize]
    }
}

//! The order in which a benchmark reads its keys.

use std::hint::black_box;

use crate::random::{Random, Zipf};
use crate::threads::{Time, time};

/// The number of keys that fit into the processor's caches.
pub(crate) const FEW: u64 = 1_024;
/// The number of keys that do not.
pub(crate) const MANY: u64 = 1 << 20;

/// Keys in a fixed order.
pub(crate) struct Keys(Vec<u32>);

impl Keys {
    /// Every one of [`FEW`] keys in turn, in steps.
    pub(crate) fn few() -> Self {
        Self((0..FEW as u32).map(|at| at.wrapping_mul(7919) % FEW as u32).collect())
    }

    /// [`MANY`] keys by Zipf's law (0.99); frequent keys are not neighbours.
    pub(crate) fn many() -> Self {
        let (zipf, mut random) = (Zipf::new(MANY as usize, 0.99), Random(1));
        let scattered = |rank: u64| (rank.wrapping_mul(0x9E37_79B1) % MANY) as u32;
        Self((0..MANY).map(|_| scattered(zipf.draw(&mut random))).collect())
    }

    /// Calls `work` once for each of the keys in order.
    pub(crate) fn each<R>(&self, work: impl Fn(u64) -> R) {
        self.0.iter().for_each(|key| drop(black_box(work(u64::from(*key)))));
    }

    /// The time of `calls` calls on each of `threads` threads.
    pub(crate) fn time<R>(&self, threads: u64, calls: u64, work: impl Fn(u64) -> R + Sync) -> Time {
        time(threads, |thread| {
            // Threads read different parts at the same time.
            let (before, after) = self.0.split_at(self.0.len() / threads as usize * thread);
            let keys = after.iter().chain(before).cycle().take(calls as usize);
            keys.for_each(|key| drop(black_box(work(black_box(u64::from(*key))))));
        })
    }
}

//! Counts bytes and evictions, for engines that do not.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// Bytes and evictions of one tier, on their own cache lines, because fills write them and hits must not be
/// slowed down.
#[derive(Debug, Default)]
pub(crate) struct TierCounters {
    bytes: CachePadded<AtomicU64>,
    evicted: AtomicU64,
}

impl TierCounters {
    pub(super) fn entered(&self, weight: u64) {
        self.bytes.fetch_add(weight, Ordering::Relaxed);
    }

    pub(super) fn left(&self, weight: u64) {
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
    }

    pub(super) fn evicted(&self, entries: u64) {
        if entries > 0 {
            self.evicted.fetch_add(entries, Ordering::Relaxed);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        // An entry may leave before its insert is counted.
        let bytes = self.bytes.load(Ordering::Relaxed);
        if bytes > u64::MAX / 2 { 0 } else { bytes }
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

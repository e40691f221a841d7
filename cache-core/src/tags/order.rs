//! The order of evictions and of transaction starts in this process.

use crate::base::{AtomicU64, Ordering};

/// Returns a number greater than all earlier ones.
pub(crate) fn tick() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// The time of the last eviction, as a number of [`tick`].
#[derive(Debug, Default)]
pub(crate) struct Evicted(AtomicU64);

impl Evicted {
    /// Records an eviction.
    pub(crate) fn now(&self) {
        self.0.fetch_max(tick(), Ordering::SeqCst);
    }

    /// Whether an eviction came after `moment`.
    pub(crate) fn since(&self, moment: u64) -> bool {
        self.0.load(Ordering::SeqCst) > moment
    }
}

//! The order of evictions and of the begins of transactions in this process.

use crate::base::{AtomicU64, Ordering};

/// A number above all that were given before.
pub(crate) fn tick() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// When something was last evicted.
#[derive(Debug, Default)]
pub(crate) struct Evicted(AtomicU64);

impl Evicted {
    /// It is evicted now.
    pub(crate) fn now(&self) {
        self.0.fetch_max(tick(), Ordering::SeqCst);
    }

    /// Whether it was evicted after `moment`.
    pub(crate) fn since(&self, moment: u64) -> bool {
        self.0.load(Ordering::SeqCst) > moment
    }
}

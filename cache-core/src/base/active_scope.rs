//! Whether any scope or switch is in force anywhere in the process.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// How many there are. On a cache line of its own, which hits only read.
static LIVE: CachePadded<AtomicUsize> = CachePadded::new(AtomicUsize::new(0));

/// Whether no scope and no switch can concern anybody: all that a hit pays for them.
///
/// Relaxed is enough: whoever enters a scope reads on the thread that counted it, or on one that the
/// task was handed to since.
#[inline]
pub(crate) fn no_active_scope() -> bool {
    LIVE.load(Ordering::Relaxed) == 0
}

/// Counts one scope or switch for as long as it lives.
#[derive(Debug)]
pub(crate) struct ActiveScope(());

impl ActiveScope {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for ActiveScope {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

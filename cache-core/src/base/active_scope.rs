//! Whether any scope or off switch is active in the process.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// The number of active scopes. It has its own cache line, which hits only read.
static LIVE: CachePadded<AtomicUsize> = CachePadded::new(AtomicUsize::new(0));

/// Whether no scope and no switch can concern the caller. A hit pays nothing else for them.
///
/// Relaxed is enough: a task that enters a scope reads this on the thread that incremented the count, or on a
/// thread to which the task has moved since.
#[inline]
pub(crate) fn no_active_scope() -> bool {
    LIVE.load(Ordering::Relaxed) == 0
}

/// One active scope or switch, counted while it lives.
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

//! Who is inside, and the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// More operations at once than there can be.
const ALL: u32 = u32::MAX >> 3;

/// Operations pass while it is open; closing it waits for those that are under way.
pub(crate) struct Gate {
    inside: Semaphore,
    closed: AtomicBool,
}

impl Gate {
    pub(crate) fn open() -> Self {
        Self { inside: Semaphore::new(ALL as usize), closed: AtomicBool::new(false) }
    }

    /// `None` once it is closed, or about to be.
    // First inside, then the look: whoever closes looks at who is inside after it has said so.
    pub(crate) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.inside.try_acquire().ok()?;
        (!self.closed.load(Ordering::SeqCst)).then_some(permit)
    }

    /// Lets nobody in any more, and waits until all are out, but no longer than `limit`.
    pub(crate) async fn close(&self, limit: Duration) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = timeout(limit, self.inside.acquire_many(ALL)).await;
    }
}

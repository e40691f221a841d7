//! A gate that counts the running operations, and can be closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// More than the number of operations that can run concurrently.
const ALL: u32 = u32::MAX >> 3;

/// Operations enter while the gate is open; closing it waits for the running ones.
pub(crate) struct Gate {
    inside: Semaphore,
    closed: AtomicBool,
}

impl Gate {
    pub(crate) fn open() -> Self {
        Self { inside: Semaphore::new(ALL as usize), closed: AtomicBool::new(false) }
    }

    /// Enters; `None` if the gate is closed or being closed.
    // The permit comes before the check: `close` sets the flag before it waits for the permits, so
    // it waits for an operation that did not see the flag.
    pub(crate) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.inside.try_acquire().ok()?;
        (!self.closed.load(Ordering::SeqCst)).then_some(permit)
    }

    /// Closes the gate, and waits until all operations have left, at most for `limit`.
    pub(crate) async fn close(&self, limit: Duration) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = timeout(limit, self.inside.acquire_many(ALL)).await;
    }
}

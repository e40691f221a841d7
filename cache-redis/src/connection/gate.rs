//! Who is inside, and the end.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// More operations at once than there can be.
const ALL: u32 = u32::MAX >> 3;

/// Operations pass while it is open; closing it waits for those that are under way.
pub(crate) struct Gate(Semaphore);

impl Gate {
    pub(crate) fn open() -> Self {
        Self(Semaphore::new(ALL as usize))
    }

    /// `None` once it is closed, or about to be.
    pub(crate) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }

    /// Lets nobody in any more, and waits until all are out, but no longer than `limit`.
    pub(crate) async fn close(&self, limit: Duration) {
        let _ = timeout(limit, self.0.acquire_many(ALL)).await;
        self.0.close();
    }
}

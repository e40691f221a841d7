//! What is owed is carried out even if nobody asks the remote tier for anything any more: other processes
//! go on reading what is old there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::remote::Remote;
use crate::strategy::spawn;

/// Between two attempts: the breaker lets one call a second through.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs while something is owed.
#[derive(Debug, Default)]
pub(super) struct Settler {
    remote: Weak<Remote>,
    running: Arc<AtomicBool>,
}

impl Settler {
    pub(super) fn of(remote: Weak<Remote>) -> Self {
        Self { remote, running: Arc::default() }
    }

    /// Something is owed.
    pub(super) fn wake(&self) {
        if self.remote.strong_count() > 0 && !self.running.swap(true, Ordering::SeqCst) {
            spawn(settle(self.remote.clone(), Running(Arc::clone(&self.running))));
        }
    }
}

/// However it ends, also with its runtime, the next debt wakes another.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn settle(remote: Weak<Remote>, running: Running) {
    // The cache may go meanwhile.
    while let Some(clock) = remote.upgrade().map(|remote| remote.clock().clone()) {
        clock.sleep_until(clock.now().after(PAUSE)).await;
        let Some(remote) = remote.upgrade() else { return };
        let settled = remote.settle_now().await;
        remote.tell_changes();
        if settled.is_ok() {
            drop(running);
            // What came since it looked has not woken anybody.
            return remote.wake_if_owing();
        }
    }
}

//! The background task of an outage. It tries a tier whose breaker is open, so that reads need not. It also
//! carries out pending evictions when no operation does: other processes still read the old values.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::requests::Remote;
use crate::base::spawn_boxed;

/// The pause between two attempts to carry out pending evictions, while the breaker is closed.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Starts the task. It runs while the breaker is open or an eviction is pending.
#[derive(Debug, Default)]
pub(crate) struct RetryTask {
    remote: Weak<Remote>,
    running: Arc<AtomicBool>,
}

impl RetryTask {
    pub(super) fn of(remote: Weak<Remote>) -> Self {
        Self { remote, running: Arc::default() }
    }

    /// Starts the task, unless it runs.
    pub(super) fn wake(&self) {
        if self.remote.strong_count() > 0 && !self.running.swap(true, Ordering::SeqCst) {
            spawn_boxed(Box::pin(run(self.remote.clone(), Running(Arc::clone(&self.running)))));
        }
    }
}

/// Marks the task as ended, even if its runtime ends, so that the next wake-up starts another one.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn run(remote: Weak<Remote>, running: Running) {
    // The cache may be dropped during the sleep.
    while let Some((clock, at)) = remote.upgrade().map(|it| (it.clock().clone(), it.next_attempt()))
    {
        clock.sleep_until(at).await;
        let Some(remote) = remote.upgrade() else { return };
        let recovered = remote.recover().await;
        remote.tell_changes();
        if recovered.is_ok() {
            drop(running);
            // Work that came after the last look and before the line above has started no other task.
            return remote.wake_if_needed();
        }
    }
}

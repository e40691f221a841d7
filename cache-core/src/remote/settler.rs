//! The background task of an outage. It tries a tier whose breaker is open, so that no read has to; and it carries out
//! what is owed though nobody asks the tier for anything any more: other processes go on reading what is old there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::requests::Remote;
use crate::base::spawn_boxed;

/// Between two attempts to carry out what is owed, while the breaker is closed.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Runs while the breaker is open or something is owed.
#[derive(Debug, Default)]
pub(crate) struct RetryTask {
    remote: Weak<Remote>,
    running: Arc<AtomicBool>,
}

impl RetryTask {
    pub(super) fn of(remote: Weak<Remote>) -> Self {
        Self { remote, running: Arc::default() }
    }

    /// There is something to do.
    pub(super) fn wake(&self) {
        if self.remote.strong_count() > 0 && !self.running.swap(true, Ordering::SeqCst) {
            spawn_boxed(Box::pin(run(self.remote.clone(), Running(Arc::clone(&self.running)))));
        }
    }
}

/// However the task ends, also with its runtime, the next reason starts another one.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn run(remote: Weak<Remote>, running: Running) {
    // The cache may be dropped meanwhile.
    while let Some((clock, at)) = remote.upgrade().map(|it| (it.clock().clone(), it.next_attempt()))
    {
        clock.sleep_until(at).await;
        let Some(remote) = remote.upgrade() else { return };
        let recovered = remote.recover().await;
        remote.tell_changes();
        if recovered.is_ok() {
            drop(running);
            // What came between the last look and the line above has started no other task.
            return remote.wake_if_needed();
        }
    }
}

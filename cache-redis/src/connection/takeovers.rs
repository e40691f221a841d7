//! Counts takeovers, and delays operations on a new master until it has the recent evictions.
//!
//! A server that takes over may lack the last writes that its predecessor acknowledged. So no
//! operation uses it before this process has replayed its evictions (`replay`): otherwise it could
//! return a value that this process has evicted.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::time::timeout_at;

use super::request::Deadline;
use crate::config::Endpoint;
use crate::errors::Fault;

/// The number of takeovers that this process found.
#[derive(Default)]
pub(crate) struct Takeovers {
    count: watch::Sender<u64>,
    /// The number of takeovers for which evictions were replayed.
    replayed: watch::Sender<u64>,
    /// Whether there are evictions to replay.
    has_evicted: AtomicBool,
}

impl Takeovers {
    /// Counts a takeover. Called before any operation is sent to the new server.
    pub(super) fn add(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// Notes that there are evictions to replay from now on. Returns whether there were none
    /// before.
    pub(crate) fn has_evicted(&self) -> bool {
        !self.has_evicted.swap(true, Ordering::SeqCst)
    }

    /// Notes that evictions were replayed after the first `count` takeovers.
    pub(crate) fn replayed(&self, count: u64) {
        self.replayed.send_modify(|replayed| *replayed = count.max(*replayed));
    }

    /// Notes that no task replays evictions until the next eviction.
    pub(crate) fn are_not_replayed(&self) {
        self.has_evicted.store(false, Ordering::SeqCst);
        self.replayed(self.count());
    }

    /// Whether the current master has all evictions of this process.
    pub(crate) fn are_settled(&self) -> bool {
        !self.has_evicted.load(Ordering::SeqCst) || *self.replayed.borrow() >= self.count()
    }

    /// Waits until `are_settled`.
    pub(super) async fn settled(
        &self,
        deadline: Deadline,
        endpoint: &Endpoint,
    ) -> Result<(), Fault> {
        let mut replayed = self.replayed.subscribe();
        let settled = replayed.wait_for(|replayed| *replayed >= self.count());
        match timeout_at(deadline.at, settled).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::not_replayed(endpoint)),
        }
    }
}

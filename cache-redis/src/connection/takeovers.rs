//! Who took over from whom, and whether the new one may be asked.
//!
//! A server that has taken over need not know what the one before it acknowledged last. So nobody asks it until the
//! evictions of this process were made again (`replay`): else it would answer with what this process has evicted.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::time::timeout_at;

use super::request::Deadline;
use crate::config::Endpoint;
use crate::errors::Fault;

/// Counts how often somebody else was found in charge.
#[derive(Default)]
pub(crate) struct Takeovers {
    count: watch::Sender<u64>,
    /// For how many of them evictions were made again.
    replayed: watch::Sender<u64>,
    /// Whether there is anything to be made again.
    has_evicted: AtomicBool,
}

impl Takeovers {
    /// Somebody else is in charge. To be called before anybody is sent there.
    pub(super) fn add(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// From now on there are evictions to be made again. Says whether there were none before.
    pub(crate) fn has_evicted(&self) -> bool {
        !self.has_evicted.swap(true, Ordering::SeqCst)
    }

    /// Evictions were made again since there were so many takeovers.
    pub(crate) fn replayed(&self, count: u64) {
        self.replayed.send_modify(|replayed| *replayed = count.max(*replayed));
    }

    /// Nobody makes evictions again any more, until there is another one.
    pub(crate) fn are_not_replayed(&self) {
        self.has_evicted.store(false, Ordering::SeqCst);
        self.replayed(self.count());
    }

    /// Whether whoever is in charge knows of all evictions.
    pub(crate) fn are_settled(&self) -> bool {
        !self.has_evicted.load(Ordering::SeqCst) || *self.replayed.borrow() >= self.count()
    }

    /// Waits until that is so.
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

//! Whether a reply can be trusted, although another server may have taken over unnoticed.
//!
//! A server that was suspended, or cut off from the network for a while, goes on afterwards as if
//! nothing had happened. It may have been replaced, and then returns values that other processes
//! have evicted since. So after a silence its replies count only if the Sentinels, asked after the
//! reply, still name it. A usual reply costs two loads of integers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// A reply that took so long came after a silence. No failover is faster: the Sentinels must detect
/// that the master does not respond, and elect a leader.
pub(super) const SILENCE: Duration = Duration::from_millis(250);

pub(super) struct Trust {
    /// The number of reasons to ask the Sentinels.
    doubts: AtomicU64,
    /// The number of doubts and takeovers when the Sentinels last named this server.
    settled: AtomicU64,
    /// Whether the connection was given up: its replies may come from a replaced server.
    is_over: AtomicBool,
    /// One caller asks the Sentinels for all.
    asking: Mutex<()>,
}

impl Trust {
    /// For a server that the Sentinels have just named. `takeovers` is the number of takeovers
    /// before that.
    pub(super) fn new(takeovers: u64) -> Self {
        Self {
            doubts: AtomicU64::new(0),
            settled: AtomicU64::new(takeovers),
            is_over: AtomicBool::new(false),
            asking: Mutex::default(),
        }
    }

    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
    }

    /// The number of all doubts. A takeover that another connection found counts as one.
    pub(super) fn doubts(&self, takeovers: u64) -> u64 {
        self.doubts.load(Ordering::SeqCst).wrapping_add(takeovers)
    }

    pub(super) fn is_settled(&self, doubts: u64) -> bool {
        self.settled.load(Ordering::SeqCst) == doubts
    }

    /// Notes that the Sentinels named this server when there were `doubts` doubts.
    pub(super) fn settle(&self, doubts: u64) {
        self.settled.store(doubts, Ordering::SeqCst);
    }

    pub(super) async fn ask(&self) -> MutexGuard<'_, ()> {
        self.asking.lock().await
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

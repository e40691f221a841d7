//! Whether what a server answers is to be believed, where another may take over from it without its knowledge.
//!
//! A server that stood still, or that the network cut off for a while, goes on afterwards as if nothing had been: it may
//! have been replaced, and then answers with what others have evicted since. So after a silence its answers count only
//! when the Sentinels, asked after the answer, still name it. The usual answer costs two loads of integers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// An answer that took so long is one after a silence. No failover is over sooner: the Sentinels have to find out that the
/// master is silent, and to elect one of themselves.
pub(super) const SILENCE: Duration = Duration::from_millis(250);

pub(super) struct Trust {
    /// How often there was a reason to ask.
    doubts: AtomicU64,
    /// The doubts and takeovers that there had been when the Sentinels last named this server.
    settled: AtomicU64,
    /// The connection was given up: its answers may come from somebody who was replaced.
    is_over: AtomicBool,
    /// One asks for all.
    asking: Mutex<()>,
}

impl Trust {
    /// Of a server that the Sentinels have just named. `takeovers` counts those before.
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

    /// All doubts there are. A takeover that another connection found is one.
    pub(super) fn doubts(&self, takeovers: u64) -> u64 {
        self.doubts.load(Ordering::SeqCst).wrapping_add(takeovers)
    }

    pub(super) fn is_settled(&self, doubts: u64) -> bool {
        self.settled.load(Ordering::SeqCst) == doubts
    }

    /// The Sentinels named this server when there were so many doubts.
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

//! A connection's silence: how a half-open one is found.
//!
//! A network that swallows packets closes nothing: the socket stays open and every answer stays away.
//! The client waits for ever, and its own manager never replaces such a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so long without an answer, the connection may have been closed without our knowledge: by
/// a restart, by the server's `timeout`, by a balancer. What must not be repeated asks first.
const QUIET: Duration = Duration::from_secs(1);

pub(super) struct Silence(Mutex<Record>);

struct Record {
    answered: Instant,
    timeouts: u32,
    /// Only operations that began after the last one that was counted count: a short stall of
    /// the server under a hundred concurrent callers is one time-out, not a hundred.
    counted: Instant,
}

impl Silence {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Record { answered: now, timeouts: 0, counted: now }))
    }

    pub(super) fn answered(&self) {
        let mut record = self.record();
        record.answered = Instant::now();
        record.timeouts = 0;
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.record().answered.elapsed() >= QUIET
    }

    /// Counts an operation that got no answer; how many there were in a row.
    pub(super) fn unanswered(&self, began: Instant) -> u32 {
        let mut record = self.record();
        if began >= record.counted {
            record.timeouts += 1;
            record.counted = Instant::now();
        }
        record.timeouts
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Detects half-open connections by their silence.
//!
//! A network that drops packets closes nothing: the socket stays open and no reply arrives. The
//! client waits without limit, and its own manager never replaces such a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so long without a reply, the connection may have been closed unnoticed: by a restart, by
/// the server's `timeout`, or by a load balancer. Operations that must not be repeated send a
/// `PING` first.
const QUIET: Duration = Duration::from_secs(1);

pub(super) struct Silence(Mutex<Record>);

struct Record {
    answered: Instant,
    timeouts: u32,
    /// The moment of the last counted time-out. Only operations that began later count: a short
    /// stall of the server with a hundred concurrent callers is one time-out, not a hundred.
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
        self.idle() >= QUIET
    }

    /// The time since the last reply.
    pub(super) fn idle(&self) -> Duration {
        self.record().answered.elapsed()
    }

    /// Counts an operation without a reply, and returns the number of consecutive ones.
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

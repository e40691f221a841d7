//! A breaker around the remote tier: after some failures in a row it is left alone for a moment,
//! so that a dead tier costs its callers nothing.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

const THRESHOLD: u32 = 3;
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Closed below the threshold; open until the cool-down is over; then one call tries.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    open_until: AtomicU64,
    clock: Clock,
}

impl Breaker {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { failures: AtomicU32::new(0), open_until: AtomicU64::new(0), clock }
    }

    /// Whether a call may go through. While the breaker is half open, one may: whoever moves the
    /// end of the cool-down on.
    pub(crate) fn admits(&self) -> bool {
        if self.is_closed() {
            return true;
        }
        let (now, until) = (self.clock.now(), self.open_until.load(Ordering::Relaxed));
        now.0 >= until && self.claim(until, now)
    }

    fn claim(&self, until: u64, now: Timestamp) -> bool {
        let next = now.after(COOL_DOWN).0;
        self.open_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether every call goes through.
    pub(crate) fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < THRESHOLD
    }

    /// Unless it is closed: from when on a call may try. After `now`, it is open; else half open.
    pub(crate) fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        // Whoever counted the last failure may not have set the end yet.
        let until = Timestamp(self.open_until.load(Ordering::Relaxed));
        (!self.is_closed()).then(|| until.min(now.after(COOL_DOWN)))
    }

    /// Whether the last call failed.
    pub(crate) fn fails(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn record(&self, success: bool) {
        if success {
            self.failures.store(0, Ordering::Relaxed);
        } else if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= THRESHOLD {
            let until = self.clock.now().after(COOL_DOWN);
            self.open_until.store(until.0, Ordering::Relaxed);
        }
    }
}

//! A breaker around the remote tier: after some failures in a row it is left alone for a moment,
//! so that a dead tier costs its callers nothing.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const THRESHOLD: u32 = 3;
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Closed below the threshold; open until the cool-down is over; then one call tries.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// Milliseconds since `start`.
    open_until: AtomicU64,
    start: Instant,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { failures: AtomicU32::new(0), open_until: AtomicU64::new(0), start: Instant::now() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a call may go through. While the breaker is half open, one may: whoever moves the
    /// end of the cool-down on.
    pub(crate) fn admits(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) < THRESHOLD {
            return true;
        }
        let (now, until) = (self.now(), self.open_until.load(Ordering::Relaxed));
        now >= until && self.claim(until, now)
    }

    fn claim(&self, until: u64, now: u64) -> bool {
        let next = now + COOL_DOWN.as_millis() as u64;
        self.open_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn record(&self, success: bool) {
        if success {
            self.failures.store(0, Ordering::Relaxed);
        } else if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= THRESHOLD {
            let until = self.now() + COOL_DOWN.as_millis() as u64;
            self.open_until.store(until, Ordering::Relaxed);
        }
    }
}

//! A breaker around the remote tier: after some failures in a row it is left alone for a moment,
//! so that a dead tier costs its callers nothing.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::BreakerState;
use crate::clock::{Clock, Timestamp};
use crate::observe::Change;

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
        if self.failures.load(Ordering::Relaxed) < THRESHOLD {
            return true;
        }
        let (now, until) = (self.clock.now(), self.open_until.load(Ordering::Relaxed));
        now.0 >= until && self.claim(until, now)
    }

    fn claim(&self, until: u64, now: Timestamp) -> bool {
        let next = now.after(COOL_DOWN).0;
        self.open_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether the last call failed.
    pub(crate) fn fails(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    /// Says what is different now.
    pub(crate) fn record(&self, success: bool) -> impl Iterator<Item = Change> + use<> {
        let (before, after) = match success {
            true => (self.failures.swap(0, Ordering::Relaxed), 0),
            false => {
                let before = self.failures.fetch_add(1, Ordering::Relaxed);
                (before, before.saturating_add(1))
            }
        };
        if after >= THRESHOLD {
            let until = self.clock.now().after(COOL_DOWN);
            self.open_until.store(until.0, Ordering::Relaxed);
        }
        let up = ((before == 0) != (after == 0)).then_some(Change::Remote { up: after == 0 });
        let opened = ((before < THRESHOLD) != (after < THRESHOLD))
            .then_some(Change::Breaker { open: after >= THRESHOLD });
        up.into_iter().chain(opened)
    }

    pub(crate) fn state(&self) -> BreakerState {
        if self.failures.load(Ordering::Relaxed) < THRESHOLD {
            return BreakerState::Closed;
        }
        match self.clock.now().0 < self.open_until.load(Ordering::Relaxed) {
            true => BreakerState::Open,
            false => BreakerState::HalfOpen,
        }
    }
}

//! The circuit breaker of the remote tier: after some consecutive failures it blocks calls for a moment, so
//! that callers do not wait for a dead tier.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::base::{Clock, Error, Timestamp, duration};
use crate::stats::{BreakerState, Change};

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BreakerLimits {
    pub(crate) threshold: u32,
    pub(crate) cool_down: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self { threshold: 3, cool_down: Duration::from_secs(1) }
    }
}

impl BreakerLimits {
    pub(crate) fn check_threshold(&self) -> Result<(), Error> {
        if self.threshold == 0 {
            let message = "found zero; wanted 1 failure at least";
            return Err(Error::config("breaker_threshold", message));
        }
        Ok(())
    }

    pub(crate) fn check_cool_down(&self) -> Result<(), Error> {
        duration::check_pause("breaker_cool_down", self.cool_down, "leave it out for 1 second")
    }
}

/// Closed below the threshold; open until the cool-down ends; then half open: one call tries.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    open_until: AtomicU64,
    limits: BreakerLimits,
    clock: Clock,
}

impl Breaker {
    pub(crate) fn new(clock: Clock) -> Self {
        let limits = BreakerLimits::default();
        Self { failures: AtomicU32::new(0), open_until: AtomicU64::new(0), limits, clock }
    }

    pub(crate) fn with(self, limits: BreakerLimits) -> Self {
        Self { limits, ..self }
    }

    /// Whether a call may go through. While the breaker is half open, one call may: the one that moves the
    /// end of the cool-down on.
    pub(crate) fn admits(&self) -> bool {
        if self.is_closed() {
            return true;
        }
        let (now, until) = (self.clock.now(), self.open_until.load(Ordering::Relaxed));
        now.0 >= until && self.claim(until, now)
    }

    /// Whether a call might go through now. Unlike [`admits`](Self::admits), it does not take the half-open
    /// slot.
    pub(crate) fn may_admit(&self) -> bool {
        self.is_closed() || self.clock.now().0 >= self.open_until.load(Ordering::Relaxed)
    }

    /// Whether the breaker is open and a task keeps attempt the tier: each attempt moves the end of the
    /// cool-down, so an end more than `grace` ago shows that no task tries.
    pub(crate) fn is_tended(&self, now: Timestamp, grace: Duration) -> bool {
        self.opens(now).is_some_and(|until| now < until.after(grace))
    }

    fn claim(&self, until: u64, now: Timestamp) -> bool {
        let next = now.after(self.limits.cool_down).0;
        self.open_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether every call goes through.
    pub(crate) fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < self.limits.threshold
    }

    /// When a call may try; `None` if the breaker is closed. It is open if that moment is after `now`,
    /// otherwise half open.
    pub(crate) fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        // The thread that counted the last failure may not have set the end yet.
        let until = Timestamp(self.open_until.load(Ordering::Relaxed));
        (!self.is_closed()).then(|| until.min(now.after(self.limits.cool_down)))
    }

    /// Whether the last call failed.
    pub(crate) fn fails(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    /// Records the end of a call; returns the changes of state.
    pub(crate) fn record(&self, success: bool) -> impl Iterator<Item = Change> + use<> {
        let (before, after) = match success {
            true => (self.failures.swap(0, Ordering::Relaxed), 0),
            false => {
                let before = self.failures.fetch_add(1, Ordering::Relaxed);
                (before, before.saturating_add(1))
            }
        };
        if after >= self.limits.threshold {
            let until = self.clock.now().after(self.limits.cool_down);
            self.open_until.store(until.0, Ordering::Relaxed);
        }
        let up = ((before == 0) != (after == 0)).then_some(Change::Remote { up: after == 0 });
        let open = |failures: u32| failures >= self.limits.threshold;
        let opened = (open(before) != open(after)).then(|| Change::Breaker { open: open(after) });
        up.into_iter().chain(opened)
    }

    pub(crate) fn state(&self, now: Timestamp) -> BreakerState {
        match self.opens(now) {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// The rest of the cool-down, while the breaker is open.
    pub(crate) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        self.opens(now)?.since(now).filter(|rest| !rest.is_zero())
    }
}

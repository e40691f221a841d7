//! How long a caller waits: for its own load, which then continues in the background, or for another
//! caller's.

use std::pin::pin;
use std::sync::Arc;

use super::answer::{Answer, Fault, made};
use super::flight::{Flight, FlightResult};
use super::read_context::ReadContext;
use crate::base::{Clock, Policy, Source, Timestamp};

/// When a caller stops waiting: if an old value is available, and in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    soft: Timestamp,
    hard: Timestamp,
}

/// The result of waiting for another caller's load.
pub(crate) enum WaitOutcome {
    Landed(FlightResult),
    /// The leader counts as hung.
    Overdue,
    /// The time ran out: this is served instead.
    Instead(Answer),
}

impl Timeouts {
    pub(crate) fn new(clock: &Clock, policy: &Policy) -> Self {
        let (never, now) = (Timestamp::NEVER, clock.now());
        Self {
            soft: policy.soft_timeout.map_or(never, |soft| now.after(soft)),
            hard: policy.hard_timeout.map_or(never, |hard| now.after(hard)),
        }
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.soft.min(self.hard) != Timestamp::NEVER
    }

    pub(super) fn has_soft(&self) -> bool {
        self.soft != Timestamp::NEVER
    }

    pub(super) fn ignore_soft(&mut self) {
        self.soft = Timestamp::NEVER;
    }

    pub(super) fn next(&self) -> Timestamp {
        self.soft.min(self.hard)
    }

    /// Those that have not ended.
    pub(super) fn left(self, now: Timestamp) -> Self {
        let left = |at: Timestamp| if at > now { at } else { Timestamp::NEVER };
        Self { soft: left(self.soft), hard: left(self.hard) }
    }
}

impl ReadContext {
    /// Waits for `work` until the time runs out.
    pub(super) async fn patiently<T>(
        &self,
        mut work: impl Future<Output = T> + Unpin,
        patience: &mut Timeouts,
    ) -> Result<T, Answer> {
        while patience.is_bounded() {
            if let Ok(done) = self.engine.clock.timeout_at(patience.next(), &mut work).await {
                return Ok(done);
            }
            if let Some(instead) = self.out_of_patience(patience) {
                return Err(instead);
            }
        }
        Ok(work.await)
    }

    /// Waits for another caller's load.
    pub(super) async fn await_flight(
        &self,
        flight: &Arc<Flight>,
        patience: &mut Timeouts,
    ) -> WaitOutcome {
        let clock = &self.engine.clock;
        let mut landing = pin!(flight.landing_or_overdue(clock));
        loop {
            match clock.timeout_at(patience.next(), &mut landing).await {
                Ok(Some(landing)) => return WaitOutcome::Landed(landing),
                Ok(None) => return WaitOutcome::Overdue,
                Err(_) => {
                    if let Some(instead) = self.out_of_patience(patience) {
                        return WaitOutcome::Instead(instead);
                    }
                }
            }
        }
    }

    /// The value to serve when the time runs out. If there is none, the wait continues to the next timeout.
    fn out_of_patience(&self, patience: &mut Timeouts) -> Option<Answer> {
        let soft = patience.soft <= patience.hard;
        if let Some(instead) = self.old_value() {
            return Some(instead.map(Ok));
        }
        if soft {
            patience.soft = Timestamp::NEVER;
            return None;
        }
        patience.hard = Timestamp::NEVER;
        if !self.rules.times_out {
            return None;
        }
        self.tally().timed_out();
        Some(made(Err(Fault::TimedOut), Source::TimedOut))
    }
}

//! How long a caller waits: for its own load, which then continues in the background, or for another
//! caller's.

use std::pin::{Pin, pin};
use std::sync::Arc;

use super::flight::{Flight, FlightResult};
use super::read_context::ReadContext;
use super::spawn::spawn;
use crate::base::{CacheValue, Cached, Clock, Policy, Shape, Source, Timestamp};

/// When a caller stops waiting: if an old value is available, and in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    soft: Timestamp,
    hard: Timestamp,
}

/// The result of waiting for another caller's load.
pub(crate) enum WaitOutcome<O> {
    Landed(FlightResult),
    /// The leader counts as hung.
    Overdue,
    /// The time ran out: this is served instead.
    Instead(Cached<O>),
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

    fn next(&self) -> Timestamp {
        self.soft.min(self.hard)
    }
}

/// A load that can continue without its caller.
pub(crate) type Attempt<O> = Pin<Box<dyn Future<Output = Cached<O>> + Send>>;

impl<S> ReadContext<S>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    /// Waits for the caller's own load, which continues in the background if the time runs out first.
    pub(super) async fn await_own(
        &self,
        mut attempt: Attempt<S::Output>,
        flight: Option<Arc<Flight>>,
        mut patience: Timeouts,
    ) -> Cached<S::Output> {
        // The load may have ended, while its value is still being written to the remote tier.
        let loaded = || self.cached(&flight.as_ref()?.loaded()?, Source::Loaded);
        match self.patiently(&mut attempt, &mut patience, loaded).await {
            Ok(done) => done,
            Err(instead) => {
                flight.iter().for_each(|flight| flight.goes_on());
                spawn(async move { drop(attempt.await) });
                instead
            }
        }
    }

    /// Waits for `work` until the time runs out; then returns the `done` value if there is one, or the
    /// replacement.
    pub(super) async fn patiently<T>(
        &self,
        mut work: impl Future<Output = T> + Unpin,
        patience: &mut Timeouts,
        done: impl Fn() -> Option<Cached<S::Output>>,
    ) -> Result<T, Cached<S::Output>> {
        while patience.is_bounded() {
            if let Ok(done) = self.engine.clock.timeout_at(patience.next(), &mut work).await {
                return Ok(done);
            }
            if let Some(instead) = done().or_else(|| self.out_of_patience(patience)) {
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
    ) -> WaitOutcome<S::Output> {
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
    fn out_of_patience(&self, patience: &mut Timeouts) -> Option<Cached<S::Output>> {
        let soft = patience.soft <= patience.hard;
        if let Some(instead) = self.old_value() {
            return Some(instead);
        }
        if soft {
            patience.soft = Timestamp::NEVER;
            return None;
        }
        patience.hard = Timestamp::NEVER;
        let value = (self.rules.timed_out?)();
        self.tally().timed_out();
        Some(Cached { value, source: Source::TimedOut, age: std::time::Duration::ZERO })
    }
}

//! Carries out pending evictions: before an operation that they affect, and in the background (`retry_task`).

use std::sync::Arc;
use std::time::Duration;

use super::{PATIENCE, Remote};
use crate::base::{BackendError, BackendErrorKind, Timestamp};
use crate::remote::pending::{Affected, Attempt, PendingEvictions, RemoteEviction};
use crate::remote::retry_log::RetryLog;
use crate::remote::retry_task::PAUSE;

pub(super) fn unsettled() -> BackendError {
    let message = "pending evictions are still being carried out";
    BackendError::new(BackendErrorKind::TimedOut, "catching up", message)
}

pub(super) fn no_answer(limit: Duration) -> BackendError {
    BackendError::new(BackendErrorKind::TimedOut, "ping", format!("no answer within {limit:?}"))
}

/// The minimum pause between two attempts, for short cool-downs.
const SHORTEST: Duration = Duration::from_millis(1);

impl Remote {
    /// Carries out the pending evictions.
    pub(crate) async fn settle_pending(self: &Arc<Self>) -> Result<(), BackendError> {
        let settled = self.settled(Affected::Everything).await;
        self.signals.tell_changes();
        settled
    }

    /// Carries out the pending evictions, and repeats that until `until` if it fails.
    pub(crate) async fn settle_until(
        self: &Arc<Self>,
        until: Timestamp,
    ) -> Result<(), BackendError> {
        loop {
            let settled = self.settle_pending().await;
            if settled.is_ok() || self.pending.is_empty() || self.clock.now() >= until {
                return settled;
            }
            self.clock.sleep_until(self.next_attempt().min(until)).await;
        }
    }

    /// The same as [`settled`](Self::settled), if no pending eviction must be tried.
    pub(super) fn settled_now(&self, affected: Affected<'_>) -> Option<Result<(), BackendError>> {
        // Before the list is read: while the breaker is open, a caller pays nothing for pending evictions.
        if !self.breaker.may_admit() {
            return Some(Err(self.left_alone()));
        }
        (!self.pending.blocks(affected)).then_some(Ok(()))
    }

    /// Tries the pending evictions; an error if an operation may still be affected.
    pub(super) async fn settled(
        self: &Arc<Self>,
        affected: Affected<'_>,
    ) -> Result<(), BackendError> {
        if let Some(settled) = self.settled_now(affected) {
            return settled;
        }
        if self.pending.is_left_to_the_retry_task(affected) {
            self.pending.wake_retry_task();
            return Err(unsettled().of_a_part());
        }
        self.reached().await?;
        match self.settle().await {
            Err(error) if error.is_of_a_part() && !self.pending.affects(affected) => Ok(()),
            settled => settled,
        }
    }

    /// While the breaker is half open, one caller pings before it takes evictions from the list: an attempt
    /// in an outage would try all of them in vain.
    async fn reached(&self) -> Result<(), BackendError> {
        if self.breaker.is_closed() {
            return Ok(());
        }
        let until = self.clock.now().after(PATIENCE);
        let ping = self.clock.timeout_at(until, self.backend.ping());
        let ping = async { ping.await.unwrap_or_else(|_| Err(no_answer(PATIENCE))) };
        Box::pin(self.tried(ping)).await
    }

    /// When the background task tries again.
    pub(in crate::remote) fn next_attempt(&self) -> Timestamp {
        let now = self.clock.now();
        match self.breaker.opens(now) {
            Some(until) => until.max(now.after(SHORTEST)),
            None => now.after(PAUSE),
        }
    }

    /// The work of the background task: tries the tier if the breaker is open, then carries out pending
    /// evictions.
    pub(in crate::remote) async fn recover(&self) -> Result<(), BackendError> {
        self.reached().await?;
        if self.pending.is_empty() { Ok(()) } else { self.settle_now().await }
    }

    /// Which of these keys have no pending eviction and may be read and written. An error if none may.
    pub(super) async fn free(self: &Arc<Self>, keys: &[&str]) -> Result<Vec<bool>, BackendError> {
        if let Some(Ok(())) = self.settled_now(Affected::Keys(keys)) {
            return Ok(vec![true; keys.len()]);
        }
        let settled = self.settled_each(keys).await;
        let free: Vec<bool> = settled.iter().map(Result::is_ok).collect();
        match settled.into_iter().next() {
            Some(Err(error)) if !free.contains(&true) => Err(error),
            _ => Ok(free),
        }
    }

    /// Carries out pending evictions. Returns an error for each key that may not be used yet.
    pub(super) async fn settled_each(
        self: &Arc<Self>,
        keys: &[&str],
    ) -> Vec<Result<(), BackendError>> {
        let Err(error) = self.settled(Affected::Keys(keys)).await else {
            return vec![Ok(()); keys.len()];
        };
        let affects = |key| !error.is_of_a_part() || self.pending.affects(Affected::Keys(&[key]));
        keys.iter().map(|key| if affects(*key) { Err(error.clone()) } else { Ok(()) }).collect()
    }

    /// In its own task, if there is a runtime: the waiters must not depend on a caller that may stop polling.
    #[cold]
    async fn settle(self: &Arc<Self>) -> Result<(), BackendError> {
        let this = Arc::clone(self);
        let settling = async move { this.settle_now().await };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn(settling).await.unwrap_or_else(|_| Err(unsettled())),
            Err(_) => Box::pin(settling).await,
        }
    }

    pub(crate) async fn settle_now(&self) -> Result<(), BackendError> {
        // One at a time: otherwise a second caller would find an empty list while the first has taken
        // evictions and not yet carried them out.
        let until = self.clock.now().after(PATIENCE);
        let turn = self.clock.timeout_at(until, self.settling.lock()).await;
        let _turn = turn.map_err(|_| unsettled())?;
        let mut done = 0_u64;
        let mut outcome = self.settle_round(until, &mut done).await;
        if outcome.is_ok() && self.pending.begin_second_round() {
            outcome = self.settle_round(until, &mut done).await;
        }
        self.pending.set_parted(outcome.as_ref().is_err_and(BackendError::is_of_a_part));
        if done > 0 {
            let cache = &*self.signals.cache;
            tracing::info!(target: "larder::eviction", cache, evictions = done, "larder: pending evictions are carried out");
        }
        outcome
    }

    async fn settle_round(&self, until: Timestamp, done: &mut u64) -> Result<(), BackendError> {
        let keys = self.settle_each(PendingEvictions::next_keys, until, done).await;
        if keys.as_ref().is_err_and(|error| !error.is_of_a_part()) {
            return keys;
        }
        match self.settle_each(PendingEvictions::next_wide, until, done).await {
            Err(error) if !error.is_of_a_part() => Err(error),
            wide => keys.and(wide),
        }
    }

    /// Carries out all evictions of a kind. Those of an unreachable part of the store are set aside until the
    /// others were tried.
    async fn settle_each<'a>(
        &'a self,
        next: impl Fn(&'a PendingEvictions) -> Option<Attempt<'a>>,
        until: Timestamp,
        done: &mut u64,
    ) -> Result<(), BackendError> {
        let (mut outcome, mut away) = (Ok(()), Vec::new());
        while let Some(mut attempt) = next(&self.pending) {
            match self.carry_out(&mut attempt, until).await {
                Ok(_) => {
                    attempt.settled();
                    *done += 1;
                }
                Err(error) => {
                    let of_a_part = error.is_of_a_part();
                    outcome = Err(error);
                    if !of_a_part {
                        break;
                    }
                    away.push(attempt);
                }
            }
        }
        outcome
    }

    /// Starts the background task again, if there is work for it.
    pub(in crate::remote) fn wake_if_needed(&self) {
        if self.breaker.is_closed() {
            self.pending.wake_retry_task();
        } else {
            self.pending.wake_prober();
        }
    }

    /// Records pending evictions in `log`, which contains those that were `pending` when the last process
    /// ended.
    pub(crate) fn with_retry_log(&self, log: RetryLog, pending: Vec<RemoteEviction>) {
        self.pending.logged(log, pending);
        self.pending.wake_retry_task();
    }

    /// Waits until the retry log is on disk.
    pub(crate) fn flush_retry_log(&self) {
        self.pending.flush();
    }

    /// Repeats evictions after all that are pending.
    pub(crate) fn evict_again(&self, evictions: Vec<RemoteEviction>) {
        self.pending.again(evictions);
    }

    pub(crate) fn pending_evictions(&self) -> usize {
        self.pending.len()
    }
}

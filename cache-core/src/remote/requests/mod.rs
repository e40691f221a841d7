//! The remote tier: a backend under a namespace. Reads and writes go through [`Remote::guarded`], which
//! carries out pending evictions first, then the operation, both through the breaker.

mod evict;
mod lease;
mod pattern;
mod read;
mod settle;
mod write;

use evict::worst;
pub(crate) use lease::LeaseQuestion;
pub(crate) use pattern::Search;
pub(crate) use read::{Arrived, Found, Wanted};
pub(crate) use write::{Committing, Writing};

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::breaker::{Breaker, BreakerLimits};
use super::bus;
use super::bus::BusMessage;
use super::expected::Expected;
use super::pending::{Affected, PendingEvictions};
use super::retry_task::RetryTask;
use super::state::HealthTracker;
use crate::backend::{Backend, Message};
use crate::base::{BackendError, BackendErrorKind, Clock, Timestamp};
use crate::stats::{BreakerState, Signals};
use crate::tags::Generations;

pub(crate) struct Remote {
    backend: Arc<dyn Backend>,
    namespace: String,
    /// The key of the generation of the namespace. A namespace has no `~`, so no value has such a key.
    space_key: String,
    /// Identifies this cache among the caches of the namespace.
    instance: u64,
    pending: PendingEvictions,
    breaker: Breaker,
    record: HealthTracker,
    settling: tokio::sync::Mutex<()>,
    expected: Expected,
    /// How long a generation that was read counts as current.
    trusts: Duration,
    /// The maximum number of bytes of a value that are read.
    most: usize,
    /// The cache's generations. Evictions that are carried out later change them, too.
    generations: Arc<Generations>,
    clock: Clock,
    signals: Arc<Signals>,
}

/// How long one caller waits for an operation that another has begun. Backends answer within their own
/// timeouts, but the other caller's runtime may be blocked.
const PATIENCE: Duration = Duration::from_secs(2);

/// A backend has returned fewer results than there are items.
fn unanswered() -> BackendError {
    let message = "the backend returned no result for this item";
    BackendError::new(BackendErrorKind::Refused, "many", message)
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("backend", &self.backend.name()).finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        (namespace, instance): (&str, u64),
        clock: &Clock,
        signals: &Arc<Signals>,
    ) -> Self {
        let record = HealthTracker::new(namespace, backend.name(), clock.clone());
        Self {
            backend,
            namespace: namespace.to_owned(),
            space_key: [namespace, "~space"].concat(),
            instance,
            pending: PendingEvictions::default(),
            breaker: Breaker::new(clock.clone()),
            record,
            settling: tokio::sync::Mutex::new(()),
            expected: Expected::default(),
            trusts: Duration::ZERO,
            most: usize::MAX,
            generations: Arc::default(),
            clock: clock.clone(),
            signals: Arc::clone(signals),
        }
    }

    pub(crate) fn with_breaker(mut self, limits: BreakerLimits) -> Self {
        self.breaker = self.breaker.with(limits);
        self
    }

    /// Sets how long generations that were read count as current.
    pub(crate) fn trusting(self, time: Duration) -> Self {
        Self { trusts: time, ..self }
    }

    /// Sets the maximum size of a value. Of a longer value only so much is read as shows that it is longer.
    pub(crate) fn reading_at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Sets the cache's generations, which learn the results of evictions.
    pub(crate) fn teaching(self, generations: &Arc<Generations>) -> Self {
        Self { generations: Arc::clone(generations), ..self }
    }

    /// Makes the tier shared. From now on its pending evictions are also carried out in the background.
    pub(crate) fn shared(self) -> Arc<Self> {
        let pending =
            |this: &Weak<Self>| PendingEvictions::with_task(RetryTask::of(Weak::clone(this)));
        Arc::new_cyclic(|this| Self { pending: pending(this), ..self })
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(crate) fn record(&self) -> &HealthTracker {
        &self.record
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// What reads will probably find.
    pub(crate) fn expected(&self) -> &Expected {
        &self.expected
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The key of a value. A namespace has no `:`, so no two namespaces share a key.
    fn value_key(&self, key: &str) -> String {
        [&self.namespace, ":", key].concat()
    }

    /// The key of a generation. A namespace has no `~`, so no value has such a key.
    fn tag_key(&self, tag: &str) -> String {
        [&self.namespace, "~tag:", tag].concat()
    }

    pub(crate) fn channel(&self) -> String {
        format!("{}~bus", self.namespace)
    }

    fn notice(&self, message: impl Into<BusMessage>) -> Message {
        bus::notice(&self.channel(), self.instance, message)
    }

    fn left_alone(&self) -> BackendError {
        let message = self.record.left_alone();
        BackendError::new(BackendErrorKind::Unreachable, "breaker", message)
    }

    /// Publishes a message, if there can be other processes.
    async fn tell(&self, message: impl Into<BusMessage>) -> Result<(), BackendError> {
        match self.backend.publish(&self.notice(message)).await {
            Err(error)
                if error.kind() == BackendErrorKind::Unsupported && !self.record.has_bus() =>
            {
                Ok(())
            }
            told => told,
        }
    }

    async fn tried<T>(
        &self,
        operation: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        if !self.breaker.admits() {
            return Err(self.left_alone());
        }
        let result = operation.await;
        self.weigh(&result);
        result
    }

    /// Records the end of an operation in the breaker and in the health.
    pub(super) fn weigh<T>(&self, result: &Result<T, BackendError>) {
        let failed = result.as_ref().is_err_and(|error| {
            matches!(error.kind(), BackendErrorKind::Unreachable | BackendErrorKind::TimedOut)
        });
        // A failure of one part of the store does not count against the rest.
        if !result.as_ref().is_err_and(BackendError::is_of_a_part) {
            self.breaker.record(!failed).for_each(|change| self.signals.note(change));
        }
        self.ended(result);
        if failed && !self.breaker.is_closed() {
            self.pending.wake_prober();
        }
    }

    /// Whether a read that memory can answer does not ask the tier: its breaker is open, and the background
    /// task tries it. If that task does not run, because its runtime is blocked or has ended, reads ask again
    /// after a while.
    #[cold]
    pub(crate) fn is_left_alone(&self, now: Timestamp) -> bool {
        self.breaker.is_tended(now, PATIENCE)
    }

    /// Runs an operation after the pending evictions that affect it: until those are done, the affected keys
    /// must be neither read nor written.
    async fn guarded<T>(
        self: &Arc<Self>,
        affected: Affected<'_>,
        operation: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let settled = match self.settled_now(affected) {
            Some(settled) => settled,
            None => Box::pin(self.settled(affected)).await,
        };
        let result = match settled {
            Ok(()) => self.tried(operation).await,
            Err(error) => Err(error),
        };
        self.signals.tell_changes();
        result
    }

    /// Like [`guarded`](Self::guarded) for an operation on many keys: it gets the positions of the keys that have no pending
    /// eviction, and returns as many results. Returns one result for each key.
    async fn guarded_each<T, F>(
        self: &Arc<Self>,
        keys: &[&str],
        operation: impl FnOnce(Vec<usize>) -> F,
    ) -> Vec<Result<T, BackendError>>
    where
        F: Future<Output = Vec<Result<T, BackendError>>>,
    {
        let settled = self.settled_each(keys).await;
        let free = settled.iter().enumerate().filter(|(_, settled)| settled.is_ok());
        let free: Vec<usize> = free.map(|(place, _)| place).collect();
        let mut done = Vec::new();
        if !free.is_empty() {
            done = self.tried_each(free.len(), operation(free)).await;
        }
        self.signals.tell_changes();
        let mut done = done.into_iter();
        let result = |settled: Result<(), BackendError>| match settled {
            Ok(()) => done.next().unwrap_or_else(|| Err(unanswered())),
            Err(error) => Err(error),
        };
        settled.into_iter().map(result).collect()
    }

    /// Like [`tried`](Self::tried) for an operation on so many items. It counts as failed if no item succeeded: a store that
    /// answers for one item is there.
    async fn tried_each<T>(
        &self,
        items: usize,
        operation: impl Future<Output = Vec<Result<T, BackendError>>>,
    ) -> Vec<Result<T, BackendError>> {
        let mut outcome = Vec::new();
        let tried = async {
            outcome = operation.await;
            let mut failures = outcome.iter().filter_map(|one| one.as_ref().err());
            match worst(failures.clone()) {
                Some(error) if outcome.iter().all(Result::is_err) => Err(error),
                _ => failures.find(|error| error.is_of_a_part()).cloned().map_or(Ok(()), Err),
            }
        };
        match self.tried(tried).await {
            Err(error) if outcome.is_empty() => (0..items).map(|_| Err(error.clone())).collect(),
            _ => outcome,
        }
    }

    /// Reports changes to the listeners; under no lock.
    pub(super) fn tell_changes(&self) {
        self.signals.tell_changes();
    }

    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.breaker.state(self.clock.now())
    }

    /// Whether the last operation failed.
    pub(crate) fn fails(&self) -> bool {
        self.breaker.fails()
    }
}

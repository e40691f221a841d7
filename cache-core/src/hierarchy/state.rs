//! How the remote tier and its bus are, since when, and what went wrong last.
//!
//! Operations tell of their ends here, the bus of its link. Every change of a status passes
//! [`Record::changed`], which is where it is told of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::remote::Remote;
use crate::backend::BackendState;
use crate::cache::Inner;
use crate::clock::{Clock, Timestamp};
use crate::observe::{BreakerState, BusHealth, LastError, RemoteHealth, Since, Status};
use crate::{BackendError, BackendErrorKind};

/// So long nothing may fail before the tier counts as up again: where one of several servers is
/// away, or writes alone are refused, good and bad answers alternate.
const QUIET: Duration = Duration::from_secs(5);
/// While the tier is in trouble, successes make no closer look more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// A moment by both clocks: spans are measured by the one, and shown by the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Timestamp,
    wall: SystemTime,
}

impl Moment {
    pub(crate) fn now(clock: &Clock) -> Self {
        Self { at: clock.now(), wall: UNIX_EPOCH + Duration::from_millis(clock.wall()) }
    }

    pub(crate) fn wall(self) -> SystemTime {
        self.wall
    }

    /// As seen from `now`.
    pub(crate) fn since(self, now: Self) -> Since {
        Since { at: self.wall, lasting: now.at.since(self.at).unwrap_or_default() }
    }

    /// How far `at` is ahead, and the moment itself.
    pub(super) fn until(self, at: Timestamp) -> (Duration, SystemTime) {
        let span = at.since(self.at).unwrap_or_default();
        (span, self.wall + span)
    }
}

/// What changes.
#[derive(Clone, Copy, Debug)]
enum Part {
    Remote,
    Bus,
}

/// What is known of the remote tier and its bus.
pub(super) struct Record {
    clock: Clock,
    namespace: String,
    backend: String,
    /// Whether the last operation failed.
    fails: AtomicBool,
    /// Whether the tier is anything but up: only then a success is news.
    troubled: AtomicBool,
    /// Successes before this moment say nothing new.
    look_at: AtomicU64,
    known: Mutex<Known>,
}

struct Known {
    status: Status,
    since: Moment,
    last_error: Option<(BackendErrorKind, String, Moment)>,
    supported: bool,
    linked: bool,
    linked_since: Moment,
    /// Whether the link stood before: the first time is no recovery.
    was_linked: bool,
}

impl Record {
    pub(super) fn new(namespace: &str, backend: &str, clock: Clock) -> Self {
        let now = Moment::now(&clock);
        let known = Known {
            status: Status::Up,
            since: now,
            last_error: None,
            supported: true,
            linked: false,
            linked_since: now,
            was_linked: false,
        };
        Self {
            clock,
            namespace: namespace.to_owned(),
            backend: backend.to_owned(),
            fails: AtomicBool::new(false),
            troubled: AtomicBool::new(false),
            look_at: AtomicU64::new(0),
            known: Mutex::new(known),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation failed.
    fn failed(&self, error: &BackendError) {
        let now = Moment::now(&self.clock);
        let (kind, message) = LastError::of(error);
        self.fails.store(true, Ordering::Relaxed);
        self.known().last_error = Some((kind, message, now));
        // Last: who sees it finds the error.
        self.troubled.store(true, Ordering::Release);
    }

    /// One succeeded. Says whether that may change anything.
    fn succeeded(&self) -> bool {
        if !self.troubled.load(Ordering::Acquire) {
            return false;
        }
        self.fails.store(false, Ordering::Relaxed);
        self.clock.now().millis() >= self.look_at.load(Ordering::Relaxed)
    }

    fn status(&self) -> Status {
        self.known().status
    }

    /// When an operation failed last, if that still counts.
    fn restless(&self, now: Moment) -> bool {
        let error = self.known().last_error.as_ref().map(|(_, _, at)| at.at);
        self.fails.load(Ordering::Relaxed) || error.is_some_and(|at| now.at < at.after(QUIET))
    }

    /// The tier was looked at and found to be like this.
    fn found(&self, status: Status, now: Moment) {
        let mut known = self.known();
        let before = std::mem::replace(&mut known.status, status);
        if before != status {
            known.since = now;
        }
        let error = known.last_error.as_ref().map(|(_, _, at)| at.at.after(QUIET));
        let reason = known.last_error.as_ref().map(|(_, message, _)| message.clone());
        drop(known);
        let next = match status {
            // The next success ends it.
            Status::Down => now.at,
            _ => error.unwrap_or_default().max(now.at.after(PAUSE)),
        };
        self.look_at.store(next.millis(), Ordering::Relaxed);
        self.troubled.store(status != Status::Up, Ordering::Release);
        if before != status {
            self.changed(Part::Remote, before, status, reason.as_deref());
        }
    }

    /// The bus is there, or is lost.
    fn link(&self, up: bool) {
        let now = Moment::now(&self.clock);
        let mut known = self.known();
        if known.linked == up {
            return;
        }
        (known.linked, known.linked_since) = (up, now);
        let first = up && !std::mem::replace(&mut known.was_linked, true);
        drop(known);
        if first {
            tracing::debug!(namespace = %self.namespace, "larder: the bus is connected");
        } else {
            let (before, after) =
                if up { (Status::Down, Status::Up) } else { (Status::Up, Status::Down) };
            self.changed(Part::Bus, before, after, None);
        }
    }

    /// Whom every change of a status is told to; no lock is held.
    fn changed(&self, part: Part, before: Status, after: Status, reason: Option<&str>) {
        let part = match part {
            Part::Remote => "remote",
            Part::Bus => "bus",
        };
        let Self { namespace, backend, .. } = self;
        // A level is no value at run time, so that the two differ in nothing else.
        if after > before {
            let reason = reason.unwrap_or_default();
            tracing::warn!(%namespace, %backend, part, %before, %after, reason, "larder: a tier's state changed");
        } else {
            tracing::info!(%namespace, %backend, part, %before, %after, "larder: a tier's state changed");
        }
    }
}

impl Remote {
    /// An operation has ended.
    pub(super) fn ended<T>(&self, result: &Result<T, BackendError>) {
        match result {
            Ok(_) if self.record().succeeded() => self.look(Moment::now(self.clock())),
            Ok(_) => {}
            Err(error) => self.fault(error),
        }
    }

    #[cold]
    fn fault(&self, error: &BackendError) {
        // A question that the backend can't be asked is no failure of the store.
        if matches!(error.kind(), BackendErrorKind::Unsupported) {
            return;
        }
        self.record().failed(error);
        let worse = match self.record().status() {
            Status::Up => true,
            Status::Degraded => !self.breaker().is_closed(),
            Status::Down => false,
        };
        if worse {
            self.look(Moment::now(self.clock()));
        }
    }

    /// Looks at all that is known, and notes what follows from it.
    fn look(&self, now: Moment) {
        self.judge(&self.backend().state(), now);
    }

    fn judge(&self, servers: &BackendState, now: Moment) {
        let status = if !self.breaker().is_closed() || servers.is_down() {
            Status::Down
        } else if self.record().restless(now)
            || servers.down().next().is_some()
            || self.owed_evictions() > 0
        {
            Status::Degraded
        } else {
            Status::Up
        };
        self.record().found(status, now);
    }

    /// What is known now, without asking the store.
    pub(crate) fn health(&self, now: Moment) -> RemoteHealth {
        let servers = self.backend().state();
        self.judge(&servers, now);
        let breaker = match self.breaker().opens(now.at) {
            None => BreakerState::Closed,
            Some(until) if until <= now.at => BreakerState::HalfOpen,
            Some(until) => {
                let (remaining, until) = now.until(until);
                BreakerState::Open { remaining, until }
            }
        };
        let known = self.record().known();
        let last_error = known.last_error.clone();
        RemoteHealth {
            backend: self.record().backend.clone(),
            status: known.status,
            since: known.since.since(now),
            last_error: last_error.map(|(kind, message, at)| LastError {
                kind,
                message,
                since: at.since(now),
            }),
            breaker,
            owed_evictions: self.owed_evictions(),
            bus: BusHealth {
                supported: known.supported,
                linked: known.linked,
                since: known.linked_since.since(now),
            },
            servers,
            round_trip: None,
        }
    }

    /// Pings, whatever the breaker says, and says how long the answer took. What is owed is then carried out.
    pub(crate) async fn probe(self: &Arc<Self>, limit: Duration) -> Option<Duration> {
        let (began, until) = (Instant::now(), self.clock().now().after(limit));
        let Ok(answer) = self.clock().timeout_at(until, self.backend().ping()).await else {
            let message = format!("no answer within {limit:?}");
            // It may be the limit that is too short: the breaker is not to open for that.
            self.ended::<()>(&Err(BackendError::new(BackendErrorKind::TimedOut, "ping", message)));
            return None;
        };
        let round_trip = began.elapsed();
        self.weigh(&answer);
        answer.ok()?;
        // Others may read what this process should have evicted, while it has nothing to do.
        let _ = self.clock().timeout_at(until, self.catch_up()).await;
        Some(round_trip)
    }
}

impl Inner {
    /// The bus is there, or is lost: then memory is not trusted.
    pub(crate) fn link(&self, up: bool) {
        self.generations.link(up);
        if let Some(remote) = &self.remote {
            remote.record().link(up);
        }
    }

    /// The backend has no bus, because only this process can see it.
    pub(crate) fn needs_no_bus(&self) {
        if let Some(remote) = &self.remote {
            remote.record().known().supported = false;
        }
        self.link(true);
    }
}

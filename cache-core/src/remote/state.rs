//! The state of the remote tier and its bus, since when, and the last error.
//!
//! Operations report their ends here, the bus its link. Every change of a status passes
//! [`HealthTracker::changed`], which reports it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::{BackendError, BackendErrorKind, Clock};
use crate::stats::{
    BusHealth, LastError, Outage, OutageLog, OutagePart, Since, Status, WallTimestamp,
};

/// How long no operation may fail before the tier counts as up again. If one of several servers is
/// unreachable, or only writes are refused, successes and failures alternate.
const QUIET: Duration = Duration::from_secs(5);
/// While the tier is in trouble, successes trigger a closer look at most this often.
const PAUSE: Duration = Duration::from_secs(1);

/// Numbers that a message about a changed state contains.
struct Counts {
    /// The number of failed operations since the tier was last up.
    failures: u64,
    /// The number of pending evictions.
    pending: usize,
}

/// The state of the remote tier and its bus.
pub(crate) struct HealthTracker {
    clock: Clock,
    namespace: String,
    backend: String,
    /// Whether the last operation failed.
    fails: AtomicBool,
    /// Whether the tier is not up. Only then a success matters.
    troubled: AtomicBool,
    /// Successes before this moment are ignored.
    look_at: AtomicU64,
    /// Whether the tier has ever answered. Until then it is unknown whether it exists.
    reached: AtomicBool,
    known: Mutex<Known>,
}

/// A change of the bus link.
pub(crate) enum LinkChange {
    /// The first connection, which is not a recovery.
    First,
    Back,
    Lost,
}

/// A copy of the state, for reports.
pub(crate) struct HealthSnapshot {
    pub(super) status: Status,
    pub(super) since: Since,
    pub(super) last_error: Option<LastError>,
    pub(super) bus: BusHealth,
}

struct Known {
    status: Status,
    since: WallTimestamp,
    /// Whether the tier counts as reached.
    reached: bool,
    /// The number of failed operations since the tier was last up.
    failures: u64,
    last_error: Option<(BackendErrorKind, String, WallTimestamp)>,
    supported: bool,
    linked: bool,
    linked_since: WallTimestamp,
    /// Whether the link was ever up.
    was_linked: bool,
    outages: OutageLog,
}

impl HealthTracker {
    pub(super) fn new(namespace: &str, backend: &str, clock: Clock) -> Self {
        let now = WallTimestamp::now(&clock);
        let known = Known {
            status: Status::Degraded,
            since: now,
            reached: false,
            failures: 0,
            last_error: None,
            supported: true,
            linked: false,
            linked_since: now,
            was_linked: false,
            outages: OutageLog::default(),
        };
        Self {
            clock,
            namespace: namespace.to_owned(),
            backend: backend.to_owned(),
            fails: AtomicBool::new(false),
            troubled: AtomicBool::new(true),
            look_at: AtomicU64::new(0),
            reached: AtomicBool::new(false),
            known: Mutex::new(known),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a failed operation. Returns the status from before it.
    pub(super) fn failed(&self, error: &BackendError) -> Status {
        let (kind, message) = LastError::of(error);
        let mut known = self.known();
        known.last_error = Some((kind, message, WallTimestamp::now(&self.clock)));
        known.failures += 1;
        self.fails.store(true, Ordering::Relaxed);
        self.troubled.store(true, Ordering::Relaxed);
        known.status
    }

    /// The error message of operations while the breaker is open.
    pub(super) fn left_alone(&self) -> String {
        let said = "not asked while the breaker is open after repeated failures";
        match &self.known().last_error {
            Some((_, message, _)) => format!("{said}, the last one: {message}"),
            None => said.to_owned(),
        }
    }

    /// Records a success. Returns whether it may change the status.
    pub(super) fn succeeded(&self) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return false;
        }
        self.reach();
        self.fails.store(false, Ordering::Relaxed);
        self.clock.now().millis() >= self.look_at.load(Ordering::Relaxed)
    }

    /// Records that the tier has answered.
    pub(super) fn reach(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Derives and records the status: `down` is whether the tier is out of service, `wrong` whether there is
    /// any other problem, with the number of pending evictions.
    pub(super) fn judge(
        &self,
        now: WallTimestamp,
        down: impl Fn() -> bool,
        wrong: impl Fn() -> bool,
        pending: impl Fn() -> usize,
    ) {
        // Under the lock: a concurrent failure is either seen here, or sees the values stored here.
        let mut known = self.known();
        let failed_at = known.last_error.as_ref().map(|(_, _, at)| at.at.after(QUIET));
        let restless = failed_at.is_some_and(|quiet_from| now.at < quiet_from);
        let reached = self.reached.load(Ordering::Relaxed);
        let first = reached && !std::mem::replace(&mut known.reached, reached);
        let status = if down() {
            Status::Down
        } else if !reached || restless || self.fails.load(Ordering::Relaxed) || wrong() {
            Status::Degraded
        } else {
            Status::Up
        };
        let before = std::mem::replace(&mut known.status, status);
        let next = match status {
            // The next success ends it.
            Status::Down => now.at,
            _ => failed_at.unwrap_or_default().max(now.at.after(PAUSE)),
        };
        self.look_at.store(next.millis(), Ordering::Relaxed);
        self.troubled.store(status != Status::Up, Ordering::Relaxed);
        if before == status {
            return;
        }
        known.since = now;
        let reason = known.last_error.as_ref().map(|(_, message, _)| message.clone());
        let failed = known.last_error.as_ref().map(|(_, _, at)| *at);
        let failed = reason.as_deref().zip(failed);
        known.outages.note(OutagePart::Remote, status, now, failed);
        let failures = match status {
            Status::Up => std::mem::take(&mut known.failures),
            _ => known.failures,
        };
        drop(known);
        if first && failures == 0 {
            let Self { namespace, backend, .. } = self;
            tracing::debug!(target: "larder::health", %namespace, %backend, "larder: the remote tier is reached");
            return;
        }
        let counts = Counts { failures, pending: pending() };
        self.changed(OutagePart::Remote, before, status, reason.as_deref(), Some(counts));
    }

    /// Copies the state.
    pub(super) fn told(&self, now: WallTimestamp) -> HealthSnapshot {
        let known = self.known();
        let last_error = known.last_error.clone();
        HealthSnapshot {
            status: known.status,
            since: known.since.since(now),
            last_error: last_error.map(|(kind, message, at)| LastError {
                kind,
                message,
                since: at.since(now),
            }),
            bus: BusHealth {
                supported: known.supported,
                linked: known.linked,
                since: known.linked_since.since(now),
            },
        }
    }

    /// Copies the log of outages.
    pub(super) fn outages(&self, now: WallTimestamp) -> Vec<Outage> {
        let known = self.known();
        let failed = known.last_error.as_ref().map(|(_, message, at)| (message.as_str(), *at));
        known.outages.list(now, failed)
    }

    /// Records that there is no bus, because none is needed.
    pub(crate) fn needs_no_bus(&self) {
        self.known().supported = false;
        self.link(true);
    }

    /// Whether the backend delivers messages of other processes.
    pub(super) fn has_bus(&self) -> bool {
        self.known().supported
    }

    /// Records that the bus link is up or lost, and reports it.
    pub(crate) fn link(&self, up: bool) {
        match self.note_link(up) {
            None => {}
            Some(LinkChange::First) => {
                tracing::debug!(target: "larder::health", namespace = %self.namespace, "larder: the bus is connected");
            }
            Some(LinkChange::Lost) => {
                self.changed(OutagePart::Bus, Status::Up, Status::Down, None, None)
            }
            Some(LinkChange::Back) => {
                self.changed(OutagePart::Bus, Status::Down, Status::Up, None, None)
            }
        }
    }

    /// Records the link, and returns the change.
    pub(crate) fn note_link(&self, up: bool) -> Option<LinkChange> {
        let mut known = self.known();
        if std::mem::replace(&mut known.linked, up) == up {
            return None;
        }
        if up {
            self.reach();
        }
        let now = WallTimestamp::now(&self.clock);
        known.linked_since = now;
        let first = up && !std::mem::replace(&mut known.was_linked, true);
        let status = if up { Status::Up } else { Status::Down };
        known.outages.note(OutagePart::Bus, status, now, None);
        Some(match up {
            true if first => LinkChange::First,
            true => LinkChange::Back,
            false => LinkChange::Lost,
        })
    }

    /// Reports a change of status to the log and the listeners; under no lock. Missing values are omitted.
    fn changed(
        &self,
        part: OutagePart,
        before: Status,
        after: Status,
        reason: Option<&str>,
        counts: Option<Counts>,
    ) {
        let part = part.name();
        let Self { namespace, backend, .. } = self;
        let failures = counts.as_ref().map(|counts| counts.failures);
        let pending_evictions = counts.map(|counts| counts.pending as u64);
        // `tracing` needs the level at compile time, so the two calls differ only in it.
        if after > before {
            tracing::warn!(
                target: "larder::health",
                %namespace, %backend, part, %before, %after, reason, failures, pending_evictions,
                "larder: a tier's state changed"
            );
        } else {
            tracing::info!(
                target: "larder::health",
                %namespace, %backend, part, %before, %after, failures, pending_evictions,
                "larder: a tier's state changed"
            );
        }
    }
}

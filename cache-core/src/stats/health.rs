//! The health of a cache as plain data, for [`Cache::health`](crate::engine::Cache::health).

mod moment;
mod outages;
mod plain;
mod show;

pub(crate) use moment::WallTimestamp;
pub(crate) use outages::OutageLog;
pub use outages::{Outage, OutagePart};

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::snapshot::BreakerState;
use crate::backend::BackendState;
use crate::base::{BackendError, BackendErrorKind};
use plain::{micros, millis, some_millis, unix_millis, without_logins};

/// The status of a tier, or of a whole cache.
///
/// The order is by severity: a worse status is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything works.
    Up,
    /// It works with restrictions: some operations fail, or entries in memory must be verified before use.
    Degraded,
    /// It does not work: every read is a load. The functions still return their values.
    Down,
}

/// The health of a cache at one moment; see [`Cache::health`](crate::engine::Cache::health).
///
/// Plain data, for logs (`Display`) and for endpoints (serde: moments as milliseconds since 1970, spans as
/// milliseconds). It contains no user name, password, key or value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The cache's name; `None` for the default cache.
    pub cache: Option<String>,
    /// The prefix of its keys.
    pub namespace: String,
    /// The overall status; see [`Cache::health`](crate::engine::Cache::health) for the rule.
    pub status: Status,
    /// Whether caching is on: see [`Cache::disable`](crate::engine::Cache::disable).
    pub enabled: bool,
    /// Whether the cache was [closed](crate::engine::Cache::close).
    pub closed: bool,
    /// The time of this report, by the cache's clock.
    #[serde(rename = "at_unix_ms", serialize_with = "unix_millis")]
    pub at: SystemTime,
    /// The memory tier, if the cache has one.
    pub memory: Option<MemoryHealth>,
    /// The remote tier, if the cache has one.
    pub remote: Option<RemoteHealth>,
}

/// The health of the memory tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryHealth {
    /// `Degraded` while the bus is not connected: the process may miss evictions by other processes, so
    /// entries are only used after a request to the remote tier. Otherwise `Up`.
    pub status: Status,
    /// How long the status has lasted.
    #[serde(flatten)]
    pub since: Since,
    /// The number of entries, including expired ones that were not reclaimed yet.
    pub entries: u64,
    /// The total weight of the entries, in bytes.
    pub bytes: u64,
}

/// The health of the remote tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemoteHealth {
    /// The kind of backend: `redis`.
    pub backend: String,
    /// `Down` while the breaker is not closed, or no server is reachable. `Degraded` after a failed
    /// operation, until one succeeded and none failed for five seconds; while a part of several servers is
    /// unreachable; while evictions are pending; and until the tier has answered for the first time, to an
    /// operation or through its bus. Otherwise `Up`.
    pub status: Status,
    /// How long the status has lasted.
    #[serde(flatten)]
    pub since: Since,
    /// The last failure, no matter how old.
    pub last_error: Option<LastError>,
    /// Whether operations go through to the tier.
    pub breaker: BreakerState,
    /// The time until the breaker lets an operation through; `None` unless it is open.
    #[serde(rename = "retry_in_ms", serialize_with = "some_millis")]
    pub retry_in: Option<Duration>,
    /// The number of pending evictions, which are carried out before the tier is read or written again.
    pub pending_evictions: usize,
    /// The bus, through which evictions by other processes arrive.
    pub bus: BusHealth,
    /// The servers of the tier, as far as the backend reports them.
    pub servers: BackendState,
    /// The duration of a ping; only from [`Cache::probe`](crate::engine::Cache::probe), and only if it was
    /// answered. For a cluster, the duration for the slowest master.
    #[serde(rename = "round_trip_us", serialize_with = "micros")]
    pub round_trip: Option<Duration>,
}

/// The state of the bus, through which evictions by other processes arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BusHealth {
    /// Whether the backend has a bus. A backend that only this process can reach needs none.
    pub supported: bool,
    /// Whether messages arrive; always true if no bus is needed.
    pub linked: bool,
    /// How long the state has lasted.
    #[serde(flatten)]
    pub since: Since,
}

/// When a state began, and how long it has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Since {
    /// The start, by the system's clock at that time.
    #[serde(rename = "since_unix_ms", serialize_with = "unix_millis")]
    pub at: SystemTime,
    /// The duration, which changes of the system's clock do not affect.
    #[serde(rename = "for_ms", serialize_with = "millis")]
    pub lasting: Duration,
}

/// A failure of the remote tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The kind of failure.
    pub kind: BackendErrorKind,
    /// The backend's message, without credentials.
    pub message: String,
    /// When it happened.
    #[serde(flatten)]
    pub since: Since,
}

impl Health {
    /// Whether the status is [`Up`](Status::Up).
    pub fn is_up(&self) -> bool {
        self.status == Status::Up
    }

    /// The rule of [`Cache::health`](crate::engine::Cache::health).
    pub(crate) fn overall(memory: Option<Status>, remote: Option<Status>) -> Status {
        match (memory, remote) {
            (Some(memory), Some(remote)) => memory.max(remote).min(Status::Degraded),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Status::Down,
        }
    }
}

impl LastError {
    pub(crate) fn of(error: &BackendError) -> (BackendErrorKind, String) {
        (error.kind(), without_logins(&error.to_string()))
    }
}

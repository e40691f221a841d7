//! How a cache is: what [`Cache::health`](crate::engine::Cache::health) tells, as plain data.

mod moment;
mod plain;
mod show;

pub(crate) use moment::WallTimestamp;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::snapshot::BreakerState;
use crate::backend::BackendState;
use crate::base::{BackendError, BackendErrorKind};
use plain::{micros, millis, some_millis, unix_millis, without_logins};

/// How a tier, or a whole cache, is.
///
/// They are ordered: what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    Up,
    /// It works with a loss: some operations fail, or memory has to be checked before it is used.
    Degraded,
    /// It does nothing: every read is a load. The functions answer all the same.
    Down,
}

/// How a cache is, at one moment: see [`Cache::health`](crate::engine::Cache::health).
///
/// It is plain data, for logs (`Display`) and for endpoints (serde: moments as milliseconds since 1970, spans as
/// milliseconds). It has no user, password, key or value in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The cache's name; the default cache has none.
    pub cache: Option<String>,
    /// The prefix of its keys.
    pub namespace: String,
    /// How it is, all in all: see [`Cache::health`](crate::engine::Cache::health) for the rule.
    pub status: Status,
    /// Whether caching is on: see [`Cache::disable`](crate::engine::Cache::disable).
    pub enabled: bool,
    /// Whether it was [closed](crate::engine::Cache::close).
    pub closed: bool,
    /// When this was told, by the cache's clock.
    #[serde(rename = "at_unix_ms", serialize_with = "unix_millis")]
    pub at: SystemTime,
    /// The memory tier, if it has one.
    pub memory: Option<MemoryHealth>,
    /// The remote tier, if it has one.
    pub remote: Option<RemoteHealth>,
}

/// How the memory tier is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryHealth {
    /// `Degraded` while the bus is not linked: other processes' evictions may be missed, so that its entries are not
    /// used before the remote tier was asked. Otherwise `Up`.
    pub status: Status,
    /// Since when.
    #[serde(flatten)]
    pub since: Since,
    /// Its entries, expired ones that were not yet reclaimed included.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub bytes: u64,
}

/// How the remote tier is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemoteHealth {
    /// What it is: `redis`.
    pub backend: String,
    /// `Down` while the breaker is not closed, or no server can be reached. `Degraded` from a failed operation until one
    /// succeeded and none failed for five seconds, while a part of several servers can't be reached, while evictions are owed, and until the tier has answered for the first time: an operation, or its bus. Otherwise `Up`.
    pub status: Status,
    /// Since when.
    #[serde(flatten)]
    pub since: Since,
    /// The failure that came last, however long ago.
    pub last_error: Option<LastError>,
    /// Whether operations go through to it.
    pub breaker: BreakerState,
    /// The time until the breaker lets an operation through; `None` unless it is open.
    #[serde(rename = "retry_in_ms", serialize_with = "some_millis")]
    pub retry_in: Option<Duration>,
    /// Evictions that it missed, and that are made before it is read or written again.
    pub owed_evictions: usize,
    /// How other processes' evictions are heard.
    pub bus: BusHealth,
    /// The servers behind it, as far as the backend tells of them.
    pub servers: BackendState,
    /// How long a ping took; only of [`Cache::check`](crate::engine::Cache::check), and only if it was answered. Of a cluster it is
    /// that of the slowest master.
    #[serde(rename = "round_trip_us", serialize_with = "micros")]
    pub round_trip: Option<Duration>,
}

/// The link that brings other processes' evictions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BusHealth {
    /// Whether the backend has one. One that only this process can see needs none.
    pub supported: bool,
    /// Whether messages arrive; always, where none is needed.
    pub linked: bool,
    /// Since when.
    #[serde(flatten)]
    pub since: Since,
}

/// When something began, and how long ago that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Since {
    /// The moment, as the system's clock told it then.
    #[serde(rename = "since_unix_ms", serialize_with = "unix_millis")]
    pub at: SystemTime,
    /// How long it lasts; changes of the system's clock do not matter to it.
    #[serde(rename = "for_ms", serialize_with = "millis")]
    pub lasting: Duration,
}

/// A failure of the remote tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// What kind it was of.
    pub kind: BackendErrorKind,
    /// What the backend said, without credentials.
    pub message: String,
    /// When it was.
    #[serde(flatten)]
    pub since: Since,
}

impl Health {
    /// Whether nothing is wrong.
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

//! When an entry ends to be fresh.

use std::time::Duration;

use serde::Serialize;

use crate::base::Timestamp;

/// When an entry ends to be fresh; told by [`Cache::ttl`](crate::Cache::ttl).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Expiry {
    /// When so much time has passed.
    In(Duration),
    /// Not by itself.
    Never,
}

impl Expiry {
    /// The time that is left, if it ends by itself.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::In(left) => Some(left),
            Self::Never => None,
        }
    }

    pub(crate) fn of(until: Timestamp, now: Timestamp) -> Self {
        until.since(now).map_or(Self::Never, Self::In)
    }
}

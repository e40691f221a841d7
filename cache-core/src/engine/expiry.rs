//! The end of an entry's freshness.

use std::time::Duration;

use serde::Serialize;

use crate::base::Timestamp;

/// When an entry stops being fresh; returned by [`Cache::ttl`](crate::Cache::ttl).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Expiry {
    /// After this time.
    In(Duration),
    /// It has no expiry.
    Never,
}

impl Expiry {
    /// Returns the remaining time, if the entry expires.
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

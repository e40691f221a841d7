//! Moments that are stored to be shown later.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Since;
use crate::base::{Clock, Timestamp};

/// A moment by two clocks: the cache's, to measure spans, and the system's, to show the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallTimestamp {
    pub(crate) at: Timestamp,
    pub(crate) wall: SystemTime,
}

impl WallTimestamp {
    pub(crate) fn now(clock: &Clock) -> Self {
        Self { at: clock.now(), wall: UNIX_EPOCH + Duration::from_millis(clock.wall()) }
    }

    /// The time since this moment, at `now`.
    pub(crate) fn since(self, now: Self) -> Since {
        Since { at: self.wall, lasting: now.at.since(self.at).unwrap_or_default() }
    }
}

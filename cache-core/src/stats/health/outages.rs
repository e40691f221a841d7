//! The last outages of the remote tier and of its bus.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Since, Status, WallTimestamp};

/// How much older than the outage its reason may be. An older failure is one of another outage.
const RELATED: Duration = Duration::from_secs(5);
/// The number of outages that are kept.
const KEPT: usize = 64;

/// A time in which the remote tier or its bus was not up; from [`Cache::outages`](crate::engine::Cache::outages).
///
/// Plain data (serde: moments as milliseconds since 1970, spans as milliseconds), without user name, password, key
/// or value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outage {
    /// What was not up.
    pub part: OutagePart,
    /// The worst status in this time. The bus is up or down.
    pub worst: Status,
    /// Whether it has ended.
    pub is_over: bool,
    /// When it began, and how long it lasted, or has lasted until now.
    #[serde(flatten)]
    pub since: Since,
    /// The last failure of an operation; `None` for the bus, and if no operation has failed.
    pub reason: Option<String>,
}

/// What an [`Outage`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutagePart {
    /// The remote tier.
    Remote,
    /// The bus, through which evictions by other processes arrive.
    Bus,
}

impl OutagePart {
    /// Returns the name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Bus => "bus",
        }
    }
}

impl fmt::Display for OutagePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The log of outages: the last [`KEPT`] of both parts.
#[derive(Debug, Default)]
pub(crate) struct OutageLog {
    noted: VecDeque<Noted>,
}

#[derive(Debug)]
struct Noted {
    part: OutagePart,
    worst: Status,
    from: WallTimestamp,
    to: Option<WallTimestamp>,
    reason: Option<String>,
}

/// The message of a failure, if the failure belongs to an outage that began at `from`.
fn reason(from: WallTimestamp, failed: Option<(&str, WallTimestamp)>) -> Option<String> {
    let (message, at) = failed?;
    (at.at.after(RELATED) >= from.at).then(|| message.to_owned())
}

impl OutageLog {
    /// Notes that the part has this status from now on.
    pub(crate) fn note(
        &mut self,
        part: OutagePart,
        status: Status,
        now: WallTimestamp,
        failed: Option<(&str, WallTimestamp)>,
    ) {
        let open = self.noted.iter_mut().rfind(|noted| noted.part == part && noted.to.is_none());
        match open {
            Some(open) => {
                open.worst = open.worst.max(status);
                open.reason = reason(open.from, failed).or_else(|| open.reason.take());
                open.to = (status == Status::Up).then_some(now);
            }
            None if status == Status::Up => {}
            None => {
                if self.noted.len() == KEPT {
                    self.noted.pop_front();
                }
                let reason = reason(now, failed);
                self.noted.push_back(Noted { part, worst: status, from: now, to: None, reason });
            }
        }
    }

    /// The outages, the oldest first.
    pub(crate) fn list(
        &self,
        now: WallTimestamp,
        failed: Option<(&str, WallTimestamp)>,
    ) -> Vec<Outage> {
        // No status has changed since the last failure of an outage that is not over.
        let latest = |noted: &Noted| {
            let is_open = noted.part == OutagePart::Remote && noted.to.is_none();
            reason(noted.from, failed.filter(|_| is_open))
        };
        let of = |noted: &Noted| Outage {
            part: noted.part,
            worst: noted.worst,
            is_over: noted.to.is_some(),
            since: noted.from.since(noted.to.unwrap_or(now)),
            reason: latest(noted).or_else(|| noted.reason.clone()),
        };
        self.noted.iter().map(of).collect()
    }
}

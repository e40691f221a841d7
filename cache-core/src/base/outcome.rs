//! The source of a value.

use std::fmt;
use std::time::Duration;

/// A value with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cached<T> {
    /// The output of the function.
    pub value: T,
    /// Where the value came from.
    pub source: Source,
    /// The time since the load; zero if this call loaded it. Precision: some milliseconds.
    pub age: Duration,
}

impl<T> Cached<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Cached<U> {
        Cached { value: map(self.value), source: self.source, age: self.age }
    }
}

/// Where a value came from. As text, and for serde: `memory`, `remote`, `fail_safe`, ..
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The memory tier.
    Memory,
    /// The remote tier.
    Remote,
    /// The memory tier, past its `ttl` but within the stale window; a refresh is under way.
    Stale,
    /// The memory tier, past its `ttl`: the load failed or took too long.
    FailSafe,
    /// None: the hard timeout ended.
    TimedOut,
    /// None: the cache failed, and the policy says [`OnError::Fail`](super::policy::OnError::Fail).
    Refused,
    /// This call's own load.
    Loaded,
    /// The load of another call, for which this call waited.
    Coalesced,
    /// This call's own load, without the cache.
    Bypassed,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Remote => "remote",
            Self::Stale => "stale",
            Self::FailSafe => "fail_safe",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Loaded => "loaded",
            Self::Coalesced => "coalesced",
            Self::Bypassed => "bypassed",
        })
    }
}

//! Where a value came from.

use std::time::Duration;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cached<T> {
    /// What the function returns.
    pub value: T,
    /// Where it came from.
    pub source: Source,
    /// How long ago it was loaded; zero if this call loaded it. Precision: some milliseconds.
    pub age: Duration,
}

impl<T> Cached<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Cached<U> {
        Cached { value: map(self.value), source: self.source, age: self.age }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Nowhere: the hard timeout ended.
    TimedOut,
    /// Nowhere: the cache failed, and the policy says [`OnError::Fail`](super::policy::OnError::Fail).
    Refused,
    /// This call's own load.
    Loaded,
    /// The load of another call that was under way.
    Coalesced,
    /// This call's own load, beside the cache.
    Bypassed,
}

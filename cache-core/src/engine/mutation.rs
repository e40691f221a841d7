//! What mutators request.

use std::time::Duration;

use crate::base::{Error, Selection};
use crate::key::EntryKey;
use crate::remote::StepSink;
use crate::stats::log_failure;

/// A change of existing entries.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    /// Ends values. Steps of a pattern's eviction are reported to the sink.
    Evict(Selection<EntryKey>, StepSink),
    /// Makes values stale: they are kept for callers whose load fails.
    MarkStale(Selection<EntryKey>),
    /// Ends nothing, unless the time is zero: the entry is fresh for this long, or without limit.
    Expire(EntryKey, Option<Duration>),
}

impl Mutation {
    /// The same change, which only makes values stale. A change of a life stays as it is.
    pub(crate) fn softened(self) -> Self {
        match self {
            Self::Evict(selection, _) => Self::MarkStale(selection),
            other => other,
        }
    }

    /// The eviction of one key.
    pub(crate) fn evict(key: impl Into<EntryKey>) -> Self {
        Selection::Keys(key.into()).into()
    }
}

impl From<Selection<EntryKey>> for Mutation {
    /// An eviction whose steps are not reported.
    fn from(selection: Selection<EntryKey>) -> Self {
        Self::Evict(selection, StepSink::default())
    }
}

pub(crate) fn report(result: &Result<(), Error>) {
    if let Err(error) = result {
        log_failure("an eviction was not carried out everywhere", error);
    }
}

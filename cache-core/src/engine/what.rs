//! The target of an eviction.

use std::time::Duration;

use crate::base::{Error, Pattern};
use crate::key::KeyBuf;
use crate::remote::StepSink;
use crate::stats::log_failure;

/// The target of an eviction.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Key(KeyBuf),
    Pattern(Pattern, StepSink),
    Tag(String),
    All,
    /// Does not end the value: it is kept for callers whose load fails.
    Stale(KeyBuf),
    /// Ends nothing, unless the time is zero: the entry is fresh for this long, or without limit.
    Life(KeyBuf, Option<Duration>),
}

pub(crate) fn report(result: &Result<(), Error>) {
    if let Err(error) = result {
        log_failure("an eviction was not carried out everywhere", error);
    }
}

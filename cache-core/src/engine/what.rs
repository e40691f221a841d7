//! What one eviction ends.

use std::time::Duration;

use crate::base::{Error, Pattern};
use crate::key::KeyBuf;
use crate::remote::StepSink;
use crate::stats::log_failure;

/// What one eviction ends.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Key(KeyBuf),
    Pattern(Pattern, StepSink),
    Tag(String),
    All,
    /// Not the value's end: it is kept for those whose load fails.
    Stale(KeyBuf),
    /// Nothing ends, unless the time is zero: the entry is fresh for so long, or for ever.
    Life(KeyBuf, Option<Duration>),
}

pub(crate) fn report(result: &Result<(), Error>) {
    if let Err(error) = result {
        log_failure("an eviction was not carried out everywhere", error);
    }
}

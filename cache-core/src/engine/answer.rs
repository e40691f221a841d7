//! What the engine answers to a caller. The engine knows values only: the function's body and its output stay
//! with the caller, so the engine is compiled once for each type of value.

use std::time::Duration;

use super::lead::Lead;
use super::refresh::Refresh;
use crate::base::{BoxFuture, Cached, Error, SharedFailure, Source};

/// The next step of a caller.
pub(crate) enum Step<V> {
    /// Return this.
    Answer(Answer<V>),
    /// Return this, and start its refresh in the background.
    Refresh(Cached<V>, Refresh<V>),
    /// Load, and give the result to the lead.
    Load(Box<Lead<V>>),
    /// Return this, because the time ran out before the load could begin. The next step is taken in the
    /// background.
    Leave(Answer<V>, BoxFuture<'static, Step<V>>),
    /// Load without the cache.
    Bypass,
}

/// A value, or why there is none.
pub(crate) type Answer<V> = Cached<Result<V, Fault>>;

/// Why a read has no value, although the caller has not loaded.
pub(crate) enum Fault {
    /// Another caller's load failed, or an earlier one.
    Shared(SharedFailure),
    /// The time ran out.
    TimedOut,
    /// The cache failed, and the policy is [`OnError::Fail`](crate::base::OnError::Fail).
    Refused(Error),
}

/// Why a load has brought no value.
pub(crate) enum NotLoaded {
    /// It failed. The field is what the callers that waited for it get.
    Failed(Option<SharedFailure>),
    /// It succeeded without a value for this item of a batch.
    Absent,
}

impl<V> Step<V> {
    pub(super) fn hit(hit: Cached<V>) -> Self {
        Self::Answer(hit.map(Ok))
    }

    /// The source of an answer.
    pub(super) fn source(&self) -> Option<Source> {
        match self {
            Self::Answer(answer) | Self::Leave(answer, _) => Some(answer.source),
            Self::Refresh(hit, _) => Some(hit.source),
            Self::Load(_) | Self::Bypass => None,
        }
    }
}

/// A value that was made now.
pub(crate) fn made<O>(value: O, source: Source) -> Cached<O> {
    Cached { value, source, age: Duration::ZERO }
}

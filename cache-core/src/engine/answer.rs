//! What the engine answers to a caller. The engine knows values only: the function's body and its output stay
//! with the caller. It does not know the type of a value either, so it is compiled once for all functions.

use std::time::Duration;

use super::lead::Lead;
use super::refresh::Refresh;
use super::terms::Terms;
use super::verdict::StoreDecision;
use crate::base::{BoxFuture, Cached, Error, SharedFailure, Source};
use crate::entry::{Stored, Value};

/// The next step of a caller.
pub(crate) enum Step {
    /// Return this.
    Answer(Answer),
    /// Return this, and start its refresh in the background.
    Refresh(Hit, Box<Refresh>),
    /// Load, and give the result to the lead.
    Load(Box<Lead>),
    /// Return this, because the time ran out before the load could begin. The next step is taken in the
    /// background.
    Leave(Answer, BoxFuture<'static, Step>),
    /// Load without the cache.
    Bypass,
}

/// An entry to serve. Its value has the type that the read requests.
pub(crate) type Hit = Cached<Stored>;

/// An entry, or why there is none.
pub(crate) type Answer = Cached<Result<Stored, Fault>>;

/// A value that a load in the background has brought.
pub(crate) struct Loaded {
    pub(crate) value: Box<dyn Value>,
    pub(crate) decision: StoreDecision,
}

/// A load in the background.
pub(crate) type Detached = BoxFuture<'static, Result<Loaded, NotLoaded>>;

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
    /// It failed. The callers that waited for it get the copy of the failure, if there is one.
    Failed(Option<SharedFailure>, Terms),
    /// It succeeded without a value for this item of a batch.
    Absent,
}

impl Step {
    pub(super) fn hit(hit: Hit) -> Self {
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

//! What a read and a store have to know about the rules of a function.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{OnError, Policy, SharedFailure};
use crate::entry::ValueType;

/// What a read has to know about its function.
#[derive(Clone, Copy)]
pub(crate) struct ReadRules {
    /// The type of its values.
    pub(crate) kind: ValueType,
    /// Whether the function can return a shared failure.
    pub(crate) takes: fn(&SharedFailure) -> bool,
    /// Whether the function's errors decide how long they are cached.
    pub(crate) keeps_some_failures: bool,
    /// Whether the load asks for the previous value.
    pub(crate) revalidates: bool,
    /// Whether the function can return that the time ran out.
    pub(crate) times_out: bool,
    /// Whether the function can return an error of the cache.
    pub(crate) refuses: bool,
}

/// The decision of a function's rules about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreDecision {
    /// The value is not cached.
    Drop,
    Keep,
    /// The value has its own time to live.
    KeepFor(Duration),
}

impl ReadRules {
    /// Whether a failing cache is an error under `policy`. If not, the value is loaded.
    pub(crate) fn refuses(&self, policy: &Policy) -> bool {
        self.refuses && policy.on_error == OnError::Fail
    }
}

type Judging = dyn Fn(&dyn Any, &Policy) -> StoreDecision + Send + Sync;

/// The rules of a function for a value that is put by another function.
#[derive(Clone, Default)]
pub struct Judge(Option<Arc<Judging>>);

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

impl Judge {
    pub(crate) fn new(
        judge: impl Fn(&dyn Any, &Policy) -> StoreDecision + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(judge)))
    }

    pub(crate) fn verdict(&self, value: &dyn Any, policy: &Policy) -> StoreDecision {
        self.0.as_ref().map_or(StoreDecision::Keep, |judge| judge(value, policy))
    }
}

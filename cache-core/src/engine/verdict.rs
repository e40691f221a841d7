//! Which loaded values are stored, and for how long, as far as that depends on their type.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{OnError, Policy, SharedFailure};

/// A predicate on a value.
type Asks<V> = Option<fn(&V) -> bool>;

/// The rules of a function for its values.
pub(crate) struct ValueRules<V> {
    pub(crate) absent: Asks<V>,
    pub(crate) keeps: Asks<V>,
    pub(crate) unless: Asks<V>,
    /// Whether the function can return a shared failure.
    pub(crate) takes: fn(&SharedFailure) -> bool,
    /// Whether the function can return that the time ran out.
    pub(crate) times_out: bool,
    /// Whether the function can return an error of the cache.
    pub(crate) refuses: bool,
}

/// The decision of the rules about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreDecision {
    /// The value is not cached.
    Drop,
    Keep,
    /// The value has its own time to live.
    KeepFor(Duration),
}

impl<V> ValueRules<V> {
    pub(crate) fn verdict(&self, value: &V, policy: &Policy) -> StoreDecision {
        let Self { absent, keeps, unless, .. } = self;
        if keeps.is_some_and(|keeps| !keeps(value)) || unless.is_some_and(|unless| unless(value)) {
            return StoreDecision::Drop;
        }
        match policy.none_ttl {
            Some(ttl) if absent.is_some_and(|absent| absent(value)) => match ttl.is_zero() {
                true => StoreDecision::Drop,
                false => StoreDecision::KeepFor(ttl),
            },
            _ => StoreDecision::Keep,
        }
    }

    /// Whether a failing cache is an error under `policy`. If not, the value is loaded.
    pub(crate) fn refuses(&self, policy: &Policy) -> bool {
        self.refuses && policy.on_error == OnError::Fail
    }
}

impl<V: 'static> ValueRules<V> {
    /// The decision, for code that does not know the value's type.
    pub(crate) fn judge(self) -> Judge {
        if self.absent.is_none() && self.keeps.is_none() && self.unless.is_none() {
            return Judge::default();
        }
        let judge = move |value: &dyn Any, policy: &Policy| {
            let value = value.downcast_ref::<V>();
            value.map_or(StoreDecision::Keep, |value| self.verdict(value, policy))
        };
        Judge(Some(Arc::new(judge)))
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
    pub(crate) fn verdict(&self, value: &dyn Any, policy: &Policy) -> StoreDecision {
        self.0.as_ref().map_or(StoreDecision::Keep, |judge| judge(value, policy))
    }
}

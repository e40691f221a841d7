//! The handling of a load's output, as far as it depends on types.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::reading::{Detached, detached};
use crate::base::{Bare, Bared, CacheValue, Error, Fault, OnError, Policy, Shape, SharedFailure};
use crate::codec::Coder;

/// The rules of one function that its [`Policy`](crate::Policy) cannot contain, because they depend on its
/// types. Made by expansions.
pub struct Rules<S: Shape, P = ()> {
    pub(crate) codec: Option<Coder>,
    pub(crate) absent: Option<fn(&S::Value) -> bool>,
    pub(crate) keeps: Option<fn(&S::Value) -> bool>,
    pub(crate) unless: Option<fn(&S::Value) -> bool>,
    pub(crate) timed_out: Option<fn() -> S::Output>,
    pub(crate) refused: Option<fn(Error) -> S::Output>,
    /// Whether a shared failure can become an output.
    pub(crate) takes: fn(&SharedFailure) -> bool,
    /// The code paths of a call; `()` for operations by hand.
    pub(crate) paths: P,
    /// Converts a load without a caller for the engine. `None` if the output borrows, because such a load
    /// always has its caller.
    pub(crate) detached: Option<Detached<S>>,
}

impl<S: Shape, P: Copy> Clone for Rules<S, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shape, P: Copy> Copy for Rules<S, P> {}

impl<S: Shape, P> std::fmt::Debug for Rules<S, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

impl<S> Rules<S>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    /// Keeps every value, in every tier that `codec` allows.
    pub(crate) const fn by_hand(shape: S, codec: Option<Coder>) -> Self {
        Self { detached: Some(detached::<S>), ..Self::of(shape, codec, ()) }
    }
}

impl<S: Shape, P: Copy> Rules<S, P> {
    pub(crate) const fn of(_: S, codec: Option<Coder>, paths: P) -> Self {
        let takes = |failure: &SharedFailure| S::unshare(failure).is_some();
        let (absent, keeps, unless, timed_out, refused) = (None, None, None, None, None);
        Self { codec, absent, keeps, unless, timed_out, refused, takes, paths, detached: None }
    }

    /// The rules for the engine, which does not know calls.
    pub(crate) const fn without_paths(self) -> Rules<S> {
        let Self { codec, absent, keeps, unless, timed_out, refused, takes, detached, .. } = self;
        Rules { codec, absent, keeps, unless, timed_out, refused, takes, paths: (), detached }
    }

    /// Sets which values count as `None` for `none_ttl`.
    #[must_use]
    pub const fn absent(mut self, absent: Option<fn(&S::Value) -> bool>) -> Self {
        self.absent = absent;
        self
    }

    /// Stores only the values for which `keeps` is true.
    #[must_use]
    pub const fn keeps(mut self, keeps: fn(&S::Value) -> bool) -> Self {
        self.keeps = Some(keeps);
        self
    }

    /// Does not store the values for which `unless` is true.
    #[must_use]
    pub const fn unless(mut self, unless: fn(&S::Value) -> bool) -> Self {
        self.unless = Some(unless);
        self
    }

    /// Sets the output of a caller whose `hard_timeout` has ended.
    #[must_use]
    pub const fn timed_out(mut self, timed_out: Option<fn() -> S::Output>) -> Self {
        self.timed_out = timed_out;
        self
    }

    /// Sets the output of a caller whose cache failed, if the policy is
    /// [`OnError::Fail`](crate::OnError::Fail).
    #[must_use]
    pub const fn refused(mut self, refused: Option<fn(Error) -> S::Output>) -> Self {
        self.refused = refused;
        self
    }

    /// Makes an output from a shared failure, if the failure has this function's type.
    pub(crate) fn unshare(&self, failure: &SharedFailure) -> Option<S::Output> {
        if (self.takes)(failure) { S::unshare(failure) } else { None }
    }

    /// How a failing cache becomes an output under `policy`; `None`: the value is loaded.
    pub(crate) fn refusal(&self, policy: &Policy) -> Option<fn(Error) -> S::Output> {
        self.refused.filter(|_| policy.on_error == OnError::Fail)
    }
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

impl<S> Rules<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// The rules for the engine, which does not know outputs.
    pub(crate) fn bare(&self) -> Rules<Bare<S::Value>> {
        let Self { codec, absent, keeps, unless, takes, .. } = *self;
        let timed_out: fn() -> Bared<S::Value> = || Err(Fault::TimedOut);
        let refused: fn(Error) -> Bared<S::Value> = |error| Err(Fault::Refused(error));
        Rules {
            codec,
            absent,
            keeps,
            unless,
            timed_out: self.timed_out.map(|_| timed_out),
            refused: self.refused.map(|_| refused),
            takes,
            paths: (),
            detached: None,
        }
    }
}

impl<S: Shape, P> Rules<S, P> {
    pub(crate) fn verdict(&self, value: &S::Value, policy: &Policy) -> StoreDecision {
        verdict(value, policy, self.absent, self.keeps, self.unless)
    }

    /// The decision, for code that does not know the value's type.
    pub(crate) fn judge(self) -> Judge {
        if self.absent.is_none() && self.keeps.is_none() && self.unless.is_none() {
            return Judge::default();
        }
        let Self { absent, keeps, unless, .. } = self;
        let judge = move |value: &dyn Any, policy: &Policy| {
            let value = value.downcast_ref::<S::Value>();
            value.map_or(StoreDecision::Keep, |value| verdict(value, policy, absent, keeps, unless))
        };
        Judge(Some(Arc::new(judge)))
    }
}

/// A predicate on a value.
type Asks<V> = Option<fn(&V) -> bool>;

fn verdict<V>(
    value: &V,
    policy: &Policy,
    absent: Asks<V>,
    keeps: Asks<V>,
    unless: Asks<V>,
) -> StoreDecision {
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

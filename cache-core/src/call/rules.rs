//! The handling of a load's output, as far as it depends on types.

use tracing::{Instrument, Span};

use super::previous::Previous;
use super::work::Repeated;
use crate::base::{BoxFuture, CacheValue, Error, OnError, Policy, PolicyRef, Shape, SharedFailure};
use crate::codec::Coder;
use crate::engine::{
    Again, Decide, Detached, Judge, Loaded, NotLoaded, ReadRules, StoreDecision, Terms,
};
use crate::entry::ValueType;

/// A predicate on a value.
type Asks<V> = Option<fn(&V) -> bool>;

/// Which values are stored.
pub(crate) struct ValueRules<V> {
    /// Whether the value counts as `None` for `none_ttl`.
    absent: Asks<V>,
    keeps: Asks<V>,
    unless: Asks<V>,
}

impl<V> Clone for ValueRules<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for ValueRules<V> {}

impl<V> ValueRules<V> {
    const ALL: Self = Self { absent: None, keeps: None, unless: None };

    pub(crate) fn verdict(&self, value: &V, policy: &Policy) -> StoreDecision {
        let Self { absent, keeps, unless } = self;
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
}

impl<V: 'static> ValueRules<V> {
    /// The rules for a value that another function puts.
    pub(crate) fn judge(self) -> Judge {
        if self.absent.is_none() && self.keeps.is_none() && self.unless.is_none() {
            return Judge::default();
        }
        Judge::new(move |value, policy| {
            let value = value.downcast_ref::<V>();
            value.map_or(StoreDecision::Keep, |value| self.verdict(value, policy))
        })
    }
}

/// The rules of one function that its [`Policy`](crate::Policy) cannot contain, because they depend on its
/// types. Made by expansions.
pub struct Rules<S: Shape, P = ()> {
    pub(crate) codec: Option<Coder>,
    pub(crate) values: ValueRules<S::Value>,
    pub(crate) terms: Option<fn(&S::Value, &mut Terms)>,
    /// Decides about a failed output.
    pub(crate) fails: OnFailure<S::Output>,
    /// Whether the load asks for the previous value.
    pub(crate) revalidates: bool,
    pub(crate) timed_out: Option<fn() -> S::Output>,
    pub(crate) refused: Option<fn(Error) -> S::Output>,
    /// Whether a shared failure can become an output.
    pub(crate) takes: fn(&SharedFailure) -> bool,
    /// The code paths of a call; `()` for operations by hand.
    pub(crate) paths: P,
    /// Converts a load without a caller for the engine. `None` if the output borrows, because such a load
    /// always has its caller.
    pub(crate) detached: Option<Detaching<S>>,
    /// The same for a load that is repeated.
    pub(crate) repeated: Option<Repeating<S>>,
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
        let (detached, repeated) =
            (Some(detached::<S> as Detaching<S>), Some(repeated::<S> as Repeating<S>));
        Self { detached, repeated, ..Self::of(shape, codec, ()) }
    }
}

impl<S: Shape, P: Copy> Rules<S, P> {
    pub(crate) const fn of(_: S, codec: Option<Coder>, paths: P) -> Self {
        let takes = |failure: &SharedFailure| S::unshare(failure).is_some();
        let (values, terms, timed_out, refused) = (ValueRules::ALL, None, None, None);
        let (fails, revalidates, detached, repeated) = (None, false, None, None);
        Self {
            codec,
            values,
            terms,
            fails,
            revalidates,
            timed_out,
            refused,
            takes,
            paths,
            detached,
            repeated,
        }
    }

    /// The rules for a read, which does not know calls.
    pub(crate) const fn without_paths(self) -> Rules<S> {
        let Self { codec, values, terms, fails, revalidates, timed_out, refused, .. } = self;
        let Self { takes, detached, repeated, .. } = self;
        Rules {
            codec,
            values,
            terms,
            fails,
            revalidates,
            timed_out,
            refused,
            takes,
            paths: (),
            detached,
            repeated,
        }
    }

    /// The rules for the engine, which knows neither outputs nor values.
    pub(crate) fn of_reads(&self) -> ReadRules {
        let Self { takes, revalidates, .. } = *self;
        let (times_out, refuses) = (self.timed_out.is_some(), self.refused.is_some());
        let (kind, keeps_some_failures) = (ValueType::of::<S::Value>(), self.fails.is_some());
        ReadRules { kind, takes, keeps_some_failures, revalidates, times_out, refuses }
    }

    /// Sets which values count as `None` for `none_ttl`.
    #[must_use]
    pub const fn absent(mut self, absent: Option<fn(&S::Value) -> bool>) -> Self {
        self.values.absent = absent;
        self
    }

    /// Stores only the values for which `keeps` is true.
    #[must_use]
    pub const fn keeps(mut self, keeps: fn(&S::Value) -> bool) -> Self {
        self.values.keeps = Some(keeps);
        self
    }

    /// Does not store the values for which `unless` is true.
    #[must_use]
    pub const fn unless(mut self, unless: fn(&S::Value) -> bool) -> Self {
        self.values.unless = Some(unless);
        self
    }

    /// Decides about each value.
    #[must_use]
    pub const fn terms(mut self, terms: fn(&S::Value, &mut Terms)) -> Self {
        self.terms = Some(terms);
        self
    }

    /// Decides about each output that is an error.
    #[must_use]
    pub const fn fails(mut self, fails: fn(&S::Output, &mut Terms)) -> Self {
        self.fails = Some(fails);
        self
    }

    /// Gives the load the previous value: see [`Previous`](super::Previous).
    #[must_use]
    pub const fn revalidates(mut self) -> Self {
        self.revalidates = true;
        self
    }

    /// What decides about the output of a load.
    pub(crate) fn of_output(&self) -> OutputRules<S> {
        (self.values, self.fails)
    }

    /// The same, for code that does not know the value's type.
    pub(crate) fn decide(&self) -> Option<Decide> {
        self.terms.map(Decide::new)
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

    /// How a failing cache becomes an output under `policy`; `None`: the value is loaded.
    pub(crate) fn refusal(&self, policy: &Policy) -> Option<fn(Error) -> S::Output> {
        self.refused.filter(|_| policy.on_error == OnError::Fail)
    }
}

/// See [`detached`].
pub(crate) type Detaching<S> =
    fn(BoxFuture<'static, <S as Shape>::Output>, Span, (OutputRules<S>, Deciding)) -> Detached;

/// See [`repeated`].
pub(crate) type Repeating<S> =
    fn(Repeated<<S as Shape>::Output>, (OutputRules<S>, Deciding)) -> Again;

/// Decides about a failed output.
pub(crate) type OnFailure<O> = Option<fn(&O, &mut Terms)>;

/// What decides about the output of a load.
pub(crate) type OutputRules<S> = (ValueRules<<S as Shape>::Value>, OnFailure<<S as Shape>::Output>);

/// The decision about a failed output; `by_hand` is that of a load by hand.
pub(crate) fn failure<S: Shape>(
    fails: OnFailure<S::Output>,
    output: &S::Output,
    by_hand: Option<&Decide>,
) -> Terms {
    if let (Some(decide), Some(error)) = (by_hand, S::known_error(output)) {
        return decide.of(error);
    }
    let mut terms = Terms::default();
    if let Some(fails) = fails {
        fails(output, &mut terms);
    }
    terms
}

/// What a load in the background needs of its request to decide about its output.
pub(crate) type Deciding = (PolicyRef, Option<Decide>);

/// Converts a load without a caller for the engine: of a failure only the shareable part is kept.
pub(crate) fn detached<S>(
    load: BoxFuture<'static, S::Output>,
    span: Span,
    ((values, fails), (policy, by_hand)): (OutputRules<S>, Deciding),
) -> Detached
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    let load = load.instrument(span);
    Box::pin(async move {
        match S::split(load.await) {
            Ok(value) => {
                let decision = values.verdict(&value, &policy);
                Ok(Loaded { value: Box::new(value), decision })
            }
            Err(output) => Err(match S::absence(&output) {
                Some(_) => NotLoaded::Absent,
                None => {
                    let terms = failure::<S>(fails, &output, by_hand.as_ref());
                    NotLoaded::Failed(S::share(&output), terms)
                }
            }),
        }
    })
}

/// Converts the repeated load of a schedule for the engine.
pub(crate) fn repeated<S>(
    mut again: Repeated<S::Output>,
    (rules, deciding): (OutputRules<S>, Deciding),
) -> Again
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    Box::new(move |old, span| {
        let load = Previous::new(old).lend(&mut again);
        detached::<S>(load, span, (rules, deciding.clone()))
    })
}

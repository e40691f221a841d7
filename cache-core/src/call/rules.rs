//! The handling of a load's output, as far as it depends on types.

use tracing::{Instrument, Span};

use crate::base::{BoxFuture, CacheValue, Error, Policy, Shape, SharedFailure};
use crate::codec::Coder;
use crate::engine::{Decide, Judge, NotLoaded, Terms, ValueRules};

/// The rules of one function that its [`Policy`](crate::Policy) cannot contain, because they depend on its
/// types. Made by expansions.
pub struct Rules<S: Shape, P = ()> {
    pub(crate) codec: Option<Coder>,
    pub(crate) absent: Option<fn(&S::Value) -> bool>,
    pub(crate) keeps: Option<fn(&S::Value) -> bool>,
    pub(crate) unless: Option<fn(&S::Value) -> bool>,
    pub(crate) terms: Option<fn(&S::Value, &mut Terms)>,
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
        Self {
            codec,
            absent: None,
            keeps: None,
            unless: None,
            terms: None,
            timed_out: None,
            refused: None,
            takes,
            paths,
            detached: None,
        }
    }

    /// The rules for a read, which does not know calls.
    pub(crate) const fn without_paths(self) -> Rules<S> {
        let Self {
            codec, absent, keeps, unless, terms, timed_out, refused, takes, detached, ..
        } = self;
        let paths = ();
        Rules { codec, absent, keeps, unless, terms, timed_out, refused, takes, paths, detached }
    }

    /// The rules for the engine, which does not know outputs.
    pub(crate) fn values(&self) -> ValueRules<S::Value> {
        let Self { absent, keeps, unless, takes, .. } = *self;
        let (times_out, refuses) = (self.timed_out.is_some(), self.refused.is_some());
        ValueRules { absent, keeps, unless, takes, times_out, refuses }
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

    /// Decides about each value.
    #[must_use]
    pub const fn terms(mut self, terms: fn(&S::Value, &mut Terms)) -> Self {
        self.terms = Some(terms);
        self
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
        self.refused.filter(|_| self.values().refuses(policy))
    }
}

impl<S: Shape, P: Copy> Rules<S, P> {
    /// The rules for a value that another function puts.
    pub(crate) fn judge(self) -> Judge {
        self.values().judge()
    }
}

/// See [`detached`].
pub(crate) type Detached<S> = fn(
    BoxFuture<'static, <S as Shape>::Output>,
    Span,
) -> BoxFuture<'static, Result<<S as Shape>::Value, NotLoaded>>;

/// Converts a load without a caller: of a failure only the shareable part is kept.
pub(crate) fn detached<S>(
    load: BoxFuture<'static, S::Output>,
    span: Span,
) -> BoxFuture<'static, Result<S::Value, NotLoaded>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    let load = load.instrument(span);
    let failure = |output: S::Output| match S::absence(&output) {
        Some(_) => NotLoaded::Absent,
        None => NotLoaded::Failed(S::share(&output)),
    };
    Box::pin(async move { S::split(load.await).map_err(failure) })
}

//! What is done with a load's output, where that depends on its type.

use crate::codec::Codec;
use crate::value::Shape;

/// The rules of one function that its [`Policy`](crate::Policy) can't say, because they are about its
/// types. Made by expansions.
pub struct Rules<S: Shape> {
    pub(crate) codec: Option<Codec>,
    pub(crate) absent: Option<fn(&S::Value) -> bool>,
    pub(crate) keeps: Option<fn(&S::Value) -> bool>,
    pub(crate) unless: Option<fn(&S::Value) -> bool>,
    pub(crate) timed_out: Option<fn() -> S::Output>,
}

impl<S: Shape> Clone for Rules<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shape> Copy for Rules<S> {}

impl<S: Shape> std::fmt::Debug for Rules<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

impl<S: Shape> Rules<S> {
    /// Every value is kept, in every tier that `codec` allows.
    pub const fn new(_: S, codec: Option<Codec>) -> Self {
        Self { codec, absent: None, keeps: None, unless: None, timed_out: None }
    }

    /// What counts as `None` for `none_ttl`.
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

    /// The output of a caller who has waited for as long as `hard_timeout` allows.
    #[must_use]
    pub const fn timed_out(mut self, timed_out: Option<fn() -> S::Output>) -> Self {
        self.timed_out = timed_out;
        self
    }
}

//! What options of an attribute demand of a function's output, in the words of that option.

use super::{AnyResult, Probe, Shape, SharedResult};
use crate::TimedOut;

/// A value that can be absent: `Option`.
#[diagnostic::on_unimplemented(
    message = "`none_ttl` is for functions whose value is an `Option`, and this one's is `{Self}`",
    label = "never `None`",
    note = "remove `none_ttl`, or return an `Option`"
)]
pub trait Optional {
    #[doc(hidden)]
    fn is_absent(&self) -> bool;
}

impl<T> Optional for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// For `none_ttl`: what says that a value is `None`.
pub fn absent<S: Shape<Value: Optional>>(_: S) -> Option<fn(&S::Value) -> bool> {
    Some(Optional::is_absent)
}

/// An output that can fail.
#[diagnostic::on_unimplemented(
    message = "`hard_timeout` needs an output that can say that time ran out: a `Result` whose error is `From<larder::TimedOut>`",
    label = "can't be made from a time-out",
    note = "return such a `Result`, or remove `hard_timeout`"
)]
pub trait Fails: Shape {
    #[doc(hidden)]
    type Error;
    #[doc(hidden)]
    fn fail(error: Self::Error) -> Self::Output;
}

impl<T: 'static, E: Clone + Send + Sync + 'static> Fails for SharedResult<T, E> {
    type Error = E;
    fn fail(error: E) -> Result<T, E> {
        Err(error)
    }
}

impl<T: 'static, E: 'static> Fails for AnyResult<T, E> {
    type Error = E;
    fn fail(error: E) -> Result<T, E> {
        Err(error)
    }
}

/// An error that can say that time ran out.
#[diagnostic::on_unimplemented(
    message = "`hard_timeout` needs an error that can say that time ran out, and `{Self}` can't be made from a `larder::TimedOut`",
    label = "can't be made from a time-out",
    note = "implement `From<larder::TimedOut>` for the error, or remove `hard_timeout`"
)]
pub trait TimesOut {
    #[doc(hidden)]
    fn timed_out() -> Self;
}

impl<E: From<TimedOut>> TimesOut for E {
    fn timed_out() -> Self {
        TimedOut::new().into()
    }
}

/// For `hard_timeout`: what a caller gets whose time ran out.
pub fn times_out<S: Fails<Error: TimesOut>>(_: S) -> Option<fn() -> S::Output> {
    Some(|| S::fail(TimesOut::timed_out()))
}

/// An output whose error can be kept for the next caller.
#[diagnostic::on_unimplemented(
    message = "`err_ttl` caches errors, and this function's output has none that can be cloned",
    label = "no error that is `Clone + Send + Sync + 'static`",
    note = "derive `Clone` for the error (or return it in an `Arc`), or remove `err_ttl`"
)]
pub trait KeepsErrors {}
impl<T, E> KeepsErrors for SharedResult<T, E> {}

/// For `err_ttl`.
pub fn keeps_errors<S: KeepsErrors>(_: S) {}

/// An argument of which a load that goes on in the background can have a copy.
///
/// (`ToOwned` under a name of ours: asked for by itself it makes rustc tell one mistake twice, with a wrong hint.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cloned for a load that goes on in the background",
    note = "derive `Clone`, or take an owned value such as an `Arc` of it"
)]
pub trait Detach: ToOwned {}
impl<T: ToOwned + ?Sized> Detach for T {}

/// For `stale`, `early_refresh` and the timeouts: the copy.
pub fn detached<T: Detach + ?Sized>(arg: &T) -> T::Owned {
    arg.to_owned()
}

/// For a policy that is given by path: the same questions, asked instead of demanded. Method resolution takes the
/// first that fits, as in the parent module: `(&&value_probe(shape)).absent()`.
pub fn value_probe<S: Shape>(_: S) -> Probe<S::Value> {
    Probe::new()
}

/// The same of the output.
pub fn output_probe<S: Shape>(_: S) -> Probe<S::Output> {
    Probe::new()
}

/// Finds an `Option`.
pub trait AbsentOption {
    /// The value.
    type Value;
    /// What says that it is `None`.
    fn absent(&self) -> Option<fn(&Self::Value) -> bool>;
}

impl<T> AbsentOption for &Probe<Option<T>> {
    type Value = Option<T>;
    fn absent(&self) -> Option<fn(&Option<T>) -> bool> {
        Some(Option::is_none)
    }
}

/// Finds every other value.
pub trait AbsentNever {
    /// The value.
    type Value;
    /// Nothing says that it is `None`.
    fn absent(&self) -> Option<fn(&Self::Value) -> bool>;
}

impl<T> AbsentNever for Probe<T> {
    type Value = T;
    fn absent(&self) -> Option<fn(&T) -> bool> {
        None
    }
}

/// Finds an error that is `From<TimedOut>`.
pub trait TimeoutError {
    /// The output.
    type Output;
    /// The output of a caller whose time ran out.
    fn times_out(&self) -> Option<fn() -> Self::Output>;
}

impl<T, E: From<TimedOut>> TimeoutError for &Probe<Result<T, E>> {
    type Output = Result<T, E>;
    fn times_out(&self) -> Option<fn() -> Result<T, E>> {
        Some(|| Err(TimedOut::new().into()))
    }
}

/// Finds every other output.
pub trait TimeoutNever {
    /// The output.
    type Output;
    /// There is no such output.
    fn times_out(&self) -> Option<fn() -> Self::Output>;
}

impl<O> TimeoutNever for Probe<O> {
    type Output = O;
    fn times_out(&self) -> Option<fn() -> O> {
        None
    }
}

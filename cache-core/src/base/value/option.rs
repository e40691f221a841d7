//! What each option of an attribute requires of a function's output, with messages that name the option.

use std::borrow::Borrow;
use std::fmt::Display;

use super::erased::ErasedResult;
use super::{AnyResult, Probe, Shape, SharedResult};
use crate::base::error::{SharedError, TimedOut};

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

/// For `none_ttl`: returns the test for an absent value.
pub fn absent<S: Shape<Value: Optional>>(_: S) -> Option<fn(&S::Value) -> bool> {
    Some(Optional::is_absent)
}

/// An output that can fail.
#[diagnostic::on_unimplemented(
    message = "`hard_timeout` needs an output for callers whose time ran out: a `Result` whose error is `From<larder::TimedOut>`",
    label = "can't be made from a `larder::TimedOut`",
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

impl<T: 'static, E: Display + From<SharedError>> Fails for ErasedResult<T, E> {
    type Error = E;
    fn fail(error: E) -> Result<T, E> {
        Err(error)
    }
}

impl<T: 'static, E> Fails for AnyResult<T, E> {
    type Error = E;
    fn fail(error: E) -> Result<T, E> {
        Err(error)
    }
}

/// An output with an error that options can look at.
///
/// (The error is a parameter: with an associated type rustc reports one mistake twice.)
#[diagnostic::on_unimplemented(
    message = "`stale_if` and `err_ttl_with` are functions of the error, and this function's output has none",
    label = "not a `Result`",
    note = "return a `Result`, or remove the option"
)]
pub trait HasError<E>: Shape {
    #[doc(hidden)]
    fn error(output: &Self::Output) -> Option<&E>;
}

macro_rules! has_error {
    ($($name:ident where [$($bound:tt)*];)*) => { $(
        impl<T: 'static, E: $($bound)*> HasError<E> for $name<T, E> {
            fn error(output: &Result<T, E>) -> Option<&E> {
                output.as_ref().err()
            }
        }
    )* };
}

has_error! {
    SharedResult where [Clone + Send + Sync + 'static];
    ErasedResult where [Display + From<SharedError>];
    AnyResult where [Sized];
}

/// For `stale_if` and `err_ttl_with`.
pub fn error_of<S: HasError<E>, E>(_: S, output: &S::Output) -> Option<&E> {
    S::error(output)
}

/// An error that can say that time ran out.
#[diagnostic::on_unimplemented(
    message = "`hard_timeout` needs an error for callers whose time ran out, and `{Self}` can't be made from a `larder::TimedOut`",
    label = "can't be made from a `larder::TimedOut`",
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

/// For `hard_timeout`: returns the function that makes the output of a caller whose time ran out.
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

/// An argument that can be copied for a load that continues in the background.
///
/// (This is `ToOwned` with its own name, and with the copy's type as a parameter: with an associated type
/// rustc reports one mistake twice, the second time with a generic message.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` has to be `Clone`: a load that continues in the background needs its own arguments",
    label = "borrowed, and the load may outlive its caller",
    note = "derive `Clone`, put it in an `Arc`, or remove what leaves loads to the background (`stale`, `early_refresh`, `refresh_every`, \
            `soft_timeout`, `hard_timeout`)"
)]
pub trait Detach<Owned> {
    #[doc(hidden)]
    fn copied(&self) -> Owned;
}

impl<T: Clone> Detach<T> for T {
    fn copied(&self) -> T {
        self.clone()
    }
}

impl<T: Clone> Detach<Vec<T>> for [T] {
    fn copied(&self) -> Vec<T> {
        self.to_vec()
    }
}

macro_rules! unsized_ones {
    ($($borrowed:ty => $owned:ty),* $(,)?) => {
        $(impl Detach<$owned> for $borrowed {
            fn copied(&self) -> $owned {
                self.to_owned()
            }
        })*
    };
}

unsized_ones! {
    str => String,
    std::path::Path => std::path::PathBuf,
    std::ffi::OsStr => std::ffi::OsString,
    std::ffi::CStr => std::ffi::CString,
}

/// For `stale`, `early_refresh` and the timeouts: copies the argument.
pub fn detached<T: Detach<Owned> + ?Sized, Owned>(arg: &T) -> Owned {
    arg.copied()
}

/// Borrows the copy as the argument was borrowed.
pub fn lent<Owned: Borrow<T>, T: ?Sized>(owned: &Owned) -> &T {
    owned.borrow()
}

/// For a policy given by path: the same properties, optional instead of required. Method resolution takes the
/// first trait that fits, as in the parent module: `(&&value_probe(shape)).absent()`.
pub fn value_probe<S: Shape>(_: S) -> Probe<S::Value> {
    Probe::new()
}

/// The same for the output.
pub fn output_probe<S: Shape>(_: S) -> Probe<S::Output> {
    Probe::new()
}

/// Finds an `Option`.
pub trait AbsentOption {
    /// The value.
    type Value;
    /// The test for an absent value.
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
    /// `None`: the value is never absent.
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
    /// Returns the function that makes the output of a caller whose time ran out.
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
    /// `None`: no output can be made.
    fn times_out(&self) -> Option<fn() -> Self::Output>;
}

impl<O> TimeoutNever for Probe<O> {
    type Output = O;
    fn times_out(&self) -> Option<fn() -> O> {
        None
    }
}

//! What `on_error = "fail"` requires of a function's output, or finds there if a policy is given by path.

use std::fmt::Display;

use super::erased::ErasedResult;
use super::option::Fails;
use super::{AnyResult, Probe, Shape, SharedResult};
use crate::base::error::{Error, SharedError};

/// An output that can tell of a failing cache.
#[diagnostic::on_unimplemented(
    message = "`on_error = \"fail\"` needs an output for failures of the cache: a `Result` whose error is `From<larder::Error>`",
    label = "can't be made from a `larder::Error`",
    note = "return such a `Result`, or remove `on_error`: then a failing cache means a load"
)]
pub trait Tells: Shape {
    #[doc(hidden)]
    type Error;
    #[doc(hidden)]
    fn tell(error: Self::Error) -> Self::Output;
}

// (`Fails` is not a bound here: if it is missing, rustc would also print the message of `hard_timeout`.)
macro_rules! tell {
    ($($result:ident<E: $($bound:path),+ $(; $life:lifetime)?>)*) => { $(
        impl<T: 'static, E: $($bound +)+ $($life)?> Tells for $result<T, E> {
            type Error = <Self as Fails>::Error;
            fn tell(error: E) -> Result<T, E> {
                Self::fail(error)
            }
        }
    )* };
}

tell! {
    SharedResult<E: Clone, Send, Sync; 'static>
    ErasedResult<E: Display, From<SharedError>>
    AnyResult<E: Sized>
}

/// An error that can tell of a failing cache.
#[diagnostic::on_unimplemented(
    message = "`on_error = \"fail\"` needs an error for failures of the cache, and `{Self}` can't be made from a `larder::Error`",
    label = "can't be made from a `larder::Error`",
    note = "implement `From<larder::Error>` for the error, or remove `on_error`: then a failing cache means a load"
)]
pub trait OfCache {
    #[doc(hidden)]
    fn of_cache(error: Error) -> Self;
}

impl<E: From<Error>> OfCache for E {
    fn of_cache(error: Error) -> Self {
        error.into()
    }
}

/// For `on_error = "fail"`: returns the function that makes the output of a caller whose cache failed.
pub fn refuses<S: Tells<Error: OfCache>>(_: S) -> Option<fn(Error) -> S::Output> {
    Some(|error| S::tell(OfCache::of_cache(error)))
}

/// Finds an error that is `From<Error>`.
pub trait RefusalError {
    /// The output.
    type Output;
    /// Returns the function that makes the output of a caller whose cache failed.
    fn refuses(&self) -> Option<fn(Error) -> Self::Output>;
}

impl<T, E: From<Error>> RefusalError for &Probe<Result<T, E>> {
    type Output = Result<T, E>;
    fn refuses(&self) -> Option<fn(Error) -> Result<T, E>> {
        Some(|error| Err(error.into()))
    }
}

/// Finds every other output.
pub trait RefusalNever {
    /// The output.
    type Output;
    /// `None`: no output can be made.
    fn refuses(&self) -> Option<fn(Error) -> Self::Output>;
}

impl<O> RefusalNever for Probe<O> {
    type Output = O;
    fn refuses(&self) -> Option<fn(Error) -> O> {
        None
    }
}

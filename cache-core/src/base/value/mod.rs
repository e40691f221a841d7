//! What of a function's output is the cached value, asked of traits and never of spelling.
//!
//! An expansion writes `(&&&Probe::<Output>::new()).shape()` with the three traits in scope; method
//! resolution takes the first that fits: a `Result` whose error can be shared with those who wait
//! for the same load, any other `Result`, any other type. Aliases of `Result` are seen through.

mod bare;
mod erased;
mod option;
mod refusal;

pub(crate) use bare::{Bare, Bared, Fault, NoValue};
pub use erased::ErasedResult;
pub(crate) use erased::KnownResult;
pub use option::{
    AbsentNever, AbsentOption, Detach, Fails, KeepsErrors, Optional, TimeoutError, TimeoutNever,
    TimesOut, absent, detached, keeps_errors, lent, output_probe, times_out, value_probe,
};
pub use refusal::{OfCache, RefusalError, RefusalNever, Tells, refuses};

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// What a cached value must be: it is cloned out of the cache and shared between threads.
///
/// A hit clones the value under a lock of the memory tier's, and other entries share that lock. So a
/// `Clone` is to be cheap, and must not use the cache that the value is in: it may deadlock. (A `Drop`
/// may: values are dropped outside of all locks.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cached: a cached value must be `Clone + Send + Sync + 'static`",
    label = "not a cacheable value",
    note = "derive `Clone`, or return an `Arc` of it; `Rc`, `RefCell` and `Cell` belong to one thread: use `Arc`, `Mutex` and atomics",
    note = "an alias of a boxed future is not seen through: write `Pin<Box<dyn Future<Output = T> + Send>>` or `BoxFuture` as the return type"
)]
pub trait CacheValue: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> CacheValue for T {}

/// A failure on its way to the callers who waited for the same load.
pub type SharedFailure = Arc<dyn Any + Send + Sync>;

/// How a value lies in a function's output.
pub trait Shape: Copy + Send + Sync {
    /// What the function returns.
    type Output;
    /// What is cached of it.
    type Value: 'static;

    /// The value of an output that has one; an `Err` has none and is not cached.
    fn split(output: Self::Output) -> Result<Self::Value, Self::Output>;
    /// The output that a cached value stands for.
    fn join(value: Self::Value) -> Self::Output;
    /// The value, looked at.
    fn value(self, output: &Self::Output) -> Option<&Self::Value>;
    /// An output without a value that says that there is none, to be made again: such a load has not failed.
    fn absence(_: &Self::Output) -> Option<fn() -> Self::Output> {
        None
    }
    /// A copy of a failed output, if it can be had.
    fn share(_: &Self::Output) -> Option<SharedFailure> {
        None
    }
    /// The output that a shared failure stands for.
    fn unshare(_: &SharedFailure) -> Option<Self::Output> {
        None
    }
}

/// Stands for an output type while its [`Shape`] is found.
#[derive(Debug)]
pub struct Probe<O>(PhantomData<fn() -> O>);

impl<O> Probe<O> {
    /// The probe.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

macro_rules! shape {
    ($(#[$doc:meta])* $vis:vis $name:ident<$($g:ident),*>) => {
        $(#[$doc])*
        #[derive(Debug)]
        $vis struct $name<$($g),*>(PhantomData<fn() -> ($($g,)*)>);
        impl<$($g),*> Clone for $name<$($g),*> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<$($g),*> Copy for $name<$($g),*> {}
    };
}

pub(super) use shape;

shape! {
    /// `Result<T, E>` whose error can be cloned for the waiters.
    pub SharedResult<T, E>
}
shape! {
    /// `Result<T, E>`.
    pub AnyResult<T, E>
}
shape! {
    /// Every other output is the value.
    pub Plain<T>
}

impl<T: 'static, E: Clone + Send + Sync + 'static> Shape for SharedResult<T, E> {
    type Output = Result<T, E>;
    type Value = T;
    fn split(output: Result<T, E>) -> Result<T, Result<T, E>> {
        output.map_err(Err)
    }
    fn join(value: T) -> Result<T, E> {
        Ok(value)
    }
    fn value(self, output: &Result<T, E>) -> Option<&T> {
        output.as_ref().ok()
    }
    fn share(output: &Result<T, E>) -> Option<SharedFailure> {
        output.as_ref().err().map(|error| Arc::new(error.clone()) as SharedFailure)
    }
    fn unshare(failure: &SharedFailure) -> Option<Result<T, E>> {
        failure.downcast_ref::<E>().cloned().map(Err)
    }
}

impl<T: 'static, E> Shape for AnyResult<T, E> {
    type Output = Result<T, E>;
    type Value = T;
    fn split(output: Result<T, E>) -> Result<T, Result<T, E>> {
        output.map_err(Err)
    }
    fn join(value: T) -> Result<T, E> {
        Ok(value)
    }
    fn value(self, output: &Result<T, E>) -> Option<&T> {
        output.as_ref().ok()
    }
}

impl<T: 'static> Shape for Plain<T> {
    type Output = T;
    type Value = T;
    fn split(output: T) -> Result<T, T> {
        Ok(output)
    }
    fn join(value: T) -> T {
        value
    }
    fn value(self, output: &T) -> Option<&T> {
        Some(output)
    }
}

/// Finds `SharedResult`, and then [`ErasedResult`].
pub trait ShapeShared {
    /// The shape.
    type Shape;
    /// The shape of the probed type.
    fn shape(&self) -> Self::Shape;
}
impl<T, E: Clone + Send + Sync + 'static> ShapeShared for &&Probe<Result<T, E>> {
    type Shape = SharedResult<T, E>;
    fn shape(&self) -> Self::Shape {
        SharedResult(PhantomData)
    }
}

/// Finds `AnyResult`.
pub trait ShapeResult {
    /// The shape.
    type Shape;
    /// The shape of the probed type.
    fn shape(&self) -> Self::Shape;
}
impl<T, E> ShapeResult for &Probe<Result<T, E>> {
    type Shape = AnyResult<T, E>;
    fn shape(&self) -> Self::Shape {
        AnyResult(PhantomData)
    }
}

/// Finds `Plain`.
pub trait ShapePlain {
    /// The shape.
    type Shape;
    /// The shape of the probed type.
    fn shape(&self) -> Self::Shape;
}
impl<T> ShapePlain for Probe<T> {
    type Shape = Plain<T>;
    fn shape(&self) -> Self::Shape {
        Plain(PhantomData)
    }
}

/// That an output can carry a value: `Result<T, E>` carries `T`, and everything carries itself.
#[diagnostic::on_unimplemented(
    message = "the mutator's value `{V}` is not what the cached function holds (`{Self}`)",
    note = "`#[cache_put]` writes the mutator's result as the cached value: both must be of one type"
)]
pub trait Holds<V> {
    /// The output that the value is.
    fn hold(value: V) -> Self;
}
impl<T, E> Holds<T> for Result<T, E> {
    fn hold(value: T) -> Self {
        Ok(value)
    }
}
impl<T> Holds<T> for T {
    fn hold(value: T) -> T {
        value
    }
}

//! Finds the cached value in a function's output, by traits and never by spelling.
//!
//! An expansion writes `(&&&Probe::<Output>::new()).shape()` with the three traits in scope. Method
//! resolution takes the first that fits: a `Result` whose error can be shared with waiters, any other
//! `Result`, any other type. It sees through aliases of `Result`.

mod erased;
mod option;
mod refusal;

pub use erased::ErasedResult;
pub(crate) use erased::KnownResult;
pub use option::{
    AbsentNever, AbsentOption, Detach, Fails, HasError, KeepsErrors, Optional, TimeoutError,
    TimeoutNever, TimesOut, absent, detached, error_of, keeps_errors, lent, output_probe,
    times_out, value_probe,
};
pub use refusal::{OfCache, RefusalError, RefusalNever, Tells, refuses};

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// The bounds of a cached value: the cache clones it and shares it between threads.
///
/// A hit clones the value under a lock of the memory tier that other entries share. So `Clone` should be
/// cheap, and must not use the cache that holds the value: it may deadlock. (`Drop` may: values are dropped
/// outside all locks.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cached: a cached value must be `Clone + Send + Sync + 'static`",
    label = "not a cacheable value",
    note = "derive `Clone`, or return an `Arc` of it; `Rc`, `RefCell` and `Cell` belong to one thread: use `Arc`, `Mutex` and atomics",
    note = "an alias of a boxed future is not recognised: write `Pin<Box<dyn Future<Output = T> + Send>>` or `BoxFuture` as the return type"
)]
pub trait CacheValue: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> CacheValue for T {}

/// A failure that is shared with the callers that waited for the load.
pub type SharedFailure = Arc<dyn Any + Send + Sync>;

/// The failure of an item of a batch whose load has no value for it.
pub(crate) struct NoValue;

/// How a function's output contains the cached value.
pub trait Shape: Copy + Send + Sync {
    /// The function's return type.
    type Output;
    /// The type of the cached value.
    type Value: 'static;

    /// Returns the value, or the whole output if it has none: an `Err` is not cached.
    fn split(output: Self::Output) -> Result<Self::Value, Self::Output>;
    /// Makes an output from a cached value.
    fn join(value: Self::Value) -> Self::Output;
    /// Borrows the value.
    fn value(self, output: &Self::Output) -> Option<&Self::Value>;
    /// For an output that says that there is no value: a function that makes it again. Such a load has not
    /// failed.
    fn absence(_: &Self::Output) -> Option<fn() -> Self::Output> {
        None
    }
    /// The error of a load by hand.
    fn known_error(_: &Self::Output) -> Option<&dyn Any> {
        None
    }
    /// A copy of a failed output, if it can be shared.
    fn share(_: &Self::Output) -> Option<SharedFailure> {
        None
    }
    /// Makes an output from a shared failure.
    fn unshare(_: &SharedFailure) -> Option<Self::Output> {
        None
    }
}

/// Represents an output type while its [`Shape`] is found.
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
    /// `Result<T, E>` whose error can be cloned for waiters.
    pub SharedResult<T, E>
}
shape! {
    /// `Result<T, E>`.
    pub AnyResult<T, E>
}
shape! {
    /// Any other output: the whole output is the value.
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

/// An output that can carry a value: `Result<T, E>` carries `T`, and every type carries itself.
#[diagnostic::on_unimplemented(
    message = "the mutator's value `{V}` is not the value of the cached function's output `{Self}`",
    note = "`#[cache_put]` writes the mutator's result as the cached value: both must be of one type"
)]
pub trait Holds<V> {
    /// Makes an output from the value.
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

//! Sharing errors that are not `Clone` with every waiter of a load.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Probe, Shape, ShapeShared, SharedFailure, shape};
use crate::base::error::{Error, SharedError, TimedOut};

shape! {
    /// `Result<T, E>` whose error can be made from another one, with the same text.
    pub ErasedResult<T, E>
}

impl<T: 'static, E: Display + From<SharedError>> Shape for ErasedResult<T, E> {
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
        output.as_ref().err().map(|error| Arc::new(told(error)) as SharedFailure)
    }
    fn unshare(failure: &SharedFailure) -> Option<Result<T, E>> {
        Some(Err(failure.downcast_ref::<SharedError>()?.clone().into()))
    }
}

/// Found after errors that are `Clone`: this probe is one reference further away.
impl<T, E: Display + From<SharedError>> ShapeShared for &&&Probe<Result<T, E>> {
    type Shape = ErasedResult<T, E>;
    fn shape(&self) -> Self::Shape {
        ErasedResult(PhantomData)
    }
}

shape! {
    /// `Result<T, E>` of a load by hand, whose error has no known traits. The error is shared if its type is
    /// one of the common ones.
    pub(crate) KnownResult<T, E>
}

impl<T, E> KnownResult<T, E> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T: 'static, E: 'static> Shape for KnownResult<T, E> {
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
    fn known_error(output: &Result<T, E>) -> Option<&dyn Any> {
        output.as_ref().err().map(|error| error as &dyn Any)
    }
    fn share(output: &Result<T, E>) -> Option<SharedFailure> {
        share(output.as_ref().err()?)
    }
    fn unshare(failure: &SharedFailure) -> Option<Result<T, E>> {
        unshare(failure).map(Err)
    }
}

/// An error with the same text, including its sources' texts if the error formats them (`anyhow` does).
fn told(error: &dyn Display) -> SharedError {
    SharedError::new(format!("{error:#}"))
}

/// A copy of an error, if its type is one of the common ones.
fn share(error: &dyn Any) -> Option<SharedFailure> {
    macro_rules! cloned {
        ($($error:ty),*) => { $(
            if let Some(error) = error.downcast_ref::<$error>() {
                return Some(Arc::new(error.clone()));
            }
        )* };
    }
    cloned!(Error, TimedOut, SharedError, String, &'static str, (), Arc<str>, Arc<String>);
    cloned!(Arc<dyn StdError + Send + Sync>, Arc<io::Error>, std::fmt::Error, io::ErrorKind);
    if let Some(error) = error.downcast_ref::<Box<dyn StdError + Send + Sync>>() {
        return Some(Arc::new(told(error)));
    }
    if let Some(error) = error.downcast_ref::<Box<dyn StdError>>() {
        return Some(Arc::new(told(error)));
    }
    let error = error.downcast_ref::<io::Error>()?;
    Some(Arc::new((error.kind(), told(error))))
}

/// The error in a shared failure, if it has type `E`.
fn unshare<E: 'static>(failure: &SharedFailure) -> Option<E> {
    if let Some(told) = failure.downcast_ref::<SharedError>() {
        let (both, sent): (Box<dyn StdError>, Box<dyn StdError + Send + Sync>) =
            (told.clone().into(), told.clone().into());
        return of(told.clone()).or_else(|| of(both)).or_else(|| of(sent));
    }
    if let Some((kind, told)) = failure.downcast_ref::<(io::ErrorKind, SharedError)>() {
        return of(io::Error::new(*kind, told.clone()));
    }
    macro_rules! cloned {
        ($($error:ty),*) => { $(
            if let Some(error) = failure.downcast_ref::<$error>() {
                return of(error.clone());
            }
        )* };
    }
    cloned!(Error, TimedOut, String, &'static str, (), Arc<str>, Arc<String>);
    cloned!(Arc<dyn StdError + Send + Sync>, Arc<io::Error>, std::fmt::Error, io::ErrorKind);
    None
}

/// `error`, if it has type `E`.
fn of<E: 'static>(error: impl Any) -> Option<E> {
    let mut error = Some(error);
    let error: &mut dyn Any = &mut error;
    error.downcast_mut::<Option<E>>()?.take()
}

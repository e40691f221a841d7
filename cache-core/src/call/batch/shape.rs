//! One item of a batch, as a function for one id would return it.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use super::fetch::FetchEach;
use super::ids::{KeyOf, Pairs};
use crate::base::{Error, Fails, KeepsErrors, NoValue, Shape, SharedFailure, Tells, TimedOut};

/// Why an item has no value.
pub enum Unmet<O> {
    /// The load returned no value for it.
    Absent,
    /// The load failed.
    Failed {
        /// Its output, shared by all items of the load.
        whole: Arc<Mutex<Option<O>>>,
        /// A copy of it, if it can be cloned.
        shared: Option<SharedFailure>,
    },
}

impl<O> std::fmt::Debug for Unmet<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Absent) { "Absent" } else { "Failed" })
    }
}

impl<O> Unmet<O> {
    /// A load that failed.
    pub(super) fn failed(whole: O, shared: Option<SharedFailure>) -> Self {
        Self::Failed { whole: Arc::new(Mutex::new(Some(whole))), shared }
    }

    /// For another item of the same load.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Absent => Self::Absent,
            Self::Failed { whole, shared } => {
                Self::Failed { whole: Arc::clone(whole), shared: shared.clone() }
            }
        }
    }

    /// The output of the load, unless another item has taken it.
    pub(super) fn whole<S: Shape<Output = O>>(&self) -> Option<O> {
        let Self::Failed { whole, shared } = self else { return None };
        let taken = whole.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.or_else(|| S::unshare(shared.as_ref()?))
    }

    fn share(&self) -> Option<SharedFailure> {
        match self {
            Self::Absent => Some(Arc::new(NoValue)),
            Self::Failed { shared, .. } => shared.clone(),
        }
    }

    fn unshare<S: Shape<Output = O>>(failure: &SharedFailure) -> Option<Self> {
        if <dyn Any>::is::<NoValue>(&**failure) {
            return Some(Self::Absent);
        }
        let whole = S::unshare(failure)?;
        Some(Self::failed(whole, Some(Arc::clone(failure))))
    }
}

impl<C, E: From<TimedOut>> From<TimedOut> for Unmet<Result<C, E>> {
    fn from(timed_out: TimedOut) -> Self {
        Self::failed(Err(timed_out.into()), None)
    }
}

impl<C, E: From<Error>> From<Error> for Unmet<Result<C, E>> {
    fn from(error: Error) -> Self {
        Self::failed(Err(error.into()), None)
    }
}

/// The values of the ids that have one, or the reason why there are none.
pub(super) type Apart<I, V, O> = Result<Vec<(I, V)>, Unmet<O>>;

/// Where the items of a batch are in a function's output.
pub trait Each: Shape<Output: 'static> + 'static {
    /// The id of an item.
    type Id: Clone;
    /// The output of the function.
    type Whole: 'static;
    /// The values of the ids that have one.
    ///
    /// # Errors
    /// The reason why there are none.
    fn take_apart(whole: Self::Whole) -> Apart<Self::Id, Self::Value, Self::Whole>;
    /// An item without a value.
    fn absent() -> Self::Output;
    /// An item that has no value for this reason.
    fn unmet(unmet: Unmet<Self::Whole>) -> Self::Output;
    /// Makes the output of the function from values of any source.
    fn put_together(items: impl Iterator<Item = (Self::Id, Self::Value)>) -> Self::Whole;
    /// Whether the item failed, and with it the whole batch.
    fn is_failure(output: &Self::Output) -> bool;
    /// The output of the function in which an item failed.
    fn failure(output: &Self::Output) -> Option<Self::Whole>;
}

macro_rules! item {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<S, I>(PhantomData<fn() -> (S, I)>);
        impl<S, I> Clone for $name<S, I> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<S, I> Copy for $name<S, I> {}
        impl<S, I> KeepsErrors for $name<S, I> where S: KeepsErrors {}
        impl<S, I> Fails for $name<S, I>
        where
            Self: Each<Whole = S::Output>,
            S: Fails,
        {
            type Error = S::Error;
            fn fail(error: S::Error) -> Self::Output {
                Self::unmet(Unmet::failed(S::fail(error), None))
            }
        }
        impl<S, I> Tells for $name<S, I>
        where
            Self: Each<Whole = S::Output>,
            S: Tells,
        {
            type Error = S::Error;
            fn tell(error: S::Error) -> Self::Output {
                Self::unmet(Unmet::failed(S::tell(error), None))
            }
        }
    };
}

item! {
    /// An id without a value is not cached.
    Found
}
item! {
    /// An id without a value is cached as `None` (`none_ttl`).
    Asked
}

macro_rules! item_shape {
    ($name:ident, $value:ty) => {
        impl<S, I> Shape for $name<S, I>
        where
            S: Shape<Output: 'static, Value: Pairs> + 'static,
            I: Clone + 'static,
        {
            type Output = Result<$value, Unmet<S::Output>>;
            type Value = $value;
            fn split(output: Self::Output) -> Result<Self::Value, Self::Output> {
                output.map_err(Err)
            }
            fn join(value: Self::Value) -> Self::Output {
                Ok(value)
            }
            fn value(self, output: &Self::Output) -> Option<&Self::Value> {
                output.as_ref().ok()
            }
            fn absence(output: &Self::Output) -> Option<fn() -> Self::Output> {
                matches!(output, Err(Unmet::Absent)).then_some(|| Err(Unmet::Absent))
            }
            fn share(output: &Self::Output) -> Option<SharedFailure> {
                output.as_ref().err()?.share()
            }
            fn unshare(failure: &SharedFailure) -> Option<Self::Output> {
                Unmet::unshare::<S>(failure).map(Err)
            }
        }
    };
}

item_shape!(Found, Value<S>);
item_shape!(Asked, Option<Value<S>>);

/// The output of a batch function for one id.
type Value<S> = <<S as Shape>::Value as Pairs>::Value;

fn take_apart<S, I>(whole: S::Output) -> Apart<I, Value<S>, S::Output>
where
    S: Shape<Value: Pairs<Key = I>>,
{
    match S::split(whole) {
        Ok(pairs) => Ok(pairs.pairs().collect()),
        Err(whole) => {
            let shared = S::share(&whole);
            Err(Unmet::failed(whole, shared))
        }
    }
}

fn put_together<S, I>(items: impl Iterator<Item = (I, Value<S>)>) -> S::Output
where
    S: Shape<Value: Pairs<Key = I>>,
{
    S::join(Pairs::collect(items))
}

impl<S, I> Each for Found<S, I>
where
    S: Shape<Output: 'static, Value: Pairs<Key = I>> + 'static,
    I: Clone + 'static,
{
    type Id = I;
    type Whole = S::Output;
    fn take_apart(whole: S::Output) -> Apart<I, Self::Value, S::Output> {
        take_apart::<S, I>(whole)
    }
    fn absent() -> Self::Output {
        Err(Unmet::Absent)
    }
    fn put_together(items: impl Iterator<Item = (I, Self::Value)>) -> S::Output {
        put_together::<S, I>(items)
    }
    fn unmet(unmet: Unmet<S::Output>) -> Self::Output {
        Err(unmet)
    }
    fn is_failure(output: &Self::Output) -> bool {
        matches!(output, Err(Unmet::Failed { .. }))
    }
    fn failure(output: &Self::Output) -> Option<S::Output> {
        output.as_ref().err()?.whole::<S>()
    }
}

impl<S, I> Each for Asked<S, I>
where
    S: Shape<Output: 'static, Value: Pairs<Key = I>> + 'static,
    I: Clone + 'static,
{
    type Id = I;
    type Whole = S::Output;
    fn take_apart(whole: S::Output) -> Apart<I, Self::Value, S::Output> {
        let pairs = take_apart::<S, I>(whole)?;
        Ok(pairs.into_iter().map(|(id, value)| (id, Some(value))).collect())
    }
    fn absent() -> Self::Output {
        Ok(None)
    }
    fn put_together(items: impl Iterator<Item = (I, Self::Value)>) -> S::Output {
        put_together::<S, I>(items.filter_map(|(id, value)| Some((id, value?))))
    }
    fn unmet(unmet: Unmet<S::Output>) -> Self::Output {
        Err(unmet)
    }
    fn is_failure(output: &Self::Output) -> bool {
        matches!(output, Err(Unmet::Failed { .. }))
    }
    fn failure(output: &Self::Output) -> Option<S::Output> {
        output.as_ref().err()?.whole::<S>()
    }
}

impl<S, I> Found<S, I> {
    /// The items of `shape`.
    pub(crate) fn of(_: S) -> Self {
        Self(PhantomData)
    }
}

/// The items of `shape`, whose ids are those of the batch.
pub fn found<P, S, I>(_: S, _: &FetchEach<P, I>) -> Found<S, I>
where
    S: Shape<Value: Pairs<Key: KeyOf<I>>>,
{
    Found(PhantomData)
}

/// The same where absent ids are cached too.
pub fn asked<P, S, I>(_: S, _: &FetchEach<P, I>) -> Asked<S, I>
where
    S: Shape<Value: Pairs<Key: KeyOf<I>>>,
{
    Asked(PhantomData)
}

/// An argument of a function with `each`, other than its ids.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has to be `Clone`: with `each` the body may run again for what somebody else did not load",
    label = "can't be used twice",
    note = "derive `Clone`, or take the argument by reference"
)]
pub trait Repeat: Clone {}
impl<T: Clone> Repeat for T {}

/// Only requires it.
pub fn repeats<T: Repeat>(_: &T) {}

/// A copy for another load.
pub fn again<T: Repeat>(argument: &T) -> T {
    argument.clone()
}

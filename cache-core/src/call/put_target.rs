//! The targets of `put`.

use std::marker::PhantomData;

use super::Call;
use super::direct::Put;
use super::evict::EvictTarget;
use super::head::CallState;
use super::load::Load;
use crate::base::{BoxFuture, CacheValue, Error, Holds, Shape};

/// Writes a value through.
pub(crate) type Write<V> = Box<dyn FnOnce(V) -> Writing + Send>;

pub(crate) type Writing = BoxFuture<'static, Result<(), Error>>;

/// A call of a cached function whose value is `V`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a call of a cached function",
    label = "nothing can be put here",
    note = "a target is a call of a `#[cached]` async function; a sync one is written `call!(f(x))`",
    note = "a function that returns a boxed future, as `#[async_trait]` makes them, gives that box and no call: put by key, with \
            `Cache::insert`"
)]
pub trait PutTarget<V>: EvictTarget {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn into_write(self) -> Write<V>;
}

impl<L, V> PutTarget<V> for Call<L>
where
    L: Load,
    L::Output: Holds<V>,
    V: CacheValue,
{
    #[allow(private_interfaces)]
    fn into_write(self) -> Write<V> {
        let judge = self.judge();
        let CallState { request, target } = self.state();
        Box::new(move |value| Box::pin(Put::new(target, request, value, judge)))
    }
}

/// How the value of a mutator becomes the cached value.
pub trait Puts {
    /// The value of the mutator.
    type Given;
    /// The cached value.
    type Value;
    /// Converts it.
    fn value(given: Self::Given) -> Self::Value;
}

/// The cached value is that of the mutator.
#[derive(Debug)]
pub struct PutSame<V>(PhantomData<fn(V)>);

/// The cached value is `Some` of that of the mutator.
#[derive(Debug)]
pub struct PutSome<V>(PhantomData<fn(V)>);

impl<V> Puts for PutSame<V> {
    type Given = V;
    type Value = V;
    fn value(given: V) -> V {
        given
    }
}

impl<V> Puts for PutSome<V> {
    type Given = V;
    type Value = Option<V>;
    fn value(given: V) -> Option<V> {
        Some(given)
    }
}

/// The value that the user has written: it has the type of the cached value.
pub fn put_same<V>() -> PutSame<V> {
    PutSame(PhantomData)
}

/// Finds out which of both it is. Expansions call `(&PutProbe::of(&call, shape)).puts()`, and method resolution finds
/// [`PutsSome`] if the cached value is an `Option` of the mutator's.
#[derive(Debug)]
pub struct PutProbe<C, V>(PhantomData<fn(C, V)>);

impl<C, V> PutProbe<C, V> {
    /// For a call of a cached function, and the output of the mutator.
    pub fn of<S: Shape<Value = V>>(_: &C, _: S) -> Self {
        Self(PhantomData)
    }
}

/// The cached value is an `Option` of the mutator's.
pub trait PutsSome<V> {
    /// How it becomes the cached value.
    fn puts(&self) -> PutSome<V> {
        PutSome(PhantomData)
    }
}

impl<C: PutTarget<Option<V>>, V> PutsSome<V> for PutProbe<C, V> {}

/// Any other: the values have one type, or this is a mistake, which rustc reports later.
pub trait PutsSame<V> {
    /// How it becomes the cached value.
    fn puts(&self) -> PutSame<V> {
        PutSame(PhantomData)
    }
}

impl<C, V> PutsSame<V> for &PutProbe<C, V> {}

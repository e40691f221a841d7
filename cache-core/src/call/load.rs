//! The load behind a call: the one generic part, its future boxed only once there is no hit.

use std::future::Future;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::Duration;

use super::CallState;
use crate::base::{CacheValue, Cached, Shape, Source};
use crate::codec::Coder;
use crate::engine::{Body, Doing, Engine, Judge, Reading, Rules, Work, detached};

/// Names lifetimes and types that a returned `impl` type uses; says nothing by itself.
pub trait Captures<T: ?Sized> {}
impl<T: ?Sized, U: ?Sized> Captures<U> for T {}

/// The output of a body that gives a future, told by the type `W` what output that is.
pub async fn awaited<W, F>(body: impl FnOnce() -> F) -> W::Output
where
    W: Future + ?Sized,
    F: Future<Output = W::Output>,
{
    body().await
}

/// The type of an argument that is an `impl Trait`, for closures, which have no word for it.
#[derive(Debug)]
pub struct Known<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Clone for Known<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Known<T> {}

impl<T: ?Sized> Known<T> {
    /// What `argument` is of.
    pub fn of(_argument: &T) -> Self {
        Self(PhantomData)
    }

    /// Says that `argument` is of it, too.
    pub fn is(self, _argument: &T) {}
}

/// The load behind a [`Call`](crate::Call). Not to be implemented outside larder.
pub trait Load: Unpin {
    /// What the function returns.
    type Output;
    /// Whether the output is a failure, which is not cached.
    #[doc(hidden)]
    fn is_failure(output: Self::Output) -> bool;
    /// The whole of a hit.
    #[doc(hidden)]
    fn first(&self, front: &mut CallState) -> Option<Cached<Self::Output>>;
    /// What the function's rules say of a value that is put.
    #[doc(hidden)]
    fn judge(&self) -> Judge;
    #[doc(hidden)]
    fn run(&mut self, front: &CallState, cx: &mut Context<'_>) -> Poll<Cached<Self::Output>>;
}

/// The load of a call, and the read once there is no hit. What is compiled for each function hands on, to what is
/// compiled for each type of output.
pub(crate) struct Loading<S: Shape, W: Work<S::Output>> {
    pub(super) rules: Rules<S, Paths<S>>,
    pub(super) body: Doing<S::Output, W>,
    pub(super) reading: Option<Box<Reading<S>>>,
}

// Nothing in it is pinned in place: what runs is boxed.
impl<S: Shape, W: Work<S::Output>> Unpin for Loading<S, W> {}

impl<S: Shape, W: Work<S::Output>> Load for Loading<S, W> {
    type Output = S::Output;

    fn is_failure(output: S::Output) -> bool {
        S::split(output).is_err()
    }

    #[inline]
    fn first(&self, front: &mut CallState) -> Option<Cached<S::Output>> {
        (self.rules.paths.first)(front)
    }

    fn judge(&self) -> Judge {
        self.rules.judge()
    }

    fn run(&mut self, front: &CallState, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        let Self { rules, body, reading } = self;
        (rules.paths.rest)(front, rules.without_paths(), reading, body, cx)
    }
}

/// The ways of a call, compiled for each type of output.
pub struct Paths<S: Shape> {
    first: fn(&mut CallState) -> Option<Cached<S::Output>>,
    rest: Rest<S>,
}

type Rest<S> = fn(
    &CallState,
    Rules<S>,
    &mut Option<Box<Reading<S>>>,
    &mut dyn Body<<S as Shape>::Output>,
    &mut Context<'_>,
) -> Poll<Cached<<S as Shape>::Output>>;

impl<S: Shape> Clone for Paths<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shape> Copy for Paths<S> {}

impl<S> Paths<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    const fn new() -> Self {
        Self { first: first::<S>, rest: rest::<S> }
    }
}

impl<S> Rules<S, Paths<S>>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// The rules of a function whose output borrows from its arguments: its load has to end before them, so that it can't go
    /// on in the background.
    pub const fn borrowing(shape: S, codec: Option<Coder>) -> Self {
        Self::of(shape, codec, Paths::new())
    }
}

impl<S> Rules<S, Paths<S>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    /// Every value is kept, in every tier that `codec` allows.
    ///
    /// This alone demands of the value that it can be cached, so that rustc says once if it can't: a demand of the call
    /// would also be one of the type that the function returns.
    pub const fn new(shape: S, codec: Option<Coder>) -> Self {
        Self { detached: Some(detached::<S>), ..Self::of(shape, codec, Paths::new()) }
    }
}

/// One look at the memory tier, if that is what the call is to begin with.
fn first<S>(front: &mut CallState) -> Option<Cached<S::Output>>
where
    S: Shape,
    S::Value: CacheValue,
{
    let CallState { request, target, .. } = front;
    let hit = target.with(|engine: &Engine| engine.first_hit::<S::Value>(request))?;
    Some(hit.map(S::join))
}

/// All that is no hit.
#[cold]
fn rest<S>(
    front: &CallState,
    rules: Rules<S>,
    reading: &mut Option<Box<Reading<S>>>,
    body: &mut dyn Body<S::Output>,
    cx: &mut Context<'_>,
) -> Poll<Cached<S::Output>>
where
    S: Shape,
    S::Value: CacheValue,
{
    let reading = match reading {
        Some(reading) => reading,
        None => {
            let request = front.request.clone();
            let begun = match front.target.engine() {
                Ok(engine) => Ok(Reading::new(engine, request, rules, body)),
                Err(error) => Reading::uncached(error, &request, rules),
            };
            match begun {
                Ok(begun) => reading.insert(Box::new(begun)),
                Err(value) => {
                    let (source, age) = (Source::Refused, Duration::ZERO);
                    return Poll::Ready(Cached { value, source, age });
                }
            }
        }
    };
    reading.poll(body, cx)
}

//! The load behind a call: the one generic part, its future boxed only once there is no hit.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Cached, Judge, Rules, Source, Target};
use crate::cache::Inner;
use crate::key::KeyId;
use crate::policy::Policy;
use crate::site::Site;
use crate::strategy::{Look, Plan, Reading, Work};
use crate::value::{CacheValue, Shape};

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
    #[doc(hidden)]
    fn hit(&self, inside: &Inside<'_>) -> First<Self::Output>;
    /// What the function's rules say of a value that is put.
    #[doc(hidden)]
    fn judge(&self) -> Judge;
    #[doc(hidden)]
    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<Self::Output>>;
}

/// What the first look at the memory tier brings.
#[derive(Debug)]
pub enum First<O> {
    /// The whole of a hit.
    Hit(Cached<O>),
    /// A fresh value that is to be refreshed early: chance has decided.
    Early,
    /// Something else is to be done.
    Miss,
}

/// What [`Load::hit`] gets.
#[derive(Debug)]
pub struct Inside<'a> {
    pub(super) inner: &'a Inner,
    pub(super) id: KeyId,
    pub(super) policy: &'a Policy,
    pub(super) site: Option<&'static Site>,
}

/// What [`Load::run`] gets.
#[derive(Debug)]
pub struct Outside<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
}

pub(super) struct Loading<S: Shape, W: Work<S::Output>> {
    pub(super) rules: Rules<S>,
    pub(super) work: Option<W>,
    pub(super) reading: Option<Box<Reading<S, W>>>,
}

// Nothing in it is pinned in place: what runs is boxed.
impl<S: Shape, W: Work<S::Output>> Unpin for Loading<S, W> {}

impl<S, W> Load for Loading<S, W>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    type Output = S::Output;

    fn is_failure(output: S::Output) -> bool {
        S::split(output).is_err()
    }

    #[inline]
    fn hit(&self, inside: &Inside<'_>) -> First<S::Output> {
        match inside.inner.look::<S::Value>(inside.id, inside.policy, false) {
            Look::Hit(hit) if hit.source == Source::Memory => {
                inside.inner.counters.of(inside.site).memory_hits();
                First::Hit(hit.map(S::join))
            }
            Look::Renew(hit) if hit.source == Source::Memory => First::Early,
            _ => First::Miss,
        }
    }

    fn judge(&self) -> Judge {
        self.rules.judge()
    }

    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        let Self { rules, work, reading } = self;
        if let Some(work) = work.take() {
            let plan = outside.plan.clone();
            let begun = match outside.target.inner() {
                Ok(inner) => Ok(Reading::new(inner, plan, *rules, work)),
                Err(error) => Reading::uncached(error, &plan, *rules, work),
            };
            match begun {
                Ok(begun) => *reading = Some(Box::new(begun)),
                Err(value) => {
                    let (source, age) = (Source::Refused, Duration::ZERO);
                    return Poll::Ready(Cached { value, source, age });
                }
            }
        }
        match reading {
            Some(reading) => Pin::new(&mut **reading).poll(cx),
            None => Poll::Pending,
        }
    }
}

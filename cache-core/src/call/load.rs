//! The load behind a call: the one generic part. Its future is boxed only if there is no hit.

use std::any::type_name;
use std::future::Future;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use super::body::{Body, Doing};
use super::directed::{Directed, Directs, Own};
use super::function::Described;
use super::head::{CallState, Head, Look};
use super::output::{Output, Running};
use super::reading::{Reading, Served};
use super::rules::{Detaching, Repeating, Rules, detached, repeated};
use super::work::{Arguments, Work};
use crate::base::{CacheValue, Cached, Shape, Source};
use crate::codec::Coder;
use crate::engine::{Engine, Fault, FirstLook, Judge, made};
use crate::key::{EntryKey, KeyBuf};
use crate::tags::{RequestTags, Tags};

/// The output of a body that returns a future. The type `W` determines the output.
pub async fn awaited<W, F>(body: impl FnOnce() -> F) -> W::Output
where
    W: Future + ?Sized,
    F: Future<Output = W::Output>,
{
    body().await
}

/// The type of an argument that is an `impl Trait`, for closures, which cannot name it.
#[derive(Debug)]
pub struct Known<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Clone for Known<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Known<T> {}

impl<T: ?Sized> Known<T> {
    /// The type of `argument`.
    pub fn of(_argument: &T) -> Self {
        Self(PhantomData)
    }

    /// Requires that `argument` has this type.
    pub fn is(self, _argument: &T) {}
}

/// The load behind a [`Call`](crate::Call), for signatures: a cached `async fn user(id: u64) -> User` is
/// `fn user(id: u64) -> Call<impl Load<Output = User>>`. Only larder implements it.
///
/// ```
/// # use cache_core::facade as larder;
/// # use larder::{Call, future::Load};
/// // In the facade: `use larder::{Call, future::Load};`
///
/// /// Takes the call of any cached function.
/// pub async fn or_default<T: Default>(call: Call<impl Load<Output = Result<T, String>>>) -> T {
///     call.await.unwrap_or_default()
/// }
/// ```
pub trait Load: Unpin {
    /// The output of the function.
    type Output;
    /// The function.
    #[doc(hidden)]
    type Function: Described;
    /// The compiler's name of a closure in the function.
    #[doc(hidden)]
    fn closure() -> &'static str;
    /// Whether the output is a failure. Failures are not cached.
    #[doc(hidden)]
    fn is_failure(output: Self::Output) -> bool;
    /// The request and the cache, with all directions applied.
    #[doc(hidden)]
    fn state(&self, head: &Head) -> CallState;
    /// The function's rules for a value that is put.
    #[doc(hidden)]
    fn judge(&self) -> Judge;
    #[doc(hidden)]
    fn poll(&mut self, head: &Head, cx: &mut Context<'_>) -> Poll<Cached<Self::Output>>;
}

/// The load of a call, and its read if there is no hit. This code is compiled for each function, and calls code that is compiled for
/// each type of output.
pub(crate) struct Loading<P, S: Shape, D, R, K, W: Work<S::Output>> {
    /// The function.
    pub(super) of: PhantomData<fn() -> P>,
    /// Decides for the call by the arguments.
    pub(super) directs: D,
    /// Makes the function's rules.
    pub(super) rules: R,
    /// Writes the key and the tags from the arguments.
    pub(super) write: K,
    pub(super) body: Doing<S::Output, W>,
    pub(super) begun: Option<Box<Begun<S>>>,
}

/// A read that the memory tier could not answer.
pub(crate) struct Begun<S: Shape> {
    /// The function's own key and tags, for directions that come later: the body may have taken the arguments.
    key: EntryKey,
    tags: RequestTags,
    own: Own,
    codec: Option<Coder>,
    /// There is none if the cache could not be used and the call ended with that error.
    reading: Option<Reading>,
    rules: Rules<S>,
    output: Option<Output<S>>,
}

// Nothing in it is pinned in place: what runs is boxed.
impl<P, S: Shape, D, R, K, W: Work<S::Output>> Unpin for Loading<P, S, D, R, K, W> {}

impl<P, S, D, R, K, W> Loading<P, S, D, R, K, W>
where
    S: Shape,
    D: Directs<W::Args>,
    R: Fn() -> Rules<S, Paths<S>>,
    K: Fn(&W::Args, &mut KeyBuf, &mut Tags),
    W: Work<S::Output> + Arguments,
{
    /// Writes the key and the tags.
    #[inline]
    fn write(&self, head: &Head, key: &mut KeyBuf, tags: &mut Tags, directed: &mut Directed) {
        // The body has the arguments until a read begins. Then `begun` has what they decide.
        if let Some(work) = self.body.waiting() {
            (self.write)(work.args(), key, tags);
            self.directs.direct(work.args(), directed);
        }
        directed.complete(tags);
        head.complete(key, tags);
    }

    /// What the arguments decide for a value that may be stored.
    #[inline]
    fn own(&self, head: &Head) -> Own {
        let mut directed = Directed::storing(head.site());
        if let Some(work) = self.body.waiting() {
            self.directs.direct(work.args(), &mut directed);
        }
        directed.own((self.rules)().decide())
    }
}

impl<P, S, D, R, K, W> Load for Loading<P, S, D, R, K, W>
where
    P: Described,
    S: Shape,
    D: Directs<W::Args>,
    R: Fn() -> Rules<S, Paths<S>>,
    K: Fn(&W::Args, &mut KeyBuf, &mut Tags),
    W: Work<S::Output> + Arguments,
{
    type Output = S::Output;
    type Function = P;

    fn closure() -> &'static str {
        // The function has this closure.
        type_name::<K>()
    }

    fn is_failure(output: S::Output) -> bool {
        S::split(output).is_err()
    }

    fn state(&self, head: &Head) -> CallState {
        let mut state = match self.begun.as_deref() {
            // The directions are applied again: one may have been added since the read began.
            Some(Begun { key, tags, own, codec, .. }) => {
                head.state(*codec, key.clone(), tags.clone(), own)
            }
            None => {
                let (mut key, mut tags) = (KeyBuf::new(), Tags::new());
                self.write(head, &mut key, &mut tags, &mut Directed::looking(head.site()));
                let (key, tags) = (EntryKey::from(&key), RequestTags::from(&tags));
                head.state((self.rules)().codec, key, tags, &self.own(head))
            }
        };
        head.direct_ttl(&mut state.request);
        state
    }

    fn judge(&self) -> Judge {
        (self.rules)().values.judge()
    }

    #[inline]
    fn poll(&mut self, head: &Head, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        let rules = (self.rules)();
        if let Some(begun) = &mut self.begun {
            return (rules.paths.rest)(begun, &mut self.body, cx);
        }
        let (mut key, mut tags) = (KeyBuf::new(), Tags::new());
        let mut directed = Directed::looking(head.site());
        self.write(head, &mut key, &mut tags, &mut directed);
        let (plain, mut seen) = (head.is_plain(&key), FirstLook::default());
        let look = Look { policy: directed.looks_under(), key: &key, tags: &tags };
        if plain && let Some(hit) = (rules.paths.first)(head, look, &mut seen) {
            return Poll::Ready(seen.with(hit));
        }
        let own = self.own(head);
        let Self { body, begun, .. } = self;
        let (key, tags) = (EntryKey::from(&key), RequestTags::from(&tags));
        let looked = plain.then_some(seen.early);
        let wanted = Wanted { head, key, tags, own, looked, rules: rules.without_paths() };
        (rules.paths.begin)(wanted, begun, body, cx)
    }
}

/// The entry points of a call, compiled for each type of output.
pub struct Paths<S: Shape> {
    first: First<S::Output>,
    begin: Begin<S>,
    rest: Rest<S>,
}

type First<O> = fn(&Head, Look<'_>, &mut FirstLook) -> Option<O>;

/// A call that the first look has not answered.
struct Wanted<'a, S: Shape> {
    head: &'a Head,
    key: EntryKey,
    tags: RequestTags,
    own: Own,
    /// Whether a first look, if there was one, chose to refresh the value early.
    looked: Option<bool>,
    rules: Rules<S>,
}

type Begin<S> = fn(
    Wanted<'_, S>,
    &mut Option<Box<Begun<S>>>,
    &mut dyn Body<<S as Shape>::Output>,
    &mut Context<'_>,
) -> Poll<Cached<<S as Shape>::Output>>;

type Rest<S> = fn(
    &mut Begun<S>,
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
        Self { first: first::<S>, begin: begin::<S>, rest: rest::<S> }
    }
}

impl<S> Rules<S, Paths<S>>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// The rules of a function whose output borrows from its arguments. Its load must end before they do, so it cannot go on in the
    /// background.
    pub const fn borrowing(shape: S, codec: Option<Coder>) -> Self {
        Self::of(shape, codec, Paths::new())
    }
}

impl<S> Rules<S, Paths<S>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    /// Every value is cached, in every tier that `codec` allows.
    ///
    /// Only this function requires that the value can be cached, so that rustc reports a value that cannot be cached once: a bound of
    /// the call would also be a bound of the type that the function returns.
    pub const fn new(shape: S, codec: Option<Coder>) -> Self {
        let (detached, repeated) =
            (Some(detached::<S> as Detaching<S>), Some(repeated::<S> as Repeating<S>));
        Self { detached, repeated, ..Self::of(shape, codec, Paths::new()) }
    }
}

/// The first look at the memory tier.
#[inline]
fn first<S>(head: &Head, look: Look<'_>, seen: &mut FirstLook) -> Option<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
{
    head.first_look::<S::Value>(look, seen).map(S::join)
}

/// The first poll of a call with directions, and of every call without a hit.
#[cold]
fn begin<S>(
    wanted: Wanted<'_, S>,
    begun: &mut Option<Box<Begun<S>>>,
    body: &mut dyn Body<S::Output>,
    cx: &mut Context<'_>,
) -> Poll<Cached<S::Output>>
where
    S: Shape,
    S::Value: CacheValue,
{
    if let Some(output) = prepare(wanted, begun, body) {
        return Poll::Ready(output);
    }
    begun.as_mut().map_or(Poll::Pending, |begun| rest(begun, body, cx))
}

/// Makes the reading, or returns an output that needs none. It is a function of its own, so that its kilobytes of stack are free while
/// the body runs: a recursion has one `begin` for each level.
#[inline(never)]
fn prepare<S>(
    wanted: Wanted<'_, S>,
    begun: &mut Option<Box<Begun<S>>>,
    body: &mut dyn Body<S::Output>,
) -> Option<Cached<S::Output>>
where
    S: Shape,
    S::Value: CacheValue,
{
    let Wanted { head, key, tags, own, looked, rules } = wanted;
    let codec = rules.codec;
    let CallState { mut request, target } = head.state(codec, key.clone(), tags.clone(), &own);
    match looked {
        Some(early) => request.drawn = early,
        None => {
            let hit = target.with(|engine: &Engine| engine.first_hit::<S::Value>(&mut request));
            if let Some(hit) = hit {
                return Some(hit.map(S::join));
            }
        }
    }
    head.direct_ttl(&mut request);
    let (reading, output) = (None, None);
    let begun = begun.insert(Box::new(Begun { key, tags, own, codec, reading, rules, output }));
    let run = Running::new(body, &begun.rules, &mut begun.output);
    match Reading::of(&target, request, rules.of_reads(), &run) {
        Ok(reading) => {
            begun.reading = Some(reading);
            None
        }
        Err(error) => {
            let refused = Served::Instead(Fault::Refused(error));
            Some(run.made(made(refused, Source::Refused)))
        }
    }
}

/// The later polls.
fn rest<S>(
    begun: &mut Begun<S>,
    body: &mut dyn Body<S::Output>,
    cx: &mut Context<'_>,
) -> Poll<Cached<S::Output>>
where
    S: Shape,
    S::Value: CacheValue,
{
    let Begun { reading, rules, output, .. } = begun;
    let Some(reading) = reading else { return Poll::Pending };
    let mut run = Running::new(body, rules, output);
    reading.poll(&mut run, cx).map(|served| run.made(served))
}

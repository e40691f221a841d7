//! A call of a cached function: a future that takes directions before it is awaited.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cache::{Cache, Inner};
use crate::codec::Codec;
use crate::invalidation::Evict;
use crate::key::{KeyBuf, KeyId};
use crate::registry;
use crate::site::Site;
use crate::strategy::{Look, Mode, Once, Plan, Refreshing, Work, read};
use crate::value::{CacheValue, Shape};
use crate::{Error, parse_duration};

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cached<T> {
    /// What the function returns.
    pub value: T,
    /// Where it came from.
    pub source: Source,
    /// How long ago it was loaded; zero if this call loaded it. Precision: some milliseconds.
    pub age: Duration,
}

impl<T> Cached<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Cached<U> {
        Cached { value: map(self.value), source: self.source, age: self.age }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The memory tier.
    Memory,
    /// The remote tier.
    Remote,
    /// The memory tier, past its `ttl` but within the stale window; a refresh is under way.
    Stale,
    /// This call's own load.
    Loaded,
    /// The load of another call that was under way.
    Coalesced,
    /// This call's own load, beside the cache.
    Bypassed,
}

/// The tags of one call beyond the policy's.
#[derive(Clone, Debug, Default)]
pub struct Tags(KeyBuf);

impl Tags {
    /// None.
    #[inline]
    pub fn new() -> Self {
        Self(KeyBuf::new())
    }

    /// Begins the next tag.
    pub fn begin(&mut self) {
        if !self.0.is_empty() {
            // Control characters are escaped in arguments, and refused in templates.
            self.0.literal("\n");
        }
    }

    /// Where the tag is written.
    pub fn text(&mut self) -> &mut KeyBuf {
        &mut self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.as_str().split('\n').filter(|tag| !tag.is_empty())
    }
}

/// Names lifetimes and types that a returned `impl` type uses; says nothing by itself.
pub trait Captures<T: ?Sized> {}
impl<T: ?Sized, U: ?Sized> Captures<U> for T {}

/// The load behind a [`Call`]. Not to be implemented outside larder.
pub trait Load: Unpin {
    /// What the function returns.
    type Output;
    #[doc(hidden)]
    fn hit(&self, inside: &Inside<'_>) -> Option<Cached<Self::Output>>;
    #[doc(hidden)]
    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<Self::Output>>;
}

/// What [`Load::hit`] gets.
#[derive(Debug)]
pub struct Inside<'a> {
    inner: &'a Inner,
    id: KeyId,
}

/// What [`Load::run`] gets.
#[derive(Debug)]
pub struct Outside<'a> {
    plan: &'a Plan,
    target: &'a Target,
}

struct Loading<S, W, M, F> {
    start: Option<(W, M)>,
    running: Option<Pin<Box<F>>>,
    shape: PhantomData<fn() -> S>,
}

// Nothing in it is pinned in place: the running future is boxed.
impl<S, W, M, F> Unpin for Loading<S, W, M, F> {}

impl<S, W, M, F> Load for Loading<S, W, M, F>
where
    S: Shape,
    S::Value: CacheValue,
    M: FnOnce(Option<Arc<Inner>>, Plan, W) -> F,
    F: Future<Output = Cached<S::Output>>,
{
    type Output = S::Output;

    #[inline]
    fn hit(&self, inside: &Inside<'_>) -> Option<Cached<S::Output>> {
        match inside.inner.look::<S::Value>(inside.id) {
            Look::Fresh(hit) => {
                inside.inner.counters.memory_hits();
                Some(hit.map(S::join))
            }
            _ => None,
        }
    }

    fn run(&mut self, outside: Outside<'_>, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        if let Some((work, make)) = self.start.take() {
            let inner = outside.target.inner();
            self.running = Some(Box::pin(make(inner, outside.plan.clone(), work)));
        }
        match &mut self.running {
            Some(running) => running.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// The slow path: everything but a memory hit. Without a cache (an unknown named one) it loads.
async fn uncached_or_read<S, W>(inner: Option<Arc<Inner>>, plan: Plan, work: W) -> Cached<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    match inner {
        Some(inner) => read::<S, W>(inner, plan, work).await,
        None => {
            let value = work.start().await;
            Cached { value, source: Source::Bypassed, age: Duration::ZERO }
        }
    }
}

/// Which cache a call is for.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Site(&'static Site),
    Named(String),
    Handle(Cache),
}

impl Target {
    pub(crate) fn resolve(&self) -> Result<Cache, Error> {
        match self {
            Self::Site(site) => site.resolve(),
            Self::Named(name) => Cache::named(name),
            Self::Handle(cache) => Ok(cache.clone()),
        }
    }

    /// The cache; without one the reason is told once, and the function runs uncached.
    fn inner(&self) -> Option<Arc<Inner>> {
        match self.resolve() {
            Ok(cache) => Some(cache.inner),
            Err(error) => {
                registry::complain("cached functions run uncached", &error);
                None
            }
        }
    }

    #[inline]
    fn with<R>(&self, look: impl FnOnce(&Inner) -> Option<R>) -> Option<R> {
        match self {
            Self::Site(site) => site.with(look),
            Self::Handle(cache) => look(&cache.inner),
            Self::Named(name) => look(&Cache::named(name).ok()?.inner),
        }
    }
}

/// What an expansion starts from: site and key.
#[derive(Debug)]
pub struct Fetch {
    plan: Plan,
    target: Target,
}

impl Fetch {
    /// A call at `site`.
    #[inline]
    pub fn new(site: &'static Site, mut key: KeyBuf) -> Self {
        key.seal();
        Self { plan: Plan::new(key, site.policy(), None), target: Target::Site(site) }
    }

    /// Tags of this call, beside the policy's.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.plan.tags = tags;
        self
    }

    /// The cache to use, instead of the site's.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.target = Target::Handle(cache.clone());
        self
    }

    /// A call whose load runs in the foreground only.
    pub fn call<S, M, F>(
        self,
        _: S,
        codec: Option<Codec>,
        load: M,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce() -> F,
        F: Future<Output = S::Output>,
    {
        self.work::<S, _>(codec, Once(load))
    }

    /// A call whose load can be detached.
    pub fn call_refreshing<S, A, M, F, G, H>(
        self,
        _: S,
        codec: Option<Codec>,
        args: A,
        load: M,
        again: G,
    ) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce(A) -> F,
        F: Future<Output = S::Output>,
        G: FnOnce(A) -> H,
        H: Future<Output = S::Output> + Send + 'static,
    {
        self.work::<S, _>(codec, Refreshing { args, load, again })
    }

    /// A call of a sync function: the memory tier only.
    pub fn call_sync<S, M>(self, _: S, load: M) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        M: FnOnce() -> S::Output,
    {
        let mut this = self;
        this.plan.policy = this.plan.policy.local();
        this.plan.blocking = true;
        this.work::<S, _>(None, Once(move || async move { load() }))
    }

    fn work<S, W>(mut self, codec: Option<Codec>, work: W) -> Call<impl Load<Output = S::Output>>
    where
        S: Shape,
        S::Value: CacheValue,
        W: Work<S::Output>,
    {
        self.plan.codec = codec;
        let start = Some((work, uncached_or_read::<S, W>));
        let load = Loading { start, running: None, shape: PhantomData::<fn() -> S> };
        Call { whole: Whole { plan: self.plan, target: self.target, load, polled: false } }
    }
}

/// A call of a cached function.
///
/// It is a future with the function's output. Nothing happens before it is polled. Dropping it
/// cancels the call; if it was loading, a waiting caller takes the load over.
///
/// Before it is awaited it takes directions:
///
/// ```ignore
/// get_user(&db, 7).refresh().await?;          // load now and replace
/// get_user(&db, 7).bypass().await?;           // neither read nor write the cache
/// get_user(&db, 7).peek().await?;             // what is cached, without loading
/// get_user(&db, 7).evict().await?;            // forget it
/// get_user(&db, 7).put(user).await?;          // write through
/// let Cached { value, source, age, .. } = get_user(&db, 7).traced().await;
/// ```
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<L> {
    whole: Whole<L>,
}

/// What [`Call`]s of functions with any output have in common; see there.
pub struct Whole<L> {
    plan: Plan,
    target: Target,
    load: L,
    polled: bool,
}

impl<L> fmt::Debug for Call<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("key", &self.whole.plan.key.as_str()).finish_non_exhaustive()
    }
}

impl<L> fmt::Debug for Whole<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("key", &self.plan.key.as_str()).finish_non_exhaustive()
    }
}

impl<L: Load> Whole<L> {
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cached<L::Output>> {
        let Self { plan, target, load, polled } = self;
        if plan.mode == Mode::Normal && !*polled {
            // The whole of a hit.
            let id = plan.key.id();
            if let Some(hit) = target.with(|inner| load.hit(&Inside { inner, id })) {
                return Poll::Ready(hit);
            }
        }
        *polled = true;
        self.run(cx)
    }

    #[cold]
    #[inline(never)]
    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Cached<L::Output>> {
        self.load.run(Outside { plan: &self.plan, target: &self.target }, cx)
    }

    fn read_as<T: CacheValue>(&self) -> Peek<T> {
        Peek::new(self.target.clone(), self.plan.clone())
    }

    fn write<T: CacheValue>(&self, value: T) -> Put {
        Put::new(self.target.clone(), self.plan.clone(), value)
    }

    fn forget(&self) -> Evict {
        Evict::new(self.target.clone(), self.plan.key.clone())
    }

    /// What is cached, without loading: `None` if there is nothing fresh.
    ///
    /// # Errors
    /// The remote tier failed, and the memory tier has nothing.
    pub fn peek(&self) -> Peek<L::Output>
    where
        L::Output: CacheValue,
    {
        self.read_as()
    }

    /// Stores a value as if it had been loaded now, in every tier.
    ///
    /// # Errors
    /// The value can't be encoded, or the remote tier failed; it is in the memory tier even so.
    pub fn put(&self, value: L::Output) -> Put
    where
        L::Output: CacheValue,
    {
        self.write(value)
    }
}

impl<L, T, E> Call<L>
where
    L: Load<Output = Result<T, E>>,
    T: CacheValue,
{
    /// What is cached, without loading: `None` if there is nothing fresh.
    ///
    /// # Errors
    /// The remote tier failed, and the memory tier has nothing.
    pub fn peek(&self) -> Peek<T> {
        self.whole.read_as()
    }

    /// Stores a value as if it had been loaded now, in every tier.
    ///
    /// # Errors
    /// The value can't be encoded, or the remote tier failed; it is in the memory tier even so.
    pub fn put(&self, value: T) -> Put {
        self.whole.write(value)
    }
}

/// For outputs that are no `Result`, `peek` and `put` are found here.
impl<L> Deref for Call<L> {
    type Target = Whole<L>;
    fn deref(&self) -> &Whole<L> {
        &self.whole
    }
}

impl<L> Call<L> {
    /// Where the call reads and what, without the load.
    pub(crate) fn into_parts(self) -> (Target, Plan) {
        (self.whole.target, self.whole.plan)
    }
}

impl<L: Load> Call<L> {
    /// Loads now, whatever is cached, and replaces it. Loads of the key that began before store
    /// nothing any more.
    pub fn refresh(mut self) -> Self {
        self.whole.plan.mode = Mode::Refresh;
        self
    }

    /// Loads beside the cache: it is neither read nor written, and nobody is waited for.
    pub fn bypass(mut self) -> Self {
        self.whole.plan.mode = Mode::Bypass;
        self
    }

    /// The time to live of what this call stores: a [`Duration`], or text such as `"1m 30s"`.
    ///
    /// Text that is no duration changes nothing, and is reported once (to `tracing`, or to standard
    /// error).
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        match ttl.into_ttl() {
            Ok(ttl) => self.whole.plan.policy.ttl = Some(ttl),
            Err(error) => registry::complain("a call keeps its function's ttl", &error),
        }
        self
    }

    /// Another key than the function's own: the whole text below the namespace.
    pub fn key(mut self, key: impl Into<KeyBuf>) -> Self {
        self.whole.plan.key = key.into();
        self
    }

    /// Another cache: a handle, or a name.
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.whole.target = cache.into_target();
        self
    }

    /// The output together with where it came from.
    pub fn traced(self) -> Traced<L> {
        Traced(self)
    }

    /// Forgets what is cached under the key, in every tier, and beats every load that has begun.
    ///
    /// Returns whether there was something. Once it is polled it holds, also if it is dropped.
    ///
    /// # Errors
    /// The remote tier failed. The eviction is not lost: it is carried out before the tier is read
    /// again by this process.
    pub fn evict(&self) -> Evict {
        self.whole.forget()
    }
}

impl<L: Load> Future for Call<L> {
    type Output = L::Output;
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Output> {
        self.whole.poll(cx).map(|cached| cached.value)
    }
}

/// A call that tells where its value came from; made by [`Call::traced`].
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Traced<L>(Call<L>);

impl<L: Load> Future for Traced<L> {
    type Output = Cached<L::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cached<L::Output>> {
        self.0.whole.poll(cx)
    }
}

/// Runs a call of a sync function on this thread.
pub fn wait<L: Load>(mut call: Call<L>) -> L::Output {
    // A hit, and a load that nobody else leads, are ready at once: no parking, no allocation.
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut call).poll(&mut nobody) {
        Poll::Ready(output) => output,
        Poll::Pending => pollster::block_on(call),
    }
}

macro_rules! boxed_future {
    ($(#[$doc:meta])* $name:ident$(<$g:ident>)? -> $output:ty) => {
        $(#[$doc])*
        #[must_use = "it does nothing unless it is awaited"]
        pub struct $name$(<$g>)? {
            future: crate::backend::BoxFuture<'static, Result<$output, Error>>,
        }
        impl$(<$g>)? Future for $name$(<$g>)? {
            type Output = Result<$output, Error>;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.future.as_mut().poll(cx)
            }
        }
        impl$(<$g>)? fmt::Debug for $name$(<$g>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

boxed_future! {
    /// The future of [`Call::peek`].
    Peek<T> -> Option<T>
}

boxed_future! {
    /// The future of [`Call::put`].
    Put -> ()
}

impl<T: CacheValue> Peek<T> {
    fn new(target: Target, plan: Plan) -> Self {
        let future = async move { target.resolve()?.inner.peek::<T>(&plan).await };
        Self { future: Box::pin(future) }
    }
}

impl Put {
    pub(crate) fn new<T: CacheValue>(target: Target, plan: Plan, value: T) -> Self {
        let future = async move { target.resolve()?.inner.put(&plan, value).await };
        Self { future: Box::pin(future) }
    }
}

/// What [`Call::ttl`] takes.
pub trait IntoTtl {
    /// The duration.
    ///
    /// # Errors
    /// The text is no duration.
    fn into_ttl(self) -> Result<Duration, Error>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Result<Duration, Error> {
        Ok(self)
    }
}

impl IntoTtl for &str {
    fn into_ttl(self) -> Result<Duration, Error> {
        parse_duration(self)
    }
}

/// What [`Call::cache`] takes.
pub trait IntoCache {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn into_target(self) -> Target;
}

impl IntoCache for &str {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Named(self.to_owned())
    }
}

impl IntoCache for Cache {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Handle(self)
    }
}

impl IntoCache for &Cache {
    #[allow(private_interfaces)]
    fn into_target(self) -> Target {
        Target::Handle(self.clone())
    }
}

//! Reads of one key.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{CacheEntry, Fits};
use crate::base::{Cached, Error, KnownResult, PLAIN, PolicyRef, no_active_scope, warn_once};
use crate::call::{Once, Owned, Previous, Repeating, Rules, Work, reading};
use crate::engine::{FirstLook, Mode, Trace, is_unscoped};
use crate::tags::Declared;

impl<P> CacheEntry<'_, P> {
    /// Returns the value; `None` if there is none, it is not fresh, it has another type, or it lacks one of the
    /// [tags](Self::tag).
    ///
    /// # Errors
    /// The memory tier has no value and the remote tier failed.
    pub async fn get<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        let engine = &self.cache.engine;
        let fixed = self.policy.map_or(PLAIN.tags, |policy| policy.tags);
        if self.is_plain() {
            let declared = Declared::new(fixed, self.tags.as_str());
            let seen = &mut FirstLook::default();
            if let Some(hit) = engine.first_look(self.key.id(), declared, &PLAIN, None, seen) {
                return Ok(Some(hit));
            }
        }
        let request = self.request::<T>()?;
        match request.mode {
            Mode::AcceptStale => engine.get_stale(&request).await,
            _ => engine.peek(&request, Trace::Read).await,
        }
    }

    /// Returns the value, like [`get`](Self::get), but without side effects: it is not counted, does not renew
    /// the time to idle, does not keep the entry in memory, and does not promote a value of the remote tier.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn peek<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        let engine = &self.cache.engine;
        engine.peek(&self.request::<T>()?, Trace::Nothing).await
    }

    /// Returns the value, or loads it: one load for any number of concurrent callers. See
    /// [`Cache::get_or_load`](crate::Cache::get_or_load) for errors that are shared, and for cancellation.
    ///
    /// The load may borrow, so it cannot continue without its caller: options of the policy that need a load in
    /// the background (`stale`, `early_refresh`, the rest of a load after its timeout) have no effect here. See
    /// [`or_refresh`](Self::or_refresh).
    ///
    /// # Errors
    /// The load's own. If the cache fails, the value is loaded.
    pub async fn or_load<T, E, F, Fut>(self, load: F) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.read(Once(load)).await.value
    }

    /// Returns the value, or loads it, like [`or_load`](Self::or_load), for a load that owns its inputs: it may
    /// run or continue in the background, so the policy's stale window, early refresh and timeouts apply.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// const RATES: Policy = Policy::new().ttl(Duration::from_secs(60)).stale(Duration::from_secs(30));
    /// let cache = Cache::builder().build()?;
    /// let load = || async { Ok::<_, Error>(1.08_f64) };
    /// assert_eq!(cache.entry("rates").policy(RATES).or_refresh(load).await?, 1.08);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load).
    pub async fn or_refresh<T, E, F, Fut>(self, load: F) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.read(Owned(load)).await.value
    }

    /// Returns the value, or loads it, like [`or_refresh`](Self::or_refresh), and loads it again in the background every
    /// `interval` while the key is in use. See [`Policy::refresh_every`](crate::Policy::refresh_every), which it sets.
    ///
    /// An interval that is not shorter than the [`ttl`](Self::ttl), or whose values memory does not serve
    /// ([`tiers`](Self::tiers), [`access`](Self::access)), is a mistake: the load runs uncached, which is reported once (to
    /// `tracing`, or to standard error). One that is not shorter than the `default_ttl` of the cache is reported, too; the value
    /// is cached then, and expires before it would be refreshed.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let load = || async { Ok::<_, Error>(1.08_f64) };
    /// let rates = cache.entry("rates").ttl("5m");
    /// assert_eq!(rates.or_refresh_every(Duration::from_secs(30), load).await?, 1.08);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load).
    pub async fn or_refresh_every<T, E, F, Fut>(
        mut self,
        interval: Duration,
        load: F,
    ) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
        F: Fn() -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.refresh_every = Some(interval);
        let again = |load: &F| load.clone();
        self.read(Repeating { args: load, load: |load: F| load(), again }).await.value
    }

    /// Returns the value, or loads it, like [`or_load`](Self::or_load), with the previous value: one that is not fresh any more
    /// but kept (in the `stale` or `stale_if_error` window of its policy, or [marked stale](Self::mark_stale)), or the one that a
    /// [`refresh`](Self::refresh) replaces. If it is still right ("not modified"), return it: it is stored again, and is fresh for
    /// a whole time to live. `None`: there is no such value, or it was evicted.
    ///
    /// A value without a window after its `ttl` is gone at its end. To keep it for the next load only, and not for
    /// failed loads, add [`stale_if`](Self::stale_if)`(|_: &E| false)` to a policy with `stale_if_error`.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    /// # struct Page { etag: String, text: String }
    /// # async fn fetch(etag: Option<&str>) -> Result<Option<Page>, Error> {
    /// #     let page = Page { etag: "v1".into(), text: "Hello".into() };
    /// #     Ok((etag != Some("v1")).then_some(page))
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// const PAGES: Policy =
    ///     Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(86_400));
    ///
    /// // `fetch` sends the etag, and returns `None` if the server answers "304 Not Modified".
    /// let load = async |previous: Option<Page>| -> Result<Page, Error> {
    ///     let new = fetch(previous.as_ref().map(|page| &*page.etag)).await?;
    ///     Ok(new.or(previous).expect("a server answers 304 to a request with an etag only"))
    /// };
    /// let cache = Cache::builder().build()?;
    /// let page = cache.entry("home").policy(PAGES).or_load_with(load).await?;
    /// cache.mark_stale("home").await?;
    /// assert_eq!(cache.entry("home").policy(PAGES).or_load_with(load).await?, page);
    /// assert_eq!(cache.get("home").await?, Some(page), "fresh again");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load).
    pub async fn or_load_with<T, E, F, Fut>(self, load: F) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce(Option<T>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.revalidating(Once(move || load(Previous::take().value()))).await.value
    }

    /// Returns the value, or loads it with the previous value, like [`or_load_with`](Self::or_load_with), for a load that owns its
    /// inputs: see [`or_refresh`](Self::or_refresh).
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load).
    pub async fn or_refresh_with<T, E, F, Fut>(self, load: F) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce(Option<T>) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.revalidating(Owned(move || load(Previous::take().value()))).await.value
    }

    /// Returns the output of a read that may load together with its source and age.
    pub fn traced(self) -> TracedEntry<Self> {
        TracedEntry(self)
    }

    /// Whether a hit of memory is the whole answer: the key is the one in the memory tier, and no scope may hide
    /// the cache.
    fn is_plain(&self) -> bool {
        let is_whole = self.tenant.is_none() && self.cache.prefix().is_none();
        is_whole && !self.looks_elsewhere() && !self.key.has_tags() && is_unscoped()
    }

    async fn read<T, E>(self, work: impl Work<Result<T, E>>) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
    {
        let rules = Rules::by_hand(KnownResult::<T, E>::NEW, T::coder());
        self.read_by(rules, work).await
    }

    async fn revalidating<T, E>(self, work: impl Work<Result<T, E>>) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
    {
        let rules = Rules::by_hand(KnownResult::<T, E>::NEW, T::coder());
        self.read_by(rules.revalidates(), work).await
    }

    async fn read_by<T, E>(
        mut self,
        rules: Rules<KnownResult<T, E>>,
        work: impl Work<Result<T, E>>,
    ) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
    {
        let tenant = self.tenant.take().transpose().unwrap_or_else(|error| {
            // Otherwise all callers without a name would share the entries.
            warn_once("loads by hand run uncached", &error);
            self.mode = Mode::Bypass;
            None
        });
        let (engine, codec) = (Arc::clone(&self.cache.engine), T::coder());
        let (mut request, policy) = self.plan(codec, tenant.as_ref());
        if matches!(request.mode, Mode::Normal | Mode::AcceptStale) && no_active_scope() {
            // A hit does not allocate the policy.
            let policy = policy.as_ref().unwrap_or(&PLAIN);
            let tags = Declared::new(policy.tags, request.tags.as_str());
            let (id, mut seen) = (request.key.id(), FirstLook::default());
            if let Some(hit) = engine.first_look(id, tags, policy, None, &mut seen) {
                return seen.with(Ok(hit));
            }
            request.drawn |= seen.early;
        }
        if let Some(policy) = policy {
            request.policy = PolicyRef::Own(Arc::new(policy));
        }
        reading(engine, request, rules, work).await
    }
}

/// An entry whose reads return a [`Cached`]: the output with its source and age. Made by
/// [`CacheEntry::traced`].
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, Source};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// let load = || async { Ok::<_, Error>(7_u64) };
/// assert_eq!(cache.entry("k").traced().or_load(load).await.source, Source::Loaded);
/// assert_eq!(cache.entry("k").traced().or_load(load).await.source, Source::Memory);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an entry does nothing until one of its last methods is awaited"]
pub struct TracedEntry<C>(pub(in crate::api) C);

impl<P> TracedEntry<CacheEntry<'_, P>> {
    /// Returns the value, or loads it: see [`CacheEntry::or_load`].
    pub async fn or_load<T, E, F, Fut>(self, load: F) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.0.read(Once(load)).await
    }

    /// Returns the value, or loads it: see [`CacheEntry::or_refresh`].
    pub async fn or_refresh<T, E, F, Fut>(self, load: F) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.0.read(Owned(load)).await
    }
}

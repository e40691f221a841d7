//! One key of a cache, by hand, with the directions of a [`Call`](crate::Call).
//!
//! | file | content |
//! | --- | --- |
//! | `read` | reads, with and without a load |
//! | `write` | writes that depend on nothing, or on the old value |
//! | `tiers` | which values a handle takes |

mod read;
mod tiers;
mod write;

pub use read::TracedEntry;
pub use tiers::{AllTiers, ChoosesTiers, Fits, InFormat, MemoryOnly, encoded_by};

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{
    Access, CacheValue, Error, Expiry, IntoTtl, PLAIN, Policy, PolicyRef, Tiers, Usage, warn_once,
};
use crate::codec::Coder;
use crate::engine::{Cache, Decide, Mode, Request, Terms, restrict};
use crate::key::{IntoKey, KeyBuf, TenantPrefix};
use crate::tags::{Tags, bounded};

/// One key of a cache, with directions: what a [`Call`](crate::Call) is for a cached function. Made by
/// [`Cache::entry`]; nothing happens before one of its last methods is awaited.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// let id = 7;
/// let visits: u64 = cache
///     .entry(format!("visits:{id}"))
///     .ttl("1h")
///     .tag(format!("user:{id}"))
///     .or_load(|| async { Ok::<_, Error>(0) })
///     .await?;
/// assert_eq!(visits, 0);
///
/// let visits = cache.entry("visits:7").tag("user:7").update(|old| Some(old.unwrap_or(0) + 1)).await?;
/// assert_eq!(visits, Some(1_u64));
///
/// cache.evict_tag("user:7").await?;
/// assert_eq!(cache.entry("visits:7").tag("user:7").get::<u64>().await?, None);
/// # Ok(())
/// # }
/// ```
///
/// The directions can come in any order. [`ttl`](Self::ttl) takes precedence over the ttl of a
/// [`policy`](Self::policy). Every write has a ticket, as every load has: an eviction that comes after the old
/// value was read, or after the load began, wins.
///
/// Values have serde's traits, because they may go to a remote tier, or a format of their own ([`codec`](Self::codec)).
/// [`Cache::local`] takes any `Clone` value.
#[must_use = "an entry does nothing until one of its last methods is awaited"]
pub struct CacheEntry<'c, P = AllTiers> {
    cache: &'c Cache,
    key: KeyBuf,
    policy: Option<Policy>,
    ttl: Option<Expiry>,
    /// How often the value is loaded again.
    refresh_every: Option<Duration>,
    /// What the value decides.
    decide: Option<Decide>,
    /// What the error of a load decides.
    fails: Option<Decide>,
    tags: Tags,
    tenant: Option<Result<TenantPrefix, Error>>,
    mode: Mode,
    /// The tiers and the access, which take precedence over those of the policy.
    usage: Usage,
    /// Whether the caller blocks its thread while it waits.
    blocking: bool,
    tiers: PhantomData<P>,
}

impl<P> fmt::Debug for CacheEntry<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheEntry").field("key", &self.key.as_str()).finish_non_exhaustive()
    }
}

impl Cache {
    /// Returns one key of this cache, with every direction that a [`Call`](crate::Call) has: see
    /// [`CacheEntry`].
    pub fn entry(&self, key: impl IntoKey) -> CacheEntry<'_> {
        CacheEntry::new(self, key)
    }
}

impl<'c> CacheEntry<'c> {
    /// Stores the value in the remote tier in the format `C`: one of larder's own, whatever the cache's
    /// [`codec`](crate::Builder::codec) is, or a [`ValueCodec`](crate::ValueCodec), for which the value needs no serde.
    /// The memory tier holds the value itself. A value in another format of yours is a counted miss.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend};
    /// use larder::codec::MessagePack;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().no_memory().remote(MemoryBackend::new()).build()?;
    /// cache.entry("rates").codec::<MessagePack>().insert(vec![1.08, 0.93]).await?;
    /// assert_eq!(cache.entry("rates").codec::<MessagePack>().get().await?, Some(vec![1.08, 0.93]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn codec<C>(self) -> CacheEntry<'c, InFormat<C>> {
        let Self { cache, key, policy, ttl, refresh_every, decide, fails, tags, .. } = self;
        let Self { tenant, mode, usage, blocking, .. } = self;
        CacheEntry {
            cache,
            key,
            policy,
            ttl,
            refresh_every,
            decide,
            fails,
            tags,
            tenant,
            mode,
            usage,
            blocking,
            tiers: PhantomData,
        }
    }
}

impl<P: ChoosesTiers> CacheEntry<'_, P> {
    /// Sets the tiers that are read and filled, instead of those of the [`policy`](Self::policy): see [`Tiers`].
    /// [`insert`](Self::insert), [`update`](Self::update) and a [`refresh`](Self::refresh) remove the older value from a
    /// tier that is left out; [`remove`](Self::remove) reaches every tier.
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.usage.tiers = Some(tiers);
        self
    }
}

impl<'c, P> CacheEntry<'c, P> {
    pub(super) fn new(cache: &'c Cache, key: impl IntoKey) -> Self {
        Self {
            cache,
            key: key.into_key_buf(),
            policy: None,
            ttl: None,
            refresh_every: None,
            decide: None,
            fails: None,
            tags: Tags::new(),
            tenant: None,
            mode: Mode::Normal,
            usage: Usage::default(),
            blocking: false,
            tiers: PhantomData,
        }
    }

    /// The caller blocks its thread while it waits.
    pub(super) fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Sets the time to live of the value that is stored: a [`Duration`](std::time::Duration), text such as
    /// `"1m 30s"`, or `"never"`. Default: the policy's; without one, the cache's.
    ///
    /// Text that is not a duration changes nothing, and is reported once (to `tracing`, or to standard error).
    pub fn ttl(mut self, ttl: impl IntoTtl) -> Self {
        match ttl.into_ttl() {
            Ok(ttl) => self.ttl = ttl,
            Err(error) => warn_once("an entry keeps its policy's ttl", &error),
        }
        self
    }

    /// Sets the time to live by the value that is loaded or inserted, as the option `ttl_with` of `#[cached]`
    /// does: zero means that the value is not stored, and `None` that it has the [`ttl`](Self::ttl) of the entry.
    ///
    /// `T` is the type of the value; a function of another type is ignored.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Expiry};
    /// # use std::time::Duration;
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// # struct Token { expires_in: Duration }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let cache = Cache::builder().build()?;
    /// # let fetch = || async { Ok::<_, Error>(Token { expires_in: Duration::from_secs(60) }) };
    /// let token = cache
    ///     .entry("token")
    ///     .ttl_with(|token: &Token| token.expires_in)
    ///     .or_load(fetch)
    ///     .await?;
    /// assert!(cache.ttl("token").await? <= Some(Expiry::In(token.expires_in)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ttl_with<T, L>(self, ttl: impl Fn(&T) -> L + Send + Sync + 'static) -> Self
    where
        T: CacheValue,
        L: IntoTtl,
    {
        self.decides(move |value: &T, terms| terms.ttl(ttl(value)))
    }

    /// Stores a value that is loaded or inserted only if `keep` is true for it. An inserted value that is not
    /// stored evicts the old one.
    ///
    /// `T` is the type of the value; a function of another type is ignored.
    pub fn cache_if<T: CacheValue>(
        self,
        keep: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.decides(move |value: &T, terms| terms.keep_if(keep(value)))
    }

    /// Serves an old value instead of a failed load (see [`Policy::stale_if_error`]) only if `serves` is true for the
    /// error, as the option `stale_if` of `#[cached]` does. After another error the caller gets the error.
    ///
    /// `E` is the type of the load's error; a function of another type is ignored.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), larder::Error> {
    /// #[derive(Debug, PartialEq)]
    /// enum Failed { NotFound, Unreachable }
    ///
    /// let rates = Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(3600));
    /// let cache = Cache::builder().build()?;
    /// cache.entry("rates").policy(rates).insert(1.08f64).await?;
    /// cache.mark_stale("rates").await?;
    ///
    /// let rates = || cache.entry("rates").policy(rates).stale_if(|error: &Failed| *error == Failed::Unreachable);
    /// assert_eq!(rates().or_load(|| async { Err::<f64, _>(Failed::NotFound) }).await, Err(Failed::NotFound));
    /// assert_eq!(rates().or_load(|| async { Err(Failed::Unreachable) }).await, Ok(1.08));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stale_if<E: 'static>(
        mut self,
        serves: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.fails = Some(Decide::new(move |error: &E, terms| terms.keep_if(serves(error))));
        self
    }

    fn decides<T: CacheValue>(
        mut self,
        decide: impl Fn(&T, &mut Terms) + Send + Sync + 'static,
    ) -> Self {
        self.decide = Decide::both(self.decide.take(), Some(Decide::new(decide)));
        self
    }

    /// Adds a tag, which is stored with the value: [`evict_tag`](Cache::evict_tag) ends it. A read treats a
    /// value without the tag as a miss, because evicting the tag would not end that value. Tags that are
    /// longer than 256 bytes are cut to a hash.
    pub fn tag(mut self, tag: impl AsRef<str>) -> Self {
        self.tags.begin();
        self.tags.text().literal(&bounded(tag.as_ref()));
        self
    }

    /// Uses the entry of one tenant, as [`Cache::tenant`] does: the key has a separate value for each tenant. Default: the
    /// tenant of the scope ([`with_tenant`](crate::with_tenant)), otherwise none.
    ///
    /// An empty name is refused: a load runs uncached, which is reported once, and everything else returns an
    /// [`Error::Config`].
    pub fn tenant(mut self, name: impl fmt::Display) -> Self {
        self.tenant = Some(TenantPrefix::of(&name));
        self
    }

    /// Sets the policy: lifetimes, windows, timeouts, tags. Default: the cache's time to live, no other
    /// options.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets whether the cached value is read and stored, instead of what the [`policy`](Self::policy) says: see
    /// [`Access`]. Has no effect on methods that change the old value (`update`, `insert_if_absent`, `take`), nor on
    /// `remove` and `mark_stale`.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Access, Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let load = || async { Ok::<_, Error>(7_u64) };
    /// assert_eq!(cache.entry("k").access(Access::ReadOnly).or_load(load).await?, 7);
    /// assert_eq!(cache.get::<u64>("k").await?, None, "nothing was stored");
    /// # Ok(())
    /// # }
    /// ```
    pub fn access(mut self, access: Access) -> Self {
        self.usage.access = Some(access);
        self
    }

    /// Loads now, in [`or_load`](Self::or_load) and [`or_refresh`](Self::or_refresh), and replaces the value in
    /// every tier. Loads of the key that began earlier store nothing. Has no effect on other methods, nor after
    /// [`bypass`](Self::bypass).
    pub fn refresh(mut self) -> Self {
        if self.mode != Mode::Bypass {
            self.mode = Mode::Refresh;
        }
        self
    }

    /// Also takes a value that is not fresh, in [`get`](Self::get), [`or_load`](Self::or_load) and
    /// [`or_refresh`](Self::or_refresh), and does not wait for a load then: a value in the `stale` or `stale_if_error` window of
    /// its policy, or one that was [marked stale](Self::mark_stale). `or_refresh` starts one refresh in the background; the other
    /// two load nothing. Without any value, the methods that load do so.
    ///
    /// A value that was evicted is never returned. Has no effect after [`refresh`](Self::refresh) or
    /// [`bypass`](Self::bypass).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Policy};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let rates = Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(3600));
    /// let cache = Cache::builder().build()?;
    /// cache.entry("rates").policy(rates).insert(1.08f64).await?;
    /// cache.mark_stale("rates").await?;
    ///
    /// assert_eq!(cache.entry("rates").get::<f64>().await?, None);
    /// assert_eq!(cache.entry("rates").accept_stale().get().await?, Some(1.08));
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_stale(mut self) -> Self {
        if self.mode == Mode::Normal {
            self.mode = Mode::AcceptStale;
        }
        self
    }

    /// Loads without the cache, in [`or_load`](Self::or_load) and [`or_refresh`](Self::or_refresh): neither
    /// reads nor stores, and does not wait for other callers. Has no effect on other methods.
    pub fn bypass(mut self) -> Self {
        self.mode = Mode::Bypass;
        self
    }

    /// Whether a fresh value of the memory tier need not be the answer.
    fn looks_elsewhere(&self) -> bool {
        self.usage.is_set() || self.policy.as_ref().is_some_and(Policy::is_selective)
    }

    /// The policy, if it is not the default one.
    fn own_policy(&self) -> Option<Policy> {
        let given = self.policy.is_some() || self.ttl.is_some() || self.usage.is_set();
        if !given && self.refresh_every.is_none() {
            return None;
        }
        let policy = self.usage.of(&self.policy.unwrap_or(PLAIN));
        let policy = self.ttl.map_or(policy, |ttl| policy.until(ttl));
        // Last: an interval that the other directions exclude is a mistake, and not left out.
        Some(self.refresh_every.map_or(policy, |interval| policy.refresh_every(interval)))
    }

    /// The request, with the default policy, and the entry's own policy.
    fn plan(
        self,
        codec: Option<Coder>,
        tenant: Option<&TenantPrefix>,
    ) -> (Request, Option<Policy>) {
        let policy = self.own_policy();
        let mut request = Request::by_hand(&self.key, PolicyRef::Static(&PLAIN), codec);
        request.tags.add(self.tags.as_str());
        restrict(&mut request, self.cache.prefix(), tenant);
        request.decide = self.decide;
        request.fails = self.fails;
        request.ttl = self.ttl;
        request.usage = self.usage;
        request.mode = self.mode;
        request.blocking = self.blocking;
        (request, policy)
    }

    /// The request of a method that does not load.
    ///
    /// # Errors
    /// The tenant has no name.
    fn request<T: Fits<P>>(mut self) -> Result<Request, Error> {
        let tenant = self.tenant.take().transpose()?;
        let (mut request, policy) = self.plan(T::coder(), tenant.as_ref());
        if request.mode != Mode::AcceptStale {
            request.mode = Mode::Normal;
        }
        if let Some(policy) = policy {
            request.policy = PolicyRef::Own(Arc::new(policy));
        }
        Ok(request)
    }
}

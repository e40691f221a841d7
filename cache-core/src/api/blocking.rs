//! A cache for programs without a runtime: every method blocks its thread.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use super::entry::{AllTiers, CacheEntry, ChoosesTiers, Fits, InFormat, MemoryOnly, TracedEntry};
use super::local::LocalCache;
use crate::base::{
    Access, CacheValue, Cached, Error, IntoTtl, PLAIN, Pattern, Policy, Tiers, block_on, outside,
};
use crate::codec::RemoteValue;
use crate::engine::Cache;
use crate::key::IntoKey;

/// A handle of a cache whose methods block their thread, for programs without a runtime. Made by
/// [`Cache::blocking`], and by [`LocalCache::blocking`] for values without serde.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?.blocking();
/// cache.insert("greeting", "hello".to_owned())?;
/// assert_eq!(cache.get::<String>("greeting")?.as_deref(), Some("hello"));
///
/// let length = cache.entry("length").ttl("1h").or_load(|| Ok::<_, Error>("hello".len()))?;
/// assert_eq!(length, 5);
/// # Ok(())
/// # }
/// ```
///
/// With Redis, [`block_on`](crate::block_on()) makes the connection:
/// `larder::block_on(Redis::connect(url))`. Timers, sockets and writes in the background run in larder's own
/// thread `larder-blocking`.
///
/// A blocking load and an async load of one key do not wait for each other, because the async one may need this
/// thread. In async code, call these methods in `spawn_blocking`.
pub struct BlockingCache<P = AllTiers> {
    cache: Cache,
    tiers: PhantomData<P>,
}

impl<P> Clone for BlockingCache<P> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), tiers: PhantomData }
    }
}

impl<P> fmt::Debug for BlockingCache<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingCache").field(&self.cache).finish()
    }
}

impl Cache {
    /// Returns a handle whose methods block their thread, for programs without a runtime: see
    /// [`BlockingCache`].
    pub fn blocking(&self) -> BlockingCache {
        BlockingCache { cache: self.clone(), tiers: PhantomData }
    }
}

impl LocalCache {
    /// Returns a handle whose methods block their thread: see [`BlockingCache`].
    pub fn blocking(&self) -> BlockingCache<MemoryOnly> {
        BlockingCache { cache: self.cache().clone(), tiers: PhantomData }
    }
}

impl<P> BlockingCache<P> {
    /// Returns the cache. Its async methods run in [`block_on`](crate::block_on()).
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns one key, with directions: see [`CacheEntry`].
    pub fn entry(&self, key: impl IntoKey) -> BlockingEntry<'_, P> {
        BlockingEntry(CacheEntry::new(&self.cache, key).blocking())
    }

    /// See [`Cache::get`].
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn get<T: Fits<P>>(&self, key: impl IntoKey) -> Result<Option<T>, Error> {
        self.entry(key).get()
    }

    /// See [`Cache::get_or_load`].
    ///
    /// # Errors
    /// The load's own.
    pub fn get_or_load<T, E>(
        &self,
        key: impl IntoKey,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
    {
        self.entry(key).or_load(load)
    }

    /// See [`Cache::insert`].
    ///
    /// # Errors
    /// As [`Cache::insert`].
    pub fn insert<T: Fits<P>>(&self, key: impl IntoKey, value: T) -> Result<(), Error> {
        self.entry(key).insert(value)
    }

    /// See [`Cache::remove`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub fn remove(&self, key: impl IntoKey) -> Result<bool, Error> {
        block_on(self.cache.remove(key))
    }

    /// See [`Cache::remove_many`].
    ///
    /// # Errors
    /// As [`Cache::remove_many`].
    pub fn remove_many<K: IntoKey>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64, Error> {
        block_on(self.cache.remove_many(keys))
    }

    /// See [`Cache::evict_tag`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub fn evict_tag(&self, tag: &str) -> Result<(), Error> {
        block_on(self.cache.evict_tag(tag))
    }

    /// See [`Cache::evict_pattern`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub fn evict_pattern(&self, pattern: impl Into<Pattern>) -> Result<u64, Error> {
        block_on(self.cache.evict_pattern(pattern))
    }

    /// See [`Cache::clear`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub fn clear(&self) -> Result<(), Error> {
        block_on(self.cache.clear())
    }

    /// See [`Cache::close`].
    ///
    /// # Errors
    /// As [`Cache::close`].
    pub fn close(&self) -> Result<(), Error> {
        block_on(self.cache.close())
    }
}

/// Operations on many keys, of values that go to every tier.
impl BlockingCache {
    /// See [`Cache::get_many`].
    ///
    /// # Errors
    /// As [`Cache::get_many`].
    pub fn get_many<T: RemoteValue>(
        &self,
        keys: impl IntoIterator<Item = impl IntoKey>,
    ) -> Result<Vec<Option<T>>, Error> {
        block_on(self.cache.get_many(keys))
    }

    /// See [`Cache::insert_many`].
    ///
    /// # Errors
    /// As [`Cache::insert_many`].
    pub fn insert_many<K: IntoKey, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), Error> {
        block_on(self.cache.insert_many(entries))
    }

    /// See [`Cache::insert_many_with`].
    ///
    /// # Errors
    /// As [`Cache::insert_many`].
    pub fn insert_many_with<K: IntoKey, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        policy: Policy,
    ) -> Result<(), Error> {
        block_on(self.cache.insert_many_with(entries, policy))
    }

    /// See [`Cache::get_or_load_many`]. The load runs on this thread.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # use std::collections::HashMap;
    /// # fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?.blocking();
    /// cache.insert("square:2", 4u64)?;
    /// let squares = cache.get_or_load_many(["square:2", "square:3"], |missing| {
    ///     assert_eq!(missing, ["square:3"]);
    ///     Ok::<_, Error>(HashMap::from([("square:3".to_owned(), 9u64)]))
    /// })?;
    /// assert_eq!((squares["square:2"], squares["square:3"]), (4, 9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The load's own.
    pub fn get_or_load_many<K, T, E>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: impl Fn(Vec<String>) -> Result<HashMap<String, T>, E>,
    ) -> Result<HashMap<String, T>, E>
    where
        K: IntoKey,
        T: RemoteValue,
        E: 'static,
    {
        self.get_or_load_many_with(keys, PLAIN, load)
    }

    /// See [`Cache::get_or_load_many_with`]. The load runs on this thread.
    ///
    /// # Errors
    /// The load's own.
    pub fn get_or_load_many_with<K, T, E>(
        &self,
        keys: impl IntoIterator<Item = K>,
        policy: Policy,
        load: impl Fn(Vec<String>) -> Result<HashMap<String, T>, E>,
    ) -> Result<HashMap<String, T>, E>
    where
        K: IntoKey,
        T: RemoteValue,
        E: 'static,
    {
        let load = &load;
        let load = move |missing| async move { outside(|| load(missing)) };
        block_on(self.cache.load_keys(keys, policy, true, load))
    }
}

/// One key of a [`BlockingCache`], with the directions of a [`CacheEntry`].
#[must_use = "an entry does nothing until one of its last methods is called"]
#[derive(Debug)]
pub struct BlockingEntry<'c, P = AllTiers>(CacheEntry<'c, P>);

impl<'c> BlockingEntry<'c> {
    /// See [`CacheEntry::codec`].
    pub fn codec<C>(self) -> BlockingEntry<'c, InFormat<C>> {
        BlockingEntry(self.0.codec())
    }
}

impl<P: ChoosesTiers> BlockingEntry<'_, P> {
    /// See [`CacheEntry::tiers`].
    pub fn tiers(self, tiers: Tiers) -> Self {
        Self(self.0.tiers(tiers))
    }
}

impl<'c, P> BlockingEntry<'c, P> {
    /// See [`CacheEntry::ttl`].
    pub fn ttl(self, ttl: impl IntoTtl) -> Self {
        Self(self.0.ttl(ttl))
    }

    /// See [`CacheEntry::ttl_with`].
    pub fn ttl_with<T, L>(self, ttl: impl Fn(&T) -> L + Send + Sync + 'static) -> Self
    where
        T: CacheValue,
        L: IntoTtl,
    {
        Self(self.0.ttl_with(ttl))
    }

    /// See [`CacheEntry::cache_if`].
    pub fn cache_if<T: CacheValue>(
        self,
        keep: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.cache_if(keep))
    }

    /// See [`CacheEntry::tag`].
    pub fn tag(self, tag: impl AsRef<str>) -> Self {
        Self(self.0.tag(tag))
    }

    /// See [`CacheEntry::tenant`].
    pub fn tenant(self, name: impl std::fmt::Display) -> Self {
        Self(self.0.tenant(name))
    }

    /// See [`CacheEntry::policy`].
    pub fn policy(self, policy: Policy) -> Self {
        Self(self.0.policy(policy))
    }

    /// See [`CacheEntry::refresh`].
    pub fn refresh(self) -> Self {
        Self(self.0.refresh())
    }

    /// See [`CacheEntry::accept_stale`].
    pub fn accept_stale(self) -> Self {
        Self(self.0.accept_stale())
    }

    /// See [`CacheEntry::access`].
    pub fn access(self, access: Access) -> Self {
        Self(self.0.access(access))
    }

    /// See [`CacheEntry::stale_if`].
    pub fn stale_if<E: 'static>(self, serves: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.stale_if(serves))
    }

    /// See [`CacheEntry::bypass`].
    pub fn bypass(self) -> Self {
        Self(self.0.bypass())
    }

    /// See [`CacheEntry::traced`].
    pub fn traced(self) -> TracedEntry<Self> {
        TracedEntry(self)
    }

    /// See [`CacheEntry::get`].
    ///
    /// # Errors
    /// As [`CacheEntry::get`].
    pub fn get<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        block_on(self.0.get())
    }

    /// See [`CacheEntry::peek`].
    ///
    /// # Errors
    /// As [`CacheEntry::get`].
    pub fn peek<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        block_on(self.0.peek())
    }

    /// See [`CacheEntry::or_load`]. The load runs on this thread.
    ///
    /// # Errors
    /// The load's own.
    pub fn or_load<T, E>(self, load: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
    {
        block_on(self.0.or_load(|| async { outside(load) }))
    }

    /// See [`CacheEntry::or_load_with`]. The load runs on this thread.
    ///
    /// # Errors
    /// The load's own.
    pub fn or_load_with<T, E>(self, load: impl FnOnce(Option<T>) -> Result<T, E>) -> Result<T, E>
    where
        T: Fits<P>,
        E: 'static,
    {
        block_on(self.0.or_load_with(|previous| async { outside(|| load(previous)) }))
    }

    /// See [`CacheEntry::insert`].
    ///
    /// # Errors
    /// As [`CacheEntry::insert`].
    pub fn insert<T: Fits<P>>(self, value: T) -> Result<(), Error> {
        block_on(self.0.insert(value))
    }

    /// See [`CacheEntry::insert_if_absent`].
    ///
    /// # Errors
    /// As [`CacheEntry::insert_if_absent`].
    pub fn insert_if_absent<T: Fits<P>>(self, value: T) -> Result<bool, Error> {
        block_on(self.0.insert_if_absent(value))
    }

    /// See [`CacheEntry::update`].
    ///
    /// # Errors
    /// As [`CacheEntry::update`].
    pub fn update<T: Fits<P>>(
        self,
        change: impl FnMut(Option<T>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        block_on(self.0.update(change))
    }

    /// See [`CacheEntry::take`].
    ///
    /// # Errors
    /// As [`CacheEntry::take`].
    pub fn take<T: Fits<P>>(self) -> Result<Option<T>, Error> {
        block_on(self.0.take())
    }

    /// See [`CacheEntry::remove`].
    ///
    /// # Errors
    /// As [`CacheEntry::remove`].
    pub fn remove(self) -> Result<bool, Error> {
        block_on(self.0.remove())
    }

    /// See [`CacheEntry::mark_stale`].
    ///
    /// # Errors
    /// As [`CacheEntry::remove`].
    pub fn mark_stale(self) -> Result<bool, Error> {
        block_on(self.0.mark_stale())
    }
}

impl<P> TracedEntry<BlockingEntry<'_, P>> {
    /// See [`CacheEntry::or_load`]. The load runs on this thread.
    pub fn or_load<T, E>(self, load: impl FnOnce() -> Result<T, E>) -> Cached<Result<T, E>>
    where
        T: Fits<P>,
        E: 'static,
    {
        block_on(self.0.0.traced().or_load(|| async { outside(load) }))
    }
}

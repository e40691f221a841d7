//! Values that stay in the memory tier of this process, without serde.

use std::future::Future;

use super::entry::{CacheEntry, MemoryOnly};
use crate::base::{CacheValue, Error, Pattern};
use crate::engine::Cache;
use crate::key::IntoKey;

/// A handle of a cache for values that stay in the memory tier of this process: every value that is
/// `Clone + Send + Sync` will do, without serde. Made by [`Cache::local`].
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// use std::sync::Arc;
///
/// struct Connection; // neither `Clone` nor serde's traits
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?.local();
/// let open = || async { Ok::<_, Error>(Arc::new(Connection)) };
/// let first = cache.get_or_load("connection:eu", open).await?;
/// let again = cache.entry("connection:eu").ttl("10m").or_load(open).await?;
/// assert!(Arc::ptr_eq(&first, &again));
/// # Ok(())
/// # }
/// ```
///
/// Everything else is the cache's: its bound, its statistics, its tags and patterns ([`cache`](Self::cache)).
/// Keys are shared with the other values of the cache, so give them a beginning of their own. An eviction by key,
/// tag or pattern reaches the values of all processes, as for `#[cached(local)]`; [`take`](CacheEntry::take) and
/// [`update`](CacheEntry::update) change this process's value only. In a cache without a memory tier nothing is
/// stored.
#[derive(Clone, Debug)]
pub struct LocalCache {
    cache: Cache,
}

impl Cache {
    /// Returns a handle for values that stay in the memory tier of this process, and need no serde: see
    /// [`LocalCache`].
    pub fn local(&self) -> LocalCache {
        LocalCache { cache: self.clone() }
    }
}

impl LocalCache {
    /// Returns the cache, for everything that does not depend on the type of a value.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns one key, with directions: see [`CacheEntry`].
    pub fn entry(&self, key: impl IntoKey) -> CacheEntry<'_, MemoryOnly> {
        CacheEntry::new(&self.cache, key)
    }

    /// Returns the value under `key`; `None` if there is none, it is not fresh, or it has another type.
    ///
    /// # Errors
    /// None at present.
    pub async fn get<T: CacheValue>(&self, key: impl IntoKey) -> Result<Option<T>, Error> {
        self.entry(key).get().await
    }

    /// Returns the value under `key`, or loads it: see [`Cache::get_or_load`].
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load<T, E, F, Fut>(&self, key: impl IntoKey, load: F) -> Result<T, E>
    where
        T: CacheValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.entry(key).or_load(load).await
    }

    /// Stores a value with the cache's default time to live. Loads of the key that have begun store nothing.
    ///
    /// # Errors
    /// None at present.
    pub async fn insert<T: CacheValue>(&self, key: impl IntoKey, value: T) -> Result<(), Error> {
        self.entry(key).insert(value).await
    }

    /// Removes the value under `key`: see [`Cache::remove`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub async fn remove(&self, key: impl IntoKey) -> Result<bool, Error> {
        self.cache.remove(key).await
    }

    /// Evicts the fresh values of type `T` in memory for which `keep` is false, of the keys that match (`*` is a
    /// wildcard). Returns how many there were. See [`Cache::retain`].
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?.local();
    /// let kept: Arc<str> = "kept".into();
    /// cache.insert("text:1", Arc::clone(&kept)).await?;
    /// cache.insert("text:2", Arc::<str>::from("unused")).await?;
    /// // The texts that no one else holds. (`retain` holds one clone itself.)
    /// let unused = cache.retain("text:*", |_, text: &Arc<str>| Arc::strong_count(text) > 2).await?;
    /// assert_eq!((unused, cache.cache().keys("*").await?), (1, vec!["text:1".to_owned()]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The eviction failed in the remote tier, as [`Cache::remove`].
    pub async fn retain<T: CacheValue>(
        &self,
        pattern: impl Into<Pattern>,
        mut keep: impl FnMut(&str, &T) -> bool,
    ) -> Result<u64, Error> {
        let (cache, mut evicted) = (&self.cache, 0);
        let mut keys = cache.engine.keys_in_memory(&cache.own_pattern(pattern));
        if let Some(tenant) = cache.tenant_here() {
            keys.retain_mut(|key| match tenant.prefix().strip(key).map(str::to_owned) {
                Some(own) => {
                    *key = own;
                    true
                }
                None => false,
            });
        }
        while !keys.is_empty() {
            let mut page = keys.split_off(keys.len().saturating_sub(500));
            evicted += cache.retain_of::<MemoryOnly, T>(&mut page, &mut keep).await?;
        }
        Ok(evicted)
    }
}

//! Operations on many keys, by hand.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use crate::base::{Error, KnownResult, PLAIN, Policy, PolicyRef};
use crate::call::{Asking, CacheChoice, Found, Rules, Wanted, in_foreground};
use crate::codec::{RemoteValue, coder};
use crate::engine::{Cache, Request};
use crate::key::{IntoKey, KeyBuf};

impl Cache {
    /// Stores many values, as [`insert`](Self::insert) stores one, with one request to the remote tier for
    /// each thousand. If a key is given twice, the last value counts.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert_many([("a", 1u64), ("b", 2)]).await?;
    /// assert_eq!(cache.get_many::<u64>(&["b", "c", "a"]).await?, [Some(2), None, Some(1)]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Several`] with the keys that failed and their errors. A value that cannot be encoded, or that
    /// the remote tier refused or could not store, does not prevent the others. A value that the remote tier
    /// did not store is in the memory tier nevertheless.
    pub async fn insert_many<K: IntoKey, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), Error> {
        let entries = entries.into_iter().map(|(key, value)| (self.plain::<T>(key), value));
        self.engine.put_many(entries.collect()).await
    }

    /// Stores many values with one policy (time to live, stale window, tags), like
    /// [`insert_many`](Self::insert_many).
    ///
    /// # Errors
    /// As [`insert_many`](Self::insert_many).
    pub async fn insert_many_with<K: IntoKey, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        policy: Policy,
    ) -> Result<(), Error> {
        let policy = PolicyRef::Own(Arc::new(policy));
        let entries = entries.into_iter();
        let entries = entries.map(|(key, value)| (self.request::<T>(key, policy.clone()), value));
        self.engine.put_many(entries.collect()).await
    }

    /// Returns the values of many keys, and loads the missing ones together: `load` gets their keys, and
    /// returns the values that exist, which are stored. Each key has its own flight, as with
    /// [`get_or_load`](Self::get_or_load): a key that another caller is loading is waited for. If that load
    /// fails, `load` is called again for the key.
    ///
    /// Keys without a value are omitted, and not remembered. If the cache fails, the values are loaded; the
    /// caller never gets an error of the cache.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # use std::collections::HashMap;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("square:2", 4u64).await?;
    /// let squares = cache
    ///     .get_or_load_many(["square:2", "square:3"], |missing: Vec<String>| async move {
    ///         assert_eq!(missing, ["square:3"]);
    ///         Ok::<_, Error>(HashMap::from([("square:3".to_owned(), 9u64)]))
    ///     })
    ///     .await?;
    /// assert_eq!((squares["square:2"], squares["square:3"]), (4, 9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The load's own; then no value is returned, but cached values stay cached.
    pub async fn get_or_load_many<K, T, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: F,
    ) -> Result<HashMap<String, T>, E>
    where
        K: IntoKey,
        T: RemoteValue,
        E: 'static,
        F: Fn(Vec<String>) -> Fut,
        Fut: Future<Output = Result<HashMap<String, T>, E>>,
    {
        self.get_or_load_many_with(keys, PLAIN, load).await
    }

    /// Returns the values of many keys with one policy, like [`get_or_load_many`](Self::get_or_load_many).
    /// The load does not run in the background, as with [`CacheEntry::or_load`](crate::api::CacheEntry::or_load).
    ///
    /// # Errors
    /// As [`get_or_load_many`](Self::get_or_load_many).
    pub async fn get_or_load_many_with<K, T, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        policy: Policy,
        load: F,
    ) -> Result<HashMap<String, T>, E>
    where
        K: IntoKey,
        T: RemoteValue,
        E: 'static,
        F: Fn(Vec<String>) -> Fut,
        Fut: Future<Output = Result<HashMap<String, T>, E>>,
    {
        self.load_keys(keys, policy, false, load).await
    }

    /// Loads the values of keys. `blocking`: the caller blocks its thread while it waits.
    pub(super) async fn load_keys<K, T, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        policy: Policy,
        blocking: bool,
        load: F,
    ) -> Result<HashMap<String, T>, E>
    where
        K: IntoKey,
        T: RemoteValue,
        E: 'static,
        F: Fn(Vec<String>) -> Fut,
        Fut: Future<Output = Result<HashMap<String, T>, E>>,
    {
        let policy = PolicyRef::Own(Arc::new(policy));
        // The load knows keys as texts; the requests keep what else belongs to a key, such as the tags of its model.
        let keys: Vec<KeyBuf> = keys.into_iter().map(IntoKey::into_key_buf).collect();
        let texts: Vec<String> = keys.iter().map(|key| key.as_str().to_owned()).collect();
        let by_text: HashMap<String, KeyBuf> = texts.iter().cloned().zip(keys).collect();
        let request = |text: &String| {
            let key = by_text.get(text).cloned().unwrap_or_else(|| text.as_str().into());
            let mut request = self.request::<T>(key, policy.clone());
            request.blocking = blocking;
            request
        };
        self.load_many(texts, request, load).await
    }

    /// Loads the values of ids, each with its own request, like [`get_or_load_many`](Self::get_or_load_many).
    pub(crate) async fn load_many<I, T, E, F, Fut>(
        &self,
        mut ids: Vec<I>,
        request: impl Fn(&I) -> Request,
        load: F,
    ) -> Result<HashMap<I, T>, E>
    where
        I: Clone + Eq + Hash + 'static,
        T: RemoteValue,
        E: 'static,
        F: Fn(Vec<I>) -> Fut,
        Fut: Future<Output = Result<HashMap<I, T>, E>>,
    {
        let mut known = HashSet::new();
        ids.retain(|id| known.insert(id.clone()));
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let requests = ids.iter().map(request).collect();
        let shape = Found::of(KnownResult::<HashMap<I, T>, E>::NEW);
        let rules = Rules::by_hand(shape, Some(coder::<T>()));
        let asking = Asking { target: CacheChoice::Handle(self.clone()).into(), requests };
        let found = ids.iter().map(|_| None).collect();
        in_foreground(Wanted { asking, rules, ids, found }, load).await.output
    }
}

//! The entries of one model, by id.

mod change;
mod many;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::base::{Error, Expiry, Pattern, Policy, PolicyRef, Selection};
use crate::call::{Once, Owned};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Mutation, Request, Trace};
use crate::key::{Key, KeyBuf};
use crate::tags::tag as subject_tag;

/// The entries of a model in a cache: values of one type, by ids of one type. Made by [`Cache::typed`].
///
/// The entry of an id is the one of `#[cached(model = "users", op = "get")]` with that id as its argument
/// (and all other arguments skipped), so functions and views of a model share it. (The keys of methods
/// contain their type: see [`of`](Self::of).) It carries the model's tags: [`clear`](Self::clear), and a
/// mutator with `#[cache_evict(model = "users")]`, end all entries of the model, including those of its other
/// operations.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, UpdateMode, Policy};
/// # use std::time::Duration;
/// #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// struct User {
///     name: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// let users = cache
///     .typed::<u64, User>("users")?
///     .policy(Policy::new().ttl(Duration::from_secs(300)))
///     .on_update(UpdateMode::Evict);
///
/// let ada = User { name: "Ada".to_owned() };
/// let loaded = users.get_or_load(&7, || async { Ok::<_, Error>(ada.clone()) }).await?;
/// assert_eq!(loaded, ada);
/// assert_eq!(users.key(&7)?.to_string(), "users:get:7,");
///
/// users.updated(&7, ada).await?; // evicts, as `on_update` says
/// assert_eq!(users.get(&7).await?, None);
/// users.clear().await?;
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone and to create: it has no state of its own. The methods are those of [`Cache`], with their
/// errors and their cancellation safety. An id that serde cannot write has no entry. An id of several parts
/// is a tuple; it does not match the key of a function with several arguments.
pub struct ModelCache<K: ?Sized, V> {
    cache: Cache,
    names: Arc<Names>,
    policy: Arc<Policy>,
    on_update: UpdateMode,
    of: PhantomData<fn(&K) -> V>,
}

/// The common parts of all keys and entries of a view, written once.
#[derive(Clone)]
struct Names {
    model: String,
    operation: String,
    /// The type whose methods' entries these are, in its key form.
    place: String,
    /// The prefix of the keys.
    prefix: String,
    /// The tags of the entries, separated by line breaks.
    tags: String,
}

impl Names {
    fn new(model: &str, operation: &str, place: &str) -> Arc<Self> {
        let (all, own) = (subject_tag(model, None), subject_tag(model, Some(operation)));
        Arc::new(Self {
            model: model.to_owned(),
            operation: operation.to_owned(),
            place: place.to_owned(),
            prefix: format!("{model}:{operation}:{place}"),
            tags: format!("{all}\n{own}"),
        })
    }
}

/// What [`ModelCache::updated`] does with the cached entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateMode {
    /// Replaces the old value by the new one.
    #[default]
    Refresh,
    /// Evicts the old value; the next read loads.
    Evict,
}

impl Cache {
    /// Returns a view of the entries of a model; see [`ModelCache`].
    ///
    /// # Errors
    /// [`Error::Config`]: the name is empty, or has other characters than letters, digits and `-._~@+`.
    pub fn typed<K: Serialize + ?Sized, V: RemoteValue>(
        &self,
        model: &str,
    ) -> Result<ModelCache<K, V>, Error> {
        ModelCache {
            cache: self.clone(),
            names: Names::new(model, "get", ""),
            policy: Arc::default(),
            on_update: UpdateMode::default(),
            of: PhantomData,
        }
        .checked()
    }
}

impl<K: Serialize + ?Sized, V: RemoteValue> ModelCache<K, V> {
    fn checked(self) -> Result<Self, Error> {
        let Names { model, operation, .. } = &*self.names;
        Key::builder().model(model).operation(operation).build()?;
        Ok(self)
    }

    /// Selects another operation than `get`, with its own entries: users by their mail address, for example.
    ///
    /// # Errors
    /// [`Error::Config`]: the name is empty, or has other characters than letters, digits and `-._~@+`.
    pub fn operation(mut self, operation: &str) -> Result<Self, Error> {
        self.names = Names::new(&self.names.model, operation, &self.names.place);
        self.checked()
    }

    /// Selects the entries of a method of `T` with `skip(self)`, instead of those of a function.
    #[must_use]
    pub fn of<T: ?Sized>(mut self) -> Self {
        let mut place = KeyBuf::new();
        place.generic::<T>();
        self.names = Names::new(&self.names.model, &self.names.operation, place.as_str());
        self
    }

    /// Sets the policy of values that are stored through this view. Default: the cache's time to live, no
    /// other options.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Sets what [`updated`](Self::updated) does. Default: [`UpdateMode::Refresh`].
    #[must_use]
    pub fn on_update(mut self, on_update: UpdateMode) -> Self {
        self.on_update = on_update;
        self
    }

    /// Returns the model's name.
    pub fn model(&self) -> &str {
        &self.names.model
    }

    /// Returns the cache of the view.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns the key of an id's entry.
    ///
    /// # Errors
    /// serde refuses the id: its entries have no key outside of this process.
    pub fn key(&self, id: &K) -> Result<Key, Error> {
        let key = self.buf(id);
        if key.is_here() {
            return Err(Error::config("key", "serde refuses this id, so it has no key"));
        }
        Ok(Key::of(key.with_tags(&self.names.tags)))
    }

    /// Returns the pattern of all keys of the view, for [`Cache::keys`] and [`Cache::evict_pattern`].
    pub fn pattern(&self) -> Pattern {
        Pattern::prefix(&self.names.prefix)
    }

    fn buf(&self, id: &K) -> KeyBuf {
        let mut key = KeyBuf::new();
        key.literal(&self.names.prefix);
        key.arg(id);
        key.seal();
        key
    }

    fn request(&self, id: &K) -> Request {
        let policy = PolicyRef::Own(Arc::clone(&self.policy));
        let mut request = self.cache.request::<V>(self.buf(id), policy);
        request.tags.add(&self.names.tags);
        request
    }

    /// Reads a value; see [`Cache::get`].
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn get(&self, id: &K) -> Result<Option<V>, Error> {
        self.cache.engine.peek(&self.request(id), Trace::Read).await
    }

    /// Returns whether there is a fresh value.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn contains(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.peek::<V>(&self.request(id), Trace::Nothing).await?.is_some())
    }

    /// Returns how long an entry stays fresh; see [`Cache::ttl`].
    ///
    /// # Errors
    /// As [`Cache::ttl`].
    pub async fn ttl(&self, id: &K) -> Result<Option<Expiry>, Error> {
        self.cache.engine.expiry(&self.request(id)).await
    }

    /// Reads or loads a value with the view's policy; see [`Cache::get_or_load`]. (The policy's stale
    /// window and early refresh need a load that can continue in the background:
    /// [`get_or_refresh`](Self::get_or_refresh).)
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load<E, F, Fut>(&self, id: &K, load: F) -> Result<V, E>
    where
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        self.cache.run(self.request(id), Once(load)).await
    }

    /// Reads or loads a value with the view's policy; see
    /// [`CacheEntry::or_refresh`](crate::api::CacheEntry::or_refresh).
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_refresh<E, F, Fut>(&self, id: &K, load: F) -> Result<V, E>
    where
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.cache.run(self.request(id), Owned(load)).await
    }

    /// Stores a value; see [`Cache::insert`].
    ///
    /// # Errors
    /// As [`Cache::insert`].
    pub async fn insert(&self, id: &K, value: V) -> Result<(), Error> {
        self.cache.engine.put(&self.request(id), value).await
    }

    /// Removes a value; see [`Cache::remove`].
    ///
    /// # Errors
    /// As [`Cache::remove`].
    pub async fn remove(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.invalidate(Mutation::evict(self.cache.own(self.buf(id)))).await? > 0)
    }

    /// Changes a lifetime; see [`Cache::expire`].
    ///
    /// # Errors
    /// As [`Cache::expire`].
    pub async fn expire(&self, id: &K, ttl: Duration) -> Result<bool, Error> {
        Ok(self
            .cache
            .engine
            .invalidate(Mutation::Expire(self.cache.own(self.buf(id)).into(), Some(ttl)))
            .await?
            > 0)
    }

    /// Disables an entry's expiry; see [`Cache::persist`].
    ///
    /// # Errors
    /// As [`Cache::persist`].
    pub async fn persist(&self, id: &K) -> Result<bool, Error> {
        Ok(self
            .cache
            .engine
            .invalidate(Mutation::Expire(self.cache.own(self.buf(id)).into(), None))
            .await?
            > 0)
    }

    /// Makes a value old; see [`Cache::mark_stale`].
    ///
    /// # Errors
    /// As [`Cache::mark_stale`].
    pub async fn mark_stale(&self, id: &K) -> Result<bool, Error> {
        Ok(self
            .cache
            .engine
            .invalidate(Mutation::MarkStale(Selection::Keys(self.cache.own(self.buf(id)).into())))
            .await?
            > 0)
    }

    /// Reports that the database now has `value` for an id: the entry is refreshed or evicted, depending on
    /// [`on_update`](Self::on_update).
    ///
    /// # Errors
    /// As [`insert`](Self::insert) and [`remove`](Self::remove).
    pub async fn updated(&self, id: &K, value: V) -> Result<(), Error> {
        match self.on_update {
            UpdateMode::Refresh => self.insert(id, value).await,
            UpdateMode::Evict => self.remove(id).await.map(drop),
        }
    }

    /// Evicts all entries of the model, of every operation, in every process: one increment for any number of
    /// entries.
    ///
    /// # Errors
    /// As [`Cache::evict_tag`].
    pub async fn clear(&self) -> Result<(), Error> {
        let tag = subject_tag(&self.names.model, None);
        self.cache.engine.declare(&tag);
        self.cache.evict_tag(&tag).await
    }
}

impl<K: ?Sized, V> Clone for ModelCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            names: Arc::clone(&self.names),
            policy: Arc::clone(&self.policy),
            on_update: self.on_update,
            of: PhantomData,
        }
    }
}

impl<K: ?Sized, V> fmt::Debug for ModelCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelCache")
            .field("model", &self.names.model)
            .field("operation", &self.names.operation)
            .finish_non_exhaustive()
    }
}

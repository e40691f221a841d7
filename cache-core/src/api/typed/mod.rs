//! The entries of one model, by id and type.

mod many;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::base::{Error, Pattern, Policy, PolicyRef};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Expiry, Once, Owned, Request, Trace, What};
use crate::key::{Key, KeyBuf};
use crate::tags::tag as subject_tag;

/// A model's entries in a cache: values of one type, by ids of one type. Made by [`Cache::typed`].
///
/// The entry of an id is the one of `#[cached(model = "users", op = "get")]` with that id as its argument (all others
/// skipped), so that functions and views of a model share it. (Methods' keys hold their type: see [`of`](Self::of).) It carries the model's tags: [`clear`](Self::clear), and a mutator with
/// `#[cache_evict(model = "users")]`, end all entries of the model, those of its other operations included.
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
/// assert_eq!(users.key(&7).to_string(), "users:get:7,");
///
/// users.updated(&7, ada).await?; // evicts, as `on_update` says
/// assert_eq!(users.get(&7).await?, None);
/// users.clear().await?;
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone and to make anew: nothing is kept for it. The methods are those of [`Cache`], with their errors and their
/// cancel-safety. An id that serde can't write has no entry: nothing is found under it. An id of several parts is a tuple; that of a function with several arguments is none.
pub struct ModelCache<K: ?Sized, V> {
    cache: Cache,
    names: Arc<Names>,
    policy: Arc<Policy>,
    on_update: UpdateMode,
    of: PhantomData<fn(&K) -> V>,
}

/// What all keys and all entries of a view have in common, written once.
#[derive(Clone)]
struct Names {
    model: String,
    operation: String,
    /// The type whose methods' entries they are, as it stands in keys.
    place: String,
    /// What keys begin with.
    prefix: String,
    /// What entries carry, one below the other.
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

/// What [`ModelCache::updated`] does with what is cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateMode {
    /// The new value takes the old one's place.
    #[default]
    Refresh,
    /// The old one goes, and the next read loads.
    Evict,
}

impl Cache {
    /// The entries of a model, as [`ModelCache`] tells.
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

    /// Another operation than `get`, whose entries are others: users by their mail address, say.
    ///
    /// # Errors
    /// [`Error::Config`]: the name is empty, or has other characters than letters, digits and `-._~@+`.
    pub fn operation(mut self, operation: &str) -> Result<Self, Error> {
        self.names = Names::new(&self.names.model, operation, &self.names.place);
        self.checked()
    }

    /// The entries of a method of `T` with `skip(self)`, instead of those of a function.
    #[must_use]
    pub fn of<T: ?Sized>(mut self) -> Self {
        let mut place = KeyBuf::new();
        place.generic::<T>();
        self.names = Names::new(&self.names.model, &self.names.operation, place.as_str());
        self
    }

    /// The policy of what is stored through this view. Default: the cache's time to live, and nothing else.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// What [`updated`](Self::updated) does. Default: [`UpdateMode::Refresh`].
    #[must_use]
    pub fn on_update(mut self, on_update: UpdateMode) -> Self {
        self.on_update = on_update;
        self
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.names.model
    }

    /// The cache it is a view of.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The key of an id's entry.
    pub fn key(&self, id: &K) -> Key {
        Key::of(self.buf(id).with_tags(&self.names.tags))
    }

    /// The keys of all entries of the view: for [`Cache::keys`] and [`Cache::evict_pattern`].
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

    /// As [`Cache::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self, id: &K) -> Result<Option<V>, Error> {
        self.cache.engine.peek(&self.request(id), Trace::Read).await
    }

    /// Whether there is a fresh value.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn contains(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.peek::<V>(&self.request(id), Trace::Nothing).await?.is_some())
    }

    /// As [`Cache::ttl`].
    ///
    /// # Errors
    /// As there.
    pub async fn ttl(&self, id: &K) -> Result<Option<Expiry>, Error> {
        self.cache.engine.expiry(&self.request(id)).await
    }

    /// As [`Cache::get_or_load_with`], with the view's policy. (Its stale window and early refresh need a load that
    /// can go on in the background: [`get_or_refresh`](Self::get_or_refresh).)
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

    /// As [`Cache::get_or_refresh`], with the view's policy.
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

    /// As [`Cache::insert`].
    ///
    /// # Errors
    /// As there.
    pub async fn insert(&self, id: &K, value: V) -> Result<(), Error> {
        self.cache.engine.put(&self.request(id), value).await
    }

    /// As [`Cache::remove`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.invalidate(What::Key(self.cache.own(self.buf(id)))).await? > 0)
    }

    /// As [`Cache::expire`].
    ///
    /// # Errors
    /// As there.
    pub async fn expire(&self, id: &K, ttl: Duration) -> Result<bool, Error> {
        Ok(self
            .cache
            .engine
            .invalidate(What::Life(self.cache.own(self.buf(id)), Some(ttl)))
            .await?
            > 0)
    }

    /// As [`Cache::persist`].
    ///
    /// # Errors
    /// As there.
    pub async fn persist(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.invalidate(What::Life(self.cache.own(self.buf(id)), None)).await? > 0)
    }

    /// As [`Cache::mark_stale`].
    ///
    /// # Errors
    /// As there.
    pub async fn mark_stale(&self, id: &K) -> Result<bool, Error> {
        Ok(self.cache.engine.invalidate(What::Stale(self.cache.own(self.buf(id)))).await? > 0)
    }

    /// What an id stands for has become `value`, in the database: the entry follows as
    /// [`on_update`](Self::on_update) says.
    ///
    /// # Errors
    /// As [`insert`](Self::insert) and [`remove`](Self::remove).
    pub async fn updated(&self, id: &K, value: V) -> Result<(), Error> {
        match self.on_update {
            UpdateMode::Refresh => self.insert(id, value).await,
            UpdateMode::Evict => self.remove(id).await.map(drop),
        }
    }

    /// Forgets all entries of the model, of whatever operation, in every process: one increment, however many
    /// there are.
    ///
    /// # Errors
    /// As [`Cache::evict_tag`].
    pub async fn clear(&self) -> Result<(), Error> {
        let tag = subject_tag(&self.names.model, None);
        self.cache.engine.generations.declare(&tag);
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

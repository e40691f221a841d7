//! The cache itself: keys and values by hand, beside the attributes.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::backend::Subscription;
use crate::builder::Builder;
use crate::call::Rules;
use crate::clock::Clock;
use crate::codec::{RemoteValue, Wire, coder};
use crate::hierarchy::Remote;
use crate::invalidation::{Events, Fences, Generations, What};
use crate::key::KeyBuf;
use crate::memory::MemoryTier;
use crate::observe::{Counters, Signals};
use crate::policy::{Held, PLAIN, Ttl};
use crate::scope::Switch;
use crate::strategy::{Chance, Flights, Once, Owned, Plan, Reading, Work};
use crate::value::{Probe, ShapeResult};
use crate::{Error, Pattern, Policy};

/// A cache: a memory tier, a remote tier, or both.
///
/// Cheap to clone; clones are the same cache. Everything async here is cancel-safe: a dropped
/// future leaves nobody waiting and loses no eviction.
#[derive(Clone)]
pub struct Cache {
    pub(crate) inner: Arc<Inner>,
}

/// What the handles share.
pub(crate) struct Inner {
    pub(crate) name: Option<String>,
    pub(crate) namespace: String,
    pub(crate) memory: Option<MemoryTier>,
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) fences: Arc<Fences>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) generations: Generations,
    pub(crate) counters: Counters,
    pub(crate) signals: Arc<Signals>,
    pub(crate) chance: Chance,
    /// This cache among those that share the remote tier.
    pub(crate) instance: u64,
    /// How values are written in the remote tier.
    pub(crate) wire: Wire,
    pub(crate) bus: RwLock<Option<Subscription>>,
    pub(crate) switch: Switch,
    pub(crate) events: Events,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("memory", &self.memory)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// The plan of a value that a user names by key.
fn plan<T: RemoteValue>(key: impl Into<KeyBuf>, policy: Held) -> Plan {
    Plan::new(key.into(), policy, Some(coder::<T>()))
}

/// The same under the policy of those who give none.
pub(crate) fn plain<T: RemoteValue>(key: impl Into<KeyBuf>) -> Plan {
    plan::<T>(key, Held::Static(&PLAIN))
}

impl Cache {
    /// Begins a cache.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The name it was built with; the default cache has none.
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Whether the two are handles of one cache.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The prefix of its keys in the remote tier.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// The value under `key`: `None` if there is none, it is not fresh, or it is of another type.
    ///
    /// # Errors
    /// The memory tier has nothing and the remote tier failed.
    pub async fn get<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<Option<T>, Error> {
        self.inner.peek(&plain::<T>(key)).await
    }

    /// Stores a value in every tier, with the cache's default time to live. Loads of the key that
    /// began before store nothing any more.
    ///
    /// # Errors
    /// The value can't be encoded, or the remote tier failed. It is in the memory tier even so.
    pub async fn insert<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
    ) -> Result<(), Error> {
        self.inner.put(&plain::<T>(key), value).await
    }

    /// [`insert`](Self::insert) with a policy: time to live, stale window, tags.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn insert_with<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
        policy: Policy,
    ) -> Result<(), Error> {
        self.inner.put(&plan::<T>(key, Held::Own(Arc::new(policy))), value).await
    }

    /// The value under `key`, loaded if there is none: one load however many ask.
    ///
    /// A failing cache is never the caller's trouble: then the value is loaded.
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load<T, E, F, Fut>(&self, key: impl Into<KeyBuf>, load: F) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.run(plain::<T>(key), Once(load)).await
    }

    /// [`get_or_load`](Self::get_or_load) with a policy.
    ///
    /// The load may borrow, so it can't go on without its caller: what needs a load in the background
    /// (`stale`, `early_refresh`, a timeout's late load) has no effect here. See
    /// [`get_or_refresh`](Self::get_or_refresh).
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load_with<T, E, F, Fut>(
        &self,
        key: impl Into<KeyBuf>,
        policy: Policy,
        load: F,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.run(plan::<T>(key, Held::Own(Arc::new(policy))), Once(load)).await
    }

    /// [`get_or_load_with`](Self::get_or_load_with) for a load that owns its inputs: it may run, or go on, in
    /// the background, so that the policy holds with its stale window, early refresh and timeouts.
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_refresh<T, E, F, Fut>(
        &self,
        key: impl Into<KeyBuf>,
        policy: Policy,
        load: F,
    ) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.run(plan::<T>(key, Held::Own(Arc::new(policy))), Owned(load)).await
    }

    /// Whether there is a fresh value under `key`, of whatever type, in the memory tier or (for
    /// values of type `T`) in the remote tier.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn contains<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.get::<T>(key).await?.is_some())
    }

    /// Forgets the value under `key`, and beats every load of it that has begun. Says whether there
    /// was one.
    ///
    /// # Errors
    /// The remote tier failed; the eviction stays owed, and is carried out before the tier is read
    /// again by this process.
    pub async fn remove(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        Ok(self.inner.invalidate(What::Key(key.into())).await? > 0)
    }

    /// The values under `keys`, in their order: one request for the values that memory
    /// does not have (and one for the generations of each value's tags).
    ///
    /// # Errors
    /// The remote tier failed.
    pub async fn get_many<T: RemoteValue>(&self, keys: &[&str]) -> Result<Vec<Option<T>>, Error> {
        self.inner.peek_many(keys).await
    }

    /// Stores many values, as [`insert`](Self::insert) does one.
    ///
    /// # Errors
    /// The first failure; the other values are stored all the same.
    pub async fn insert_many<'a, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (&'a str, T)>,
    ) -> Result<(), Error> {
        let mut result = Ok(());
        for (key, value) in entries {
            let inserted = self.insert(key, value).await;
            result = result.and(inserted);
        }
        result
    }

    /// The keys that match, of the memory and the remote tier, sorted. It scans: for operators and
    /// tests, not for every request.
    ///
    /// # Errors
    /// The remote tier failed.
    pub async fn keys(&self, pattern: impl Into<Pattern>) -> Result<Vec<String>, Error> {
        let pattern = pattern.into();
        let mut keys = self.inner.keys_in_memory(&pattern);
        if let Some(remote) = &self.inner.remote {
            keys.extend(remote.keys(&pattern).await?);
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// Forgets all keys that match (`*` is a wildcard), and beats the loads of such keys that have
    /// begun in this process. Says how many there were.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn evict_pattern(&self, pattern: impl Into<Pattern>) -> Result<u64, Error> {
        self.inner.invalidate(What::Pattern(pattern.into())).await
    }

    /// Forgets all that carries the tag, in every process: one increment, however many entries.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn evict_tag(&self, tag: &str) -> Result<(), Error> {
        self.inner.invalidate(What::Tag(tag.to_owned())).await.map(drop)
    }

    /// Forgets everything in this cache's namespace, in every process.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn clear(&self) -> Result<(), Error> {
        self.inner.invalidate(What::All).await.map(drop)
    }

    /// Gives back the memory of entries that nobody can be given any more: they expired, or a tag of
    /// theirs was evicted. Says how many went. Nothing else changes: reads know such entries without
    /// it, and a [sweep](crate::Memory::sweep_every) does the same from time to time.
    ///
    /// It looks at every entry of the memory tier, on the caller's thread; the values that go are
    /// dropped there, too. Hits do not wait for it. Without a memory tier it is 0.
    pub fn reclaim(&self) -> u64 {
        self.inner.reclaim()
    }

    /// Whether the remote tier answers; at once `Ok` without one.
    ///
    /// # Errors
    /// What the remote tier says.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.inner.remote {
            Some(remote) => Ok(remote.backend().ping().await?),
            None => Ok(()),
        }
    }

    /// Whether other processes' evictions arrive. Always true without a remote tier.
    pub fn is_linked(&self) -> bool {
        self.inner.generations.is_linked()
    }
}

impl Cache {
    pub(crate) async fn run<T, E>(&self, plan: Plan, work: impl Work<Result<T, E>>) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        let shape = (&Probe::<Result<T, E>>::new()).shape();
        let rules = Rules::new(shape, plan.codec);
        Reading::new(Arc::clone(&self.inner), plan, rules, work).await.value
    }
}

impl Inner {
    /// How long an entry under `policy` is fresh.
    pub(crate) fn ttl(&self, policy: &Policy) -> Option<Duration> {
        match policy.ttl {
            Ttl::Default => self.default_ttl,
            Ttl::For(ttl) => Some(ttl),
            Ttl::Never => None,
        }
    }

    /// Keeps the subscription to the bus as long as the cache.
    pub(crate) fn hold(&self, bus: Subscription) {
        *self.bus.write().unwrap_or_else(PoisonError::into_inner) = Some(bus);
    }
}

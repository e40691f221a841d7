//! The cache itself: keys and values by hand, beside the attributes.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::backend::Subscription;
use crate::builder::Builder;
use crate::call::Rules;
use crate::clock::Clock;
use crate::codec::{RemoteValue, codec};
use crate::entry::{Freshness, Stored};
use crate::hierarchy::Remote;
use crate::invalidation::{Fences, Generations, Ticket};
use crate::key::{KeyBuf, KeyId};
use crate::memory::MemoryTier;
use crate::observe::Counters;
use crate::policy::{Held, PLAIN, Ttl};
use crate::strategy::{Chance, Flights, Look, Once, Owned, Plan, Work, promote, read};
use crate::value::{CacheValue, Probe, ShapeResult};
use crate::{Error, Pattern, Policy, Source, Stats};

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
    pub(crate) remote: Option<Remote>,
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) fences: Arc<Fences>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) generations: Generations,
    pub(crate) counters: Counters,
    pub(crate) chance: Chance,
    pub(crate) bus: RwLock<Option<Subscription>>,
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
    Plan::new(key.into(), policy, Some(codec::<T>()))
}

fn plain<T: RemoteValue>(key: impl Into<KeyBuf>) -> Plan {
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
        self.inner.evict_key(key.into().as_str()).await
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
        self.inner.evict_pattern(&pattern.into()).await
    }

    /// Forgets all that carries the tag, in every process: one increment, however many entries.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn evict_tag(&self, tag: &str) -> Result<(), Error> {
        self.inner.evict_tag(tag).await
    }

    /// Forgets everything in this cache's namespace, in every process.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn clear(&self) -> Result<(), Error> {
        self.inner.clear().await
    }

    /// What happened since the cache was built.
    pub fn stats(&self) -> Stats {
        let mut stats = self.inner.counters.snapshot();
        stats.entries = self.inner.memory.as_ref().map_or(0, MemoryTier::len);
        stats.in_flight = self.inner.fences.len() as u64;
        stats
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
    async fn run<T, E>(&self, plan: Plan, work: impl Work<Result<T, E>>) -> Result<T, E>
    where
        T: RemoteValue,
        E: 'static,
    {
        let shape = (&Probe::<Result<T, E>>::new()).shape();
        let rules = Rules::new(shape, plan.codec);
        read(Arc::clone(&self.inner), plan, rules, work).await.value
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

    /// What is cached and fresh, without loading.
    pub(crate) async fn peek<T: CacheValue>(&self, plan: &Plan) -> Result<Option<T>, Error> {
        let id = plan.key.id();
        if let Some(hit) = self.look_fresh(id) {
            return Ok(Some(hit));
        }
        let Some(codec) = plan.codec.filter(|_| !plan.policy.local) else { return Ok(None) };
        let mut ticket = plan.ticket(self, id);
        match self.look_remote(plan, codec, &mut ticket).await {
            Ok(found) => Ok(self.take_fresh(found.entry, &ticket)),
            Err(error) => match self.unverified(id) {
                Some(entry) => {
                    self.counters.memory_hits();
                    Ok(entry.value::<T>().cloned())
                }
                None => Err(error.into()),
            },
        }
    }

    async fn peek_many<T: RemoteValue>(&self, keys: &[&str]) -> Result<Vec<Option<T>>, Error> {
        let mut values: Vec<Option<T>> = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            match self.look_fresh::<T>(KeyBuf::from(*key).id()) {
                Some(hit) => values.push(Some(hit)),
                None => {
                    values.push(None);
                    missing.push(index);
                }
            }
        }
        let Some(remote) = self.remote.as_ref().filter(|_| !missing.is_empty()) else {
            missing.iter().for_each(|_| self.counters.misses());
            return Ok(values);
        };
        let plans: Vec<Plan> = missing.iter().map(|index| plain::<T>(keys[*index])).collect();
        // Tickets before the request, as for a single key.
        let tickets: Vec<_> = plans.iter().map(|plan| plan.ticket(self, plan.key.id())).collect();
        let names: Vec<&str> = plans.iter().map(|plan| plan.key.as_str()).collect();
        let asked = match remote.learn(&[], &self.generations).await {
            Ok(learned) => remote.read_many(&names).await.map(|found| (learned.space, found)),
            Err(error) => Err(error),
        };
        let (space, found) = match asked {
            Ok(found) => found,
            Err(error) => {
                self.counters.remote_errors();
                return self.unverified_many(&missing, &plans, values).ok_or(error.into());
            }
        };
        for (((index, plan), ticket), bytes) in missing.iter().zip(&plans).zip(tickets).zip(found) {
            let entry = match bytes {
                Some(bytes) => {
                    self.decode(plan, codec::<T>(), &ticket, &bytes, &[], space).await?.entry
                }
                None => None,
            };
            values[*index] = self.take_fresh(entry, &ticket);
        }
        Ok(values)
    }

    /// The memory tier's value, if it is fresh.
    fn look_fresh<T: CacheValue>(&self, id: KeyId) -> Option<T> {
        match self.look::<T>(id, &PLAIN, false) {
            Look::Hit(hit) if hit.source == Source::Memory => {
                self.counters.memory_hits();
                Some(hit.value)
            }
            _ => None,
        }
    }

    /// The value of an entry that the remote tier had, if it is fresh; it is promoted.
    fn take_fresh<T: CacheValue>(&self, entry: Option<Stored>, ticket: &Ticket) -> Option<T> {
        let entry = entry.filter(|entry| entry.at(self.clock.now()) == Freshness::Fresh);
        let Some(entry) = entry else {
            self.counters.misses();
            return None;
        };
        promote(self, ticket, &entry);
        self.counters.remote_hits();
        entry.value::<T>().cloned()
    }

    /// The remote tier can't be asked: memory serves what no eviction is known against, if that is
    /// all that was missing.
    fn unverified_many<T: CacheValue>(
        &self,
        missing: &[usize],
        plans: &[Plan],
        mut values: Vec<Option<T>>,
    ) -> Option<Vec<Option<T>>> {
        for (index, plan) in missing.iter().zip(plans) {
            values[*index] = Some(self.unverified(plan.key.id())?.value::<T>()?.clone());
        }
        Some(values)
    }

    /// Stores a value that did not come from a load. It takes a ticket all the same: an eviction
    /// that comes while the remote tier is written wins.
    pub(crate) async fn put<T: CacheValue>(
        self: &Arc<Self>,
        plan: &Plan,
        value: T,
    ) -> Result<(), Error> {
        plan.policy.check()?;
        let id = plan.key.id();
        // Beats the loads that began before.
        let _ = self.forget(id);
        let mut ticket = plan.ticket(self, id);
        let codec = plan.codec.filter(|_| self.remote.is_some() && !plan.policy.local);
        if codec.is_some() {
            self.stamp_remotely(plan, &mut ticket).await;
        }
        let entry = self.entry(plan, &ticket, value, self.ttl(&plan.policy), Duration::ZERO);
        let Some(committed) = ticket.commit_over(self.memory.as_ref(), &entry) else {
            self.counters.fenced();
            return Ok(());
        };
        self.counters.stores();
        let Some(codec) = codec else { return Ok(()) };
        // Writes of the key that were under way end first: one lock per key orders them.
        self.write_remote(committed, codec, &entry, true, None).await
    }

    fn keys_in_memory(&self, pattern: &Pattern) -> Vec<String> {
        let mut keys = Vec::new();
        let Some(memory) = &self.memory else { return keys };
        let now = self.clock.now();
        memory.retain(|entry| {
            let alive =
                entry.at(now) == Freshness::Fresh && self.generations.current(&entry.stamps);
            if alive && pattern.matches(&entry.key) {
                keys.push(entry.key.to_string());
            }
            true
        });
        keys
    }

    /// Keeps the subscription to the bus as long as the cache.
    pub(crate) fn hold(&self, bus: Subscription) {
        *self.bus.write().unwrap_or_else(PoisonError::into_inner) = Some(bus);
    }
}

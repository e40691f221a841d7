//! Tenants: views of one cache that share nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::{RemoteValue, coder};
use crate::invalidation::{PatternEviction, What, bounded};
use crate::key::{KeyBuf, TenantPrefix};
use crate::policy::Held;
use crate::strategy::{Once, Owned, Plan, Trace};
use crate::{Cache, Error, Expiry, Pattern, Policy};

/// What one tenant has in a cache; made by [`Cache::tenant`].
///
/// Keys are the tenant's own: the same key of two tenants is two entries, whatever characters names
/// and keys have. The methods are those of [`Cache`], with their errors and their cancel-safety.
///
/// ```
/// # use cache_core::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// let (acme, umbrella) = (cache.tenant("acme")?, cache.tenant("umbrella")?);
/// acme.insert("plan", "gold".to_owned()).await?;
/// umbrella.insert("plan", "free".to_owned()).await?;
///
/// acme.clear().await?;
/// assert_eq!(acme.get::<String>("plan").await?, None);
/// assert_eq!(umbrella.get::<String>("plan").await?.as_deref(), Some("free"));
/// # Ok(())
/// # }
/// ```
///
/// [`Call::tenant`](crate::Call::tenant) is the same for a cached function.
#[derive(Clone, Debug)]
pub struct Tenant {
    cache: Cache,
    prefix: TenantPrefix,
    name: String,
}

impl Cache {
    /// The tenant's view of this cache. Nothing is kept for it: it can be made for every request.
    ///
    /// Patterns and listings of the cache itself see tenants' keys with a prefix, `@name/`.
    ///
    /// # Errors
    /// [`Error::Config`]: the name is empty.
    pub fn tenant(&self, name: &str) -> Result<Tenant, Error> {
        let prefix = TenantPrefix::of(name)?;
        Ok(Tenant { cache: self.clone(), prefix, name: name.to_owned() })
    }
}

impl TenantPrefix {
    /// Makes what a plan is for the tenant's.
    pub(crate) fn apply(&self, plan: &mut Plan) {
        plan.key = self.own(std::mem::take(&mut plan.key));
        plan.tags.begin();
        plan.tags.text().literal(&bounded(self.tag()));
    }
}

impl Tenant {
    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cache it is a view of.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    fn plan<T: RemoteValue>(&self, key: impl Into<KeyBuf>, policy: Policy) -> Plan {
        let mut plan = Plan::new(key.into(), Held::Own(Arc::new(policy)), Some(coder::<T>()));
        self.prefix.apply(&mut plan);
        plan
    }

    /// As [`Cache::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<Option<T>, Error> {
        self.cache.inner.peek(&self.plan::<T>(key, Policy::new()), Trace::Read).await
    }

    /// As [`Cache::get_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_many<T: RemoteValue>(
        &self,
        keys: impl IntoIterator<Item = impl Into<KeyBuf>>,
    ) -> Result<Vec<Option<T>>, Error> {
        let plans = keys.into_iter().map(|key| self.plan::<T>(key, Policy::new()));
        self.cache.inner.peek_many(plans.collect()).await
    }

    /// As [`Cache::insert_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn insert_many<K: Into<KeyBuf>, T: RemoteValue>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), Error> {
        let entries = entries.into_iter();
        let entries = entries.map(|(key, value)| (self.plan::<T>(key, Policy::new()), value));
        self.cache.inner.put_many(entries.collect()).await
    }

    /// As [`Cache::get_or_load_many`]: `load` gets the tenant's keys, without the prefix.
    ///
    /// # Errors
    /// The load's own.
    pub async fn get_or_load_many<K, T, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: F,
    ) -> Result<HashMap<String, T>, E>
    where
        K: Into<String>,
        T: RemoteValue,
        E: 'static,
        F: Fn(Vec<String>) -> Fut,
        Fut: Future<Output = Result<HashMap<String, T>, E>>,
    {
        let keys = keys.into_iter().map(Into::into).collect();
        self.cache.load_many(keys, |key| self.plan::<T>(key, Policy::new()), load).await
    }

    /// As [`Cache::insert`].
    ///
    /// # Errors
    /// As there.
    pub async fn insert<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
    ) -> Result<(), Error> {
        self.insert_with(key, value, Policy::new()).await
    }

    /// As [`Cache::insert_with`]. The policy's tags are the cache's: evicting one reaches all tenants.
    ///
    /// # Errors
    /// As there.
    pub async fn insert_with<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        value: T,
        policy: Policy,
    ) -> Result<(), Error> {
        self.cache.inner.put(&self.plan::<T>(key, policy), value).await
    }

    /// As [`Cache::get_or_load`]: one load per tenant and key.
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
        self.get_or_load_with(key, Policy::new(), load).await
    }

    /// As [`Cache::get_or_load_with`].
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
        self.cache.run(self.plan::<T>(key, policy), Once(load)).await
    }

    /// As [`Cache::get_or_refresh`].
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
        self.cache.run(self.plan::<T>(key, policy), Owned(load)).await
    }

    /// As [`Cache::contains`].
    ///
    /// # Errors
    /// As there.
    pub async fn contains<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        let plan = self.plan::<T>(key, Policy::new());
        Ok(self.cache.inner.peek::<T>(&plan, Trace::Nothing).await?.is_some())
    }

    /// As [`Cache::remove`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        let own = self.prefix.key(key.into());
        Ok(self.cache.inner.invalidate(What::Key(own)).await? > 0)
    }

    /// As [`Cache::remove_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn remove_many<K: Into<KeyBuf>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64, Error> {
        self.cache.remove_many(keys.into_iter().map(|key| self.prefix.key(key.into()))).await
    }

    /// As [`Cache::ttl`].
    ///
    /// # Errors
    /// As there.
    pub async fn ttl(&self, key: impl Into<KeyBuf>) -> Result<Option<Expiry>, Error> {
        self.cache.ttl(self.prefix.key(key.into())).await
    }

    /// As [`Cache::expire`].
    ///
    /// # Errors
    /// As there.
    pub async fn expire(&self, key: impl Into<KeyBuf>, ttl: Duration) -> Result<bool, Error> {
        self.cache.expire(self.prefix.key(key.into()), ttl).await
    }

    /// As [`Cache::persist`].
    ///
    /// # Errors
    /// As there.
    pub async fn persist(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        self.cache.persist(self.prefix.key(key.into())).await
    }

    /// As [`Cache::mark_stale`].
    ///
    /// # Errors
    /// As there.
    pub async fn mark_stale(&self, key: impl Into<KeyBuf>) -> Result<bool, Error> {
        self.cache.mark_stale(self.prefix.key(key.into())).await
    }

    /// As [`Cache::evict_pattern`], over this tenant's keys only.
    ///
    /// # Errors
    /// As there.
    pub fn evict_pattern<'a>(&self, pattern: impl Into<Pattern>) -> PatternEviction<'a> {
        self.cache.evict_pattern(self.prefix.pattern(&pattern.into()))
    }

    /// As [`Cache::keys`]: this tenant's keys that match, without the prefix; all at once, sorted.
    ///
    /// # Errors
    /// As there.
    pub async fn keys(&self, pattern: impl Into<Pattern>) -> Result<Vec<String>, Error> {
        let keys = self.cache.keys(self.prefix.pattern(&pattern.into())).await?;
        Ok(keys.iter().filter_map(|key| self.prefix.strip(key)).map(str::to_owned).collect())
    }

    /// Forgets everything of this tenant, in every process, and nothing of anybody else's: one
    /// increment, however many entries. Loads of the tenant that have begun store nothing more.
    ///
    /// # Errors
    /// As [`Cache::evict_tag`].
    pub async fn clear(&self) -> Result<(), Error> {
        self.cache.evict_tag(self.prefix.tag()).await
    }
}

//! Tenants: entries under a prefix of a cache's keys.

use std::sync::Arc;

use super::handle::Cache;
use super::lookup::FirstLook;
use super::mutation::Mutation;
use super::request::Request;
use super::scope;
use crate::base::{CacheValue, Error, PLAIN, Pattern, PolicyRef, Selection};
use crate::codec::{RemoteValue, coder};
use crate::key::{EntryKey, IntoKey, KeyBuf, TenantPrefix};
use crate::tags::{Declared, bounded};

/// The tenant of a handle.
#[derive(Debug)]
pub(crate) struct Tenant {
    name: String,
    prefix: TenantPrefix,
}

impl Tenant {
    pub(crate) fn new(name: &str, prefix: TenantPrefix) -> Self {
        Self { name: name.to_owned(), prefix }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn prefix(&self) -> &TenantPrefix {
        &self.prefix
    }
}

impl Cache {
    /// Returns a handle of this cache for one tenant, whose entries are separate.
    ///
    /// The same key has a separate entry for each tenant, whatever characters names and keys contain. All
    /// methods that take or return keys (values, listings, patterns, [`typed`](Self::typed) views, the lists
    /// of [rules](Self::on) and [schedules](Self::every)) use the tenant's entries, with keys without the
    /// prefix. [`clear`](Self::clear) ends the tenant's entries and no others. A cached function that is
    /// given the handle (`cache = ..`, [`Call::cache`](crate::call::Call::cache)) uses the tenant's entries;
    /// [`Call::tenant`](crate::call::Call::tenant) does the same without a handle.
    ///
    /// Everything else belongs to the whole cache: its configuration, statistics, health, bound, switch and
    /// closing. So do tags: [`evict_tag`](Self::evict_tag), a model's [`clear`](crate::api::ModelCache::clear) and
    /// events reach the entries of all tenants. [Installing](Self::install) a tenant's handle installs the
    /// whole cache.
    ///
    /// Tenants have no state, so you can create a handle for every request. Patterns and listings of the
    /// whole cache see tenants' keys with a prefix, `@name/`. A tenant may have its own tenants, whose
    /// entries its `clear` ends, too.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
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
    /// assert_eq!(cache.keys("*").await?, ["@umbrella/plan"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`]: the name is empty.
    pub fn tenant(&self, name: &str) -> Result<Self, Error> {
        let own = TenantPrefix::of(name)?;
        let prefix = self.prefix().map_or(own.clone(), |outer| outer.of_inner(&own));
        let tenant = Some(Arc::new(Tenant::new(name, prefix)));
        Ok(Self { engine: Arc::clone(&self.engine), tenant })
    }

    /// Returns the name of the handle's tenant, if it has one.
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.as_ref().map(|tenant| &*tenant.name)
    }

    /// The handle of the whole cache.
    pub(crate) fn whole(&self) -> Self {
        Self::from(Arc::clone(&self.engine))
    }

    /// The tenant whose entries the caller uses by this handle: the handle's, otherwise that of the caller's scope.
    pub(crate) fn tenant_here(&self) -> Option<Arc<Tenant>> {
        self.tenant.clone().or_else(scope::tenant)
    }

    /// The prefix of the handle's keys.
    #[inline]
    pub(crate) fn prefix(&self) -> Option<&TenantPrefix> {
        self.tenant.as_ref().map(|tenant| &tenant.prefix)
    }

    /// Converts a key of this handle to the whole cache's key.
    pub(crate) fn own(&self, key: impl IntoKey) -> KeyBuf {
        let key = key.into_key_buf();
        match self.tenant_here() {
            Some(tenant) => tenant.prefix.key(key),
            None => key,
        }
    }

    /// Converts a pattern of this handle to the whole cache's pattern.
    pub(crate) fn own_pattern(&self, pattern: impl Into<Pattern>) -> Pattern {
        let pattern = pattern.into();
        match self.tenant_here() {
            Some(tenant) => tenant.prefix.pattern(&pattern),
            None => pattern,
        }
    }

    /// The first look of a read by hand. It prepares nothing that a hit does not need.
    #[inline]
    pub(crate) fn first_look<T: CacheValue>(&self, key: &KeyBuf) -> Option<T> {
        if self.tenant.is_some() || key.has_tags() || !scope::is_unscoped() {
            return None;
        }
        self.engine.first_look(key.id(), Declared::NONE, &PLAIN, None, &mut FirstLook::default())
    }

    /// The request of a value that a user names by key.
    pub(crate) fn request<T: RemoteValue>(&self, key: impl IntoKey, policy: PolicyRef) -> Request {
        let mut request = Request::by_hand(&key.into_key_buf(), policy, Some(coder::<T>()));
        restrict(&mut request, self.prefix(), None);
        request
    }

    /// The same with the default policy.
    pub(crate) fn plain<T: RemoteValue>(&self, key: impl IntoKey) -> Request {
        self.request::<T>(key, PolicyRef::Static(&PLAIN))
    }
}

/// Restricts a request to a tenant: that of the call, inside that of the handle. Without either it is the tenant of
/// the caller's scope.
pub(crate) fn restrict(
    request: &mut Request,
    handle: Option<&TenantPrefix>,
    call: Option<&TenantPrefix>,
) {
    match (handle, call) {
        (Some(outer), Some(own)) => outer.of_inner(own).apply(request),
        (Some(prefix), None) | (None, Some(prefix)) => prefix.apply(request),
        (None, None) => {
            if let Some(tenant) = scope::tenant() {
                tenant.prefix.apply(request);
            }
        }
    }
}

impl TenantPrefix {
    /// Restricts a request to the tenant.
    fn apply(&self, request: &mut Request) {
        request.key = self.own_entry(request.key.clone());
        self.tags().for_each(|tag| request.tags.add(tag));
    }

    /// Converts a tenant's eviction to one of the whole cache.
    pub(crate) fn narrow(&self, what: Mutation) -> Mutation {
        match what {
            Mutation::Evict(selection, progress) => {
                Mutation::Evict(self.select(selection), progress)
            }
            Mutation::MarkStale(selection) => Mutation::MarkStale(self.select(selection)),
            Mutation::Expire(key, ttl) => Mutation::Expire(self.own_entry(key), ttl),
        }
    }

    fn select(&self, selection: Selection<EntryKey>) -> Selection<EntryKey> {
        match selection {
            Selection::Keys(key) => Selection::Keys(self.own_entry(key)),
            Selection::Pattern(pattern) => Selection::Pattern(self.pattern(&pattern)),
            Selection::Tag(tag) => Selection::Tag(tag),
            Selection::All => Selection::Tag(bounded(self.tag()).into_owned()),
        }
    }
}

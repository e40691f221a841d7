//! Tenants: a cache's entries below a prefix.

use std::sync::Arc;

use super::handle::Cache;
use super::request::Request;
use super::what::What;
use crate::base::{Error, PLAIN, Pattern, PolicyRef};
use crate::codec::{RemoteValue, coder};
use crate::key::{KeyBuf, TenantPrefix};
use crate::tags::bounded;

/// The tenant that a handle is for.
#[derive(Debug)]
pub(crate) struct Tenant {
    name: String,
    prefix: TenantPrefix,
}

impl Cache {
    /// The cache as one tenant has it: a handle like this one, whose entries are the tenant's own.
    ///
    /// The same key of two tenants is two entries, whatever characters names and keys have. All that takes or gives keys
    /// (values, listings, patterns, [`typed`](Self::typed) views, the lists of [rules](Self::on) and [schedules](Self::every))
    /// sees the tenant's entries, by keys without the prefix. [`clear`](Self::clear) ends them, and nothing of anybody
    /// else's. A cached function that is given the handle (`cache = ..`, [`Call::cache`](crate::call::Call::cache)) keeps the
    /// tenant's own entries; [`Call::tenant`](crate::call::Call::tenant) does the same without a handle.
    ///
    /// Everything else is the whole cache's: its configuration, statistics, health, bound, switch and end, and tags:
    /// [`evict_tag`](Self::evict_tag), a model's [`clear`](crate::api::ModelCache::clear) and events reach the entries of all tenants. A
    /// handle that is [installed](Self::install) installs the whole cache.
    ///
    /// Nothing is kept for a tenant: a handle can be made for every request. Patterns and listings of the whole cache see
    /// tenants' keys with a prefix, `@name/`. A tenant may have tenants of its own, which its `clear` ends, too.
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
        let tenant = Some(Arc::new(Tenant { name: name.to_owned(), prefix }));
        Ok(Self { engine: Arc::clone(&self.engine), tenant })
    }

    /// The name of the tenant that the handle is for, if it is for one.
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.as_ref().map(|tenant| &*tenant.name)
    }

    /// The handle for everything in the cache.
    pub(crate) fn whole(&self) -> Self {
        Self::from(Arc::clone(&self.engine))
    }

    /// What the handle's keys begin with.
    #[inline]
    pub(crate) fn prefix(&self) -> Option<&TenantPrefix> {
        self.tenant.as_ref().map(|tenant| &tenant.prefix)
    }

    /// The key of the whole cache that a key of this handle is.
    pub(crate) fn own(&self, key: impl Into<KeyBuf>) -> KeyBuf {
        let key = key.into();
        match self.prefix() {
            Some(prefix) => prefix.key(key),
            None => key,
        }
    }

    /// The pattern of the whole cache that a pattern of this handle is.
    pub(crate) fn own_pattern(&self, pattern: impl Into<Pattern>) -> Pattern {
        let pattern = pattern.into();
        self.prefix().map_or(pattern.clone(), |prefix| prefix.pattern(&pattern))
    }

    /// What a value that a user names by key is read and stored by.
    pub(crate) fn request<T: RemoteValue>(
        &self,
        key: impl Into<KeyBuf>,
        policy: PolicyRef,
    ) -> Request {
        let mut request = Request::new(key.into(), policy, Some(coder::<T>()));
        if let Some(prefix) = self.prefix() {
            prefix.apply(&mut request);
        }
        request
    }

    /// The same under the policy of those who give none.
    pub(crate) fn plain<T: RemoteValue>(&self, key: impl Into<KeyBuf>) -> Request {
        self.request::<T>(key, PolicyRef::Static(&PLAIN))
    }
}

impl TenantPrefix {
    /// Makes what a request is for the tenant's.
    pub(crate) fn apply(&self, request: &mut Request) {
        request.key = self.own(std::mem::take(&mut request.key));
        for tag in self.tags() {
            request.tags.begin();
            request.tags.text().literal(&bounded(tag));
        }
    }

    /// What an eviction by the tenant ends, of the whole cache.
    pub(crate) fn narrow(&self, what: What) -> What {
        match what {
            What::Key(key) => What::Key(self.key(key)),
            What::Pattern(pattern, progress) => What::Pattern(self.pattern(&pattern), progress),
            What::All => What::Tag(bounded(self.tag()).into_owned()),
            What::Stale(key) => What::Stale(self.key(key)),
            What::Life(key, ttl) => What::Life(self.key(key), ttl),
            What::Tag(tag) => What::Tag(tag),
        }
    }
}

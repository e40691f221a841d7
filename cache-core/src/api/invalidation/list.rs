//! A list of evictions as a value, for attributes, events, schedules and transactions.

use std::fmt::Display;

use super::evictions::Evictions;
use crate::base::{Error, Pattern, Selection};
use crate::call::{CacheRef, EvictTarget, IntoCache};
use crate::engine::{Cache, Mutation, TenantScope};
use crate::key::{IntoKey, TenantPrefix};
use crate::registry;
use crate::tags::{bounded, subject};

/// The cache of an eviction.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Not given: the cache that runs the list, or else the default one.
    Home,
    /// The same, for the tenant of the scope in which the target was added: the tenant of the handle of rule or schedule
    /// has precedence.
    HomeOf(TenantPrefix),
    At(CacheRef),
}

impl Place {
    /// The prefix of the keys of the handle, if it names one.
    fn prefix(&self) -> Option<&TenantPrefix> {
        match self {
            Self::At(target) => target.prefix(),
            Self::Home | Self::HomeOf(_) => None,
        }
    }

    pub(crate) fn resolve(&self, home: Option<&Cache>) -> Result<Cache, Error> {
        match (self, home) {
            (Self::At(target), _) => target.resolve_to_evict(),
            (Self::Home | Self::HomeOf(_), Some(home)) => Ok(home.clone()),
            (Self::Home | Self::HomeOf(_), None) => Ok(registry::default_cache()),
        }
    }
}

/// A list of evictions: keys, patterns, tags, calls of cached functions, or everything.
///
/// The list is a value and evicts nothing by itself: call [`run`](Self::run), or give it to an event or a
/// schedule. Targets before the first [`cache`](Self::cache) are in the cache of the rule ([`Cache::on`]) or
/// schedule ([`Cache::every`]), otherwise in the default cache. A call has its own cache.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, Invalidation};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("user:7", 7u64).await?;
/// cache.insert("users:page:1", vec![7u64]).await?;
///
/// let list = Invalidation::new().cache(&cache).key("user:7").pattern("users:page:*").tag("users");
/// list.run().await?;
/// assert_eq!(cache.get::<u64>("user:7").await?, None);
/// # Ok(())
/// # }
/// ```
#[must_use = "a list evicts nothing by itself: give it to `run`, an event or a schedule"]
#[derive(Clone, Debug)]
pub struct Invalidation {
    place: Place,
    /// The tenant of the targets that follow, if the list names one.
    tenant: Option<TenantScope>,
    /// In the order in which they are carried out.
    pub(super) steps: Vec<(Place, Mutation)>,
}

impl Default for Invalidation {
    fn default() -> Self {
        Self::new()
    }
}

impl Invalidation {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self { place: Place::Home, tenant: None, steps: Vec::new() }
    }

    /// Sets the cache of the targets that follow: a handle, or a name. (A name is looked up when the list
    /// runs.)
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.place = Place::At(cache.into_choice().into());
        self
    }

    /// Restricts the targets that are added after this to one tenant: those without a cache, those in the last
    /// [`cache`](Self::cache), and [calls](Self::call) that name no tenant. The last tenant counts. Default: the tenant of
    /// the scope in which a target is added ([`with_tenant`](crate::with_tenant)), otherwise none.
    ///
    /// As for a handle of the tenant ([`Cache::tenant`]), tags, models and events reach the entries of all tenants.
    ///
    /// With an empty name, which is reported once, keys, patterns, calls and `all` evict nothing: nothing is cached for
    /// such callers.
    pub fn tenant(mut self, name: impl Display) -> Self {
        self.tenant = Some(TenantScope::new(name));
        self
    }

    fn with(self, what: impl Into<Mutation>) -> Self {
        let scope = self.tenant.clone().unwrap_or_else(TenantScope::current);
        self.within(&scope, what.into())
    }

    /// Adds a target of the tenant of `scope`.
    fn within(mut self, scope: &TenantScope, what: Mutation) -> Self {
        let step = match (self.place.prefix(), scope.prefix()) {
            (Some(outer), Some(own)) if self.tenant.is_some() => {
                (self.place.clone(), outer.of_inner(own).narrow(what))
            }
            (Some(prefix), _) => (self.place.clone(), prefix.narrow(what)),
            (None, None) => (self.place.clone(), what),
            (None, Some(own)) if matches!(self.place, Place::Home) && self.tenant.is_none() => {
                (Place::HomeOf(own.clone()), what)
            }
            (None, Some(own)) => (self.place.clone(), own.narrow(what)),
        };
        self.steps.push(step);
        self
    }

    /// Resolves the list for `home`: targets without a cache are in that cache, and of the tenant of the
    /// handle.
    pub(crate) fn of(self, home: &Cache) -> Self {
        self.of_tenant(home.prefix())
    }

    /// Restricts targets without a cache to the tenant.
    pub(crate) fn of_tenant(mut self, tenant: Option<&TenantPrefix>) -> Self {
        for (place, what) in &mut self.steps {
            let prefix = match place {
                Place::At(_) => continue,
                Place::Home => tenant,
                Place::HomeOf(own) => Some(tenant.unwrap_or(own)),
            };
            if let Some(prefix) = prefix {
                *what = prefix.narrow(what.clone());
            }
            *place = Place::Home;
        }
        self
    }

    /// Adds a key: the whole text without the namespace.
    pub fn key(self, key: impl IntoKey) -> Self {
        let mut key = key.into_key_buf();
        key.seal();
        self.with(Mutation::evict(key))
    }

    /// Adds all keys that match; `*` is a wildcard.
    pub fn pattern(self, pattern: impl Into<Pattern>) -> Self {
        self.with(Selection::Pattern(pattern.into()))
    }

    /// Adds all entries with the tag.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.with(Selection::Tag(bounded(&tag.into()).into_owned()))
    }

    /// Adds all entries of a model: those of functions with `#[cached(model = "..", op = "..")]` that name
    /// it.
    ///
    /// They carry the tag `model:user`; a name that is not a plain word is escaped.
    pub fn model(self, model: &str) -> Self {
        self.tag(subject::tag(model, None))
    }

    /// Adds the entries of one operation of a model: the tag `model:user:list`.
    pub fn operation(self, model: &str, op: &str) -> Self {
        self.tag(subject::tag(model, Some(op)))
    }

    /// Adds the entries that an event of type `E` makes old: those of functions with
    /// `#[cached(invalidate_on = [E])]`. [`Cache::emit`] includes them, and also runs the rules, which need
    /// the event.
    pub fn event<E: ?Sized>(self) -> Self {
        self.tag(subject::event_tag::<E>())
    }

    /// Adds everything in the cache.
    pub fn all(self) -> Self {
        self.with(Selection::All)
    }

    /// Adds the entry of a call of a cached function, in that function's cache: `get_user(&db, 7)`, or
    /// `call!(fib(40))` for a sync function. The call is not run.
    ///
    /// `function(list_users)` and `entries!(list_users(team, ..))` add all entries of a function, and those of the calls
    /// with these first arguments: see [`function`](crate::function). If only the calls of the function tell its cache
    /// (`cache = handle`), the entries are in the cache of the list.
    pub fn call(mut self, call: impl EvictTarget) -> Self {
        let evictions = match &self.tenant {
            // Also what the call itself does not tell.
            Some(scope) => scope.run_sync(|| call.evictions()),
            None => call.evictions(),
        };
        let own = call.names_tenant().then(TenantScope::default);
        for (target, what) in evictions {
            self = match (target, &own) {
                (Some(target), _) => {
                    self.steps.push((Place::At(target), what));
                    self
                }
                (None, Some(own)) => self.within(own, what),
                (None, None) => self.with(what),
            };
        }
        self
    }

    /// Makes all targets of the list so far soft: their values become old but are kept for the fail-safe, as
    /// [`Cache::mark_stale`] does.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Invalidation};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let cache = Cache::builder().build()?;
    /// Invalidation::new().cache(&cache).tag("prices").pattern("offer:*").soft().run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn soft(mut self) -> Self {
        self.steps = self.steps.into_iter().map(|(place, what)| (place, what.softened())).collect();
        self
    }

    /// Appends all targets of `other`.
    pub fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// Returns the number of targets.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Returns whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Evicts all targets, in order. Inside a [`transaction`](crate::transaction()) the evictions wait for
    /// the commit.
    ///
    /// Once polled, it is carried out completely, even if the future is dropped: the rest continues in the
    /// background.
    ///
    /// # Errors
    /// The first failure, after everything was tried: no cache of that name is installed, or the remote tier
    /// failed. In the latter case the eviction is pending, and this process carries it out before it reads
    /// the tier again.
    pub async fn run(self) -> Result<(), Error> {
        Evictions::from(self).carry_out().await
    }

    /// The list for `home` to keep: targets that name this cache by handle become its own, because a rule or
    /// schedule must not keep its cache alive.
    pub(crate) fn kept_by(self, home: &Cache) -> Self {
        let mut kept = self.of(home);
        // The list is complete.
        kept.place = Place::Home;
        for (place, _) in &mut kept.steps {
            if matches!(place, Place::At(target) if target.is_handle_of(home)) {
                *place = Place::Home;
            }
        }
        kept
    }
}

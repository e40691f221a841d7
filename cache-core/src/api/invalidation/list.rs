//! A list of what to evict, as a value: attributes, events, schedules and transactions share it.

use super::evictions::Evictions;
use crate::base::{Error, Pattern};
use crate::call::{CacheRef, Evict, EvictTarget, IntoCache};
use crate::engine::{Cache, What};
use crate::key::{KeyBuf, TenantPrefix};
use crate::registry;
use crate::remote::StepSink;
use crate::tags::{bounded, subject};

/// Which cache an eviction is for.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Nobody said: the cache that runs the list, or else the default one.
    Home,
    At(CacheRef),
}

impl Place {
    /// What the keys of the handle that it names begin with.
    fn prefix(&self) -> Option<&TenantPrefix> {
        match self {
            Self::At(target) => target.prefix(),
            Self::Home => None,
        }
    }

    pub(crate) fn resolve(&self, home: Option<&Cache>) -> Result<Cache, Error> {
        match (self, home) {
            (Self::At(target), _) => target.resolve_to_evict(),
            (Self::Home, Some(home)) => Ok(home.clone()),
            (Self::Home, None) => Ok(registry::default_cache()),
        }
    }
}

/// A list of what to evict: keys, patterns, tags, calls of cached functions, or everything.
///
/// It is a value and evicts nothing by itself: [`run`](Self::run) does, or the event or schedule that
/// it is given to. Targets that stand before the first [`cache`](Self::cache) are in the cache
/// whose rule ([`Cache::on`]) or schedule ([`Cache::every`]) it is, elsewhere in the default cache. A
/// call knows its own.
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
    /// In the order they are carried out.
    pub(super) steps: Vec<(Place, What)>,
}

impl Default for Invalidation {
    fn default() -> Self {
        Self::new()
    }
}

impl Invalidation {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { place: Place::Home, steps: Vec::new() }
    }

    /// Where the targets that follow are: a handle, or a name. (A name is looked up when the list
    /// runs.)
    pub fn cache(mut self, cache: impl IntoCache) -> Self {
        self.place = Place::At(cache.into_choice().into());
        self
    }

    fn with(mut self, what: What) -> Self {
        let what = match self.place.prefix() {
            Some(prefix) => prefix.narrow(what),
            None => what,
        };
        self.steps.push((self.place.clone(), what));
        self
    }

    /// The list of `home`: what names no cache is in that one, and of the tenant that the handle is for.
    pub(crate) fn of(self, home: &Cache) -> Self {
        self.of_tenant(home.prefix())
    }

    /// What names no cache is the tenant's.
    pub(crate) fn of_tenant(mut self, tenant: Option<&TenantPrefix>) -> Self {
        if let Some(prefix) = tenant {
            for (place, what) in &mut self.steps {
                if matches!(place, Place::Home) {
                    *what = prefix.narrow(what.clone());
                }
            }
        }
        self
    }

    /// A key: the whole text below the namespace.
    pub fn key(self, key: impl Into<KeyBuf>) -> Self {
        let mut key = key.into();
        key.seal();
        self.with(What::Key(key))
    }

    /// All keys that match; `*` is a wildcard.
    pub fn pattern(self, pattern: impl Into<Pattern>) -> Self {
        self.with(What::Pattern(pattern.into(), StepSink::default()))
    }

    /// All that carries the tag.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.with(What::Tag(bounded(&tag.into()).into_owned()))
    }

    /// All reads of a model: of the functions with `#[cached(model = "..", op = "..")]` that name it.
    ///
    /// They carry the tag `model:user`; a name that is no plain word is escaped.
    pub fn model(self, model: &str) -> Self {
        self.tag(subject::tag(model, None))
    }

    /// One operation of a model: the tag `model:user:list`.
    pub fn operation(self, model: &str, op: &str) -> Self {
        self.tag(subject::tag(model, Some(op)))
    }

    /// What an event of type `E` makes old: the entries of functions with `#[cached(invalidate_on = [E])]`.
    /// [`Cache::emit`] does this by itself, and runs the rules too, which need the event.
    pub fn event<E: ?Sized>(self) -> Self {
        self.tag(subject::event_tag::<E>())
    }

    /// Everything in the cache.
    pub fn all(self) -> Self {
        self.with(What::All)
    }

    /// What a call of a cached function would read, in that function's cache: `get_user(&db, 7)`, or
    /// `call!(fib(40))` for a sync function. The call is not run.
    pub fn call(mut self, call: impl EvictTarget) -> Self {
        for Evict { target, mut key, .. } in call.evict_targets() {
            key.seal();
            self.steps.push((Place::At(target), What::Key(key)));
        }
        self
    }

    /// Everything of `other` too, behind what is here.
    pub fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// How many targets there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Evicts all of it, in order. Inside a [`transaction`](crate::transaction()) it is held.
    ///
    /// Once polled it holds, also if it is dropped: what remains is carried out in the background.
    ///
    /// # Errors
    /// The first failure, after everything was tried: no cache of that name is installed, or the
    /// remote tier failed, and then the eviction stays owed and is carried out before the tier is
    /// read again by this process.
    pub async fn run(self) -> Result<(), Error> {
        Evictions::from(self).carry_out().await
    }

    /// The list for `home` to keep: targets that name this very cache by handle become its own,
    /// because a rule or schedule must not keep its cache alive.
    pub(crate) fn kept_by(self, home: &Cache) -> Self {
        let mut kept = self.of(home);
        // Nothing is added to it any more.
        kept.place = Place::Home;
        for (place, _) in &mut kept.steps {
            if matches!(place, Place::At(target) if target.is_handle_of(home)) {
                *place = Place::Home;
            }
        }
        kept
    }
}

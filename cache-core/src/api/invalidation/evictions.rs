//! A list of evictions that is carried out on every exit from a mutator's body.
//!
//! By default the evictions come after the body for every outcome, because a mutator that failed or was
//! cancelled may have committed. If the body panics, or its future is dropped, `drop` evicts from memory, and
//! the remote tier follows in the background.

use std::any::type_name;
use std::sync::Arc;

use super::list::{Invalidation, Place};
use crate::base::{Error, Selection};
use crate::call::EvictTarget;
use crate::engine::{Cache, Engine, Mutation, SecondRound, TOGETHER, evict_in_background, report};
use crate::key::{EntryKey, KeyBuf, TenantText, Written};

/// The evictions of a mutator. Made by `#[cache_evict]`.
#[derive(Debug)]
#[must_use]
pub struct Evictions {
    list: Invalidation,
    home: Option<Cache>,
    /// Whether nothing is evicted unless the list is [`released`](Evictions::released).
    held: bool,
    round: SecondRound,
}

impl Default for Evictions {
    fn default() -> Self {
        Self::new()
    }
}

#[doc(hidden)]
impl From<Invalidation> for Evictions {
    fn from(list: Invalidation) -> Self {
        Self::with(list.of_tenant(None), None)
    }
}

impl Evictions {
    const fn with(list: Invalidation, home: Option<Cache>) -> Self {
        Self { list, home, held: false, round: SecondRound::new() }
    }

    /// An empty list for the default cache.
    pub const fn new() -> Self {
        Self::with(Invalidation::new(), None)
    }

    /// An empty list for a named cache.
    pub fn named(name: &str) -> Self {
        Self::from(Invalidation::new().cache(name))
    }

    /// An empty list for this cache.
    pub fn on(cache: &Cache) -> Self {
        Self::from(Invalidation::new().cache(cache))
    }

    /// A list whose targets are in `home` if they name no cache.
    pub(crate) fn at(home: &Cache, list: Invalidation) -> Self {
        Self::with(list.of(home), Some(home.clone()))
    }

    /// Makes the list conditional: it is carried out only if the body's output is an `Ok`.
    pub fn held(self) -> Self {
        Self::with_hold(self, true)
    }

    /// Reverts [`held`](Self::held).
    pub fn released(self) -> Self {
        Self::with_hold(self, false)
    }

    /// Restricts the targets that follow to one tenant.
    pub fn tenant<T: TenantText + ?Sized>(self, name: &T) -> Self {
        self.map(|list| list.tenant(name))
    }

    fn with_hold(mut self, held: bool) -> Self {
        self.held = held;
        self
    }

    fn map(mut self, map: impl FnOnce(Invalidation) -> Invalidation) -> Self {
        self.list = map(std::mem::take(&mut self.list)).of_tenant(None);
        self
    }

    /// Adds the entry of a call of a cached function, in that function's cache.
    pub fn call(self, call: impl EvictTarget) -> Self {
        self.map(|list| list.call(call))
    }

    /// Adds a key.
    pub fn key(self, key: KeyBuf) -> Self {
        self.map(|list| list.key(key))
    }

    /// Adds a key in a function that may be in a generic `impl` block: the key as written, and the key that a
    /// cached function of the same template has in that block. See
    /// [`Site::instance`](crate::engine::Site::instance).
    pub fn key_around<H, C: Fn()>(self, key: KeyBuf, _closure: C) -> Self {
        let written = Written::of_instance(type_name::<C>(), type_name::<H>());
        if written.around.is_none() {
            return self.key(key);
        }
        let mut own = key.clone();
        own.place(&written);
        self.key(key).key(own)
    }

    /// Adds a pattern; `*` is a wildcard.
    pub fn pattern(self, pattern: KeyBuf) -> Self {
        self.map(|list| list.pattern(pattern.as_str()))
    }

    /// Adds a tag.
    pub fn tag(self, tag: KeyBuf) -> Self {
        self.map(|list| list.tag(tag.as_str()))
    }

    /// Adds the entries that an event makes old.
    pub fn event<E: ?Sized>(self) -> Self {
        self.map(Invalidation::event::<E>)
    }

    /// Adds everything in the cache.
    pub fn all(self) -> Self {
        self.map(Invalidation::all)
    }

    /// Keeps the values of all targets so far for failed loads.
    pub fn soft(self) -> Self {
        self.map(Invalidation::soft)
    }

    /// Tries everything, in order, and returns the first failure.
    pub(crate) async fn carry_out(mut self) -> Result<(), Error> {
        if self.held {
            return Ok(());
        }
        let mut result = Ok(());
        self.list.steps.reverse();
        while let Some((place, what)) = self.list.steps.last().cloned() {
            let (count, done) = match place.resolve(self.home.as_ref()) {
                Ok(cache) => self.evict_last(&cache.engine, what).await,
                Err(error) => (1, Err(error)),
            };
            // Removed after it is done: if the future is dropped half-way, `drop` does it again.
            self.list.steps.truncate(self.list.steps.len() - count);
            result = result.and(done);
        }
        std::mem::take(&mut self.round).end();
        result
    }

    /// Evicts the last target, and keys of the same cache before it. Returns the number of targets.
    async fn evict_last(
        &mut self,
        engine: &Arc<Engine>,
        what: Mutation,
    ) -> (usize, Result<(), Error>) {
        let keys = self.keys_at_the_end(engine);
        if keys.len() <= 1 {
            let done = engine.invalidate(what.clone()).await.map(drop);
            self.round.note(engine, [what], &done);
            return (1, done);
        }
        let (count, done) = (keys.len(), engine.invalidate_keys(&keys).await.map(drop));
        self.round.note(engine, keys.into_iter().map(Mutation::evict), &done);
        (count, done)
    }

    /// The keys at the end of the list that belong to this cache, which one request evicts.
    fn keys_at_the_end(&self, engine: &Arc<Engine>) -> Vec<EntryKey> {
        let here = |place: &Place| {
            place.resolve(self.home.as_ref()).is_ok_and(|at| Arc::ptr_eq(&at.engine, engine))
        };
        let keys = self.list.steps.iter().rev().map_while(|(place, what)| match what {
            Mutation::Evict(Selection::Keys(key), _) if here(place) => Some(key.clone()),
            _ => None,
        });
        keys.take(TOGETHER).collect()
    }

    /// Evicts after the body. A failure of the remote tier is logged, and the eviction is pending.
    pub async fn run(self) {
        report(&self.carry_out().await);
    }

    /// Empties the list.
    pub fn none(mut self) -> Self {
        self.list.steps.clear();
        self
    }

    /// Drops the list without evicting.
    pub(crate) fn disarm(self) {
        drop(self.none());
    }

    /// Evicts before the body.
    pub async fn run_before(self) {
        self.run().await;
    }

    /// Evicts after the body of a sync function: memory immediately, the remote tier in the background.
    pub fn run_blocking(self) {
        drop(self);
    }

    /// Evicts before the body of a sync function, like [`run_blocking`](Self::run_blocking).
    pub fn run_before_blocking(self) {
        drop(self);
    }
}

impl Drop for Evictions {
    /// The first poll of each eviction evicts from memory (nothing before that waits) and records the remote
    /// half as pending; the rest continues in the background.
    fn drop(&mut self) {
        if self.held || self.list.steps.is_empty() {
            return;
        }
        let mut rest = Vec::new();
        for (place, what) in self.list.steps.drain(..) {
            match place.resolve(self.home.as_ref()) {
                Ok(cache) => rest.push((cache.engine, what)),
                Err(error) => report(&Err(error)),
            }
        }
        let evict = async |engine: Arc<Engine>, what| engine.invalidate(what).await;
        evict_in_background(std::mem::take(&mut self.round), rest, evict);
    }
}

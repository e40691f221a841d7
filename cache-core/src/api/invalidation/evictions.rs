//! A list of evictions that is carried out on every way out of a mutator's body.
//!
//! By default they come after the body whatever its outcome, because a mutator that failed or was
//! cancelled may have committed. If the body panics, or its future is dropped, the memory half
//! happens in `drop` and the remote half in the background.

use std::any::type_name;
use std::sync::Arc;

use super::list::{Invalidation, Place};
use crate::base::Error;
use crate::call::EvictTarget;
use crate::engine::{Cache, TOGETHER, What, report, start_now};
use crate::key::{KeyBuf, Written};

/// What a mutator makes old. Made by `#[cache_evict]`.
#[derive(Debug)]
#[must_use]
pub struct Evictions {
    list: Invalidation,
    home: Option<Cache>,
    /// Whether nothing is to be evicted unless it is [`released`](Evictions::released).
    held: bool,
}

impl Default for Evictions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Invalidation> for Evictions {
    fn from(list: Invalidation) -> Self {
        Self { list, home: None, held: false }
    }
}

impl Evictions {
    /// On the default cache.
    pub const fn new() -> Self {
        Self { list: Invalidation::new(), home: None, held: false }
    }

    /// On a named cache.
    pub fn named(name: &str) -> Self {
        Self::from(Invalidation::new().cache(name))
    }

    /// On this cache.
    pub fn on(cache: &Cache) -> Self {
        Self::from(Invalidation::new().cache(cache))
    }

    /// A list whose targets are in `home` where they name no cache.
    pub(crate) fn at(home: &Cache, list: Invalidation) -> Self {
        Self { list: list.of(home), home: Some(home.clone()), held: false }
    }

    /// A list that is carried out only if the body's output is an `Ok`.
    pub fn held(self) -> Self {
        Self::with_hold(self, true)
    }

    /// Ends [`held`](Self::held).
    pub fn released(self) -> Self {
        Self::with_hold(self, false)
    }

    fn with_hold(mut self, held: bool) -> Self {
        self.held = held;
        self
    }

    fn map(mut self, map: impl FnOnce(Invalidation) -> Invalidation) -> Self {
        self.list = map(std::mem::take(&mut self.list));
        self
    }

    /// What a call of a cached function would read, in that function's cache.
    pub fn call(self, call: impl EvictTarget) -> Self {
        self.map(|list| list.call(call))
    }

    /// A key.
    pub fn key(self, key: KeyBuf) -> Self {
        self.map(|list| list.key(key))
    }

    /// A key in a function that may stand in a generic `impl` block: the key as it is written, and the one that a cached
    /// function of the same template has in that block. See [`Site::instance`](crate::engine::Site::instance).
    pub fn key_around<H, C: Fn()>(self, key: KeyBuf, _closure: C) -> Self {
        let written = Written::of_instance(type_name::<C>(), type_name::<H>());
        if written.around.is_none() {
            return self.key(key);
        }
        let mut own = key.clone();
        own.place(&written);
        self.key(key).key(own)
    }

    /// A pattern; `*` is a wildcard.
    pub fn pattern(self, pattern: KeyBuf) -> Self {
        self.map(|list| list.pattern(pattern.as_str()))
    }

    /// A tag.
    pub fn tag(self, tag: KeyBuf) -> Self {
        self.map(|list| list.tag(tag.as_str()))
    }

    /// What an event makes old.
    pub fn event<E: ?Sized>(self) -> Self {
        self.map(Invalidation::event::<E>)
    }

    /// Everything in the cache.
    pub fn all(self) -> Self {
        self.map(Invalidation::all)
    }

    /// Tries everything, in order, and gives the first failure.
    pub(crate) async fn carry_out(mut self) -> Result<(), Error> {
        if self.held {
            return Ok(());
        }
        let mut result = Ok(());
        self.list.steps.reverse();
        while let Some((place, what)) = self.list.steps.last().cloned() {
            let keys = self.keys_at_the_end();
            let (count, done) = match keys.len() {
                0 | 1 => (1, evict(&place, self.home.as_ref(), what).await),
                count => (count, evict_keys(&place, self.home.as_ref(), keys).await),
            };
            // Removed after it was done: dropped half-way, `drop` does it again.
            self.list.steps.truncate(self.list.steps.len() - count);
            result = result.and(done);
        }
        result
    }

    /// The keys at the end of the list that are of one cache, which one request evicts.
    fn keys_at_the_end(&self) -> Vec<KeyBuf> {
        let engine = |place: &Place| place.resolve(self.home.as_ref()).ok().map(|at| at.engine);
        let Some(of_last) = self.list.steps.last().and_then(|(place, _)| engine(place)) else {
            return Vec::new();
        };
        let here = |place: &Place| engine(place).is_some_and(|at| Arc::ptr_eq(&at, &of_last));
        let keys = self.list.steps.iter().rev().map_while(|(place, what)| match what {
            What::Key(key) if here(place) => Some(key.clone()),
            _ => None,
        });
        keys.take(TOGETHER).collect()
    }

    /// Evicts after the body. A failure of the remote tier is logged, and the eviction stays owed.
    pub async fn run(self) {
        report(&self.carry_out().await);
    }

    /// A list of nothing.
    pub fn none(mut self) -> Self {
        self.list.steps.clear();
        self
    }

    /// Evicts nothing.
    pub(crate) fn disarm(self) {
        drop(self.none());
    }

    /// Evicts before the body.
    pub async fn run_before(self) {
        self.run().await;
    }

    /// [`run`](Self::run) for sync functions: memory at once, the remote tier in the background.
    pub fn run_blocking(self) {
        drop(self);
    }

    /// [`run_blocking`](Self::run_blocking), before the body.
    pub fn run_before_blocking(self) {
        drop(self);
    }
}

async fn evict_keys(place: &Place, home: Option<&Cache>, keys: Vec<KeyBuf>) -> Result<(), Error> {
    place.resolve(home)?.engine.invalidate_keys(keys).await.map(drop)
}

async fn evict(place: &Place, home: Option<&Cache>, what: What) -> Result<(), Error> {
    place.resolve(home)?.engine.invalidate(what).await.map(drop)
}

impl Drop for Evictions {
    /// The first poll of each does the memory half (nothing before it waits) and writes the remote
    /// half down as owed; what remains goes on in the background.
    fn drop(&mut self) {
        if self.held {
            return;
        }
        for (place, what) in self.list.steps.drain(..) {
            let home = self.home.clone();
            start_now(async move { report(&evict(&place, home.as_ref(), what).await) });
        }
    }
}

//! Caches for a while: what the process's caches are, for those who run in a test kit.
//!
//! Who resolves a cache asks here first. Without the feature `testing` that is nothing; with it, one relaxed load
//! while no scope is in force anywhere in the process ([`no_active_scope`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::handle::Cache;
use super::scope::Switch;
use crate::base::{ActiveScope, Clock, Error, no_active_scope};
use crate::stats::Stats;

tokio::task_local! {
    static CURRENT: Arc<TestScope>;
}

/// Makes the cache of a name, or the default one.
pub(crate) type MakeCache = Box<dyn Fn(Option<&str>) -> Result<Cache, Error> + Send + Sync>;

/// The caches of one test: made when they are first asked for.
pub(crate) struct TestScope {
    pub(crate) clock: Clock,
    make: MakeCache,
    /// What the default cache is if it cannot be made.
    embedded: fn() -> Cache,
    /// The off switch, in the process's place.
    pub(crate) switch: Switch,
    caches: Mutex<Caches>,
    _live: ActiveScope,
}

#[derive(Default)]
struct Caches {
    /// The default one has no name.
    slots: BTreeMap<String, Cache>,
    /// With those that were replaced: what they counted stays counted.
    all: Vec<Cache>,
    /// What had been counted when counting began.
    begun: Vec<Stats>,
}

impl fmt::Debug for TestScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().slots.keys()).finish()
    }
}

/// The world that the caller runs in.
#[inline]
pub(crate) fn current() -> Option<Arc<TestScope>> {
    if !cfg!(feature = "testing") || no_active_scope() {
        return None;
    }
    current_slowly()
}

#[cold]
fn current_slowly() -> Option<Arc<TestScope>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// `work` in the world of whoever calls this, wherever it is polled.
pub(crate) async fn carried<T>(world: Option<Arc<TestScope>>, work: impl Future<Output = T>) -> T {
    match world {
        Some(world) => CURRENT.scope(world, work).await,
        None => work.await,
    }
}

#[cfg_attr(not(feature = "testing"), allow(dead_code))]
impl TestScope {
    /// # Errors
    /// What the builder of the default cache says.
    pub(crate) fn new(
        clock: Clock,
        make: MakeCache,
        embedded: fn() -> Cache,
    ) -> Result<Arc<Self>, Error> {
        let world = Self {
            clock,
            make,
            embedded,
            switch: Switch::default(),
            caches: Mutex::default(),
            _live: ActiveScope::new(),
        };
        world.find(None)?;
        Ok(Arc::new(world))
    }

    fn lock(&self) -> MutexGuard<'_, Caches> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn run<F: Future>(
        self: &Arc<Self>,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), work)
    }

    pub(crate) fn run_sync<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(self), work)
    }

    /// The cache of that name, made if there is none yet.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<Cache, Error> {
        if name == Some("") {
            let message = "a name can't be empty; ask for the default cache instead";
            return Err(Error::config("name", message));
        }
        let slot = name.unwrap_or_default();
        if let Some(cache) = self.lock().slots.get(slot) {
            return Ok(cache.clone());
        }
        // Not under the lock: the user's code takes part in it.
        let made = (self.make)(name)?;
        let mut caches = self.lock();
        let first = caches.slots.entry(slot.to_owned()).or_insert_with(|| made.clone()).clone();
        if first.is(&made) {
            caches.add(made);
        }
        Ok(first)
    }

    /// The default cache. What furnishes it was tried when the world was made, so that it can hardly fail.
    pub(crate) fn default(&self) -> Cache {
        self.find(None).unwrap_or_else(|error| {
            crate::base::warn_once("a test kit's default cache is an embedded one", &error);
            (self.embedded)()
        })
    }

    pub(crate) fn install(&self, cache: &Cache) {
        let slot = cache.name().unwrap_or_default().to_owned();
        let mut caches = self.lock();
        let before = caches.slots.insert(slot, cache.clone());
        if !caches.all.iter().any(|known| known.is(cache)) {
            caches.add(cache.clone());
        }
        drop(caches);
        // A cache that nobody holds any more drops its values, whose `Drop` may come here.
        drop(before);
    }

    /// What each cache had counted when counting began, and what it counts now.
    pub(crate) fn counted(&self) -> Vec<(Cache, Stats, Stats)> {
        let caches = self.lock();
        let each = caches.all.iter().zip(&caches.begun);
        each.map(|(cache, begun)| (cache.clone(), begun.clone(), cache.stats())).collect()
    }

    /// Begins to count anew.
    pub(crate) fn recount(&self) {
        let mut caches = self.lock();
        caches.begun = caches.all.iter().map(Cache::stats).collect();
    }
}

impl Caches {
    fn add(&mut self, cache: Cache) {
        self.begun.push(cache.stats());
        self.all.push(cache);
    }
}

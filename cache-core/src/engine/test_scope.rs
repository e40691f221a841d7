//! The caches of a test kit, for code that runs in it.
//!
//! Code that resolves a cache asks here first. Without the feature `testing` this costs nothing; with it, one
//! relaxed load while no scope is active anywhere in the process ([`no_active_scope`]).
#![cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]

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
pub type MakeCache = Box<dyn Fn(Option<&str>) -> Result<Cache, Error> + Send + Sync>;

/// The caches of one test, created at first use.
pub struct TestScope {
    /// The clock of all its caches.
    pub clock: Clock,
    make: MakeCache,
    /// The default cache if it cannot be made.
    embedded: fn() -> Cache,
    /// The off switch, which replaces the process's.
    pub(crate) switch: Switch,
    caches: Mutex<Caches>,
    _live: ActiveScope,
}

#[derive(Default)]
struct Caches {
    /// The default cache has an empty name.
    slots: BTreeMap<String, Cache>,
    /// Includes replaced caches, because their counts stay.
    all: Vec<Cache>,
    /// The counts at the last restart of the counting.
    begun: Vec<Stats>,
}

impl fmt::Debug for TestScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().slots.keys()).finish()
    }
}

/// The test scope in which the caller runs.
#[inline]
pub fn current() -> Option<Arc<TestScope>> {
    if !cfg!(feature = "testing") || no_active_scope() {
        return None;
    }
    current_slowly()
}

#[cold]
fn current_slowly() -> Option<Arc<TestScope>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Runs `work` in the given test scope, on any thread.
pub async fn with_scope<T>(world: Option<Arc<TestScope>>, work: impl Future<Output = T>) -> T {
    match world {
        Some(world) => CURRENT.scope(world, work).await,
        None => work.await,
    }
}

impl TestScope {
    /// # Errors
    /// The error of the default cache's builder.
    pub fn new(clock: Clock, make: MakeCache, embedded: fn() -> Cache) -> Result<Arc<Self>, Error> {
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

    /// Runs `work` in the scope.
    pub fn run<F: Future>(self: &Arc<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), work)
    }

    /// Runs sync code in the scope, on this thread.
    pub fn run_sync<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(self), work)
    }

    /// The cache of that name; created at first use.
    pub fn find(&self, name: Option<&str>) -> Result<Cache, Error> {
        if name == Some("") {
            let message = "a name can't be empty; ask for the default cache instead";
            return Err(Error::config("name", message));
        }
        let slot = name.unwrap_or_default();
        if let Some(cache) = self.lock().slots.get(slot) {
            return Ok(cache.clone());
        }
        // Not under the lock, because this runs the user's code.
        let made = (self.make)(name)?;
        let mut caches = self.lock();
        let first = caches.slots.entry(slot.to_owned()).or_insert_with(|| made.clone()).clone();
        if first.is(&made) {
            caches.add(made);
        }
        Ok(first)
    }

    /// The default cache. Its configuration was tried when the test scope was created, so this hardly ever
    /// fails.
    pub fn default(&self) -> Cache {
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
        // Dropping the last handle of a cache drops its values, whose `Drop` may come here.
        drop(before);
    }

    /// The caches that are in use or installed, by name; the default one first.
    pub(crate) fn installed(&self) -> Vec<Cache> {
        self.lock().slots.values().cloned().collect()
    }

    /// The counts of each cache at the last restart of the counting, and now.
    pub fn counted(&self) -> Vec<(Cache, Stats, Stats)> {
        let caches = self.lock();
        let each = caches.all.iter().zip(&caches.begun);
        each.map(|(cache, begun)| (cache.clone(), begun.clone(), cache.stats())).collect()
    }

    /// Restarts the counting.
    pub fn recount(&self) {
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

//! The process's caches: the default one, which needs no set-up, and named ones. A test kit has its own.

pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;

use crate::Error;
use crate::cache::{Cache, Inner};

/// Where a cache is installed. Slots live as long as the process: one per name.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Inner>,
}

type Named = Mutex<BTreeMap<String, &'static Slot>>;

fn named() -> &'static Named {
    static NAMED: OnceLock<Named> = OnceLock::new();
    NAMED.get_or_init(Named::default)
}

pub(crate) fn default_slot() -> &'static Slot {
    static DEFAULT: OnceLock<Slot> = OnceLock::new();
    DEFAULT.get_or_init(Slot::default)
}

pub(crate) fn named_slot(name: &str) -> &'static Slot {
    let mut named = named().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = named.get(name) {
        return slot;
    }
    let slot: &'static Slot = Box::leak(Box::default());
    named.insert(name.to_owned(), slot);
    slot
}

/// The names of installed caches, for messages.
fn known() -> String {
    let named = named().lock().unwrap_or_else(PoisonError::into_inner);
    let installed = named.iter().filter(|(_, slot)| slot.current.load().is_some());
    let names: Vec<String> = installed.map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Says a user's mistake once, with what follows from it: to `tracing`, or to standard error where
/// nobody listens to `tracing`. The mistake is to be seen, but the functions' callers are not to
/// suffer for it.
pub(crate) fn complain(consequence: &'static str, error: &Error) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    // Bounded: a text that comes from outside may be wrong in endless ways.
    if said.len() >= 1_000 || !said.insert(error.to_string()) {
        return;
    }
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "larder::config", %error, "larder: {consequence}");
    } else {
        eprintln!("larder: {consequence}: {error}");
    }
}

impl Slot {
    /// A look without counting a reference, which all threads would count on one cache line. `name` is the slot's own.
    #[inline]
    pub(crate) fn with<R>(
        &self,
        name: Option<&str>,
        look: impl FnOnce(&Inner) -> Option<R>,
    ) -> Option<R> {
        if let Some(world) = world::current() {
            return look(&world.find(name).ok()?.inner);
        }
        self.current.load().as_ref().and_then(|inner| look(inner))
    }
}

/// The process's default cache: the one last installed, or an embedded one.
///
/// The embedded one is made at first use: a memory tier of 10,000 entries, no remote tier, no
/// default time to live, namespace `larder`.
///
/// In a test kit (`testing::Kit`) it is the kit's own.
pub fn default_cache() -> Cache {
    if let Some(world) = world::current() {
        return world.default();
    }
    let slot = default_slot();
    if let Some(inner) = slot.current.load_full() {
        return Cache::from(inner);
    }
    let embedded = Cache::embedded();
    let none: Option<Arc<Inner>> = None;
    // Two threads may come here at once: the first one's stays.
    slot.current.compare_and_swap(&none, Some(Arc::clone(&embedded.inner)));
    match slot.current.load_full() {
        Some(inner) => Cache::from(inner),
        None => embedded,
    }
}

impl Cache {
    /// Makes this the cache that functions find: under its name, or as the default if it has none.
    /// It replaces what was installed there; calls that are under way end on the former one.
    ///
    /// In a test kit (`testing::Kit`) it is installed for those who run in the kit.
    pub fn install(&self) {
        if let Some(world) = world::current() {
            return world.install(self);
        }
        let slot = match self.name() {
            Some(name) => named_slot(name),
            None => default_slot(),
        };
        slot.current.store(Some(Arc::clone(&self.inner)));
    }

    /// The cache installed under `name`. In a test kit (`testing::Kit`) every name has a cache.
    ///
    /// # Errors
    /// [`Error::UnknownCache`], which lists the names there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(world) = world::current() {
            return world.find(Some(name));
        }
        let slot = named().lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        slot.and_then(|slot| slot.current.load_full())
            .map(Self::from)
            .ok_or_else(|| Error::UnknownCache { name: name.to_owned(), known: known() })
    }
}

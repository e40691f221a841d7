//! The slots in which caches are installed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use super::handle::Engine;
use super::test_scope as world;

/// The slot of a name. Slots live as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) current: ArcSwapOption<Engine>,
}

pub(crate) type Named = Mutex<BTreeMap<String, &'static Slot>>;

pub(crate) fn named() -> &'static Named {
    static NAMED: Named = Mutex::new(BTreeMap::new());
    &NAMED
}

pub(crate) fn default_slot() -> &'static Slot {
    static DEFAULT: Slot = Slot { current: ArcSwapOption::const_empty() };
    &DEFAULT
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

/// The installed caches: the default one, then the others by name.
pub(crate) fn installed() -> Vec<Arc<Engine>> {
    let named = named().lock().unwrap_or_else(PoisonError::into_inner);
    let slots = std::iter::once(default_slot()).chain(named.values().copied());
    slots.filter_map(|slot| slot.current.load_full()).collect()
}

/// The names of installed caches, for messages.
pub(crate) fn known() -> String {
    let named = named().lock().unwrap_or_else(PoisonError::into_inner);
    let installed = named.iter().filter(|(_, slot)| slot.current.load().is_some());
    let names: Vec<String> = installed.map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Slot {
    /// Looks at the cache without counting a reference, which all threads would count on one cache line.
    /// `name` is the slot's own.
    #[inline]
    pub(crate) fn with<R>(
        &self,
        name: Option<&str>,
        look: impl FnOnce(&Engine) -> Option<R>,
    ) -> Option<R> {
        if let Some(world) = world::current() {
            return look(&world.find(name).ok()?.engine);
        }
        self.current.load().as_ref().and_then(|engine| look(engine))
    }
}

//! The rules of a cache, by the type of their event. The layer above defines rules.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A rule, of a type that its owner knows.
pub(crate) type Rule = dyn Any + Send + Sync;

/// A cache's rules, by the type of their event.
#[derive(Default)]
pub(crate) struct Events(Mutex<Rules>);

#[derive(Default)]
pub(crate) struct Rules {
    by_type: HashMap<TypeId, Vec<(u64, Arc<Rule>)>>,
    last: u64,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, event: TypeId, run: Arc<Rule>) -> u64 {
        let mut rules = self.lock();
        rules.last += 1;
        let id = rules.last;
        rules.by_type.entry(event).or_default().push((id, run));
        id
    }

    /// Removes a rule and returns it. The drop of its closure may use the cache, so the caller drops it after
    /// the lock is released.
    pub(crate) fn remove(&self, event: TypeId, id: u64) -> Option<Arc<Rule>> {
        let mut rules = self.lock();
        let of_type = rules.by_type.get_mut(&event)?;
        let index = of_type.iter().position(|(other, _)| *other == id)?;
        let (_, run) = of_type.remove(index);
        if of_type.is_empty() {
            rules.by_type.remove(&event);
        }
        Some(run)
    }

    /// The rules of an event's type, in the order in which they were added.
    pub(crate) fn of(&self, event: TypeId) -> Vec<Arc<Rule>> {
        let rules = self.lock();
        let of_type = rules.by_type.get(&event).into_iter().flatten();
        of_type.map(|(_, run)| Arc::clone(run)).collect()
    }
}

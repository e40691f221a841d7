//! What an entry weighs, in bytes.
//!
//! The entry's own allocation is seen here; what its value holds on the heap only the user knows.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::entry::Erased;

/// The two counts beside the contents of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();
/// No entry is heavier than this: sums of weights can't overflow.
const HEAVIEST: u64 = 1 << 48;

type Weigh = dyn Fn(&dyn Any) -> u64 + Send + Sync;

/// The users' weighers, by the type they weigh.
#[derive(Clone)]
pub(super) struct Weighers(BTreeMap<TypeId, Arc<Weigh>>);

impl Weighers {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn add<V: Any>(&mut self, weigh: impl Fn(&V) -> u64 + Send + Sync + 'static) {
        let erased = move |value: &dyn Any| value.downcast_ref().map_or(0, &weigh);
        self.0.insert(TypeId::of::<V>(), Arc::new(erased));
    }

    /// All that an entry takes, but for what the engine needs to hold it. Calls the user's code:
    /// not under a lock.
    pub(super) fn weigh(&self, entry: &Erased) -> u64 {
        let own = ARC + size_of_val(entry);
        let own = own + entry.key.len() + size_of_val(&*entry.stamps.tags);
        let beyond = self.0.get(&entry.any().type_id()).map_or(0, |weigh| weigh(entry.any()));
        beyond.saturating_add(own as u64).min(HEAVIEST)
    }
}

impl fmt::Debug for Weighers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weighers", self.0.len())
    }
}

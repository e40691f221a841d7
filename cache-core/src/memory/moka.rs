//! `moka`, for the strategies that it has by name: exact LRU and TinyLFU.

use ::moka::policy::EvictionPolicy;
use ::moka::sync::Cache;

use super::{Engine, Eviction, Memory};
use crate::entry::{Erased, Stored};
use crate::key::KeyId;

pub(super) struct Moka(Cache<KeyId, Stored>);

impl Moka {
    pub(super) fn new(config: &Memory) -> Self {
        let policy = match config.eviction {
            Eviction::Lru => EvictionPolicy::lru(),
            Eviction::Lfu | Eviction::Auto => EvictionPolicy::tiny_lfu(),
        };
        Self(Cache::builder().max_capacity(config.capacity).eviction_policy(policy).build())
    }
}

impl Engine for Moka {
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Erased)) {
        if let Some(entry) = self.0.get(&id) {
            look(&entry);
        }
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        self.0.get(&id)
    }

    fn insert(&self, id: KeyId, entry: Stored) {
        self.0.insert(id, entry);
    }

    fn remove(&self, id: KeyId) -> Option<Stored> {
        self.0.remove(&id)
    }

    fn retain(&self, keep: &mut dyn FnMut(&Erased) -> bool) {
        // Not `invalidate_entries_if`: it works in the background, and an eviction must be over
        // when it returns.
        for (id, entry) in &self.0 {
            if !keep(&entry) {
                self.0.invalidate(&*id);
            }
        }
    }

    fn len(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

//! A memory tier whose every step shuttle can interleave. The real engines have their own locks, which
//! shuttle does not see; their own tests check that they behave as maps.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::Engine;
use super::removed::Removed;
use crate::base::{Mutex, MutexGuard};
use crate::entry::Stored;
use crate::key::KeyId;

#[derive(Default)]
pub(crate) struct Model(Mutex<HashMap<KeyId, Stored>>);

impl Model {
    fn map(&self) -> MutexGuard<'_, HashMap<KeyId, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Model {
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Stored)) {
        // Not under the lock: other threads continue during the look, as on another shard.
        if let Some(entry) = self.get(id) {
            look(&entry);
        }
    }

    fn peek(&self, id: KeyId) -> Option<Stored> {
        self.get(id)
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        self.map().get(&id).cloned()
    }

    fn insert(&self, id: KeyId, entry: Stored, _: u64) -> Removed {
        Removed::own(self.map().insert(id, entry))
    }

    fn remove(&self, id: KeyId) -> Removed {
        Removed::own(self.map().remove(&id))
    }

    fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed {
        let mut map = self.map();
        let same = map.get(&id).is_some_and(|now| Arc::ptr_eq(now, entry));
        Removed::own(if same { map.remove(&id) } else { None })
    }

    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored)) {
        let all: Vec<_> = self.map().iter().map(|(id, entry)| (*id, Arc::clone(entry))).collect();
        all.iter().for_each(|(id, entry)| visit(*id, entry));
    }

    fn retain(&self, keep: &mut dyn FnMut(&Stored) -> bool) {
        // Entry by entry, as the engines do: other threads come in between.
        let ids: Vec<KeyId> = self.map().keys().copied().collect();
        for id in ids {
            if let Some(entry) = self.get(id)
                && !keep(&entry)
            {
                drop(self.remove_same(id, &entry));
            }
        }
    }

    fn len(&self) -> u64 {
        self.map().len() as u64
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn evictions(&self) -> u64 {
        0
    }
}

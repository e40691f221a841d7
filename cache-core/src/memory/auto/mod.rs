//! The default engine: keeps the most recently or the most frequently used entries, or a mixture, depending on which mode
//! has more hits.
//!
//! No single rule is good for every workload. Recency (LRU) fails on scans and on loops that are larger than
//! the tier; frequency (TinyLFU) keeps entries that are no longer requested. So each shard supports all modes
//! ([`arena`]), and small simulations find out which of them suits the current keys ([`contest`]).

mod arena;
mod contest;
mod sample;
mod sketch;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Engine;
use super::config::Capacity;
use super::removed::Removed;
use crate::entry::Stored;
use crate::key::KeyId;
use arena::Arena;
#[cfg(test)]
use arena::Mode;
use contest::Contest;

/// The engine's overhead for each entry, in bytes: its slot, its place in the table, its counters. The table and the counters
/// double as they grow; this is the average over a doubling (what `larder-bench -- memory` measures, without the entry itself).
pub(crate) const OVERHEAD: u64 = 85;
/// The minimum size of a shard that is bounded by entries. Hashes spread keys unevenly: the fewer keys a
/// shard has, the more of its share of the bound is unused or missing.
const SMALLEST_ENTRIES: u64 = 2048;
/// The minimum size of a shard that is bounded by bytes. No entry is heavier than its shard.
const SMALLEST_BYTES: u64 = 4 << 20;
/// How many slots a visit of all entries reads under one lock.
const CHUNK: usize = 64;

type Shard = Arena<Stored>;

pub(crate) struct Auto {
    shards: Box<[RwLock<Shard>]>,
    contest: Contest,
    evicted: AtomicU64,
}

impl Auto {
    pub(super) fn new(bound: Capacity) -> Self {
        let (whole, smallest) = match bound {
            Capacity::Entries(entries) => (entries, SMALLEST_ENTRIES),
            Capacity::Bytes(bytes) => (bytes, SMALLEST_BYTES),
        };
        let parallel = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let shards = 1 << (whole / smallest).clamp(1, parallel * 4).ilog2();
        let part = bound.split(shards);
        let contest = Contest::new(bound);
        let shard = |_| RwLock::new(Shard::new(part, contest.mode()));
        Self { shards: (0..shards).map(shard).collect(), contest, evicted: AtomicU64::new(0) }
    }

    /// Chosen by bits of the identity that the table does not use.
    #[inline]
    fn shard(&self, id: KeyId) -> &RwLock<Shard> {
        #[allow(clippy::cast_possible_truncation)]
        let index = (id.0 >> 64) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    #[inline]
    fn read(&self, id: KeyId) -> RwLockReadGuard<'_, Shard> {
        read(self.shard(id))
    }

    fn write(&self, id: KeyId) -> RwLockWriteGuard<'_, Shard> {
        write(self.shard(id))
    }

    fn sum(&self, of: impl Fn(&Shard) -> u64) -> u64 {
        self.shards.iter().map(|shard| of(&read(shard))).sum()
    }

    fn removed(&self, id: KeyId, entry: Option<Stored>) -> Removed {
        if entry.is_some() {
            self.contest.removed(id);
        }
        Removed::own(entry)
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

impl Engine for Auto {
    #[inline]
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Stored)) {
        let shard = self.read(id);
        let Some(slot) = shard.find(id) else { return };
        let Some(entry) = slot.value() else { return };
        shard.touch(slot);
        let weight = slot.weight();
        look(entry);
        drop(shard);
        if self.contest.takes_hits(id) {
            self.contest.used(id, weight);
        }
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        self.read(id).find(id)?.value().map(Arc::clone)
    }

    fn peek(&self, id: KeyId) -> Option<Stored> {
        // Only `look` counts as a use.
        self.get(id)
    }

    fn insert(&self, id: KeyId, entry: Stored, weight: u64) -> Removed {
        let mut shard = self.write(id);
        shard.switch(self.contest.mode());
        let displaced = shard.insert(id, entry, weight);
        let tight = shard.is_tight();
        drop(shard);
        if tight {
            self.contest.begin();
        }
        if displaced.replaced.is_none() {
            self.contest.inserted(id, weight);
        }
        let mut gone = Removed::own(displaced.replaced);
        self.evicted.fetch_add(displaced.evicted.len() as u64, Ordering::Relaxed);
        displaced.evicted.into_iter().for_each(|entry| gone.add(entry));
        gone
    }

    fn remove(&self, id: KeyId) -> Removed {
        let removed = self.write(id).remove(id);
        self.removed(id, removed)
    }

    fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed {
        let mut shard = self.write(id);
        let found = shard.find(id).and_then(|slot| slot.value());
        let same = found.is_some_and(|found| Arc::ptr_eq(found, entry));
        let removed = if same { shard.remove(id) } else { None };
        drop(shard);
        self.removed(id, removed)
    }

    fn retain(&self, keep: &mut dyn FnMut(&Stored) -> bool) {
        for shard in &self.shards {
            let mut shard = write(shard);
            let out = shard.ids().filter(|(_, entry)| !keep(entry));
            let out: Vec<KeyId> = out.map(|(id, _)| id).collect();
            let mut gone = Removed::default();
            for id in &out {
                shard.remove(*id).into_iter().for_each(|entry| gone.add(entry));
            }
            drop(shard);
            drop(gone);
            out.into_iter().for_each(|id| self.contest.removed(id));
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored)) {
        for shard in &self.shards {
            let mut next = Some(0);
            while let Some(start) = next {
                let chunk: Vec<(KeyId, Stored)> = {
                    let shard = read(shard);
                    let (taken, after) = shard.chunk(start, CHUNK);
                    next = after;
                    taken.map(|(id, entry)| (id, Arc::clone(entry))).collect()
                };
                chunk.iter().for_each(|(id, entry)| visit(*id, entry));
            }
        }
    }

    fn len(&self) -> u64 {
        self.sum(|shard| shard.len() as u64)
    }

    fn bytes(&self) -> u64 {
        self.sum(Shard::bytes)
    }

    fn evictions(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn shards(&self) -> u64 {
        self.shards.len() as u64
    }

    fn resize(&self, bound: Capacity) -> Result<Removed, String> {
        let part = bound.split(self.shards());
        let mut gone = Removed::default();
        for shard in &self.shards {
            let out = write(shard).resize(part);
            self.evicted.fetch_add(out.len() as u64, Ordering::Relaxed);
            out.into_iter().for_each(|entry| gone.add(entry));
        }
        self.contest.resize(bound);
        Ok(gone)
    }
}

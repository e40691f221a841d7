//! Plain time to live: a full tier evicts the entry that expires soonest.
//!
//! Each shard has a map by key and an order by expiry under one lock. Hits only read.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Engine;
use super::config::Capacity;
use super::removed::Removed;
use crate::base::{PrehashedMap, Timestamp};
use crate::entry::Stored;
use crate::key::KeyId;

/// The engine's overhead for each entry, in bytes: the map's slot and the order's. Measured from 150 to 235,
/// because the map doubles. This is the average over a doubling (`larder-bench -- memory`: 167 to 170).
pub(crate) const OVERHEAD: u64 = 170;
const MOST_SHARDS: u64 = 16;
/// The minimum size of a shard that is bounded by entries.
const SMALLEST_ENTRIES: u64 = 1024;
/// The minimum size of a shard that is bounded by bytes. No entry is heavier than its shard.
const SMALLEST_BYTES: u64 = 4 << 20;
/// How many entries a visit of all entries shares under one read lock.
const BATCH: usize = 64;

/// The position of an entry in the order: by expiry, then by age.
type Rank = (Timestamp, u64);

struct Slot {
    entry: Stored,
    weight: u64,
    rank: Rank,
}

/// A part of the tier, with its own bound.
struct Shard {
    slots: PrehashedMap<KeyId, Slot>,
    order: BTreeMap<Rank, KeyId>,
    bound: Capacity,
    bytes: u64,
    born: u64,
}

impl Shard {
    fn new(bound: Capacity) -> Self {
        let (slots, order) = (PrehashedMap::default(), BTreeMap::new());
        Self { slots, order, bound, bytes: 0, born: 0 }
    }

    fn take(&mut self, id: KeyId) -> Option<Stored> {
        let slot = self.slots.remove(&id)?;
        self.order.remove(&slot.rank);
        self.bytes -= slot.weight;
        Some(slot.entry)
    }

    /// Removes the entry that expires soonest.
    fn evict(&mut self) -> Option<Stored> {
        let (_, id) = self.order.pop_first()?;
        self.take(id)
    }

    /// Sets another bound and returns the entries that exceed it.
    fn resize(&mut self, bound: Capacity) -> Vec<Stored> {
        self.bound = bound;
        let mut out = Vec::new();
        while self.exceeds()
            && let Some(entry) = self.evict()
        {
            out.push(entry);
        }
        out
    }

    fn exceeds(&self) -> bool {
        match self.bound {
            Capacity::Entries(most) => self.slots.len() as u64 > most,
            Capacity::Bytes(most) => self.bytes > most,
        }
    }

    /// Whether an additional entry of this weight would exceed the bound.
    fn overflows(&self, weight: u64) -> bool {
        match self.bound {
            Capacity::Entries(most) => self.slots.len() as u64 >= most,
            Capacity::Bytes(most) => self.bytes.saturating_add(weight) > most,
        }
    }

    fn never_fits(&self, weight: u64) -> bool {
        matches!(self.bound, Capacity::Bytes(most) if weight > most)
    }

    /// Also returns the number of evicted entries.
    fn insert(&mut self, id: KeyId, entry: Stored, weight: u64) -> (Removed, u64) {
        let mut gone = Removed::own(self.take(id));
        if self.never_fits(weight) {
            gone.add(entry);
            return (gone, 1);
        }
        let mut evicted = 0;
        while self.overflows(weight)
            && let Some(entry) = self.evict()
        {
            gone.add(entry);
            evicted += 1;
        }
        self.born += 1;
        let rank = (entry.expiry(), self.born);
        self.order.insert(rank, id);
        self.bytes += weight;
        self.slots.insert(id, Slot { entry, weight, rank });
        (gone, evicted)
    }

    /// The next entries in order that were inserted no later than `born`. (With newer ones a visit might
    /// never end, because they come at the end of the order.)
    fn batch(&self, after: Option<Rank>, born: u64) -> Vec<(Rank, KeyId, Stored)> {
        let start = after.map_or(Unbounded, Excluded);
        let ranked = self.order.range((start, Unbounded));
        let ranked = ranked.filter(|((_, at), _)| *at <= born).take(BATCH);
        let found = |(rank, id): (&Rank, &KeyId)| {
            self.slots.get(id).map(|slot| (*rank, *id, Arc::clone(&slot.entry)))
        };
        ranked.filter_map(found).collect()
    }
}

pub(crate) struct Ttl {
    shards: Box<[RwLock<Shard>]>,
    evicted: AtomicU64,
}

impl Ttl {
    pub(super) fn new(bound: Capacity) -> Self {
        let (whole, smallest) = match bound {
            Capacity::Entries(entries) => (entries, SMALLEST_ENTRIES),
            Capacity::Bytes(bytes) => (bytes, SMALLEST_BYTES),
        };
        let shards = 1 << (whole / smallest).clamp(1, MOST_SHARDS).ilog2();
        let part = bound.split(shards);
        let shards = (0..shards).map(|_| RwLock::new(Shard::new(part))).collect();
        Self { shards, evicted: AtomicU64::new(0) }
    }

    /// Chosen by the half of the identity that the map does not use.
    #[inline]
    fn shard(&self, id: KeyId) -> &RwLock<Shard> {
        #[allow(clippy::cast_possible_truncation)]
        let index = (id.0 >> 64) as usize % self.shards.len();
        &self.shards[index]
    }

    #[inline]
    fn read(&self, id: KeyId) -> RwLockReadGuard<'_, Shard> {
        self.shard(id).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, id: KeyId) -> RwLockWriteGuard<'_, Shard> {
        self.shard(id).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum(&self, of: impl Fn(&Shard) -> u64) -> u64 {
        let one = |shard: &RwLock<Shard>| of(&shard.read().unwrap_or_else(PoisonError::into_inner));
        self.shards.iter().map(one).sum()
    }
}

impl Engine for Ttl {
    #[inline]
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Stored)) {
        if let Some(slot) = self.read(id).slots.get(&id) {
            look(&slot.entry);
        }
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        self.read(id).slots.get(&id).map(|slot| Arc::clone(&slot.entry))
    }

    fn peek(&self, id: KeyId) -> Option<Stored> {
        // The entry that expires first is evicted; reads do not count.
        self.get(id)
    }

    fn insert(&self, id: KeyId, entry: Stored, weight: u64) -> Removed {
        let (gone, evicted) = self.write(id).insert(id, entry, weight);
        if evicted > 0 {
            self.evicted.fetch_add(evicted, Ordering::Relaxed);
        }
        gone
    }

    fn remove(&self, id: KeyId) -> Removed {
        Removed::own(self.write(id).take(id))
    }

    fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed {
        let mut shard = self.write(id);
        let same = shard.slots.get(&id).is_some_and(|slot| Arc::ptr_eq(&slot.entry, entry));
        Removed::own(if same { shard.take(id) } else { None })
    }

    fn retain(&self, keep: &mut dyn FnMut(&Stored) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            let out = shard.slots.iter().filter(|(_, slot)| !keep(&slot.entry));
            let out: Vec<KeyId> = out.map(|(id, _)| *id).collect();
            let mut gone = Removed::default();
            out.into_iter().filter_map(|id| shard.take(id)).for_each(|entry| gone.add(entry));
            drop(shard);
            drop(gone);
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored)) {
        for shard in &self.shards {
            let read = || shard.read().unwrap_or_else(PoisonError::into_inner);
            let born = read().born;
            let mut last = None;
            loop {
                let batch = read().batch(last, born);
                let Some((rank, ..)) = batch.last() else { break };
                last = Some(*rank);
                batch.iter().for_each(|(_, id, entry)| visit(*id, entry));
            }
        }
    }

    fn len(&self) -> u64 {
        self.sum(|shard| shard.slots.len() as u64)
    }

    fn bytes(&self) -> u64 {
        self.sum(|shard| shard.bytes)
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
            let out = shard.write().unwrap_or_else(PoisonError::into_inner).resize(part);
            self.evicted.fetch_add(out.len() as u64, Ordering::Relaxed);
            out.into_iter().for_each(|entry| gone.add(entry));
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::base::Policy;
    use crate::entry::{Lifetime, Stored, empty_entry};

    fn entry(key: &str, ttl: u64) -> Stored {
        let ttl = (ttl > 0).then(|| Duration::from_secs(ttl));
        let life = Lifetime::new(Timestamp::default(), ttl, &Policy::new());
        empty_entry(key, life)
    }

    /// A reference implementation: a linear search through a list in the order of insertion.
    struct Naive {
        bound: Capacity,
        entries: Vec<(String, Timestamp, u64)>,
    }

    impl Naive {
        fn bytes(&self) -> u64 {
            self.entries.iter().map(|(_, _, weight)| weight).sum()
        }

        fn overflows(&self, weight: u64) -> bool {
            match self.bound {
                Capacity::Entries(most) => self.entries.len() as u64 + 1 > most,
                Capacity::Bytes(most) => self.bytes() + weight > most,
            }
        }

        fn remove(&mut self, key: &str) -> bool {
            let before = self.entries.len();
            self.entries.retain(|(at, ..)| at != key);
            self.entries.len() < before
        }

        /// Returns the evicted keys.
        fn insert(&mut self, key: &str, expiry: Timestamp, weight: u64) -> Vec<String> {
            self.remove(key);
            if matches!(self.bound, Capacity::Bytes(most) if weight > most) {
                return vec![key.to_owned()];
            }
            let mut out = Vec::new();
            while self.overflows(weight) {
                let soonest = self.entries.iter().map(|(_, expiry, _)| *expiry).min();
                let at = self.entries.iter().position(|(_, expiry, _)| Some(*expiry) == soonest);
                out.extend(at.map(|at| self.entries.remove(at).0));
            }
            self.entries.push((key.to_owned(), expiry, weight));
            out
        }

        fn keys(&self) -> Vec<String> {
            let mut keys: Vec<_> = self.entries.iter().map(|(key, ..)| key.clone()).collect();
            keys.sort();
            keys
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Key, seconds (0: no expiry), weight.
        Insert(u8, u64, u64),
        Remove(u8),
        /// Keeps all keys below.
        Retain(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = 0..24_u8;
        let step = prop_oneof![
            8 => (key.clone(), 0..6_u64, 1..40_u64).prop_map(|(k, t, w)| Step::Insert(k, t, w)),
            2 => key.clone().prop_map(Step::Remove),
            1 => key.prop_map(Step::Retain),
        ];
        proptest::collection::vec(step, 1..200)
    }

    fn keys(ttl: &Ttl) -> Vec<String> {
        let mut keys = Vec::new();
        ttl.visit(&mut |_, entry| keys.push(entry.key.to_string()));
        keys.sort();
        keys
    }

    fn agree(bound: Capacity, steps: &[Step]) {
        let ttl = Ttl::new(bound);
        let mut naive = Naive { bound, entries: Vec::new() };
        let mut evicted = 0;
        for step in steps {
            match *step {
                Step::Insert(key, seconds, weight) => {
                    let name = format!("k{key:02}");
                    let entry = entry(&name, seconds);
                    let had = naive.entries.iter().any(|(at, ..)| *at == name);
                    let out = naive.insert(&name, entry.expiry(), weight);
                    evicted += out.len() as u64;
                    let gone = ttl.insert(KeyId::of(&name), entry, weight);
                    assert_eq!(gone.found, had);
                    assert_eq!(gone.keys()[usize::from(had)..], out);
                }
                Step::Remove(key) => {
                    let name = format!("k{key:02}");
                    assert_eq!(ttl.remove(KeyId::of(&name)).found, naive.remove(&name));
                }
                Step::Retain(below) => {
                    let below = format!("k{below:02}");
                    ttl.retain(&mut |entry| *entry.key < *below);
                    naive.entries.retain(|(key, ..)| *key < below);
                }
            }
            assert_eq!(keys(&ttl), naive.keys());
            assert_eq!((ttl.len(), ttl.bytes()), (naive.entries.len() as u64, naive.bytes()));
            assert_eq!(ttl.evictions(), evicted);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_by_entries(steps in steps(), most in 1..12_u64) {
            agree(Capacity::Entries(most), &steps);
        }

        #[test]
        fn agrees_with_a_search_by_bytes(steps in steps(), most in 1..120_u64) {
            agree(Capacity::Bytes(most), &steps);
        }
    }

    #[test]
    fn visits_all_of_many_entries() {
        let ttl = Ttl::new(Capacity::Entries(20_000));
        assert_eq!(ttl.shards.len(), 16);
        for id in 0..2_000_u64 {
            let key = format!("k{id:04}");
            drop(ttl.insert(KeyId::of(&key), entry(&key, id % 7), 1));
        }
        let all: Vec<String> = (0..2_000).map(|id| format!("k{id:04}")).collect();
        assert_eq!(keys(&ttl), all);
    }

    #[test]
    fn removes_the_same_entry_only() {
        let ttl = Ttl::new(Capacity::Entries(10));
        let (old, new, id) = (entry("k", 1), entry("k", 1), KeyId::of("k"));
        drop(ttl.insert(id, Arc::clone(&old), 1));
        drop(ttl.insert(id, Arc::clone(&new), 1));
        assert!(!ttl.remove_same(id, &old).found);
        assert!(ttl.remove_same(id, &new).found);
        assert_eq!(ttl.len(), 0);
    }

    #[test]
    fn shards_keep_the_bound() {
        for entries in [1, 2, 1_023, 1_024, 5_000, 1_000_000] {
            let ttl = Ttl::new(Capacity::Entries(entries));
            assert!(ttl.shards.len().is_power_of_two() && ttl.shards.len() <= 16);
            let part = entries / ttl.shards.len() as u64;
            assert!(part >= 1 && part * ttl.shards.len() as u64 <= entries);
        }
    }
}

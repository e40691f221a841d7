//! The default engine: `quick_cache`.
//!
//! Chosen by measurement: the cheapest hit of the engines with a bound, a better hit rate than
//! LRU and TinyLFU on skewed, scanning and shifting loads, and the least memory per entry.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder};
use smallvec::SmallVec;

use super::config::Capacity;
use super::identity::Identity;
use super::ledger::Ledger;
use super::{Engine, Gone};
use crate::entry::{Erased, Stored};
use crate::key::KeyId;

/// An entry under its identity. The entry lies in the *key* of the map, not in the value:
/// `quick_cache` clones values out but compares keys by reference, so a lookup can see the entry
/// in place (see [`Looking`]). The value is the entry's weight.
#[derive(Clone)]
struct Slot {
    id: KeyId,
    entry: Stored,
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Slot {}

impl Hash for Slot {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.id.low());
    }
}

/// A lookup that shows the entry it finds.
struct Looking<'a> {
    id: KeyId,
    look: RefCell<&'a mut dyn FnMut(&Slot)>,
}

impl<'a> Looking<'a> {
    fn new(id: KeyId, look: &'a mut dyn FnMut(&Slot)) -> Self {
        Self { id, look: RefCell::new(look) }
    }
}

impl Hash for Looking<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.id.low());
    }
}

impl Equivalent<Slot> for Looking<'_> {
    /// Called under the shard's read lock.
    #[inline]
    fn equivalent(&self, slot: &Slot) -> bool {
        let equal = self.id == slot.id;
        if equal && let Ok(mut look) = self.look.try_borrow_mut() {
            look(slot);
        }
        equal
    }
}

/// A lookup by identity alone.
struct Named(KeyId);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.low());
    }
}

impl Equivalent<Slot> for Named {
    fn equivalent(&self, slot: &Slot) -> bool {
        self.0 == slot.id
    }
}

thread_local! {
    /// What goes out because this thread changes the bound: the crate would drop it and tell nobody but the
    /// lifecycle.
    static SURPLUS: RefCell<Option<Gone>> = const { RefCell::new(None) };
}

/// Collects what an insert pushes out, to be dropped by whoever inserts.
#[derive(Clone)]
struct Collect {
    ledger: Arc<Ledger>,
}

impl Lifecycle<Slot, u64> for Collect {
    type RequestState = SmallVec<[(Slot, u64); 2]>;

    fn on_evict(&self, gone: &mut Self::RequestState, slot: Slot, weight: u64) {
        // (A thread that ends may have no thread-locals any more, and changes no bound.)
        if SURPLUS.try_with(|surplus| surplus.borrow().is_none()).unwrap_or(true) {
            gone.push((slot, weight));
            return;
        }
        self.ledger.left(weight);
        self.ledger.evicted(1);
        SURPLUS.with_borrow_mut(|surplus| surplus.get_or_insert_default().add(slot.entry));
    }
}

/// What counts towards the bound.
#[derive(Clone)]
enum Weigher {
    Unit,
    Bytes,
}

impl quick_cache::Weighter<Slot, u64> for Weigher {
    #[inline]
    fn weight(&self, _: &Slot, weight: &u64) -> u64 {
        match self {
            Self::Unit => 1,
            // An entry without weight would never be evicted.
            Self::Bytes => (*weight).max(1),
        }
    }
}

/// Bytes for each entry beside its own. Measured from 100 to 220: tables double, and half as many
/// ghosts as entries lie in them.
pub(super) const OVERHEAD: u64 = 150;
/// The smallest shard of a tier that is bounded by bytes: no entry is heavier than its shard.
const SMALLEST_SHARD: u64 = 4 << 20;
/// What an entry is taken to weigh when the ghosts (entries remembered after they went) are counted.
const TYPICAL: u64 = 1024;

pub(super) struct Quick {
    cache: Cache<Slot, u64, Weigher, Identity, Collect>,
    ledger: Arc<Ledger>,
    bound: Capacity,
}

impl Quick {
    pub(super) fn new(bound: Capacity) -> Self {
        let mut options = OptionsBuilder::new();
        let (capacity, entries, weigher) = match bound {
            Capacity::Entries(entries) => (entries, entries, Weigher::Unit),
            Capacity::Bytes(bytes) => {
                let parallel = std::thread::available_parallelism().map_or(1, usize::from);
                let shards = usize::try_from(bytes / SMALLEST_SHARD).unwrap_or(usize::MAX);
                let shards = shards.clamp(1, parallel.saturating_mul(4));
                options.shards(1 << shards.ilog2());
                (bytes, bytes / TYPICAL, Weigher::Bytes)
            }
        };
        // Room for the entries is taken as they come, not in advance.
        let estimated = usize::try_from(entries).unwrap_or(usize::MAX).min(1 << 20);
        let options = options.estimated_items_capacity(estimated).weight_capacity(capacity).build();
        let ledger = Arc::<Ledger>::default();
        let collect = Collect { ledger: Arc::clone(&ledger) };
        let cache = match options {
            Ok(options) => Cache::with_options(options, weigher, Identity, collect),
            Err(_) => Cache::with(estimated, capacity, weigher, Identity, collect),
        };
        // It rounds each shard's part up; a bound is a bound.
        let shards = cache.num_shards() as u64;
        cache.set_capacity(capacity / shards * shards);
        Self { cache, ledger, bound }
    }
}

impl Engine for Quick {
    #[inline]
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Erased)) {
        let mut look = |slot: &Slot| look(&slot.entry);
        let _ = self.cache.get(&Looking::new(id, &mut look));
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        let mut found = None;
        let mut share = |slot: &Slot| found = Some(Arc::clone(&slot.entry));
        let _ = self.cache.get(&Looking::new(id, &mut share));
        found
    }

    fn insert(&self, id: KeyId, entry: Stored, weight: u64) -> Gone {
        let mut out = SmallVec::new();
        let slot = Slot { id, entry: Arc::clone(&entry) };
        self.cache.insert_with_lifecycle(slot, weight, &mut out);
        self.ledger.entered(weight);
        let mut gone = Gone::default();
        for (slot, weight) in out {
            self.ledger.left(weight);
            // The key's own entry was replaced; all others, and the new one if it is too heavy, are
            // out for want of room.
            if slot.id == id && !Arc::ptr_eq(&slot.entry, &entry) {
                gone.found = true;
            } else {
                self.ledger.evicted(1);
            }
            gone.add(slot.entry);
        }
        gone
    }

    fn remove(&self, id: KeyId) -> Gone {
        let removed = self.cache.remove(&Named(id));
        Gone::own(removed.map(|(slot, weight)| {
            self.ledger.left(weight);
            slot.entry
        }))
    }

    fn remove_same(&self, id: KeyId, entry: &Stored) -> Gone {
        match self.get(id) {
            Some(found) if Arc::ptr_eq(&found, entry) => self.remove(id),
            _ => Gone::default(),
        }
    }

    fn retain(&self, keep: &mut dyn FnMut(&Erased) -> bool) {
        let keep = RefCell::new(keep);
        let gone = RefCell::new(Gone::default());
        self.cache.retain(|slot, weight| {
            let kept = keep.borrow_mut()(&slot.entry);
            if !kept {
                self.ledger.left(*weight);
                gone.borrow_mut().add(Arc::clone(&slot.entry));
            }
            kept
        });
    }

    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored)) {
        // Takes and leaves the shard's read lock for each entry.
        for (slot, _) in self.cache.iter() {
            visit(slot.id, &slot.entry);
        }
    }

    fn len(&self) -> u64 {
        self.cache.len() as u64
    }

    fn bytes(&self) -> u64 {
        match self.bound {
            Capacity::Entries(_) => self.ledger.bytes(),
            Capacity::Bytes(_) => self.cache.weight(),
        }
    }

    fn evictions(&self) -> u64 {
        self.ledger.evictions()
    }

    fn shards(&self) -> u64 {
        self.cache.num_shards() as u64
    }

    fn resize(&self, bound: Capacity) -> Result<Gone, String> {
        let shards = self.shards();
        SURPLUS.set(Some(Gone::default()));
        self.cache.set_capacity(bound.most() / shards * shards);
        Ok(SURPLUS.take().unwrap_or_default())
    }
}

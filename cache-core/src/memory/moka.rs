//! The engine for exact LRU and TinyLFU, based on `moka`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ::moka::notification::RemovalCause as MokaCause;
use ::moka::policy::EvictionPolicy;
use ::moka::sync::Cache;

use smol_str::SmolStr;

use super::Engine;
use super::config::{Capacity, Eviction, Memory};
use super::deferred_drop::{Held, parking};
use super::removed::Removed;
use super::tier_counters::TierCounters;
use crate::base::{Prehashed, PrehashedMap};
use crate::entry::{Erased, Stored};
use crate::key::KeyId;
use crate::stats::{RemovalCause, Signals};

/// The engine's overhead for each entry, in bytes. Measured from 250 to 280, and 33 to 75 for the index.
pub(crate) const OVERHEAD: u64 = 310;

const SHARDS: usize = 16;

pub(crate) struct Moka {
    cache: Cache<KeyId, Held, Prehashed>,
    ledger: Arc<TierCounters>,
    bound: Capacity,
    /// The entries that left and are not reported yet; only recorded while there is a listener.
    left: Arc<RemovalLog>,
    index: Arc<Index>,
}

type Entries = PrehashedMap<KeyId, Weak<Erased>>;

/// The entries by key, for looks that are not a use: each read of `moka` counts as one, which would keep the
/// entry.
#[derive(Default)]
struct Index([Mutex<Entries>; SHARDS]);

impl Index {
    fn shard(&self, id: KeyId) -> MutexGuard<'_, Entries> {
        #[allow(clippy::cast_possible_truncation)]
        let shard = (id.low() >> 32) as usize % SHARDS;
        self.0[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: KeyId, entry: &Stored) {
        self.shard(id).insert(id, Arc::downgrade(entry));
    }

    fn find(&self, id: KeyId) -> Option<Stored> {
        self.shard(id).get(&id).and_then(Weak::upgrade)
    }

    fn remove(&self, id: KeyId) {
        self.shard(id).remove(&id);
    }

    /// Removes this entry, but not a newer one under its key.
    fn remove_same(&self, id: KeyId, entry: &Stored) {
        let mut shard = self.shard(id);
        let same = |at: &Weak<Erased>| std::ptr::addr_eq(at.as_ptr(), Arc::as_ptr(entry));
        if shard.get(&id).is_some_and(same) {
            shard.remove(&id);
        }
    }
}

/// The keys that `moka` dropped, with the causes. Reported when `moka` holds no lock.
#[derive(Default)]
struct RemovalLog {
    keys: Mutex<Vec<(RemovalCause, SmolStr)>>,
}

/// `moka` counts an entry's weight in 32 bits.
fn narrow(weight: u64) -> u32 {
    u32::try_from(weight).unwrap_or(u32::MAX)
}

impl Moka {
    pub(super) fn new(config: &Memory, signals: &Arc<Signals>) -> Self {
        let policy = match config.eviction {
            Eviction::Lru => EvictionPolicy::lru(),
            _ => EvictionPolicy::tiny_lfu(),
        };
        let ledger = Arc::new(TierCounters::default());
        let log = Arc::clone(&ledger);
        let left = Arc::new(RemovalLog::default());
        let (told, signals) = (Arc::clone(&left), Arc::clone(signals));
        let index = Arc::new(Index::default());
        let indexed = Arc::clone(&index);
        let cache = Cache::builder().eviction_policy(policy).eviction_listener(
            move |id: Arc<KeyId>, held: Held, cause| {
                if let Some(entry) = held.entry() {
                    indexed.remove_same(*id, entry);
                }
                log.left(held.weight);
                log.evicted(u64::from(cause == MokaCause::Size));
                if signals.is_heard() {
                    told.note(cause, &held);
                }
            },
        );
        let cache = match config.bound {
            Capacity::Entries(entries) => cache.max_capacity(entries),
            Capacity::Bytes(bytes) => cache
                .max_capacity(bytes)
                .weigher(|_: &KeyId, held: &Held| narrow(held.weight).max(1)),
        };
        let cache = cache.build_with_hasher(Prehashed);
        Self { cache, ledger, bound: config.bound, left, index }
    }

    /// Whether an entry is heavier than the bound. `moka` would accept it and then evict everything to make
    /// room.
    fn is_too_heavy(&self, weight: u64) -> bool {
        matches!(self.bound, Capacity::Bytes(bytes) if weight > bytes || weight > u64::from(u32::MAX))
    }

    /// The entries that left since the last call.
    pub(super) fn left(&self) -> Vec<(RemovalCause, SmolStr)> {
        std::mem::take(&mut *self.left.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn removed(&self, id: KeyId) -> Removed {
        self.index.remove(id);
        Removed::own(self.cache.remove(&id).and_then(Held::into_entry))
    }
}

impl RemovalLog {
    fn note(&self, cause: MokaCause, held: &Held) {
        let cause = match cause {
            MokaCause::Size => RemovalCause::Capacity,
            MokaCause::Replaced => RemovalCause::Replaced,
            // The code that removed the entry reports it.
            MokaCause::Explicit | MokaCause::Expired => return,
        };
        let key = held.entry().map(|entry| (cause, entry.key.clone()));
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).extend(key);
    }
}

/// Runs an operation, then drops what `moka` dropped during it.
#[inline]
fn settled<R>(operation: impl FnOnce() -> R) -> R {
    let (result, dropped) = parking(operation);
    drop(Removed::from(dropped));
    result
}

/// Runs an operation, and adds the entries that `moka` dropped during it to the removed ones.
fn collecting(operation: impl FnOnce() -> Removed) -> Removed {
    let (mut gone, dropped) = parking(operation);
    gone.also(dropped);
    gone
}

impl Engine for Moka {
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Stored)) {
        if let Some(entry) = settled(|| self.cache.get(&id)).as_ref().and_then(Held::entry) {
            look(entry);
        }
    }

    fn get(&self, id: KeyId) -> Option<Stored> {
        settled(|| self.cache.get(&id)).and_then(Held::into_entry)
    }

    fn peek(&self, id: KeyId) -> Option<Stored> {
        self.index.find(id)
    }

    fn insert(&self, id: KeyId, entry: Stored, weight: u64) -> Removed {
        collecting(|| {
            if self.is_too_heavy(weight) {
                let mut gone = self.removed(id);
                let key = (RemovalCause::Capacity, entry.key.clone());
                self.left.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
                gone.add(entry);
                self.ledger.evicted(1);
                return gone;
            }
            self.ledger.entered(weight);
            self.index.add(id, &entry);
            self.cache.insert(id, Held::new(entry, weight));
            // Maintenance makes room. Without this call it may come late: `moka` accepts about 64 entries
            // more than the bound, of any size.
            self.cache.run_pending_tasks();
            Removed::default()
        })
    }

    fn remove(&self, id: KeyId) -> Removed {
        collecting(|| self.removed(id))
    }

    fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed {
        collecting(|| {
            let held = self.cache.get(&id);
            let same = held.as_ref().and_then(Held::entry).is_some_and(|at| Arc::ptr_eq(at, entry));
            if same { self.removed(id) } else { Removed::default() }
        })
    }

    fn retain(&self, keep: &mut dyn FnMut(&Stored) -> bool) {
        // Not `invalidate_entries_if`, which works in the background: an eviction must be complete when it
        // returns.
        self.visit(&mut |id, entry| {
            if !keep(entry) {
                drop(self.remove(id));
            }
        });
    }

    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored)) {
        let mut entries = self.cache.iter();
        while let Some((id, held)) = settled(|| entries.next()) {
            if let Some(entry) = held.entry() {
                visit(*id, entry);
            }
        }
    }

    fn len(&self) -> u64 {
        settled(|| self.cache.run_pending_tasks());
        self.cache.entry_count()
    }

    fn bytes(&self) -> u64 {
        match self.bound {
            Capacity::Entries(_) => self.ledger.bytes(),
            Capacity::Bytes(_) => {
                settled(|| self.cache.run_pending_tasks());
                self.cache.weighted_size()
            }
        }
    }

    fn evictions(&self) -> u64 {
        self.ledger.evictions()
    }
}

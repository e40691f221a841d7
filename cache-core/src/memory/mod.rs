//! The memory tier: typed values, bounded, with a small interface to the engines.
//!
//! It owns entries while they are in memory, and enforces that a load which began before an eviction stores
//! nothing after it ([`fence`]): an insert into an engine needs an [`InsertPermit`], which only a live ticket
//! gives. The tier does not know freshness or the remote tier.

#[cfg_attr(shuttle, allow(dead_code))]
mod auto;
mod config;
#[cfg(feature = "moka")]
mod deferred_drop;
mod fence;
#[cfg(shuttle)]
mod model;
#[cfg(feature = "moka")]
mod moka;
mod removed;
mod schedule;
mod sweeper;
#[cfg(feature = "moka")]
mod tier_counters;
#[cfg_attr(shuttle, allow(dead_code))]
mod ttl;
mod weight;

pub use config::{Capacity, Eviction, Memory};
pub(crate) use fence::{
    Committed, Fate, FenceScope, Fences, RevokedFence, StoreHere, Superseded, Ticket, Watch,
};
pub(crate) use sweeper::Sweep;

use std::any::TypeId;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::base::Timestamp;
use crate::codec::Coder;
use crate::entry::Stored;
use crate::key::KeyId;
use crate::stats::{RemovalCause, Signals};
use fence::InsertPermit;
use removed::Removed;

/// An engine of the memory tier. One implementation per file; each is used only through [`MemoryTier`].
///
/// An engine drops no value itself: a value's `Drop` may use the cache, and the caller may hold a lock.
/// Removed entries are returned as [`Removed`].
trait Engine {
    /// Shows the entry to `look`, under the engine's read guard.
    fn look(&self, id: KeyId, look: &mut dyn FnMut(&Stored));
    fn get(&self, id: KeyId) -> Option<Stored>;
    /// Like [`get`](Self::get), but does not count as a use: the order of eviction stays the same.
    fn peek(&self, id: KeyId) -> Option<Stored>;
    /// Inserts an entry. Returns the replaced and the evicted entries, and the entry itself if it is too
    /// heavy to be kept.
    fn insert(&self, id: KeyId, entry: Stored, weight: u64) -> Removed;
    fn remove(&self, id: KeyId) -> Removed;
    /// Removes exactly this entry, not another one under its key. Only reliable while no thread inserts under
    /// the key.
    fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed;
    /// Visits all entries and removes those for which `keep` is false. May block hits.
    fn retain(&self, keep: &mut dyn FnMut(&Stored) -> bool);
    /// Visits all entries that stay in the tier. No lock is held during a visit, and none for long between
    /// visits.
    fn visit(&self, visit: &mut dyn FnMut(KeyId, &Stored));
    fn len(&self) -> u64;
    /// The sum of the weights.
    fn bytes(&self) -> u64;
    /// How many entries were evicted or not kept because the tier was full.
    fn evictions(&self) -> u64;
    /// The number of parts, each with its share of the bound.
    fn shards(&self) -> u64 {
        1
    }
    /// Sets another bound of the same kind, and returns the entries that exceed it.
    fn resize(&self, _: Capacity) -> Result<Removed, String> {
        Err("this engine can't change its bound while it runs; build the cache anew".to_owned())
    }
}

/// The memory tier of one cache.
pub(crate) struct MemoryTier {
    kind: Kind,
    scales: weight::Scales,
    schedule: schedule::Schedule,
    eviction: Eviction,
    capacity: Mutex<Capacity>,
    ttl: Option<Duration>,
    signals: Arc<Signals>,
}

// Not boxed, although one variant is much larger: there is one tier per cache, and a hit follows one pointer
// less.
#[allow(clippy::large_enum_variant)]
enum Kind {
    #[cfg_attr(shuttle, allow(dead_code))]
    Auto(auto::Auto),
    #[cfg_attr(shuttle, allow(dead_code))]
    Ttl(ttl::Ttl),
    #[cfg(feature = "moka")]
    Moka(moka::Moka),
    #[cfg(shuttle)]
    Model(model::Model),
}

impl std::fmt::Debug for MemoryTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTier").field("entries", &self.len()).finish()
    }
}

/// An entry with its weight, which was computed under no lock.
pub(crate) struct Weighed {
    entry: Stored,
    weight: u64,
}

impl MemoryTier {
    pub(crate) fn new(config: &Memory, signals: &Arc<Signals>) -> Self {
        #[cfg(shuttle)]
        let kind = Kind::Model(model::Model::default());
        #[cfg(not(shuttle))]
        let kind = match config.eviction {
            Eviction::Auto => Kind::Auto(auto::Auto::new(config.bound)),
            Eviction::Ttl => Kind::Ttl(ttl::Ttl::new(config.bound)),
            #[cfg(feature = "moka")]
            Eviction::Lru | Eviction::Lfu => Kind::Moka(moka::Moka::new(config, signals)),
        };
        let schedule = schedule::Schedule::new(config.sweep_every);
        let measures = matches!(config.bound, Capacity::Bytes(_));
        let scales = weight::Scales::new(config.weighers.clone(), measures);
        let signals = Arc::clone(signals);
        let (eviction, capacity) = (config.eviction, Mutex::new(config.bound));
        Self { kind, scales, schedule, eviction, capacity, ttl: config.ttl, signals }
    }

    /// How long the tier serves an entry before the remote tier must confirm it.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) fn eviction(&self) -> Eviction {
        self.eviction
    }

    pub(crate) fn capacity(&self) -> Capacity {
        *self.capacity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets another bound; returns the entries that exceed it.
    pub(crate) fn resize(&self, bound: Capacity) -> Result<Removed, String> {
        // Held throughout, so that of two concurrent callers the later one's bound applies to every part.
        let mut held = self.capacity.lock().unwrap_or_else(PoisonError::into_inner);
        let (field, least) = (held.field(), self.engine().shards());
        if field != bound.field() {
            return Err(format!("the memory tier is bounded by `{field}`; build the cache anew"));
        }
        if bound.most() < least {
            return Err(format!(
                "the memory tier is split into {least} parts, so that {least} is the least; build the cache anew"
            ));
        }
        let gone = self.engine().resize(bound)?;
        *held = bound;
        Ok(gone)
    }

    fn engine(&self) -> &dyn Engine {
        match &self.kind {
            Kind::Auto(auto) => auto,
            Kind::Ttl(ttl) => ttl,
            #[cfg(feature = "moka")]
            Kind::Moka(moka) => moka,
            #[cfg(shuttle)]
            Kind::Model(model) => model,
        }
    }

    /// Looks at an entry without sharing it: the value is cloned under the engine's guard, which is cheaper
    /// than a reference count that every thread writes.
    #[inline]
    pub(crate) fn with<R>(&self, id: KeyId, look: impl FnOnce(&Stored) -> R) -> Option<R> {
        let mut look = Some(look);
        let mut found = None;
        let mut visit = |entry: &Stored| found = look.take().map(|look| look(entry));
        match &self.kind {
            Kind::Auto(auto) => auto.look(id, &mut visit),
            Kind::Ttl(ttl) => ttl.look(id, &mut visit),
            #[cfg(feature = "moka")]
            Kind::Moka(moka) => moka.look(id, &mut visit),
            #[cfg(shuttle)]
            Kind::Model(model) => model.look(id, &mut visit),
        }
        found
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<Stored> {
        self.engine().get(id)
    }

    /// Records that `coder` can weigh values of this type.
    pub(crate) fn learn(&self, kind: TypeId, coder: Coder) {
        self.scales.learn(kind, coder);
    }

    /// Like [`get`](Self::get), but does not count as a use of the entry.
    pub(crate) fn peek(&self, id: KeyId) -> Option<Stored> {
        self.engine().peek(id)
    }

    /// Computes the weight. Calls the user's code: not under a lock.
    pub(crate) fn weigh(&self, entry: &Stored) -> Weighed {
        let weight = self.scales.weigh(entry) + self.overhead();
        Weighed { entry: Arc::clone(entry), weight }
    }

    /// Measures the memory of an entry. Calls the user's code: not under a lock.
    pub(crate) fn measure(&self, entry: &Stored) -> u64 {
        self.scales.measure(entry) + self.overhead()
    }

    /// Measures the memory of all entries.
    pub(crate) fn measure_all(&self) -> u64 {
        let mut bytes = 0_u64;
        let mut measure = |_, entry: &Stored| bytes = bytes.saturating_add(self.measure(entry));
        self.engine().visit(&mut measure);
        bytes
    }

    /// What the engine needs for each entry.
    fn overhead(&self) -> u64 {
        match &self.kind {
            Kind::Auto(_) => auto::OVERHEAD,
            Kind::Ttl(_) => ttl::OVERHEAD,
            #[cfg(feature = "moka")]
            Kind::Moka(_) => moka::OVERHEAD,
            #[cfg(shuttle)]
            Kind::Model(_) => 0,
        }
    }

    /// Inserts an entry. Only a live ticket gives a permit, so code without a fence cannot fill the tier.
    /// Call [`note`](Self::note) and [`tell`](Self::tell) afterwards.
    pub(crate) fn insert(&self, _: &InsertPermit<'_>, id: KeyId, weighed: Weighed) -> Removed {
        self.engine().insert(id, weighed.entry, weighed.weight)
    }

    /// Schedules the entry to be reclaimed. Called after the insert, and under no lock (it may start the
    /// sweeper).
    pub(crate) fn note(&self, entry: &Stored) {
        self.schedule.note(entry, entry.expiry());
    }

    /// Tells the listeners which entries left for `entry`. Called after the insert, and under no lock.
    pub(crate) fn tell(&self, gone: &Removed, entry: &Stored) {
        self.tell_of(gone, entry, true);
    }

    /// The same for an entry that replaces one with the same value. That value has not left.
    pub(crate) fn tell_exchange(&self, gone: &Removed, entry: &Stored) {
        self.tell_of(gone, entry, false);
    }

    fn tell_of(&self, gone: &Removed, entry: &Stored, replaced: bool) {
        let tell = |cause, key: &str| {
            if replaced || cause != RemovalCause::Replaced || *key != *entry.key {
                self.signals.left(cause, 0, [key]);
            }
        };
        #[cfg(feature = "moka")]
        if let Kind::Moka(moka) = &self.kind {
            // The entries that `moka` returns may have left earlier, for other reasons.
            moka.left().iter().for_each(|(cause, key)| tell(*cause, key));
            return;
        }
        if !self.signals.is_heard() {
            return;
        }
        for old in gone.iter() {
            let own = old.key == entry.key && !Arc::ptr_eq(old, entry);
            tell(if own { RemovalCause::Replaced } else { RemovalCause::Capacity }, &old.key);
        }
    }

    /// Counts and reports the removal of a key's entry, if there was one. Called under no lock.
    pub(crate) fn tell_removal(&self, gone: &Removed, cause: RemovalCause) {
        if gone.found {
            self.signals.left(cause, 1, gone.own_key());
        }
    }

    pub(crate) fn remove(&self, id: KeyId) -> Removed {
        self.engine().remove(id)
    }

    /// Removes exactly this entry. No other thread may insert under the key meanwhile.
    pub(crate) fn remove_same(&self, id: KeyId, entry: &Stored) -> Removed {
        self.engine().remove_same(id, entry)
    }

    pub(crate) fn retain(&self, mut keep: impl FnMut(&Stored) -> bool) {
        self.engine().retain(&mut keep);
    }

    /// Shows all entries to `reclaim`, which removes the dead ones and returns whether it did.
    pub(crate) fn scan(&self, mut reclaim: impl FnMut(KeyId, &Stored) -> bool) {
        self.schedule.begin();
        self.engine().visit(&mut |id, entry| {
            if !reclaim(id, entry) {
                self.note(entry);
            }
        });
    }

    /// Shows all entries.
    pub(crate) fn visit(&self, mut show: impl FnMut(KeyId, &Stored)) {
        self.engine().visit(&mut |id, entry| show(id, entry));
    }

    /// Whether a scan could find dead entries; see [`schedule::Schedule::is_due`].
    pub(crate) fn is_due(&self, now: Timestamp, changes: u64, loading: bool) -> bool {
        self.schedule.is_due(now, changes, loading)
    }

    /// Sets the owner, which the sweeper asks to sweep.
    pub(crate) fn owned_by(&self, owner: Weak<dyn Sweep>) {
        self.schedule.owned_by(owner);
    }

    pub(crate) fn len(&self) -> u64 {
        self.engine().len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.engine().bytes()
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.engine().evictions()
    }
}

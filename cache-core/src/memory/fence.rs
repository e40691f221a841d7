//! Tickets and fences: a fill needs a ticket that was issued before its load, and an eviction revokes the
//! tickets of its key.
//!
//! The same shard lock covers "check the ticket, then insert" and "revoke the ticket, then remove". That
//! prevents this interleaving: a commit checks its ticket, an eviction removes the entry and returns, the
//! commit inserts the old value. Hits take no lock here.
//!
//! Not everything that makes a load old makes a write old. An eviction or a put of this process ends both. A
//! refresh, a takeover, and a message about another process's eviction end loads only: a put in progress is
//! newer than the value they replace, or concurrent with it.

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, PoisonError};

use futures_util::future::poll_immediate;
use smol_str::SmolStr;

use super::removed::Removed;
use super::{MemoryTier, Weighed};
use crate::base::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, PrehashedMap};
use crate::entry::Stored;
use crate::key::{EntryKey, KeyId};
use crate::stats::RemovalCause;
use crate::tags::{Evicted, TagSnapshot};

const SHARDS: usize = 64;

/// The state that all tickets of one key share.
#[derive(Debug)]
pub(crate) struct Fence {
    key: SmolStr,
    /// Incremented by each eviction and put: older tickets are dead. The fence stays while it has any ticket,
    /// even a dead one, so every eviction finds the writes in progress.
    life: AtomicU64,
    /// Incremented by events that end loads only.
    loads: AtomicU64,
    /// The number of tickets; changed under the shard lock only.
    tickets: AtomicUsize,
    /// Held during a write to the remote tier, so that an eviction can wait for it.
    writing: tokio::sync::Mutex<()>,
    /// Held while a value is read and changed, so that the changes of this process take turns.
    changing: tokio::sync::Mutex<()>,
}

type Shard = PrehashedMap<KeyId, Arc<Fence>>;

/// The loads in progress, by key. Their number bounds its size.
#[derive(Debug)]
pub(crate) struct Fences {
    shards: Box<[Mutex<Shard>]>,
    /// When a key of the shard was last evicted or put.
    evicted: Box<[Evicted]>,
}

/// Permission to insert one entry into the memory tier. Only a live ticket gives it.
pub(crate) struct InsertPermit<'a>(PhantomData<&'a ()>);

/// Which tickets end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FenceScope {
    All,
    /// Only tickets of loads; writes continue.
    Loads,
}

/// Permission to store the result of a load, or a written value. Issued before the load.
#[derive(Debug)]
pub(crate) struct Ticket {
    fences: Arc<Fences>,
    id: KeyId,
    fence: Arc<Fence>,
    kind: FenceScope,
    /// Only a store with this ticket changes these two.
    life: AtomicU64,
    loads: AtomicU64,
    /// The generations before the load.
    pub(crate) stamps: TagSnapshot,
}

/// Permission to store the same value in the remote tier.
pub(crate) struct Committed {
    /// Dropped before the ticket: without the ticket, an eviction finds no fence through which to end it.
    _held: Option<Box<dyn Send + Sync>>,
    ticket: Ticket,
}

impl std::fmt::Debug for Committed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Committed").field(&self.ticket).finish()
    }
}

/// The reason for storing nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Superseded {
    /// Whether an eviction or a put of this process came. It updates the remote tier itself.
    pub(crate) here: bool,
}

/// What a store does in the memory tier.
#[derive(Clone, Copy)]
pub(crate) enum StoreHere<'a> {
    /// There is none.
    Nothing,
    /// It keeps the new entry.
    Keeps(&'a MemoryTier),
    /// The new value is not for this tier: the entry that it has leaves, because it is older.
    Leaves(&'a MemoryTier),
}

impl<'a> From<Option<&'a MemoryTier>> for StoreHere<'a> {
    fn from(memory: Option<&'a MemoryTier>) -> Self {
        memory.map_or(Self::Nothing, Self::Keeps)
    }
}

/// What becomes of a key's entry when its tickets are revoked.
pub(crate) enum Fate<'a> {
    Stays,
    Leaves(RemovalCause),
    /// It leaves if this is true for it.
    LeavesIf(&'a dyn Fn(&Stored) -> bool),
    /// The second takes the place of the first, if the first is current. Otherwise the current one leaves.
    Becomes(&'a Stored, &'a Stored),
}

/// What became of it. To be dropped under no lock.
struct Befallen {
    gone: Removed,
    /// Whether another entry took its place.
    became: bool,
    _held: Option<Stored>,
}

impl Fate<'_> {
    /// Changes the entry. Under the lock of the key's fence.
    fn befalls(&self, memory: &MemoryTier, id: KeyId, weighed: Option<Weighed>) -> Befallen {
        let held = match self {
            Self::Stays | Self::Leaves(_) => None,
            Self::LeavesIf(_) | Self::Becomes(..) => memory.get(id),
        };
        let current = |entry| held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry));
        let (gone, became) = match (self, weighed) {
            (Self::Becomes(entry, _), Some(weighed)) if current(entry) => {
                (memory.insert(&InsertPermit(PhantomData), id, weighed), true)
            }
            (Self::Leaves(_) | Self::Becomes(..), _) => (memory.remove(id), false),
            (Self::LeavesIf(goes), _) if held.as_ref().is_some_and(goes) => {
                (memory.remove(id), false)
            }
            (Self::Stays | Self::LeavesIf(_), _) => (Removed::default(), false),
        };
        Befallen { gone, became, _held: held }
    }
}

impl Befallen {
    /// Tells the listeners. Returns whether an entry left.
    fn told(self, memory: &MemoryTier, fate: &Fate<'_>) -> bool {
        match fate {
            Fate::Becomes(_, again) if self.became => {
                memory.note(again);
                memory.tell_exchange(&self.gone, again);
            }
            Fate::Leaves(cause) => memory.tell_removal(&self.gone, *cause),
            _ => memory.tell_removal(&self.gone, RemovalCause::Key),
        }
        self.gone.found
    }
}

/// A fence whose tickets an eviction revoked.
#[derive(Debug)]
pub(crate) struct RevokedFence(Arc<Fence>);

impl RevokedFence {
    /// Waits until no write that the fence permitted is in progress.
    pub(crate) async fn settled(&self) {
        drop(self.0.writing.lock().await);
    }
}

impl Fences {
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { shards, evicted: (0..SHARDS).map(|_| Evicted::default()).collect() })
    }

    fn index(id: KeyId) -> usize {
        #[allow(clippy::cast_possible_truncation)]
        let low = id.low() as usize;
        low % SHARDS
    }

    /// Whether the key, or another key of its shard, was evicted or put after `moment`.
    pub(crate) fn has_evicted_since(&self, moment: u64, id: KeyId) -> bool {
        self.evicted[Self::index(id)].since(moment)
    }

    fn evicts(&self, id: KeyId) {
        self.evicted[Self::index(id)].now();
    }

    fn shard(&self, id: KeyId) -> MutexGuard<'_, Shard> {
        self.shards[Self::index(id)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a ticket for a load that begins now. `stamps` must have been read before this call.
    pub(crate) fn issue(self: &Arc<Self>, key: &EntryKey, stamps: TagSnapshot) -> Ticket {
        self.issue_for(FenceScope::Loads, key, stamps)
    }

    /// Issues a ticket for a written value, which only [`FenceScope::All`] ends.
    pub(crate) fn issue_write(self: &Arc<Self>, key: &EntryKey, stamps: TagSnapshot) -> Ticket {
        self.issue_for(FenceScope::All, key, stamps)
    }

    fn issue_for(
        self: &Arc<Self>,
        kind: FenceScope,
        key: &EntryKey,
        stamps: TagSnapshot,
    ) -> Ticket {
        let id = key.id();
        let mut shard = self.shard(id);
        let fence = Arc::clone(shard.entry(id).or_insert_with(|| {
            Arc::new(Fence {
                key: key.text(),
                life: AtomicU64::new(0),
                loads: AtomicU64::new(0),
                tickets: AtomicUsize::new(0),
                writing: tokio::sync::Mutex::new(()),
                changing: tokio::sync::Mutex::new(()),
            })
        }));
        fence.tickets.fetch_add(1, Ordering::Relaxed);
        let life = AtomicU64::new(fence.life.load(Ordering::Acquire));
        let loads = AtomicU64::new(fence.loads.load(Ordering::Acquire));
        drop(shard);
        Ticket { fences: Arc::clone(self), id, fence, kind, life, loads, stamps }
    }

    /// Revokes the tickets of a key within `reach`, and does `fate` to its entry, in one step. Returns whether an
    /// entry left.
    pub(crate) fn kill(
        &self,
        id: KeyId,
        reach: FenceScope,
        memory: Option<&MemoryTier>,
        fate: &Fate<'_>,
    ) -> (bool, Option<RevokedFence>) {
        self.evicts(id);
        // User code, so not under the lock.
        let weighed = match (fate, memory) {
            (Fate::Becomes(_, again), Some(memory)) => Some(memory.weigh(again)),
            _ => None,
        };
        let shard = self.shard(id);
        let fence = shard.get(&id).cloned();
        if let Some(fence) = &fence {
            fence.end(reach);
        }
        let end = memory.map(|memory| (memory, fate.befalls(memory, id, weighed)));
        // After the lock is released: listeners, and the value's own `Drop`, may use the cache.
        drop(shard);
        let left = end.is_some_and(|(memory, end)| end.told(memory, fate));
        (left, fence.map(RevokedFence))
    }

    /// Replaces `entry` by `again`, if `entry` is still current. If an eviction has removed the entry meanwhile,
    /// nothing is stored. If `ends_loads`, the loads of the key end, because they could store the old state.
    pub(crate) fn exchange(
        &self,
        id: KeyId,
        memory: &MemoryTier,
        (entry, again): (&Stored, &Stored),
        ends_loads: bool,
    ) -> bool {
        let weighed = memory.weigh(again);
        let shard = self.shard(id);
        let held = memory.get(id);
        let same = held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry));
        let gone = same.then(|| {
            if let Some(fence) = shard.get(&id).filter(|_| ends_loads) {
                fence.end(FenceScope::Loads);
            }
            memory.insert(&InsertPermit(PhantomData), id, weighed)
        });
        drop(shard);
        if let Some(gone) = &gone {
            memory.note(again);
            memory.tell_exchange(gone, again);
        }
        drop((gone, held));
        same
    }

    /// Removes a dead entry. The lock of commits is held, so a newer entry of the key is not removed.
    pub(crate) fn reclaim(&self, id: KeyId, entry: &Stored, memory: &MemoryTier) -> bool {
        let shard = self.shard(id);
        let gone = memory.remove_same(id, entry);
        drop(shard);
        gone.found
    }

    /// Revokes the tickets of all matching keys. Everything committed before is in the memory tier when this
    /// returns, and every later commit is refused: a scan that follows misses nothing. Fences are revoked in
    /// the order of their keys, which does not depend on the process's hash secret.
    pub(crate) fn kill_matching(
        &self,
        reach: FenceScope,
        matches: &dyn Fn(&str) -> bool,
    ) -> Vec<RevokedFence> {
        let mut killed = Vec::new();
        for (shard, evicted) in self.shards.iter().zip(&self.evicted) {
            // Keys without a load in progress may match, too.
            evicted.now();
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for fence in shard.values().filter(|fence| matches(&fence.key)) {
                fence.end(reach);
                killed.push(RevokedFence(Arc::clone(fence)));
            }
        }
        killed.sort_unstable_by(|one, other| one.0.key.cmp(&other.0.key));
        killed
    }

    /// The number of keys with loads in progress.
    pub(crate) fn len(&self) -> usize {
        let count =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(count).sum()
    }
}

impl Fence {
    fn end(&self, reach: FenceScope) {
        self.count(reach).fetch_add(1, Ordering::AcqRel);
    }

    fn count(&self, reach: FenceScope) -> &AtomicU64 {
        match reach {
            FenceScope::All => &self.life,
            FenceScope::Loads => &self.loads,
        }
    }
}

impl Ticket {
    /// The key and the generations of the entry.
    pub(crate) fn of_entry(&self) -> (SmolStr, TagSnapshot) {
        (self.fence.key.clone(), self.stamps.clone())
    }

    /// Whether nothing has ended the ticket since it was issued. (Does not check the generations in the
    /// stamps.)
    pub(crate) fn is_alive(&self) -> bool {
        let loads =
            || self.fence.loads.load(Ordering::Acquire) == self.loads.load(Ordering::Acquire);
        self.is_in_its_life() && (self.kind == FenceScope::All || loads())
    }

    /// Whether no eviction and no put by this process came.
    pub(crate) fn is_in_its_life(&self) -> bool {
        self.fence.life.load(Ordering::Acquire) == self.life.load(Ordering::Acquire)
    }

    /// Records the fleet's generations, of the namespace and of the tags in their order.
    pub(crate) fn stamp(&mut self, space: u64, tags: &[u64]) {
        self.stamps.see(space, tags.iter().copied());
    }

    /// Makes a watch that tells whether the load still counts.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            fence: Arc::clone(&self.fence),
            life: self.life.load(Ordering::Acquire),
            loads: self.loads.load(Ordering::Acquire),
            stamps: self.stamps.clone(),
        }
    }

    /// Stores the loaded entry in the memory tier, unless the ticket has ended: then nothing is stored,
    /// neither here nor in the remote tier.
    pub(crate) fn commit<'a>(
        self,
        here: impl Into<StoreHere<'a>>,
        entry: &Stored,
    ) -> Result<Committed, Superseded> {
        match self.fill_then(here.into(), entry, || {}) {
            true => Ok(Committed { _held: None, ticket: self }),
            false => Err(self.overtaken()),
        }
    }

    fn overtaken(&self) -> Superseded {
        Superseded { here: !self.is_in_its_life() }
    }

    /// Inserts an entry into the memory tier, unless the ticket has ended.
    pub(crate) fn fill(&self, memory: Option<&MemoryTier>, entry: &Stored) -> bool {
        self.fill_then(memory.into(), entry, || {})
    }

    /// `then` runs under the lock, before the entry is inserted.
    fn fill_then(&self, here: StoreHere<'_>, entry: &Stored, then: impl FnOnce()) -> bool {
        let memory = match here {
            StoreHere::Nothing => None,
            StoreHere::Keeps(memory) => Some(memory),
            StoreHere::Leaves(memory) => return self.leave_then(memory, then),
        };
        // Outside the lock: the user's weigher before it, and after it the drop of evicted values, which may
        // use the cache.
        let weighed = memory.map(|memory| (memory, memory.weigh(entry)));
        let (alive, gone) = {
            let _shard = self.fences.shard(self.id);
            let alive = self.is_alive();
            if alive {
                then();
            }
            let insert = |(memory, weighed): (&MemoryTier, _)| {
                memory.insert(&InsertPermit(PhantomData), self.id, weighed)
            };
            (alive, weighed.filter(|_| alive).map(insert))
        };
        if let (Some(memory), Some(gone)) = (memory, &gone) {
            memory.note(entry);
            memory.tell(gone, entry);
        }
        drop(gone);
        alive
    }

    /// Removes the entry of the memory tier, unless the ticket has ended, for a value that is stored elsewhere. `then`
    /// runs under the lock.
    fn leave_then(&self, memory: &MemoryTier, then: impl FnOnce()) -> bool {
        let gone = {
            let _shard = self.fences.shard(self.id);
            self.is_alive().then(|| {
                then();
                memory.remove(self.id)
            })
        };
        // Under no lock, as in `fill_then`.
        if let Some(gone) = &gone {
            memory.tell_removal(gone, RemovalCause::Key);
        }
        gone.is_some()
    }

    /// [`commit`](Self::commit) for a value that is newer than every load in progress: loads that began after
    /// its ticket was issued end, too. One step: otherwise a load that began between the end of the others
    /// and the insertion would replace the inserted value.
    pub(crate) fn commit_over<'a>(
        self,
        here: impl Into<StoreHere<'a>>,
        entry: &Stored,
    ) -> Result<Committed, Superseded> {
        match self.fill_then(here.into(), entry, || self.move_on()) {
            true => Ok(Committed { _held: None, ticket: self }),
            false => Err(self.overtaken()),
        }
    }

    /// [`commit_over`](Self::commit_over) for a value that was made from `old`: stores nothing if the memory tier
    /// has another entry by now. (A load may have stored one: that ends no ticket of a write.)
    pub(crate) fn commit_instead(
        self,
        old: Option<&Stored>,
        memory: &MemoryTier,
        entry: &Stored,
    ) -> Option<Committed> {
        let weighed = memory.weigh(entry);
        let (gone, held) = {
            let _shard = self.fences.shard(self.id);
            let held = memory.peek(self.id);
            let same = match (&held, old) {
                (Some(held), Some(old)) => Arc::ptr_eq(held, old),
                (held, old) => held.is_none() && old.is_none(),
            };
            let gone = (same && self.is_alive()).then(|| {
                self.move_on();
                memory.insert(&InsertPermit(PhantomData), self.id, weighed)
            });
            (gone, held)
        };
        if let Some(gone) = &gone {
            memory.note(entry);
            memory.tell(gone, entry);
        }
        let stored = gone.is_some();
        // Under no lock: a value's `Drop` may use the cache.
        drop((held, gone));
        stored.then(|| Committed { _held: None, ticket: self })
    }

    /// Waits for the turn to change the key's value. It ends when the result is dropped.
    pub(crate) async fn turn(&self) -> impl Sized + use<'_> {
        self.fence.changing.lock().await
    }

    /// The writes of the key that are in progress.
    pub(crate) fn writes(&self) -> RevokedFence {
        RevokedFence(Arc::clone(&self.fence))
    }

    /// Ends all other tickets of the key, if this one is alive: a write ends all tickets, a load only tickets of loads.
    pub(crate) fn outlive_others(&self) {
        let _shard = self.fences.shard(self.id);
        if self.is_alive() {
            self.move_on();
        }
    }

    /// Called under the shard lock.
    fn move_on(&self) {
        self.fences.evicts(self.id);
        let own = if self.kind == FenceScope::All { &self.life } else { &self.loads };
        let count = self.fence.count(self.kind).fetch_add(1, Ordering::AcqRel) + 1;
        own.store(count, Ordering::Release);
    }
}

/// Tells whether a load still counts, without keeping its ticket alive.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    fence: Arc<Fence>,
    life: u64,
    loads: u64,
    pub(crate) stamps: TagSnapshot,
}

impl Watch {
    pub(crate) fn is_alive(&self) -> bool {
        self.fence.life.load(Ordering::Acquire) == self.life
            && self.fence.loads.load(Ordering::Acquire) == self.loads
    }
}

impl Committed {
    /// Holds `held` until the ticket is dropped.
    pub(crate) fn holding(self, held: impl Send + Sync + 'static) -> Self {
        Self { _held: Some(Box::new(held)), ..self }
    }

    /// Runs a write to the remote tier, unless an eviction came. An eviction that comes during the write
    /// waits for it, and removes what it wrote.
    ///
    /// A write that `replaces` an older value also ends the loads that may have read the older value from the
    /// remote tier during the write. The result of `aside` is held while another write of the key runs.
    pub(crate) async fn write<T, A>(
        &self,
        replaces: bool,
        write: impl Future<Output = T>,
        aside: impl FnOnce() -> A,
    ) -> Option<T> {
        let mut turn = pin!(self.ticket.fence.writing.lock());
        let _writing = match poll_immediate(&mut turn).await {
            Some(writing) => writing,
            None => {
                let _aside = aside();
                turn.await
            }
        };
        if !self.ticket.is_alive() {
            return None;
        }
        let written = write.await;
        if replaces {
            self.ticket.outlive_others();
        }
        Some(written)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.ticket.is_alive()
    }

    pub(crate) fn stamps(&self) -> &TagSnapshot {
        &self.ticket.stamps
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut shard = self.fences.shard(self.id);
        let last = self.fence.tickets.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && shard.get(&self.id).is_some_and(|fence| Arc::ptr_eq(fence, &self.fence)) {
            shard.remove(&self.id);
        }
    }
}

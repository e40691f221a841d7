//! Tickets and fences: a fill needs a ticket issued before its load, and an eviction kills the
//! tickets of its key.
//!
//! One shard lock covers "is the ticket alive? then insert", and the same lock covers "kill the
//! ticket, then remove". That closes the race: commit checks, evict removes and returns, commit
//! inserts the old value. Hits take no lock here.
//!
//! Not everything that makes a load old makes a write old. An eviction or a put of this process ends
//! both; a refresh, a takeover, and the news of another process's eviction end loads only: a put that is
//! under way is newer than what they are about, or was made at the same time.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, PoisonError};

use futures_util::future::poll_immediate;

use super::MemoryTier;
use super::removed::Removed;
use crate::base::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::entry::{Erased, Stored};
use crate::key::KeyId;
use crate::stats::Cause;
use crate::tags::{Evicted, TagSnapshot};

const SHARDS: usize = 64;

/// What all tickets of one key that are alive together share.
#[derive(Debug)]
pub(crate) struct Fence {
    key: Box<str>,
    /// Moved on by each eviction and put: tickets of an earlier life are dead. The fence itself stays as
    /// long as any ticket, dead ones included, so that every eviction finds the writes under way.
    life: AtomicU64,
    /// Moved on by what ends loads only.
    loads: AtomicU64,
    /// How many tickets there are; changed under the shard lock only.
    tickets: AtomicUsize,
    /// Held across a write to the remote tier, so that an eviction can wait for one in progress.
    writing: tokio::sync::Mutex<()>,
}

type Shard = HashMap<KeyId, Arc<Fence>>;

/// The loads in progress, by key. Bounded by their number.
#[derive(Debug)]
pub(crate) struct Fences {
    shards: Box<[Mutex<Shard>]>,
    /// When a key of the shard was last evicted or put.
    evicted: Box<[Evicted]>,
}

/// Leave to insert one entry into the memory tier; only a live ticket gives one.
pub(crate) struct InsertPermit<'a>(PhantomData<&'a ()>);

/// Whose tickets die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FenceScope {
    All,
    /// Writes go on.
    Loads,
}

/// Leave to store what a load brings, or a value that is written. Issued before the load.
#[derive(Debug)]
pub(crate) struct Ticket {
    fences: Arc<Fences>,
    id: KeyId,
    fence: Arc<Fence>,
    kind: FenceScope,
    /// These two are changed only by what this very ticket stores.
    life: AtomicU64,
    loads: AtomicU64,
    /// The generations before the load.
    pub(crate) stamps: TagSnapshot,
}

/// Leave to store the same value in the remote tier.
pub(crate) struct Committed {
    /// Dropped before the ticket: once that is gone an eviction finds no fence to end it by.
    _held: Option<Box<dyn Send + Sync>>,
    ticket: Ticket,
}

impl std::fmt::Debug for Committed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Committed").field(&self.ticket).finish()
    }
}

/// Why nothing was stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Superseded {
    /// An eviction or a put of this process came, which sees to the remote tier.
    pub(crate) here: bool,
}

/// A fence that an eviction killed.
#[derive(Debug)]
pub(crate) struct RevokedFence(Arc<Fence>);

impl RevokedFence {
    /// Waits until no write that the fence allowed is under way.
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

    /// Whether the key, or one that shares its shard, was evicted or put after `moment`.
    pub(crate) fn has_evicted_since(&self, moment: u64, id: KeyId) -> bool {
        self.evicted[Self::index(id)].since(moment)
    }

    fn evicts(&self, id: KeyId) {
        self.evicted[Self::index(id)].now();
    }

    fn shard(&self, id: KeyId) -> MutexGuard<'_, Shard> {
        self.shards[Self::index(id)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ticket for a load that begins now. `stamps` must have been read before this call.
    pub(crate) fn issue(self: &Arc<Self>, id: KeyId, key: &str, stamps: TagSnapshot) -> Ticket {
        self.issue_for(FenceScope::Loads, id, key, stamps)
    }

    /// A ticket for a value that is written: only what reaches all ends it.
    pub(crate) fn issue_write(
        self: &Arc<Self>,
        id: KeyId,
        key: &str,
        stamps: TagSnapshot,
    ) -> Ticket {
        self.issue_for(FenceScope::All, id, key, stamps)
    }

    fn issue_for(
        self: &Arc<Self>,
        kind: FenceScope,
        id: KeyId,
        key: &str,
        stamps: TagSnapshot,
    ) -> Ticket {
        let mut shard = self.shard(id);
        let fence = Arc::clone(shard.entry(id).or_insert_with(|| {
            Arc::new(Fence {
                key: key.into(),
                life: AtomicU64::new(0),
                loads: AtomicU64::new(0),
                tickets: AtomicUsize::new(0),
                writing: tokio::sync::Mutex::new(()),
            })
        }));
        fence.tickets.fetch_add(1, Ordering::Relaxed);
        let life = AtomicU64::new(fence.life.load(Ordering::Acquire));
        let loads = AtomicU64::new(fence.loads.load(Ordering::Acquire));
        drop(shard);
        Ticket { fences: Arc::clone(self), id, fence, kind, life, loads, stamps }
    }

    /// Ends the life of a key: its tickets die as far as `reach` goes, then its entry goes.
    pub(crate) fn kill(
        &self,
        id: KeyId,
        reach: FenceScope,
        memory: Option<&MemoryTier>,
    ) -> (Removed, Option<RevokedFence>) {
        self.evicts(id);
        let shard = self.shard(id);
        let fence = shard.get(&id).cloned();
        if let Some(fence) = &fence {
            fence.end(reach);
        }
        let gone = memory.map(|memory| memory.remove(id)).unwrap_or_default();
        // The value's own `Drop` may use the cache: not under the lock.
        drop(shard);
        (gone, fence.map(RevokedFence))
    }

    /// Ends the tickets of a key as far as `reach` goes, and leaves its entry.
    pub(crate) fn end(&self, id: KeyId, reach: FenceScope) -> Option<RevokedFence> {
        self.evicts(id);
        let fence = self.shard(id).get(&id).cloned()?;
        fence.end(reach);
        Some(RevokedFence(fence))
    }

    /// As [`kill`](Self::kill), but leaves `again` in the place of `entry`. If that is not what memory has any more,
    /// what it has goes.
    pub(crate) fn kill_leaving(
        &self,
        id: KeyId,
        reach: FenceScope,
        memory: &MemoryTier,
        (entry, again): (&Stored, &Stored),
    ) -> Option<RevokedFence> {
        self.evicts(id);
        let weighed = memory.weigh(again);
        let shard = self.shard(id);
        let fence = shard.get(&id).cloned();
        if let Some(fence) = &fence {
            fence.end(reach);
        }
        let held = memory.get(id);
        let same = held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry));
        let gone = match same {
            true => memory.insert(&InsertPermit(PhantomData), id, weighed),
            false => memory.remove(id),
        };
        drop(shard);
        match same {
            true => {
                memory.note(again);
                memory.tell_exchange(&gone, again);
            }
            false => memory.tell_removal(&gone, Cause::Key),
        }
        drop((gone, held));
        fence.map(RevokedFence)
    }

    /// As [`kill`](Self::kill), but the entry goes only `if` that is what it is.
    pub(crate) fn kill_if(
        &self,
        id: KeyId,
        reach: FenceScope,
        memory: &MemoryTier,
        goes: impl FnOnce(&Erased) -> bool,
    ) {
        self.evicts(id);
        let shard = self.shard(id);
        if let Some(fence) = shard.get(&id) {
            fence.end(reach);
        }
        let held = memory.get(id);
        let gone = held.as_ref().filter(|held| goes(held)).map(|_| memory.remove(id));
        drop(shard);
        if let Some(gone) = &gone {
            memory.tell_removal(gone, Cause::Key);
        }
        drop((gone, held));
    }

    /// Puts `again` in the place of `entry`, if that is what memory has, and ends the loads of the key: they could
    /// store it as it was. An eviction that came meanwhile has taken the entry away.
    pub(crate) fn exchange(
        &self,
        id: KeyId,
        memory: &MemoryTier,
        (entry, again): (&Stored, &Stored),
    ) -> bool {
        let weighed = memory.weigh(again);
        let shard = self.shard(id);
        let held = memory.get(id);
        let same = held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry));
        let gone = same.then(|| {
            if let Some(fence) = shard.get(&id) {
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

    /// Removes an entry that nobody may be given any more. Under the lock that commits are made
    /// under, so that it is not a newer entry of the key that goes.
    pub(crate) fn reclaim(&self, id: KeyId, entry: &Stored, memory: &MemoryTier) -> bool {
        let shard = self.shard(id);
        let gone = memory.remove_same(id, entry);
        drop(shard);
        gone.found
    }

    /// Kills the tickets of all keys that match. What they committed before is in the memory tier
    /// when this returns, what they commit later is refused: a scan that follows misses nothing. In the order of their keys, which no
    /// secret of the process decides.
    pub(crate) fn kill_matching(
        &self,
        reach: FenceScope,
        matches: &dyn Fn(&str) -> bool,
    ) -> Vec<RevokedFence> {
        let mut killed = Vec::new();
        for (shard, evicted) in self.shards.iter().zip(&self.evicted) {
            // Keys without a load under way may match, too.
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

    /// How many keys have loads in progress.
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
    /// Whether nothing came since it was issued that ends it. (Generations are the stamps'.)
    pub(crate) fn is_alive(&self) -> bool {
        let loads =
            || self.fence.loads.load(Ordering::Acquire) == self.loads.load(Ordering::Acquire);
        self.is_in_its_life() && (self.kind == FenceScope::All || loads())
    }

    /// Whether no eviction and no put of this process came.
    pub(crate) fn is_in_its_life(&self) -> bool {
        self.fence.life.load(Ordering::Acquire) == self.life.load(Ordering::Acquire)
    }

    /// Takes the fleet's generations, of the namespace and of the tags in their order.
    pub(crate) fn stamp(&mut self, space: u64, tags: &[u64]) {
        self.stamps.space = space;
        for ((_, seen), current) in self.stamps.tags.iter_mut().zip(tags) {
            *seen = *current;
        }
    }

    /// For those who want to know whether the load still counts.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            fence: Arc::clone(&self.fence),
            life: self.life.load(Ordering::Acquire),
            loads: self.loads.load(Ordering::Acquire),
            stamps: self.stamps.clone(),
        }
    }

    /// Stores the loaded entry in the memory tier, unless an eviction came since the ticket was
    /// issued: then nothing is stored, here or in the remote tier.
    pub(crate) fn commit(
        self,
        memory: Option<&MemoryTier>,
        entry: &Stored,
    ) -> Result<Committed, Superseded> {
        match self.fill(memory, entry) {
            true => Ok(Committed { _held: None, ticket: self }),
            false => Err(self.overtaken()),
        }
    }

    fn overtaken(&self) -> Superseded {
        Superseded { here: !self.is_in_its_life() }
    }

    /// Puts an entry into the memory tier, unless an eviction came since the ticket was issued.
    pub(crate) fn fill(&self, memory: Option<&MemoryTier>, entry: &Stored) -> bool {
        self.fill_then(memory, entry, || {})
    }

    /// `then` runs under the lock, before the entry is there.
    fn fill_then(&self, memory: Option<&MemoryTier>, entry: &Stored, then: impl FnOnce()) -> bool {
        // Before the lock and after it: the user's weigher, and what makes room, whose `Drop` may
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

    /// [`commit`](Self::commit) for a value that is newer than every load under way: loads that began
    /// while it was on its way here die with the ones before. In one step: a load that began between
    /// their end and the insertion would replace what is inserted.
    pub(crate) fn commit_over(
        self,
        memory: Option<&MemoryTier>,
        entry: &Stored,
    ) -> Result<Committed, Superseded> {
        match self.fill_then(memory, entry, || self.move_on()) {
            true => Ok(Committed { _held: None, ticket: self }),
            false => Err(self.overtaken()),
        }
    }

    /// Kills all others of the key, if this one is alive: a write all tickets, a load those of loads.
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

/// Tells whether a load still counts, without keeping it alive.
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
    /// Keeps `held` for as long as the ticket counts, and no longer.
    pub(crate) fn holding(self, held: impl Send + Sync + 'static) -> Self {
        Self { _held: Some(Box::new(held)), ..self }
    }

    /// Runs a write to the remote tier, unless an eviction came meanwhile. An eviction that comes
    /// while it runs waits for it, and removes what it wrote.
    ///
    /// A write that `replaces` an older value also ends the loads that may have read that one from
    /// the remote tier while it was under way. What `aside` gives is held while another write of the key runs.
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

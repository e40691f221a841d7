//! Changes a value depending on the old one.
//!
//! The ticket is issued before the old value is read, so an eviction or a put that comes in between wins: the
//! change is decided again. In the remote tier the new value is stored only if no one has replaced the value
//! that was read: an existing value is replaced by its mark, and an absent one is stored under a lease. A store
//! with neither takes the last write.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Engine;
use super::lease::{Lease, Leased};
use super::lookup::Found;
use super::mutation::Mutation;
use super::nesting::Nesting;
use super::peek::Trace;
use super::request::Request;
use crate::backend::VERSION_LEN;
use crate::base::{BackendError, BackendErrorKind, CacheValue, Error};
use crate::codec::Coder;
use crate::entry::{Freshness, Stored};
use crate::memory::{Committed, Fate, FenceScope, Ticket};
use crate::remote::{Ask, Remote, Writing};
use crate::stats::RemovalCause;

/// How often a change is decided again because others keep changing the value in the remote tier.
const ATTEMPTS: usize = 100;

/// The decision about a value.
pub(crate) enum Change<T> {
    /// Nothing changes.
    Keep,
    Store(T),
    Remove,
}

/// The result of one attempt.
enum Attempted {
    Done,
    /// The value was changed by others after it was read.
    Again,
}

/// What a change has done in memory.
enum Changed {
    Nothing,
    Stored(Committed, Stored),
    Removed,
}

impl Engine {
    /// Changes the value of a key as `decide` says, which gets the fresh old value. If others change the value
    /// meanwhile, `decide` is called again with theirs: the last decision is the one that was carried out.
    pub(crate) async fn change<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        mut decide: impl FnMut(Option<T>) -> Change<T>,
    ) -> Result<(), Error> {
        let completed = self.completed(request);
        let request = completed.as_ref().unwrap_or(request);
        request.policy.check()?;
        if !self.puts_at_once() {
            return self.change_in_scope(request, decide).await;
        }
        let there = request.remote_codec(self).zip(self.remote.as_ref());
        let Some((codec, remote)) = there else {
            loop {
                if let Some(changed) = self.change_in_memory(request, &mut decide) {
                    return self.changed_in_memory(request, changed).await;
                }
            }
        };
        let ticket = request.ticket(self);
        // The changes of this process take turns: otherwise all of them would ask the store, and one would
        // succeed. A change whose caller is not polled keeps the others waiting for the time of a load only.
        let patience = self.clock.now().after(request.policy.lease);
        let _turn = self.clock.timeout_at(patience, ticket.turn()).await;
        for _ in 0..ATTEMPTS {
            let attempted = self.change_remotely(request, (codec, remote), &mut decide).await;
            match attempted.inspect_err(|_| self.counters.direct.remote_errors())? {
                Attempted::Done => return Ok(()),
                Attempted::Again => {}
            }
        }
        let message = "other processes kept changing the value";
        Err(BackendError::new(BackendErrorKind::Refused, "update", message).into())
    }

    /// In a transaction, and where the cache is off: no other caller sees the old value of the scope.
    async fn change_in_scope<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        mut decide: impl FnMut(Option<T>) -> Change<T>,
    ) -> Result<(), Error> {
        let old = self.peek::<T>(request, Trace::Nothing).await?;
        match decide(old) {
            Change::Keep => Ok(()),
            Change::Store(new) => self.put(request, new).await,
            Change::Remove => self.invalidate(Mutation::evict(request.key.clone())).await.map(drop),
        }
    }

    /// An attempt for a value that is in memory only; `None` if others have changed the value. No other caller can come
    /// between the last comparison and the change, because both are under the lock of the key's fence.
    fn change_in_memory<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        decide: &mut impl FnMut(Option<T>) -> Change<T>,
    ) -> Option<Changed> {
        let ticket = request.ticket(self);
        let memory = request.memory(self);
        let held = memory.and_then(|memory| memory.peek(request.key.id()));
        let usable = held.as_ref().filter(|entry| self.is_usable(request, entry));
        let old = usable.and_then(|entry| entry.value::<T>()).cloned();
        match (decide(old), memory) {
            (Change::Keep, _) | (_, None) => Some(Changed::Nothing),
            (Change::Store(new), Some(memory)) => {
                let terms = (&*request.policy, Duration::ZERO);
                let entry = self.entry(request, ticket.of_entry(), new, terms);
                let committed = ticket.commit_instead(held.as_ref(), memory, &entry)?;
                self.count_store(request.site);
                Some(Changed::Stored(committed, entry))
            }
            (Change::Remove, Some(memory)) => {
                let same =
                    |entry: &Stored| held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry));
                let fate = Fate::LeavesIf(&same);
                let (left, _) =
                    self.fences.kill(request.key.id(), FenceScope::All, Some(memory), &fate);
                left.then(|| {
                    self.counters.direct.removals();
                    Changed::Removed
                })
            }
        }
    }

    /// The rest of a change in memory: the remote tier, if the request leaves it out, may have an older value.
    async fn changed_in_memory(&self, request: &Request, changed: Changed) -> Result<(), Error> {
        match changed {
            Changed::Stored(committed, entry) => {
                self.evict_skipped(committed, request, &entry).await
            }
            Changed::Removed if request.skips_remote(self) => {
                self.evict_replaced(request.key.as_str()).await
            }
            Changed::Removed | Changed::Nothing => Ok(()),
        }
    }

    /// Whether an entry of the memory tier is a fresh value for the request.
    fn is_usable(&self, request: &Request, entry: &Stored) -> bool {
        request.declared().are_carried_by(&entry.stamps)
            && self.generations.current(&entry.stamps)
            && entry.at(self.clock.now()) == Freshness::Fresh
    }

    async fn change_remotely<T: CacheValue>(
        self: &Arc<Self>,
        request: &Request,
        (codec, remote): (Coder, &Arc<Remote>),
        decide: &mut impl FnMut(Option<T>) -> Change<T>,
    ) -> Result<Attempted, Error> {
        let mut ticket = request.ticket(self);
        // A value that memory already has may be on its way to the store.
        remote.after(Some(ticket.writes())).await;
        let found = self.look_remote(request, codec, &mut ticket, None).await?;
        let fresh = |entry: &Stored| entry.at(self.clock.now()) == Freshness::Fresh;
        // The store alone decides: memory may have a value that another process has just removed.
        let old = found.entry.clone().filter(fresh);
        match decide(old.as_ref().and_then(|entry| entry.value::<T>()).cloned()) {
            Change::Keep => Ok(Attempted::Done),
            Change::Remove => self.remove_remotely(request).await,
            Change::Store(new) => {
                let terms = (&*request.policy, Duration::ZERO);
                let entry = self.entry(request, ticket.of_entry(), new, terms);
                self.store_remotely(request, (codec, remote), (ticket, &found), &entry).await
            }
        }
    }

    /// Removes the value that was read. Of several processes one removes it, and the store tells which.
    async fn remove_remotely(&self, request: &Request) -> Result<Attempted, Error> {
        let key = std::slice::from_ref(&request.key);
        let (_, removed) = self.evict_keys_in_tiers(key).await?;
        Ok(if removed > 0 { Attempted::Done } else { Attempted::Again })
    }

    /// Stores the new value, if the store still has the value that was `found`.
    async fn store_remotely(
        self: &Arc<Self>,
        request: &Request,
        (codec, remote): (Coder, &Arc<Remote>),
        (ticket, found): (Ticket, &Found),
        entry: &Stored,
    ) -> Result<Attempted, Error> {
        if !ticket.is_alive() {
            self.fenced(request.site, request.key.as_str());
            return Ok(Attempted::Again);
        }
        let (id, key) = (request.key.id(), request.key.as_str());
        let envelope = self.envelope(&entry.life(), &ticket.stamps);
        let place = (self.namespace.as_str(), key);
        let bytes = self.wire.write(codec, place, &envelope, entry.any());
        let bytes = bytes.map_err(|message| self.unencodable(request.site, key, message))?;
        let ttl = Some(self.remote_ttl(&entry.life()));
        let writing = Writing { bytes, ttl, announce: true, depends: remote.depends(&envelope) };
        // If this fails or is dropped half-way, it is unknown which value the store has.
        let otherwise = self.evict_otherwise(id, key, true);
        let seen = found.mark.filter(|_| !found.unmarked);
        let stored = match seen {
            Some(seen) => {
                self.replace_remotely(request, (remote, seen), (ticket, writing), entry).await
            }
            None => {
                self.add_remotely(request, (remote, found.unmarked), (ticket, writing), entry).await
            }
        };
        let stored = stored?;
        otherwise.settled();
        if stored {
            let tally = self.counters.of(request.site);
            tally.remote_stores();
            tally.stores();
            return Ok(Attempted::Done);
        }
        // Others have a newer value: what memory has may be older.
        drop(self.forget(id, FenceScope::Loads, RemovalCause::Elsewhere));
        Ok(Attempted::Again)
    }

    /// Replaces the value with the mark `seen`.
    async fn replace_remotely(
        self: &Arc<Self>,
        request: &Request,
        (remote, seen): (&Arc<Remote>, [u8; VERSION_LEN]),
        (ticket, writing): (Ticket, Writing),
        entry: &Stored,
    ) -> Result<bool, Error> {
        let key = request.key.as_str();
        match remote.replace(key, seen, writing.clone()).await {
            Ok(true) => self.follow_store(request, ticket, entry),
            Ok(false) => return Ok(false),
            Err(error) if error.kind() == BackendErrorKind::Unsupported => {
                return self.overwrite(request, remote, (ticket, writing), entry).await;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Stores a value where the store has none.
    async fn add_remotely(
        self: &Arc<Self>,
        request: &Request,
        (remote, unmarked): (&Arc<Remote>, bool),
        (ticket, writing): (Ticket, Writing),
        entry: &Stored,
    ) -> Result<bool, Error> {
        if !remote.has_leases() {
            return self.overwrite(request, remote, (ticket, writing), entry).await;
        }
        let key = request.key.as_str();
        // A load of the key that requests this change holds the lease itself.
        let own = Nesting::current().loads_key(self.flights.home(), request.key.id());
        let (now, lease) = (self.clock.now(), request.policy.lease);
        let until = now.after(lease);
        let generation = ticket.stamps.newest();
        let mut ask = Ask { seen: None, generation, steal: own || unmarked, until, lease };
        let lease = loop {
            match Lease::ask(self, key, ask).await? {
                Leased::Lead(lease) => break lease,
                Leased::Value(_) => return Ok(false),
                // The other holder hangs, or died.
                Leased::Refused => ask.steal = true,
            }
        };
        let stored = remote.write(key, writing, Some(lease.token())).await?;
        if stored {
            lease.spent();
            self.follow_store(request, ticket, entry);
        }
        Ok(stored)
    }

    /// Memory follows the store. If an eviction or a put came after the old value was read, here or (as its notice
    /// says) in another process, the store may have lost the value again: then memory has none.
    fn follow_store(&self, request: &Request, ticket: Ticket, entry: &Stored) {
        if ticket.commit_over(request.place(self), entry).is_err() {
            drop(self.forget(request.key.id(), FenceScope::Loads, RemovalCause::Key));
        }
    }

    /// Stores a value without a comparison, in the turn of the key's writes, so that an eviction of this
    /// process finds it.
    async fn overwrite(
        self: &Arc<Self>,
        request: &Request,
        remote: &Arc<Remote>,
        (ticket, writing): (Ticket, Writing),
        entry: &Stored,
    ) -> Result<bool, Error> {
        let key = &*entry.key;
        let Ok(committed) = ticket.commit_over(request.place(self), entry) else {
            return Ok(false);
        };
        remote.before_write(key).await?;
        let written = committed.write(true, remote.write(key, writing, None), || ()).await;
        Ok(written.transpose()?.is_some())
    }
}

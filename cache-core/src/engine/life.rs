//! Changing the life of an entry that is there: `expire` and `mark_stale`.
//!
//! Both write again what is stored already, so that neither may bring back what was evicted meanwhile, nor stand
//! in the way of something newer. In memory the entry's place is taken under the fence's lock, and only from the
//! very entry that was looked at; in the remote tier the value is replaced only if it still is the one that was
//! read, and whoever can't do that ([`Backend::replace`](crate::backend::Backend::replace)) gets an eviction instead.
//!
//! `mark_stale` is an eviction in all but one thing: the value stays for those whose load fails. `expire` ends the loads under way,
//! which could store the entry with its former life again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::evict::Defer;
use super::failsafe::Failure;
use super::handle::Engine;
use crate::backend::{GENERATION_TTL, VERSION_LEN};
use crate::base::{BackendError, BackendErrorKind, Error, Timestamp};
use crate::codec::Envelope;
use crate::entry::{Erased, Freshness, Lifetime};
use crate::key::{KeyBuf, KeyId};
use crate::memory::{FenceScope, RevokedFence};
use crate::remote::{Remote, RemoteEviction, Writing};
use crate::stats::RemovalCause;
use crate::tags::{Declared, TagSnapshot};

/// A value that is replaced by others all the time is evicted after so many attempts.
const ATTEMPTS: usize = 5;

/// A value of the remote tier that is neither evicted nor expired, of whatever type.
pub(crate) struct RemoteEntry {
    bytes: Bytes,
    mark: [u8; VERSION_LEN],
    envelope: Envelope,
    pub(crate) life: Lifetime,
}

/// What becomes of an entry's life.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Fresh until then, if it is fresh now.
    Until(Timestamp),
    /// Fresh no more.
    Outdated,
}

/// What came of a change in the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    Yes,
    /// There is nothing that it could be made to.
    Nothing,
    /// It can't be made: the value is to go.
    Evict,
}

impl Engine {
    /// Gives the entry of a key another life from now on (`None`: without end). Says whether there is one, and it
    /// is fresh.
    pub(crate) async fn expire(&self, key: &KeyBuf, ttl: Option<Duration>) -> Result<bool, Error> {
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Ok(self.evict_keys(std::slice::from_ref(key)).await? > 0);
        }
        let (id, now) = (key.id(), self.clock.now());
        let until = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        let Some(remote) = self.remote.as_ref().filter(|_| !key.is_here()) else {
            return Ok(self.expire_here(id, until));
        };
        // What is loaded or promoted now has the former life. A put is newer than that, but is to end first, or
        // there would be an old value to change.
        let killed = self.fences.end(id, FenceScope::Loads);
        // Half-way, or if it fails, nobody knows for how long it would be served.
        let otherwise = self.evict_otherwise(id, key.as_str(), true);
        remote.after(killed).await;
        let changed = self.change_there(remote, key, Change::Until(until)).await;
        let changed = changed.inspect_err(|_| self.counters.direct.remote_errors())?;
        otherwise.settled();
        match changed {
            Changed::Yes => {
                // Promoted meanwhile, or from before: with the former life.
                drop(self.forget(id, FenceScope::Loads, RemovalCause::Key));
                Ok(true)
            }
            Changed::Nothing => Ok(self.expire_here(id, until)),
            Changed::Evict => self.evict_keys(std::slice::from_ref(key)).await.map(|_| false),
        }
    }

    fn expire_here(&self, id: KeyId, until: Timestamp) -> bool {
        let Some(memory) = &self.memory else { return false };
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.unverified(id, Declared::NONE).filter(|entry| is_value(entry))
            else {
                return false;
            };
            let again = entry.with_life(entry.life.until(until));
            if self.fences.exchange(id, memory, (&entry, &again)) {
                return true;
            }
        }
        // Others replace it all the time: what they store is newer than what was to be changed.
        false
    }

    /// Makes a key's value one that is only served if the load fails. Says whether there was one.
    pub(crate) async fn outdate(&self, key: &KeyBuf) -> Result<bool, Error> {
        self.counters.direct.removals();
        let id = key.id();
        let (here, killed) = self.outdate_here(id);
        let Some(remote) = self.remote.as_ref().filter(|_| !key.is_here()) else {
            return Ok(here);
        };
        // A read may take the fresh value from the remote tier before that is changed.
        let again = Defer(|| self.forget_fresh(id));
        let undone = RemoteEviction::Keys(vec![key.as_str().to_owned()]);
        let there = remote.evict_or(undone, killed, self.outdate_there(remote, key)).await;
        drop(again);
        Ok(there.inspect_err(|_| self.counters.direct.remote_errors())? || here)
    }

    fn outdate_here(&self, id: KeyId) -> (bool, Option<RevokedFence>) {
        let now = self.clock.now();
        let entry = self.memory.as_ref().and_then(|memory| memory.get(id));
        let entry = entry.filter(|entry| {
            entry.at(now) != Freshness::Expired && self.generations.current(&entry.stamps)
        });
        let kept = entry.as_ref().and_then(|entry| {
            let life = entry.life.outdated(now);
            let keeps = is_value(entry) && now < life.keep_until;
            keeps.then(|| (entry, entry.with_life(life)))
        });
        let there = entry.as_ref().is_some_and(|entry| is_value(entry));
        match (kept, &self.memory) {
            (Some((entry, again)), Some(memory)) => {
                (there, self.fences.kill_leaving(id, FenceScope::All, memory, (entry, &again)))
            }
            _ => (there, self.forget(id, FenceScope::All, RemovalCause::Key).1),
        }
    }

    /// Ends loads, and what memory has if it is fresh.
    fn forget_fresh(&self, id: KeyId) {
        let fresh = |entry: &Erased| entry.at(self.clock.now()) == Freshness::Fresh;
        match &self.memory {
            Some(memory) => self.fences.kill_if(id, FenceScope::Loads, memory, fresh),
            None => drop(self.fences.end(id, FenceScope::Loads)),
        }
    }

    async fn outdate_there(
        &self,
        remote: &Arc<Remote>,
        key: &KeyBuf,
    ) -> Result<bool, BackendError> {
        match self.change_there(remote, key, Change::Outdated).await? {
            Changed::Yes => Ok(true),
            // Also where there is nothing: the loads of other processes end.
            changed => {
                remote.remove(key.as_str()).await?;
                Ok(changed == Changed::Evict)
            }
        }
    }

    /// Reads the value, and replaces it by the same one with another life.
    async fn change_there(
        &self,
        remote: &Arc<Remote>,
        key: &KeyBuf,
        change: Change,
    ) -> Result<Changed, BackendError> {
        for _ in 0..ATTEMPTS {
            let Some(lying) = self.lying(remote, key.as_str()).await? else {
                return Ok(Changed::Nothing);
            };
            if matches!(change, Change::Until(_)) && self.clock.now() >= lying.life.fresh_until {
                return Ok(Changed::Nothing);
            }
            let Some(writing) = self.changed(remote, key.as_str(), &lying, change) else {
                return Ok(Changed::Evict);
            };
            match remote.replace(key.as_str(), lying.mark, writing).await {
                Ok(true) => return Ok(Changed::Yes),
                Ok(false) => {}
                Err(error) if error.kind() == BackendErrorKind::Unsupported => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Changed::Evict)
    }

    /// The value's bytes with another life; `None` if that is over already.
    fn changed(
        &self,
        remote: &Remote,
        key: &str,
        lying: &RemoteEntry,
        change: Change,
    ) -> Option<Writing> {
        let now = self.clock.now();
        let life = match change {
            Change::Until(until) => lying.life.until(until),
            Change::Outdated => lying.life.outdated(now),
        };
        if now >= life.keep_until {
            return None;
        }
        let Envelope { space, tags, .. } = lying.envelope.clone();
        let envelope = Envelope { space, tags, ..self.envelope(&life, &TagSnapshot::default()) };
        let place = (self.namespace.as_str(), key);
        let bytes = self.wire.with_envelope(place, &lying.bytes, &envelope)?;
        let depends = remote.depends(&envelope);
        Some(Writing { bytes, ttl: Some(self.remote_ttl(&life)), announce: true, depends })
    }

    /// What the remote tier has under a key, if a read could use it.
    pub(crate) async fn lying(
        &self,
        remote: &Arc<Remote>,
        key: &str,
    ) -> Result<Option<RemoteEntry>, BackendError> {
        let found = remote.read(key, &[], GENERATION_TTL, &self.generations).await?;
        let Some(value) = found.value else { return Ok(None) };
        let bytes = value.read.value.clone();
        let Some(mark) = bytes.last_chunk::<VERSION_LEN>().copied() else { return Ok(None) };
        let Some(envelope) = self.wire.envelope((&self.namespace, key), &bytes) else {
            return Ok(None);
        };
        let tags: Vec<&str> = envelope.tags.iter().map(|(name, _)| name.as_str()).collect();
        let current = match tags.is_empty() {
            true => Vec::new(),
            false => remote.learn(&tags, GENERATION_TTL, &self.generations).await?.tags,
        };
        let Some(life) = self.life_of(&envelope, &value) else { return Ok(None) };
        let usable = envelope.space == found.space
            && envelope.tags.iter().map(|(_, seen)| *seen).eq(current);
        Ok(usable.then_some(RemoteEntry { bytes, mark, envelope, life }))
    }
}

/// Whether it is no failure that is kept.
pub(crate) fn is_value(entry: &Erased) -> bool {
    entry.value::<Failure>().is_none()
}

impl RemoteEntry {
    /// The tags that the value carries.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.envelope.tags.iter().map(|(name, _)| name.as_str())
    }

    /// The moment from which it is not fresh any more.
    pub(crate) fn fresh_until(&self) -> Timestamp {
        let Lifetime { created, fresh_until, idle, .. } = self.life;
        let idle_until = if idle.is_zero() { Timestamp::NEVER } else { created.after(idle) };
        fresh_until.min(idle_until)
    }
}

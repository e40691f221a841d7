//! Changes the lifetime of an existing entry: `expire` and `mark_stale`.
//!
//! Both write a stored value again, so neither may restore a value that was evicted meanwhile, nor block a
//! newer one. In memory the entry is replaced under the fence's lock, and only if it is exactly the entry
//! that was read. In the remote tier the value is replaced only if it is still the one that was read; if the
//! backend cannot do that ([`Backend::replace`](crate::backend::Backend::replace)), the entry is evicted
//! instead.
//!
//! `mark_stale` is an eviction with one exception: the value stays for callers whose load fails. `expire`
//! ends the loads in progress, which could store the entry with its old lifetime again. Marking a tag or the whole cache
//! stale does not touch entries: see [`tags`](crate::tags).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::evict::Defer;
use super::failsafe::Failure;
use super::handle::Engine;
use crate::backend::{GENERATION_TTL, VERSION_LEN};
use crate::base::{BackendError, BackendErrorKind, Error, Pattern, Selection, Timestamp};
use crate::codec::Envelope;
use crate::entry::{Freshness, Lifetime, Stored};
use crate::key::{EntryKey, KeyId};
use crate::memory::{Fate, FenceScope, RevokedFence};
use crate::remote::{Remote, Search, StepSink, Writing};
use crate::stats::RemovalCause;
use crate::tags::{Declared, Relation, TagSnapshot, relation};

/// A value that other writers keep replacing is evicted after this many attempts.
pub(super) const ATTEMPTS: usize = 5;

/// How many values of a pattern are changed at the same time.
const TOGETHER: usize = 32;

/// A value of the remote tier that is neither evicted nor expired, of any type.
pub(crate) struct RemoteEntry {
    bytes: Bytes,
    mark: [u8; VERSION_LEN],
    envelope: Envelope,
    pub(crate) life: Lifetime,
}

/// A change of an entry's lifetime.
#[derive(Clone, Copy, Debug)]
enum LifeChange {
    /// Fresh until then, if it is fresh now.
    Until(Timestamp),
    /// Not fresh.
    Outdated,
}

/// The result of a change in the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    Yes,
    /// There is no entry that can be changed.
    Nothing,
    /// The change is impossible: the value must be evicted.
    Evict,
}

impl Engine {
    /// Changes the lifetime of a key's entry, from now on (`None`: no expiry). Returns whether there is a
    /// fresh entry.
    pub(crate) async fn expire(
        &self,
        key: &EntryKey,
        ttl: Option<Duration>,
    ) -> Result<bool, Error> {
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Ok(self.evict_keys(std::slice::from_ref(key)).await? > 0);
        }
        let (id, now) = (key.id(), self.clock.now());
        let until = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        let Some(remote) = self.remote.as_ref().filter(|_| !key.is_here()) else {
            return Ok(self.expire_here(id, until));
        };
        // A value that is loaded or promoted now has the old lifetime. A put is newer, but must end first;
        // otherwise the old value would be changed.
        let (_, killed) = self.fences.kill(id, FenceScope::Loads, None, &Fate::Stays);
        // If this fails or is dropped half-way, it is unknown for how long the value would be served.
        let otherwise = self.evict_otherwise(id, key.as_str(), true);
        remote.after(killed).await;
        let changed = self.change_there(remote, key.as_str(), LifeChange::Until(until)).await;
        let changed = changed.inspect_err(|_| self.counters.direct.remote_errors())?;
        otherwise.settled();
        match changed {
            Changed::Yes => {
                // Promoted meanwhile, or earlier, with the old lifetime.
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
            let Some(entry) = self.unverified(id, Declared::NONE).filter(is_value) else {
                return false;
            };
            let again = entry.with_life(entry.life().until(until));
            if self.fences.exchange(id, memory, (&entry, &again), true) {
                return true;
            }
        }
        // Other writers keep replacing it: their values are newer than the one to be changed.
        false
    }

    /// Makes a key's value one that is only served if the load fails. Returns whether there was one.
    pub(crate) async fn outdate(&self, key: &EntryKey) -> Result<bool, Error> {
        self.counters.direct.removals();
        let id = key.id();
        let (here, killed) = self.outdate_here(id);
        let Some(remote) = self.remote.as_ref().filter(|_| !key.is_here()) else {
            return Ok(here);
        };
        // A read may take the fresh value from the remote tier before that is changed.
        let again = Defer(|| self.forget_fresh(id));
        let eviction = Selection::Keys(vec![key.as_str().to_owned()]);
        let there =
            remote.evict_or(eviction, killed, self.outdate_there(remote, key.as_str())).await;
        drop(again);
        Ok(there.inspect_err(|_| self.counters.direct.remote_errors())? || here)
    }

    fn outdate_here(&self, id: KeyId) -> (bool, Option<RevokedFence>) {
        let now = self.clock.now();
        let entry = self.marked(id).filter(|entry| {
            entry.at(now) != Freshness::Expired && self.generations.current(&entry.stamps)
        });
        let kept = entry.as_ref().and_then(|entry| {
            let life = entry.life().outdated(now);
            let keeps = is_value(entry) && now < life.keep_until;
            keeps.then(|| (entry, entry.with_life(life)))
        });
        let there = entry.as_ref().is_some_and(is_value);
        let fate = match &kept {
            Some((entry, again)) => Fate::Becomes(entry, again),
            None => Fate::Leaves(RemovalCause::Key),
        };
        (there, self.fences.kill(id, FenceScope::All, self.memory.as_ref(), &fate).1)
    }

    /// Ends loads, and removes memory's entry unless it is only kept for failed loads.
    fn forget_fresh(&self, id: KeyId) {
        let fresh = |entry: &Stored| self.is_served(entry);
        let fate = Fate::LeavesIf(&fresh);
        drop(self.fences.kill(id, FenceScope::Loads, self.memory.as_ref(), &fate));
    }

    /// Whether callers get the entry although no load has failed.
    fn is_served(&self, entry: &Stored) -> bool {
        !matches!(entry.at(self.clock.now()), Freshness::Kept | Freshness::Expired)
    }

    /// Like [`outdate`](Self::outdate), for all matching keys. Returns how many values there were.
    pub(super) async fn outdate_matching(&self, pattern: &Pattern) -> Result<u64, Error> {
        // Loads of matching keys end first, also of keys that no tier has: what they commit before is in memory now.
        let mut killed = self.fences.kill_matching(FenceScope::All, &|key| pattern.covers(key));
        let mut here = 0;
        for id in self.matching_in_memory(pattern, |_| true) {
            let (outdated, writer) = self.outdate_here(id);
            here += u64::from(outdated);
            killed.extend(writer);
        }
        let Some(remote) = &self.remote else { return Ok(here) };
        // A read may take a fresh value from the remote tier before that is changed.
        let again = Defer(|| {
            self.fences.kill_matching(FenceScope::Loads, &|key| pattern.covers(key));
            let fresh = self.matching_in_memory(pattern, |entry| self.is_served(entry));
            fresh.into_iter().for_each(|id| self.forget_fresh(id));
        });
        let eviction = Selection::Pattern(pattern.clone());
        let there = self.outdate_matching_there(remote, pattern);
        let there = remote.evict_or(eviction, killed, there).await;
        drop(again);
        Ok(there.inspect_err(|_| self.counters.direct.remote_errors())?.max(here))
    }

    fn matching_in_memory(
        &self,
        pattern: &Pattern,
        counts: impl Fn(&Stored) -> bool,
    ) -> Vec<KeyId> {
        let mut found = Vec::new();
        if let Some(memory) = &self.memory {
            memory.visit(|id, entry| {
                if pattern.covers(&entry.key) && counts(entry) {
                    found.push(id);
                }
            });
        }
        found
    }

    /// Leases first, then values: a load in progress at the start either loses its lease, or its value is found.
    async fn outdate_matching_there(
        &self,
        remote: &Arc<Remote>,
        pattern: &Pattern,
    ) -> Result<u64, BackendError> {
        let progress = StepSink::default();
        remote.revoke_matching(pattern, &progress).await?;
        let (mut search, mut changed) = (Search::new(pattern), 0);
        while let Some(found) = remote.search(&mut search, &progress).await? {
            let outdate = |key: String| async move { self.outdate_there(remote, &key).await };
            let mut outdated = stream::iter(found).map(outdate).buffer_unordered(TOGETHER);
            while let Some(outdated) = outdated.next().await {
                changed += u64::from(outdated?);
            }
        }
        remote.tell_of_pattern(pattern).await?;
        Ok(changed)
    }

    async fn outdate_there(&self, remote: &Arc<Remote>, key: &str) -> Result<bool, BackendError> {
        match self.change_there(remote, key, LifeChange::Outdated).await? {
            Changed::Yes => Ok(true),
            // Even if there is no value, this ends the loads of other processes.
            changed => {
                remote.remove(key).await?;
                Ok(changed == Changed::Evict)
            }
        }
    }

    /// Reads the value, and replaces it by the same value with another lifetime.
    async fn change_there(
        &self,
        remote: &Arc<Remote>,
        key: &str,
        change: LifeChange,
    ) -> Result<Changed, BackendError> {
        for _ in 0..ATTEMPTS {
            let Some(lying) = self.lying(remote, key).await? else {
                return Ok(Changed::Nothing);
            };
            if matches!(change, LifeChange::Until(_)) && self.clock.now() >= lying.life.fresh_until
            {
                return Ok(Changed::Nothing);
            }
            let Some(writing) = self.changed(remote, key, &lying, change) else {
                return Ok(Changed::Evict);
            };
            match remote.replace(key, lying.mark, writing).await {
                Ok(true) => return Ok(Changed::Yes),
                Ok(false) => {}
                Err(error) if error.kind() == BackendErrorKind::Unsupported => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Changed::Evict)
    }

    /// The value's bytes with another lifetime; `None` if that has already ended.
    fn changed(
        &self,
        remote: &Remote,
        key: &str,
        lying: &RemoteEntry,
        change: LifeChange,
    ) -> Option<Writing> {
        let now = self.clock.now();
        let life = match change {
            LifeChange::Until(until) => lying.life.until(until),
            LifeChange::Outdated => lying.life.outdated(now),
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

    /// The remote tier's value of a key, if a read could use it.
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
        let seen = envelope.tags.iter().map(|(_, seen)| *seen);
        let pairs = seen.zip(current).chain([(envelope.space, found.space)]);
        let now = self.clock.now();
        let life = match relation(pairs) {
            Relation::Current => life,
            Relation::Outdated => life.outdated(now),
            Relation::Evicted => return Ok(None),
        };
        Ok((now < life.keep_until).then_some(RemoteEntry { bytes, mark, envelope, life }))
    }
}

/// Whether the entry is a value and not a cached failure.
pub(crate) fn is_value(entry: &Stored) -> bool {
    entry.value::<Failure>().is_none()
}

impl RemoteEntry {
    /// The tags that the value carries.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.envelope.tags.iter().map(|(name, _)| name.as_str())
    }

    /// The moment from which it is not fresh.
    pub(crate) fn fresh_until(&self) -> Timestamp {
        self.life.fresh_unless_read()
    }
}

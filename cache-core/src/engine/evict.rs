//! Evictions: they revoke every load of the key that has begun, in memory and in the remote tier.

use super::handle::Engine;
use super::mutation::Mutation;
use crate::base::{Error, Pattern, Selection};
use crate::key::{EntryKey, KeyId};
use crate::memory::{Fate, FenceScope, RevokedFence};
use crate::remote::{Attempt, StepSink};
use crate::stats::RemovalCause;
use crate::tags::{Strength, TagSnapshot};

impl Engine {
    /// The memory half of an eviction; complete when this returns.
    pub(crate) fn forget(
        &self,
        id: KeyId,
        reach: FenceScope,
        cause: RemovalCause,
    ) -> (bool, Option<RevokedFence>) {
        self.fences.kill(id, reach, self.memory.as_ref(), &Fate::Leaves(cause))
    }

    /// Whether the key, or one of the tags, was evicted after `moment`, as [`tick`](crate::tags::tick)
    /// counts. May be true for a key that was not evicted.
    pub(crate) fn has_evicted_since(&self, moment: u64, id: KeyId, stamps: &TagSnapshot) -> bool {
        self.fences.has_evicted_since(moment, id)
            || self.generations.has_evicted_since(moment, stamps)
    }

    /// Makes a guard that evicts a key, in memory and, if `remotely`, in the remote tier, unless it is
    /// settled.
    pub(crate) fn evict_otherwise(&self, id: KeyId, key: &str, remotely: bool) -> EvictOnDrop<'_> {
        let attempt = self.remote.as_ref().filter(|_| remotely).map(|remote| remote.attempt(key));
        EvictOnDrop { engine: self, id, attempt, settled: false }
    }

    /// Like [`forget`](Self::forget), for all matching keys; returns the number of removed entries.
    pub(crate) fn forget_matching(
        &self,
        pattern: &Pattern,
        reach: FenceScope,
        cause: RemovalCause,
    ) -> (u64, Vec<RevokedFence>) {
        let killed = self.fences.kill_matching(reach, &|key| pattern.covers(key));
        let (mut removed, mut keys) = (0, Vec::new());
        if let Some(memory) = &self.memory {
            let heard = self.signals.is_heard();
            memory.retain(|entry| {
                let matched = pattern.covers(&entry.key);
                removed += u64::from(matched);
                // Reported below, because the engine may hold a lock here.
                keys.extend((matched && heard).then(|| entry.key.clone()));
                !matched
            });
        }
        self.signals.left(cause, removed, keys.iter().map(|key| &**key));
        (removed, killed)
    }

    /// The eviction itself, regardless of the caller's transaction.
    pub(crate) async fn carry_out(&self, what: &Mutation) -> Result<u64, Error> {
        let cache = &*self.signals.cache;
        tracing::debug!(target: "larder::eviction", cache, ?what, "larder: an eviction");
        match what {
            Mutation::Evict(selection, progress) => self.evict(selection, progress).await,
            Mutation::MarkStale(selection) => self.mark_stale(selection).await,
            Mutation::Expire(key, ttl) => self.expire(key, *ttl).await.map(u64::from),
        }
    }

    async fn evict(
        &self,
        selection: &Selection<EntryKey>,
        progress: &StepSink,
    ) -> Result<u64, Error> {
        match selection {
            Selection::Keys(key) => self.evict_keys(std::slice::from_ref(key)).await,
            Selection::Pattern(pattern) => self.evict_matching(pattern, progress).await,
            Selection::Tag(tag) => {
                self.warn_of_undeclared(tag);
                self.bump(tag, Strength::Hard).await.map(|()| 0)
            }
            Selection::All => self.wipe().await.map(|()| 0),
        }
    }

    async fn mark_stale(&self, selection: &Selection<EntryKey>) -> Result<u64, Error> {
        match selection {
            Selection::Keys(key) => self.outdate(key).await.map(u64::from),
            Selection::Pattern(pattern) => self.outdate_matching(pattern).await,
            Selection::Tag(tag) => {
                self.warn_of_undeclared(tag);
                self.bump(tag, Strength::Soft).await.map(|()| 0)
            }
            Selection::All => self.bump_all(Strength::Soft).await.map(|()| 0),
        }
    }

    /// Memory first, then the remote tier, then memory again: between the first two steps a read may have
    /// taken the old value from the remote tier into memory.
    pub(crate) async fn evict_keys(&self, keys: &[EntryKey]) -> Result<u64, Error> {
        self.evict_keys_in_tiers(keys).await.map(|(here, there)| here.max(there))
    }

    /// Like [`evict_keys`](Self::evict_keys); returns how many the memory tier had, and how many the remote tier.
    pub(crate) async fn evict_keys_in_tiers(&self, keys: &[EntryKey]) -> Result<(u64, u64), Error> {
        keys.iter().for_each(|_| self.counters.direct.removals());
        let ids: Vec<KeyId> = keys.iter().map(EntryKey::id).collect();
        let forgotten: Vec<_> =
            ids.iter().map(|id| self.forget(*id, FenceScope::All, RemovalCause::Key)).collect();
        let in_memory = forgotten.iter().filter(|(removed, _)| *removed).count() as u64;
        let shared = keys.iter().filter(|key| !key.is_here());
        let shared: Vec<String> = shared.map(|key| key.as_str().to_owned()).collect();
        let Some(remote) = self.remote.as_ref().filter(|_| !shared.is_empty()) else {
            return Ok((in_memory, 0));
        };
        let eviction = Selection::Keys(shared);
        let forget = |id: &KeyId| drop(self.forget(*id, FenceScope::Loads, RemovalCause::Key));
        let again = Defer(|| ids.iter().for_each(forget));
        // From here on the eviction becomes pending if the caller is dropped.
        let removed =
            remote.evict(eviction, forgotten.into_iter().filter_map(|(_, killed)| killed));
        let removed = removed.await;
        drop(again);
        let removed = removed.inspect_err(|_| self.counters.direct.remote_errors())?;
        Ok((in_memory, removed))
    }

    /// Removes the old value from the remote tier after a refresh or a put was superseded and stored nothing.
    /// Does not cancel concurrent puts. (The eviction or put of this process that superseded it may not have
    /// reached the remote tier yet, and the caller of this is about to return.)
    pub(crate) async fn evict_replaced(&self, key: &str) -> Result<(), Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        // Memory last: until then a read may take the old value from the remote tier.
        let again =
            Defer(|| drop(self.forget(KeyId::of(key), FenceScope::Loads, RemovalCause::Key)));
        // Does not wait for writes in progress: otherwise the value of a newer put would be removed.
        let evicted = remote.evict(Selection::Keys(vec![key.to_owned()]), None).await;
        drop(again);
        evicted.inspect_err(|_| self.counters.direct.remote_errors())?;
        Ok(())
    }

    async fn evict_matching(&self, pattern: &Pattern, progress: &StepSink) -> Result<u64, Error> {
        let (in_memory, killed) =
            self.forget_matching(pattern, FenceScope::All, RemovalCause::Pattern);
        progress.forgot(in_memory);
        let Some(remote) = &self.remote else { return Ok(in_memory) };
        let again =
            Defer(|| drop(self.forget_matching(pattern, FenceScope::Loads, RemovalCause::Pattern)));
        let removed = remote.evict_pattern(pattern.clone(), progress.clone(), killed).await;
        drop(again);
        let removed = removed.inspect_err(|_| self.counters.direct.remote_errors())?;
        Ok(removed.max(in_memory))
    }

    async fn bump(&self, tag: &str, strength: Strength) -> Result<(), Error> {
        self.generations.bump_tag(tag, strength);
        // A read may take the old value from the remote tier before the bump arrives there.
        let _again = Defer(|| self.generations.bump_tag(tag, strength));
        self.bump_there(Selection::Tag(tag.to_owned()), strength).await
    }

    async fn bump_all(&self, strength: Strength) -> Result<(), Error> {
        self.generations.bump_space(strength);
        let _again = Defer(|| self.generations.bump_space(strength));
        self.bump_there(Selection::All, strength).await
    }

    async fn bump_there(
        &self,
        eviction: Selection<Vec<String>>,
        strength: Strength,
    ) -> Result<(), Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let bumped = match strength {
            Strength::Hard => remote.evict(eviction, None).await.map(drop),
            Strength::Soft => remote.soften(eviction).await,
        };
        bumped.inspect_err(|_| self.counters.direct.remote_errors())?;
        Ok(())
    }

    async fn wipe(&self) -> Result<(), Error> {
        let everything = Pattern::new("*");
        self.bump_all(Strength::Hard).await?;
        // From here on no reader gets an old entry; the rest frees the space.
        let (_, killed) = self.forget_matching(&everything, FenceScope::All, RemovalCause::Cleared);
        if let Some(remote) = &self.remote {
            remote.sweep(everything, killed).await?;
        }
        Ok(())
    }
}

/// Evicts a key when dropped, unless it is settled: in memory immediately, in the remote tier before that is
/// used again.
pub(crate) struct EvictOnDrop<'a> {
    engine: &'a Engine,
    id: KeyId,
    attempt: Option<Attempt<'a>>,
    settled: bool,
}

impl EvictOnDrop<'_> {
    pub(crate) fn settled(mut self) {
        self.attempt.take().into_iter().for_each(Attempt::settled);
        self.settled = true;
    }
}

impl Drop for EvictOnDrop<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let (_, killed) = self.engine.forget(self.id, FenceScope::All, RemovalCause::Key);
            if let (Some(attempt), Some(killed)) = (&mut self.attempt, killed) {
                attempt.after(killed);
            }
        }
    }
}

/// Runs at the end of its scope, even if the surrounding future is dropped.
pub(crate) struct Defer<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

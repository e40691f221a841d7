//! Evictions in the remote tier: tried immediately, and pending if that fails.

use std::collections::HashSet;

use super::{PATIENCE, Remote};
use crate::backend::RemoveOutcome;
use crate::base::{BackendError, Pattern, Selection, Timestamp};
use crate::memory::RevokedFence;
use crate::remote::bus::BusMessage;
use crate::remote::pending::{Attempt, RemoteEviction};
use crate::remote::progress::StepSink;
use crate::stats::Change;
use crate::tags::Strength;

/// The most serious of several failures: one of the whole tier, if there is any.
pub(crate) fn worst<'a>(
    failures: impl Iterator<Item = &'a BackendError> + Clone,
) -> Option<BackendError> {
    failures.clone().find(|error| !error.is_of_a_part()).or(failures.clone().next()).cloned()
}

impl Remote {
    /// An eviction of `key` that becomes pending unless it is settled.
    pub(crate) fn attempt(&self, key: &str) -> Attempt<'_> {
        self.pending.attempt(Selection::Keys(vec![key.to_owned()]), Vec::new())
    }

    /// Carries out an eviction. If that fails, or if the future is dropped, the eviction becomes pending.
    pub(crate) async fn evict(
        &self,
        eviction: RemoteEviction,
        writers: impl IntoIterator<Item = RevokedFence>,
    ) -> Result<u64, BackendError> {
        let attempt = self.pending.attempt(eviction, writers.into_iter().collect());
        self.evict_now(attempt).await
    }

    /// Like [`evict`](Self::evict), for a pattern; reports the steps.
    pub(crate) async fn evict_pattern(
        &self,
        pattern: Pattern,
        progress: StepSink,
        writers: Vec<RevokedFence>,
    ) -> Result<u64, BackendError> {
        let attempt = self.pending.attempt(Selection::Pattern(pattern), writers);
        self.evict_now(attempt.reporting_to(progress)).await
    }

    async fn evict_now(&self, mut attempt: Attempt<'_>) -> Result<u64, BackendError> {
        let done = self.try_now(&mut attempt).await;
        match done {
            Ok(_) => attempt.settled(),
            Err(_) => {
                drop(attempt);
                self.signals.note(Change::Pending { evictions: self.pending.len() });
                self.signals.tell_changes();
            }
        }
        done
    }

    /// Like [`evict`](Self::evict), but carries out `instead`. If that fails, or the future is dropped, the
    /// eviction becomes pending.
    pub(crate) async fn evict_or<T>(
        &self,
        eviction: RemoteEviction,
        writers: impl IntoIterator<Item = RevokedFence>,
        instead: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let mut attempt = self.pending.attempt(eviction, writers.into_iter().collect());
        self.let_write(&mut attempt, self.clock.now().after(PATIENCE)).await;
        let done = instead.await?;
        attempt.settled();
        Ok(done)
    }

    /// Makes the entries of a tag or of the namespace stale. If that fails, or the future is dropped, their eviction
    /// becomes pending.
    pub(crate) async fn soften(&self, eviction: RemoteEviction) -> Result<(), BackendError> {
        let soften = Box::pin(self.tried(self.bump(&eviction, Strength::Soft)));
        let done = self.evict_or(eviction.clone(), None, soften).await;
        self.signals.tell_changes();
        done.map(drop)
    }

    /// Like [`evict`](Self::evict), for values that are already dead and only take up space. Evictions for an
    /// unreachable part of the store do not become pending: they would block the rest, and the values expire
    /// by their ttl.
    pub(crate) async fn sweep(
        &self,
        pattern: Pattern,
        writers: Vec<RevokedFence>,
    ) -> Result<(), BackendError> {
        let mut attempt = self.pending.attempt(Selection::Pattern(pattern), writers);
        match self.try_now(&mut attempt).await {
            Err(error) if !error.is_of_a_part() => return Err(error),
            Err(error) => {
                let cache = &*self.signals.cache;
                tracing::info!(target: "larder::eviction", cache, %error, "larder: a part of the store still holds cleared values, which are never read");
            }
            Ok(_) => {}
        }
        attempt.settled();
        Ok(())
    }

    async fn try_now(&self, attempt: &mut Attempt<'_>) -> Result<u64, BackendError> {
        let until = self.clock.now().after(PATIENCE);
        let done = self.carry_out(attempt, until).await;
        self.signals.tell_changes();
        done
    }

    /// Carries out an eviction after the writes that were permitted before it, so that it removes their
    /// values.
    pub(super) async fn carry_out(
        &self,
        attempt: &mut Attempt<'_>,
        until: Timestamp,
    ) -> Result<u64, BackendError> {
        self.let_write(attempt, until).await;
        Box::pin(self.tried(self.undo(attempt))).await
    }

    async fn let_write(&self, attempt: &mut Attempt<'_>, until: Timestamp) {
        while let Some(writer) = attempt.writer() {
            // A write that does not end in time removes its own value when it ends: see `UncertainWrite`.
            let _ = self.clock.timeout_at(until, writer.settled()).await;
            attempt.waited();
        }
    }

    /// Waits for a write in progress, for a limited time.
    pub(crate) async fn after(&self, writer: Option<RevokedFence>) {
        let until = self.clock.now().after(PATIENCE);
        if let Some(writer) = writer {
            let _ = self.clock.timeout_at(until, writer.settled()).await;
        }
    }

    async fn undo(&self, attempt: &mut Attempt<'_>) -> Result<u64, BackendError> {
        let Some((eviction, progress)) = attempt.eviction() else { return Ok(0) };
        let progress = progress.clone();
        match eviction.clone() {
            Selection::Keys(keys) => self.remove_now(keys, attempt).await,
            Selection::Pattern(pattern) => self.remove_matching_now(&pattern, &progress).await,
            eviction @ (Selection::Tag(_) | Selection::All) => {
                self.bump(&eviction, Strength::Hard).await
            }
        }
    }

    /// Increments the generation of a tag or of the namespace. This process learns it only here: it ignores bus
    /// messages about its own evictions. Keys and patterns have no generation.
    async fn bump(
        &self,
        eviction: &RemoteEviction,
        strength: Strength,
    ) -> Result<u64, BackendError> {
        let place = match eviction {
            Selection::Tag(tag) => self.tag_key(tag),
            Selection::All => self.space_key.clone(),
            Selection::Keys(_) | Selection::Pattern(_) => return Ok(0),
        };
        let generation = match strength {
            Strength::Hard => self.backend.bump(&place).await?,
            Strength::Soft => self.backend.bump_softly(&place).await?,
        };
        let (evicted, soft) = (eviction.clone(), strength == Strength::Soft);
        self.tell(BusMessage { evicted, generation, soft }).await?;
        match eviction {
            Selection::Tag(tag) => self.generations.learn_tag(tag, generation),
            _ => self.generations.learn_space(generation),
        }
        Ok(generation)
    }

    /// Removes keys. The keys that could not be removed stay in `attempt`.
    async fn remove_now(
        &self,
        mut keys: Vec<String>,
        attempt: &mut Attempt<'_>,
    ) -> Result<u64, BackendError> {
        let places: Vec<String> = keys.iter().map(|key| self.value_key(key)).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let notice = self.notice(Selection::Keys(keys.clone()));
        let RemoveOutcome { count, failed } =
            self.backend.remove_each(&places, Some(&notice)).await;
        let Some(error) = worst(failed.iter().map(|(_, error)| error)) else { return Ok(count) };
        let mut place = 0;
        let failed: HashSet<usize> = failed.into_iter().map(|(place, _)| place).collect();
        keys.retain(|_| {
            place += 1;
            failed.contains(&(place - 1))
        });
        attempt.left(keys);
        Err(error)
    }
}

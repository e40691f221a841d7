//! The remote tier: a backend under a namespace. Reads and writes go through
//! [`Remote::guarded`]: what is owed first, then the operation, each past the breaker.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::breaker::{Breaker, BreakerLimits};
use super::bus::{self, Message};
use super::lease::Ask;
use super::owed::{Concern, Owed, Trying, Undone};
use super::settler::Settler;
use super::state::Record;
use crate::backend::{Acquire, Acquired, Backend, Leases, MARK, Notice, Removed, Write};
use crate::clock::{Clock, Timestamp};
use crate::invalidation::{Generations, Killed, Teller};
use crate::observe::Signals;
use crate::{BackendError, BackendErrorKind, BreakerState, Pattern};

pub(crate) struct Remote {
    backend: Arc<dyn Backend>,
    namespace: String,
    /// This cache among those that share the namespace.
    instance: u64,
    owed: Owed,
    breaker: Breaker,
    record: Record,
    settling: tokio::sync::Mutex<()>,
    clock: Clock,
    signals: Arc<Signals>,
}

/// How long one caller waits for what another has begun: backends answer within their own time-outs, but
/// nobody may be driving the runtime that the other one runs in.
const PATIENCE: Duration = Duration::from_secs(2);

fn unsettled() -> BackendError {
    let message = "evictions that it missed are still being carried out";
    BackendError::new(BackendErrorKind::TimedOut, "catching up", message)
}

/// What several failures say of the tier: one that is not of a part of it, if there is any.
fn worst<'a>(failures: impl Iterator<Item = &'a BackendError> + Clone) -> Option<BackendError> {
    failures.clone().find(|error| !error.is_of_a_part()).or(failures.clone().next()).cloned()
}

/// What a read found, with the generations of the moment before.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) space: u64,
    pub(crate) tags: Vec<u64>,
}

/// What is to be stored.
pub(crate) struct Writing {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ttl: Option<Duration>,
    /// Whether other processes are to forget what they have of it in memory.
    pub(crate) announce: bool,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("backend", &self.backend.name()).finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        (namespace, instance): (&str, u64),
        clock: &Clock,
        signals: &Arc<Signals>,
    ) -> Self {
        let record = Record::new(namespace, backend.name(), clock.clone());
        Self {
            backend,
            namespace: namespace.to_owned(),
            instance,
            owed: Owed::default(),
            breaker: Breaker::new(clock.clone()),
            record,
            settling: tokio::sync::Mutex::new(()),
            clock: clock.clone(),
            signals: Arc::clone(signals),
        }
    }

    pub(crate) fn with_breaker(mut self, limits: BreakerLimits) -> Self {
        self.breaker = self.breaker.with(limits);
        self
    }

    /// Shared from now on: what it owes is carried out in the background, too.
    pub(crate) fn shared(self) -> Arc<Self> {
        let owed = |this: &Weak<Self>| Owed::settled_by(Settler::of(Weak::clone(this)));
        Arc::new_cyclic(|this| Self { owed: owed(this), ..self })
    }

    pub(super) fn wake_if_owing(&self) {
        self.owed.wake_settler();
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn owed_evictions(&self) -> usize {
        self.owed.len()
    }

    /// Where a value lies. A namespace has no `:`, so no two namespaces share a key.
    fn value_key(&self, key: &str) -> String {
        format!("{}:{key}", self.namespace)
    }

    /// Where a generation lies. A namespace has no `~`, so no value lies there.
    fn tag_key(&self, tag: &str) -> String {
        format!("{}~tag:{tag}", self.namespace)
    }

    fn space_key(&self) -> String {
        format!("{}~space", self.namespace)
    }

    pub(crate) fn channel(&self) -> String {
        format!("{}~bus", self.namespace)
    }

    fn notice(&self, message: Message) -> Notice {
        bus::notice(&self.channel(), self.instance, message)
    }

    async fn tried<T>(
        &self,
        operation: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        if !self.breaker.admits() {
            let message = self.record.left_alone();
            return Err(BackendError::new(BackendErrorKind::Unreachable, "breaker", message));
        }
        let result = operation.await;
        self.weigh(&result);
        result
    }

    /// What an operation's end says of the tier.
    pub(super) fn weigh<T>(&self, result: &Result<T, BackendError>) {
        let failed = result.as_ref().is_err_and(|error| {
            matches!(error.kind(), BackendErrorKind::Unreachable | BackendErrorKind::TimedOut)
        });
        // That a part of it is away says nothing of the rest.
        if !result.as_ref().is_err_and(BackendError::is_of_a_part) {
            self.breaker.record(!failed).for_each(|change| self.signals.note(change));
        }
        self.ended(result);
    }

    /// Tries what is owed first: until that is done, what it concerns is not to be read or written.
    async fn guarded<T>(
        self: &Arc<Self>,
        concern: Concern<'_>,
        operation: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let result = match self.settled(concern).await {
            Ok(()) => self.tried(operation).await,
            Err(error) => Err(error),
        };
        self.signals.tell_changes();
        result
    }

    /// Tells what has changed; under no lock.
    pub(super) fn tell_changes(&self) {
        self.signals.tell_changes();
    }

    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Carries out what is owed, if anything is.
    pub(crate) async fn settle_owed(self: &Arc<Self>) -> Result<(), BackendError> {
        let settled = self.settled(Concern::Everything).await;
        self.signals.tell_changes();
        settled
    }

    /// Tries what is owed; an error if an operation may still meet it.
    async fn settled(self: &Arc<Self>, concern: Concern<'_>) -> Result<(), BackendError> {
        if !self.owed.hinders(concern) {
            return Ok(());
        }
        if self.owed.is_left_to_the_settler(concern) {
            self.owed.wake_settler();
            return Err(unsettled().of_a_part());
        }
        match self.settle().await {
            Err(error) if error.is_of_a_part() && !self.owed.concerns(concern) => Ok(()),
            settled => settled,
        }
    }

    /// Whether it failed when it was last asked.
    pub(crate) fn fails(&self) -> bool {
        self.breaker.fails()
    }

    /// In a task of its own, where there is a runtime: whoever waits for it must not depend on a caller
    /// who may stop polling.
    #[cold]
    async fn settle(self: &Arc<Self>) -> Result<(), BackendError> {
        let this = Arc::clone(self);
        let settling = async move { this.settle_now().await };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn(settling).await.unwrap_or_else(|_| Err(unsettled())),
            Err(_) => Box::pin(settling).await,
        }
    }

    pub(super) async fn settle_now(&self) -> Result<(), BackendError> {
        // One at a time: who comes second finds nothing owed any more, and not a list that another
        // has taken but not yet worked off.
        let until = self.clock.now().after(PATIENCE);
        let turn = self.clock.timeout_at(until, self.settling.lock()).await;
        let _turn = turn.map_err(|_| unsettled())?;
        let mut done = 0_u64;
        let mut outcome = self.settle_each(Owed::next_keys, until, &mut done).await;
        if outcome.as_ref().err().is_none_or(BackendError::is_of_a_part) {
            let wide = self.settle_each(Owed::next_wide, until, &mut done).await;
            outcome = match wide {
                Err(error) if !error.is_of_a_part() => Err(error),
                wide => outcome.and(wide),
            };
        }
        self.owed.set_parted(outcome.as_ref().is_err_and(BackendError::is_of_a_part));
        if done > 0 {
            let cache = &*self.signals.cache;
            tracing::info!(cache, evictions = done, "larder: evictions that were owed are done");
        }
        outcome
    }

    /// All of a kind; what a part of the store has which is away is kept aside until the others were tried.
    async fn settle_each<'a>(
        &'a self,
        next: impl Fn(&'a Owed) -> Option<Trying<'a>>,
        until: Timestamp,
        done: &mut u64,
    ) -> Result<(), BackendError> {
        let (mut outcome, mut away) = (Ok(()), Vec::new());
        while let Some(mut trying) = next(&self.owed) {
            match self.carry_out(&mut trying, until, &mut Teller::default()).await {
                Ok(_) => {
                    trying.settled();
                    *done += 1;
                }
                Err(error) => {
                    let of_a_part = error.is_of_a_part();
                    outcome = Err(error);
                    if !of_a_part {
                        break;
                    }
                    away.push(trying);
                }
            }
        }
        outcome
    }

    async fn undo(
        &self,
        trying: &mut Trying<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        match trying.undone().cloned() {
            Some(Undone::Keys(keys)) => self.remove_now(keys, trying).await,
            Some(Undone::Pattern(pattern)) => self.remove_matching_now(&pattern, teller).await,
            Some(Undone::Tag(tag)) => {
                self.bump_now(&self.tag_key(&tag), |new| Message::Tag(tag.clone(), new)).await
            }
            Some(Undone::Space) => self.bump_now(&self.space_key(), Message::Space).await,
            None => Ok(0),
        }
    }

    /// Waits for writes in progress that were allowed before the eviction: what they write is then removed.
    async fn carry_out(
        &self,
        trying: &mut Trying<'_>,
        until: Timestamp,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        self.let_write(trying, until).await;
        Box::pin(self.tried(self.undo(trying, teller))).await
    }

    async fn let_write(&self, trying: &mut Trying<'_>, until: Timestamp) {
        while let Some(writer) = trying.writer() {
            // A write that does not end in time sees to its own trace when it ends: see `Unsure`.
            let _ = self.clock.timeout_at(until, writer.settled()).await;
            trying.waited();
        }
    }

    /// Waits for a write in progress, for a time.
    pub(crate) async fn after(&self, writer: Option<Killed>) {
        let until = self.clock.now().after(PATIENCE);
        if let Some(writer) = writer {
            let _ = self.clock.timeout_at(until, writer.settled()).await;
        }
    }

    /// As [`evict`](Self::evict), but does `instead`. If that fails, or nobody waits for its end, it is the
    /// eviction that is owed.
    pub(crate) async fn evict_or<T>(
        &self,
        undone: Undone,
        writer: Option<Killed>,
        instead: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let mut trying = self.owed.trying(undone, writer.into_iter().collect());
        self.let_write(&mut trying, self.clock.now().after(PATIENCE)).await;
        let done = instead.await?;
        trying.settled();
        Ok(done)
    }

    /// Removes a key's value at once, and ends its lease.
    pub(crate) async fn remove(self: &Arc<Self>, key: &str) -> Result<u64, BackendError> {
        let place = self.value_key(key);
        let notice = self.notice(Message::Keys(vec![key.to_owned()]));
        self.guarded(Concern::Keys(&[key]), self.backend.remove(&[&place], Some(&notice))).await
    }

    /// Stores a value in the place of the one with the mark `seen`, if that is there. Says whether it was.
    pub(crate) async fn replace(
        self: &Arc<Self>,
        key: &str,
        seen: [u8; MARK],
        Writing { bytes, ttl, .. }: Writing,
    ) -> Result<bool, BackendError> {
        let write = Write { key: self.value_key(key), value: bytes.into(), ttl };
        let notice = self.notice(Message::Keys(vec![key.to_owned()]));
        let replacing = self.backend.replace(seen, &write, Some(&notice));
        self.guarded(Concern::Keys(&[key]), replacing).await
    }

    /// Carries an eviction out, or leaves it owed.
    pub(crate) async fn evict(
        &self,
        undone: Undone,
        writers: impl IntoIterator<Item = Killed>,
    ) -> Result<u64, BackendError> {
        self.evict_telling(undone, writers, &mut Teller::default()).await
    }

    /// As [`evict`](Self::evict); a pattern's tells how far it has come.
    pub(crate) async fn evict_telling(
        &self,
        undone: Undone,
        writers: impl IntoIterator<Item = Killed>,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        let mut trying = self.owed.trying(undone, writers.into_iter().collect());
        let done = self.try_now(&mut trying, teller).await?;
        trying.settled();
        Ok(done)
    }

    /// As [`evict`](Self::evict), of what is dead already and only takes up room: what a part of the store has
    /// that is away is not owed. It would keep the rest from being used, and go with its ttl.
    pub(crate) async fn sweep(
        &self,
        pattern: Pattern,
        writers: Vec<Killed>,
    ) -> Result<(), BackendError> {
        let mut trying = self.owed.trying(Undone::Pattern(pattern), writers);
        match self.try_now(&mut trying, &mut Teller::default()).await {
            Err(error) if !error.is_of_a_part() => return Err(error),
            Err(error) => {
                let cache = &*self.signals.cache;
                tracing::info!(cache, %error, "larder: what was cleared is dead, but a part of it is still stored");
            }
            Ok(_) => {}
        }
        trying.settled();
        Ok(())
    }

    async fn try_now(
        &self,
        trying: &mut Trying<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        let until = self.clock.now().after(PATIENCE);
        let done = self.carry_out(trying, until, teller).await;
        self.signals.tell_changes();
        done
    }

    /// An eviction of `key` that is owed unless it is settled.
    pub(crate) fn owing(&self, key: &str) -> Trying<'_> {
        self.owed.trying(Undone::Keys(vec![key.to_owned()]), Vec::new())
    }

    /// Removes keys; those that could not be removed are what is left to be tried.
    async fn remove_now(
        &self,
        mut keys: Vec<String>,
        trying: &mut Trying<'_>,
    ) -> Result<u64, BackendError> {
        let places: Vec<String> = keys.iter().map(|key| self.value_key(key)).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let notice = self.notice(Message::Keys(keys.clone()));
        let Removed { count, failed } = self.backend.remove_each(&places, Some(&notice)).await;
        let Some(error) = worst(failed.iter().map(|(_, error)| error)) else { return Ok(count) };
        let mut place = 0;
        let failed: HashSet<usize> = failed.into_iter().map(|(place, _)| place).collect();
        keys.retain(|_| {
            place += 1;
            failed.contains(&(place - 1))
        });
        trying.left(keys);
        Err(error)
    }

    /// Leases first, then values: a load that is alive at the start is then fenced off, or what it
    /// stored is found.
    async fn remove_matching_now(
        &self,
        pattern: &Pattern,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        let sealed = pattern.of_sealed();
        self.revoke_found(pattern, teller).await?;
        if let Some(sealed) = &sealed {
            self.revoke_found(sealed, teller).await?;
        }
        let mut removed = self.remove_found(pattern, |_| true, teller).await?;
        if let Some(sealed) = &sealed {
            removed += self.remove_found(sealed, |key| pattern.covers(key), teller).await?;
        }
        // Last: a memory tier that forgets earlier could take an old value up again.
        let literals = pattern.literals().to_vec();
        self.backend.publish(&self.notice(Message::Pattern(literals))).await?;
        Ok(removed)
    }

    async fn revoke_found(
        &self,
        pattern: &Pattern,
        teller: &mut Teller<'_>,
    ) -> Result<(), BackendError> {
        let Some(leases) = self.backend.leases() else { return Ok(()) };
        let places = pattern.under(&format!("{}:", self.namespace));
        let mut next = Some(0);
        while let Some(cursor) = next {
            next = leases.revoke(&places, cursor).await?.next;
            teller.looked();
        }
        Ok(())
    }

    async fn remove_found(
        &self,
        pattern: &Pattern,
        covers: impl Fn(&str) -> bool,
        teller: &mut Teller<'_>,
    ) -> Result<u64, BackendError> {
        let prefix = format!("{}:", self.namespace);
        let places = pattern.under(&prefix);
        let (mut next, mut removed) = (Some(0), 0);
        while let Some(cursor) = next {
            let page = self.backend.scan(&places, cursor).await?;
            teller.looked();
            let covered = |place: &&String| place.strip_prefix(&prefix).is_some_and(&covers);
            let found: Vec<&str> = page.keys.iter().filter(covered).map(String::as_str).collect();
            for chunk in found.chunks(500) {
                let gone = self.backend.remove(chunk, None).await?;
                removed += gone;
                teller.removed(gone);
            }
            next = page.next;
        }
        Ok(removed)
    }

    async fn bump_now(
        &self,
        place: &str,
        message: impl FnOnce(u64) -> Message,
    ) -> Result<u64, BackendError> {
        let generation = self.backend.bump(place).await?;
        self.backend.publish(&self.notice(message(generation))).await?;
        Ok(generation)
    }

    /// The fleet's generations of the namespace and of `tags`, also taken into `generations`.
    pub(crate) async fn learn(
        self: &Arc<Self>,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        self.guarded(Concern::Keys(&[]), self.learn_now(tags, generations)).await
    }

    async fn learn_now(
        &self,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        let mut places = vec![self.space_key()];
        places.extend(tags.iter().map(|tag| self.tag_key(tag)));
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let found = self.backend.generations(&places).await?;
        let (space, found) = found.split_first().map_or((0, Vec::new()), |(s, t)| (*s, t.to_vec()));
        generations.learn_space(space);
        for (tag, generation) in tags.iter().zip(&found) {
            generations.learn_tag(tag, *generation);
        }
        Ok(Found { bytes: None, space, tags: found })
    }

    /// The value's bytes, and the generations as they were before it was read.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        self.guarded(Concern::Keys(&[key]), async {
            let place = self.value_key(key);
            let keys = [place.as_str()];
            // Sent together; both are answered in the order they were sent.
            let (found, bytes) =
                tokio::join!(self.learn_now(tags, generations), self.backend.get_many(&keys));
            let mut found = found?;
            found.bytes = bytes?.into_iter().next().flatten();
            Ok(found)
        })
        .await
    }

    /// As [`read`](Self::read), of many: one request for all values, and one for the generations of all tags.
    pub(crate) async fn read_each(
        self: &Arc<Self>,
        wanted: &[(&str, &[String])],
        generations: &Generations,
    ) -> Result<Vec<Found>, BackendError> {
        let mut tags: Vec<&str> =
            wanted.iter().flat_map(|(_, tags)| tags.iter().map(String::as_str)).collect();
        tags.sort_unstable();
        tags.dedup();
        let places: Vec<String> = wanted.iter().map(|(key, _)| self.value_key(key)).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let keys: Vec<&str> = wanted.iter().map(|(key, _)| *key).collect();
        let readable = self.free(&keys).await?;
        let reading = async {
            let (known, bytes) = tokio::join!(
                self.learn_now(&tags, generations),
                self.within_reach(&places, &readable)
            );
            Ok((known?, bytes?))
        };
        let read = self.tried(reading).await;
        self.signals.tell_changes();
        let (known, bytes) = read?;
        let generation = |tag: &String| {
            let at = tags.binary_search(&tag.as_str()).ok();
            at.and_then(|at| known.tags.get(at)).copied().unwrap_or_default()
        };
        let mut bytes = bytes.into_iter();
        let found = wanted.iter().map(|(_, tags)| Found {
            bytes: bytes.next().flatten(),
            space: known.space,
            tags: tags.iter().map(generation).collect(),
        });
        Ok(found.collect())
    }

    /// Which of these keys may be read and written: those of which no eviction is owed. An error if none may.
    async fn free(self: &Arc<Self>, keys: &[&str]) -> Result<Vec<bool>, BackendError> {
        let Err(error) = self.settled(Concern::Keys(keys)).await else {
            return Ok(vec![true; keys.len()]);
        };
        if !error.is_of_a_part() {
            return Err(error);
        }
        let free = |key: &&str| !self.owed.concerns(Concern::Keys(&[key]));
        let readable: Vec<bool> = keys.iter().map(free).collect();
        if readable.contains(&true) { Ok(readable) } else { Err(error) }
    }

    /// The bytes of many values. Of those that a part of the store has which is away, and of those that may not
    /// be read: none. An error if that is all of them.
    async fn within_reach(
        &self,
        places: &[&str],
        readable: &[bool],
    ) -> Result<Vec<Option<Bytes>>, BackendError> {
        let mut found = self.backend.get_each(places).await;
        match found.iter().position(Result::is_ok) {
            None if !found.is_empty() => found.swap_remove(0).map(|one| vec![one]),
            _ => {
                let bytes = found.into_iter().map(|one| one.unwrap_or(None));
                Ok(bytes.zip(readable).map(|(bytes, may)| bytes.filter(|_| *may)).collect())
            }
        }
    }

    /// Stores a value; under a lease only if that still holds. Says whether it was stored.
    pub(crate) async fn write(
        self: &Arc<Self>,
        key: &str,
        write: Writing,
        lease: Option<u64>,
    ) -> Result<bool, BackendError> {
        let Writing { bytes, ttl, announce } = write;
        let write = Write { key: self.value_key(key), value: bytes.into(), ttl };
        let notice = announce.then(|| self.notice(Message::Keys(vec![key.to_owned()])));
        let (notice, concern) = (notice.as_ref(), Concern::Keys(&[key]));
        match (lease, self.backend.leases()) {
            (Some(token), Some(leases)) => {
                self.guarded(concern, leases.commit(token, &write, notice)).await
            }
            _ => self.guarded(concern, self.backend.set(&[write], notice)).await.map(|()| true),
        }
    }

    /// As [`write`](Self::write) without leases, of many in one request: what came of each.
    pub(crate) async fn write_each(
        self: &Arc<Self>,
        writes: Vec<(String, Writing)>,
    ) -> Vec<Result<(), BackendError>> {
        let keys: Vec<&str> = writes.iter().map(|(key, _)| key.as_str()).collect();
        let mut outcome = match self.free(&keys).await {
            Ok(free) => {
                free.into_iter().map(|free| if free { Ok(()) } else { Err(unsettled()) }).collect()
            }
            Err(error) => vec![Err(error); keys.len()],
        };
        let free = writes.into_iter().zip(&outcome).filter(|(_, outcome)| outcome.is_ok());
        let free: Vec<_> = free.map(|(write, _)| write).collect();
        if !free.is_empty() {
            let mut stored = self.write_free(free).await.into_iter();
            let places = outcome.iter_mut().filter(|outcome| outcome.is_ok());
            places.zip(&mut stored).for_each(|(outcome, stored)| *outcome = stored);
        }
        self.signals.tell_changes();
        outcome
    }

    async fn write_free(&self, writes: Vec<(String, Writing)>) -> Vec<Result<(), BackendError>> {
        let announced = writes.iter().filter(|(_, write)| write.announce);
        let announced: Vec<String> = announced.map(|(key, _)| key.clone()).collect();
        let notice = (!announced.is_empty()).then(|| self.notice(Message::Keys(announced)));
        let write = |(key, Writing { bytes, ttl, .. }): (String, Writing)| Write {
            key: self.value_key(&key),
            value: bytes.into(),
            ttl,
        };
        let writes: Vec<Write> = writes.into_iter().map(write).collect();
        let mut outcome = Vec::new();
        let storing = async {
            outcome = self.backend.set_each(&writes, notice.as_ref()).await;
            worst(outcome.iter().filter_map(|one| one.as_ref().err())).map_or(Ok(()), Err)
        };
        match self.tried(storing).await {
            Err(error) if outcome.is_empty() => vec![Err(error); writes.len()],
            _ => outcome,
        }
    }

    /// Whether loads are fenced by the store.
    pub(crate) fn has_leases(&self) -> bool {
        self.backend.leases().is_some()
    }

    fn leases(&self) -> Result<&dyn Leases, BackendError> {
        let none = || BackendError::new(BackendErrorKind::Unsupported, "lease", "no leases");
        self.backend.leases().ok_or_else(none)
    }

    pub(crate) async fn acquire(
        self: &Arc<Self>,
        key: &str,
        token: u64,
        ttl: Duration,
        ask: &Ask,
    ) -> Result<Acquired, BackendError> {
        let place = self.value_key(key);
        let Ask { seen, generation, steal, .. } = *ask;
        let request = Acquire { key: &place, token, ttl, seen, generation, steal };
        self.guarded(Concern::Keys(&[key]), self.leases()?.acquire(request)).await
    }

    pub(crate) async fn renew(
        self: &Arc<Self>,
        key: &str,
        token: u64,
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let place = self.value_key(key);
        self.guarded(Concern::Keys(&[key]), self.leases()?.renew(&place, token, ttl)).await
    }

    pub(crate) async fn abort(self: &Arc<Self>, key: &str, token: u64) -> Result<(), BackendError> {
        let place = self.value_key(key);
        self.guarded(Concern::Keys(&[key]), self.leases()?.abort(&place, token)).await
    }

    /// A page of the keys that match, without the namespace, and where the next one begins.
    pub(crate) async fn keys(
        self: &Arc<Self>,
        pattern: &Pattern,
        cursor: u64,
    ) -> Result<(Vec<String>, Option<u64>), BackendError> {
        let prefix = format!("{}:", self.namespace);
        let places = pattern.under(&prefix);
        let page = self.guarded(Concern::Everything, self.backend.scan(&places, cursor)).await?;
        let keys = page.keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        Ok((keys.map(str::to_owned).collect(), page.next))
    }
}

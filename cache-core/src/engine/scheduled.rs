//! A key that is refreshed while it is in use: what one turn of its schedule does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

use super::answer::Detached;
use super::find::{Miss, ReadPurpose};
use super::flight::Role;
use super::handle::Engine;
use super::lead::Lead;
use super::read_context::{Caller, ReadContext, Unasked};
use super::refresh::{Outcome, Refresh};
use super::request::{Mode, Request};
use super::scope::{ReadRoute, way};
use super::spans::Spans;
use super::spawn::Surroundings;
use super::verdict::ReadRules;
use crate::base::{BoxFuture, Mutex, Selection, Timestamp};
use crate::entry::{Freshness, Stored};
use crate::key::{EntryKey, KeyId};
use crate::tags::TagSnapshot;

/// Makes a load with its own inputs, each time it is called: to replace the given value, if the load asks for it, in
/// the given span.
pub(crate) type Again = Box<dyn FnMut(Option<Stored>, Span) -> Detached + Send>;

/// A key with everything that a load of it needs.
pub(crate) struct Scheduled {
    request: Request,
    rules: ReadRules,
    interval: Duration,
    again: Mutex<Again>,
    surroundings: Surroundings,
    /// When the last refresh began. Reads since then count.
    since: AtomicU64,
    /// The last read that memory could not answer.
    read: AtomicU64,
    /// When its value was made, as far as a cache without a memory tier knows.
    made: AtomicU64,
}

/// What comes after a turn.
#[derive(Clone, Copy)]
enum Next {
    At(Timestamp),
    End,
}

/// The value that a turn finds.
struct Current {
    made: Timestamp,
    read: Timestamp,
    /// Whether readers get it.
    fresh: bool,
}

/// A turn in progress. If it panics or is dropped, the key gets another one later.
struct Turn {
    engine: Arc<Engine>,
    key: Arc<Scheduled>,
    next: Next,
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self.next {
            Next::At(at) => self.engine.refresher.again(&self.key, at),
            Next::End => self.engine.refresher.end(&self.key),
        }
    }
}

impl Scheduled {
    /// A key whose value was `made` then. `None` if its policy has no interval.
    pub(crate) fn new(
        engine: &Engine,
        mut request: Request,
        rules: ReadRules,
        again: Again,
        made: Timestamp,
    ) -> Option<Arc<Self>> {
        let interval = request.policy.refresh_every?;
        request.mode = Mode::Normal;
        let now = engine.clock.now();
        Some(Arc::new(Self {
            request,
            rules,
            interval,
            again: Mutex::new(again),
            surroundings: Surroundings::current(),
            since: AtomicU64::new(now.millis()),
            read: AtomicU64::new(now.millis()),
            made: AtomicU64::new(made.millis()),
        }))
    }

    pub(super) fn id(&self) -> KeyId {
        self.request.key.id()
    }

    /// Its request.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Whether an entry of it with these tags is covered.
    pub(crate) fn is_in(&self, what: &Selection<EntryKey>, stamps: &TagSnapshot) -> bool {
        match what {
            Selection::Keys(key) => key.id() == self.id(),
            Selection::Pattern(pattern) => pattern.covers(self.request.key.as_str()),
            Selection::Tag(tag) => {
                let mut of_entry = stamps.tags.iter().map(|(tag, _)| &*tag.name);
                of_entry.any(|name| name == tag) || self.request.tags().any(|name| name == tag)
            }
            Selection::All => true,
        }
    }

    /// When a value that was `made` then is to be refreshed.
    pub(crate) fn due(&self, made: Timestamp) -> Timestamp {
        made.after(self.interval)
    }

    /// Records a read.
    fn touch(&self, now: Timestamp) {
        self.read.fetch_max(now.millis(), Ordering::Relaxed);
    }

    /// Whether the value was read since the last refresh began.
    fn is_in_use(&self, current: &Current) -> bool {
        let read = current.read.millis().max(self.read.load(Ordering::Relaxed));
        read >= self.since.load(Ordering::Relaxed)
    }

    /// Takes the turn of the key. `place` bounds the number of turns at the same time.
    pub(super) async fn take_turn(
        self: Arc<Self>,
        engine: Arc<Engine>,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let next = Next::At(engine.clock.now().after(self.pause()));
        let mut turn = Turn { engine: Arc::clone(&engine), key: Arc::clone(&self), next };
        let limit = engine.clock.now().after(self.request.policy.lease);
        let work: BoxFuture<'static, Next> =
            Box::pin(async move { self.turn(&engine).await.unwrap_or(next) });
        let Some(mut work) = turn.key.surroundings.around(work) else {
            turn.next = Next::End;
            return;
        };
        // A load that hangs does not keep the place, so that it does not delay other keys.
        let in_time = turn.engine.clock.timeout_at(limit, &mut work).await;
        drop(place);
        turn.next = match in_time {
            Ok(next) => next,
            Err(_) => work.await,
        };
    }

    /// The time until the next turn if this one has not brought a new value.
    fn pause(&self) -> Duration {
        self.interval.max(self.request.policy.throttle)
    }

    /// A turn that a model checker takes.
    #[cfg(all(test, shuttle))]
    pub(crate) async fn take_turn_now(self: &Arc<Self>, engine: &Arc<Engine>) {
        let _ = self.turn(engine).await;
    }

    /// One turn: refreshes the value if it is old enough and in use. `None`: nothing has changed.
    async fn turn(self: &Arc<Self>, engine: &Arc<Engine>) -> Option<Next> {
        if engine.switch.is_closed() {
            return Some(Next::End);
        }
        if !matches!(way(engine, &self.request).await, ReadRoute::Through) {
            return None;
        }
        let job = self.job(engine, Unasked::Turn);
        // Without a memory tier every read would wait for the flight, although the remote tier has a fresh value.
        let role = if job.is_strict() { job.role(true) } else { job.join(None) };
        let Role::Lead(leader, ticket) = role else { return None };
        // After the ticket was issued: an eviction before this look is seen, and one after it ends the ticket.
        let Some(current) = self.current(&job) else { return Some(Next::End) };
        let (now, due) = (engine.clock.now(), self.due(current.made));
        if current.fresh && now < due {
            return Some(Next::At(due));
        }
        if !self.is_in_use(&current) {
            // Without a memory tier, the next read begins another schedule.
            return (job.is_strict() || engine.refresher.is_full()).then_some(Next::End);
        }
        self.since.store(now.millis(), Ordering::Relaxed);
        let purpose = ReadPurpose::Renew { fresh: current.fresh.then_some(current.made) };
        let refresh = Box::new(Refresh { job: Arc::clone(&job), leader, ticket, purpose });
        match self.run(refresh).await {
            Outcome::Loaded => self.made.store(now.millis(), Ordering::Relaxed),
            Outcome::Found(age) => {
                let made = engine.clock.now().before(age);
                self.made.store(made.millis(), Ordering::Relaxed);
            }
            Outcome::Gone => return Some(Next::End),
            Outcome::Failed => {}
        }
        let Some(current) = self.current(&job) else { return Some(Next::End) };
        let due = self.due(current.made);
        (due > engine.clock.now()).then_some(Next::At(due))
    }

    /// Refreshes the value now, unless another caller has done so since the old one was marked stale. `None`: another caller
    /// does so, or the cache is off.
    pub(crate) async fn refresh_now(self: Arc<Self>, engine: Arc<Engine>) -> Option<Outcome> {
        let surroundings = self.surroundings.clone();
        let work: BoxFuture<'static, Option<Outcome>> = Box::pin(async move {
            if !matches!(way(&engine, &self.request).await, ReadRoute::Through) {
                return None;
            }
            let job = self.job(&engine, Unasked::Reload);
            let Role::Lead(leader, ticket) = job.join(None) else { return None };
            let purpose = ReadPurpose::Renew { fresh: None };
            let refresh = Box::new(Refresh { job, leader, ticket, purpose });
            Some(self.run(refresh).await)
        });
        surroundings.around(work)?.await
    }

    async fn run(&self, refresh: Box<Refresh>) -> Outcome {
        let succeeded = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&succeeded);
        let engine = Arc::clone(&refresh.job.engine);
        let load = move |lead: &Lead| -> Detached {
            let span = Spans::new(&engine, self.request.site).load(None);
            let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
            let load = again(lead.previous(), span);
            drop(again);
            Box::pin(async move {
                let loaded = load.await;
                told.store(loaded.is_ok(), Ordering::Relaxed);
                loaded
            })
        };
        match refresh.run(load).await {
            Outcome::Loaded if !succeeded.load(Ordering::Relaxed) => Outcome::Failed,
            outcome => outcome,
        }
    }

    fn job(&self, engine: &Arc<Engine>, why: Unasked) -> Arc<ReadContext> {
        let caller = Caller { detaches: true, shares: false, seat: OnceLock::new(), pulse: None };
        let job = ReadContext::new(Arc::clone(engine), self.request.clone(), self.rules, caller);
        Arc::new(job.unasked(why))
    }

    /// The value that is to be refreshed, if it was not evicted, has not expired, and has not left the cache.
    fn current(&self, job: &ReadContext) -> Option<Current> {
        if job.is_strict() {
            // Only the remote tier knows: see `revives`.
            let made = Timestamp(self.made.load(Ordering::Relaxed));
            return Some(Current { made, read: Timestamp::default(), fresh: true });
        }
        let entry = job.engine.kept(job)?;
        let fresh = job.engine.generations.current(&entry.stamps)
            && matches!(
                entry.at(job.engine.clock.now()),
                Freshness::Fresh | Freshness::Unconfirmed
            );
        Some(Current { made: entry.created, read: entry.read(), fresh })
    }
}

impl Engine {
    /// The memory tier's entry for a scheduled refresh, however old, unless it was evicted. This is no use of it.
    fn kept(&self, job: &ReadContext) -> Option<Stored> {
        let entry = self.memory.as_ref()?.peek(job.id())?;
        let evicted = || {
            !self.generations.current(&entry.stamps)
                && self.generations.since_outdated(&entry.stamps).is_none()
        };
        let usable = entry.is(job.rules.kind)
            && entry.at(self.clock.now()) != Freshness::Expired
            && job.request.declared().are_carried_by(&entry.stamps)
            && !evicted();
        usable.then_some(entry)
    }

    /// Records that a key is read which memory could not answer. Returns whether the key is scheduled.
    pub(crate) fn uses(&self, id: KeyId) -> bool {
        let key = self.refresher.find(id);
        key.inspect(|key| key.touch(self.clock.now())).is_some()
    }

    /// The scheduled keys for which `wanted` is true, given the tags of their entries. (Without a memory tier, these are not
    /// known.) A key whose entry is gone is not among them.
    pub(crate) fn scheduled(
        &self,
        wanted: impl Fn(&Scheduled, &TagSnapshot) -> bool,
    ) -> Vec<Arc<Scheduled>> {
        self.refresher.select(|key| match &self.memory {
            Some(memory) => memory.peek(key.id()).is_some_and(|entry| {
                self.generations.current(&entry.stamps)
                    && entry.at(self.clock.now()) != Freshness::Expired
                    && wanted(key, &entry.stamps)
            }),
            None => wanted(key, &TagSnapshot::default()),
        })
    }
}

impl ReadContext {
    /// Makes it a refresh without a reader, which is no use of the value.
    fn unasked(mut self, why: Unasked) -> Self {
        self.unasked = Some(why);
        self
    }

    /// Lets a new entry have the reads of the one that it replaces: no reader has asked for it.
    pub(super) fn keep_reads(&self, entry: &Stored) {
        if self.unasked.is_none() {
            return;
        }
        if let Some(old) = self.engine.memory.as_ref().and_then(|memory| memory.peek(self.id())) {
            entry.read_as(&old);
        }
    }

    /// Whether a load would bring a value back that is gone, which only a reader may do. Without a memory tier,
    /// the remote tier tells.
    pub(super) fn revives(&self, missing: &Miss) -> bool {
        self.is_turn_without_memory() && !missing.found && missing.remote_error.is_none()
    }

    /// Whether the value of a load could be stored nowhere.
    pub(super) fn is_in_vain(&self, missing: &Miss) -> bool {
        self.is_turn_without_memory() && missing.remote_error.is_some()
    }

    fn is_turn_without_memory(&self) -> bool {
        self.unasked == Some(Unasked::Turn) && self.is_strict()
    }
}

//! Single flight: one load per key and type at a time; whoever comes meanwhile waits for it.
//!
//! A flight is joined only while it still counts: if an eviction came since its load began, a new
//! flight takes its place, so no read that starts after an eviction gets the older value by
//! waiting. A leader that is dropped or panics lands its flight as *abandoned*, and those who
//! waited begin again, one of them as the leader.
//!
//! A flight has a lease: a leader that holds it for longer counts as hung, and one of those who wait
//! takes over. What the late leader brings is not stored: its ticket dies with the takeover. Each
//! takeover gets twice the time, so that a load that is only slow gets done. A leader whose task does
//! not poll it ([`Pulse`]) is replaced in the same way, and sooner.
//!
//! A refresh is answered by a load that began after it was asked for. So those that come while a refresh runs
//! wait for its end, and then share the next one.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use super::pulse::Pulse;
use crate::base::{AtomicU64, Clock, Mutex, MutexGuard, Ordering, SharedFailure, Timestamp};
use crate::entry::{Freshness, Stored};
use crate::key::KeyId;
use crate::memory::{Ticket, Watch};
use crate::tags::{Declared, Generations};

const SHARDS: usize = 64;
type FlightKey = (KeyId, TypeId);
type Shard = HashMap<FlightKey, Arc<Flight>>;

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum FlightResult {
    Value(Stored),
    Failed(Option<SharedFailure>),
    Abandoned,
}

pub(crate) struct Flight {
    /// What was loaded, for the leader's own caller; those who wait may have to wait until it is stored.
    loaded: Mutex<Option<Stored>>,
    key: FlightKey,
    /// The table that it is in: whose cache's it is.
    home: usize,
    /// The load that brings its value, once that has begun: one of a batch is for many. It is read under the lock of the table of waits
    /// (`nesting`), where a model checker must not switch threads.
    load: std::sync::atomic::AtomicU64,
    landing: Mutex<Option<FlightResult>>,
    landed: Notify,
    watch: Mutex<Watch>,
    /// When its leader counts as hung.
    overdue: AtomicU64,
    takeovers: u32,
    /// Of a refresh: when it began, in the order of [`Flights::request`].
    refresh: Option<u64>,
    /// Tells whether its leader is polled, while that is in its caller's hands.
    leader: Mutex<Option<Arc<Pulse>>>,
    /// Held by the one of those who wait that looks at the clock for all of them.
    watch_over: Semaphore,
    /// For those to whom its end is of no use: held by the one of them that loads.
    turns: Semaphore,
    /// Whether there are turns yet: those behind a refresh come once it is stored, too.
    opened: AtomicU64,
    /// What one of them brought for all.
    brought: OnceLock<FlightResult>,
}

/// The flights under way. Bounded by the number of loads.
pub(crate) struct Flights {
    shards: Box<[Mutex<Shard>]>,
    /// Orders refreshes: when they were asked for, and when they began.
    requests: AtomicU64,
}

/// Who asks what to do.
pub(crate) struct Caller<'a> {
    pub(crate) joins: Joins<'a>,
    /// Tells whether the caller is polled.
    pub(crate) pulse: Option<Arc<Pulse>>,
    pub(crate) now: Timestamp,
    pub(crate) lease: Duration,
}

/// Which flights a caller joins.
#[derive(Clone, Copy)]
pub(crate) struct Joins<'a> {
    /// Those that still count by these generations,
    pub(crate) generations: &'a Generations,
    /// whose value carries these tags,
    pub(crate) tags: Declared<'a>,
    /// and for a refresh, refreshes that began after the caller asked for one.
    pub(crate) refresh: Option<u64>,
}

/// What a caller is to do.
pub(crate) enum Role {
    Lead(FlightLeader, Ticket),
    Wait(Arc<Flight>),
    /// To wait for the end of an older refresh, whatever that comes to, and to ask again.
    Queue(Arc<Flight>),
}

/// The turn of one of those to whom a flight was of no use; dropped, it is the next one's.
pub(crate) struct Turn(Arc<Flight>);

impl Turn {
    /// Ends the turns if the load has brought something to share: that is for all.
    pub(crate) fn brought(&self, landing: Option<&FlightResult>) {
        if let Some(landing @ (FlightResult::Value(_) | FlightResult::Failed(Some(_)))) = landing {
            let _ = self.0.brought.set(landing.clone());
            self.0.turns.close();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.add_permits(1);
    }
}

/// The duty to land a flight; dropped without landing, it is abandoned.
///
/// A flight that has landed with a value can be joined until this is dropped: the value may be on its way to the
/// remote tier, where nobody finds it yet.
pub(crate) struct FlightLeader {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Option<Arc<Flight>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { shards, requests: AtomicU64::new(0) })
    }

    /// Somebody asks for a refresh now.
    pub(crate) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn shard(&self, key: &FlightKey) -> MutexGuard<'_, Shard> {
        #[allow(clippy::cast_possible_truncation)]
        let index = key.0.low() as usize % SHARDS;
        lock(&self.shards[index])
    }

    /// Tells this cache's flights from another's.
    pub(crate) fn home(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Joins the key's flight if it is one that the caller joins, still counts and is not overdue; else leads a new
    /// one, with the ticket that `issue` gives.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: FlightKey,
        Caller { joins, pulse, now, lease }: Caller<'_>,
        issue: impl FnOnce() -> Ticket,
    ) -> Role {
        let mut shard = self.shard(&key);
        let current = shard.get(&key);
        let counting = current.filter(|flight| joins.counts(flight) && flight.is_of_use(now));
        if let Some(flight) = counting
            && (now < flight.overdue() || flight.has_landed())
        {
            return joins.role(Arc::clone(flight));
        }
        let hung = current.is_some_and(|flight| now >= flight.overdue() && !flight.has_landed());
        let takeovers = counting.map_or(0, |flight| flight.takeovers.saturating_add(1));
        let ticket = issue();
        if hung {
            // The hung leader may still end; then it is to store nothing over what this one brings. The same where its
            // flight does not count any more, because the bus link was lost or came back.
            ticket.outlive_others();
        }
        let overdue = now.after(doubled(lease, takeovers));
        let flight = Arc::new(Flight {
            loaded: Mutex::new(None),
            key,
            home: self.home(),
            load: std::sync::atomic::AtomicU64::new(0),
            landing: Mutex::new(None),
            landed: Notify::new(),
            watch: Mutex::new(ticket.watch()),
            overdue: AtomicU64::new(overdue.0),
            takeovers,
            refresh: joins.refresh.map(|_| self.request()),
            leader: Mutex::new(pulse),
            watch_over: Semaphore::new(1),
            turns: Semaphore::new(0),
            opened: AtomicU64::new(0),
            brought: OnceLock::new(),
        });
        shard.insert(key, Arc::clone(&flight));
        Role::Lead(FlightLeader { flights: Arc::clone(self), key, flight: Some(flight) }, ticket)
    }
}

impl Joins<'_> {
    /// Whether the flight may bring what is asked for.
    fn counts(self, flight: &Flight) -> bool {
        (self.refresh.is_none() || flight.refresh.is_some())
            && flight.counts(self.generations, self.tags)
    }

    fn role(self, flight: Arc<Flight>) -> Role {
        match (self.refresh, flight.refresh) {
            (Some(requested), Some(began)) if began < requested => Role::Queue(flight),
            _ => Role::Wait(flight),
        }
    }
}

/// The time of a leader who replaces a hung one.
fn doubled(lease: Duration, takeovers: u32) -> Duration {
    lease.saturating_mul(1 << takeovers.min(10))
}

impl Flight {
    /// Whether it is for this key of this cache, of whatever type.
    pub(super) fn is_of(&self, home: usize, id: KeyId) -> bool {
        self.home == home && self.key.0 == id
    }

    /// The load that brings its value; 0 before that has begun.
    pub(super) fn load(&self) -> u64 {
        self.load.load(Ordering::Acquire)
    }

    pub(super) fn brought_by(&self, load: u64) {
        self.load.store(load, Ordering::Release);
    }

    /// When its leader counts as hung.
    pub(crate) fn overdue(&self) -> Timestamp {
        Timestamp(self.overdue.load(Ordering::Acquire))
    }

    /// Whether a reader with these tags may wait for it: no eviction came, and what it brings carries the tags.
    fn counts(&self, generations: &Generations, tags: Declared<'_>) -> bool {
        let watch = lock(&self.watch);
        watch.is_alive() && generations.counts(&watch.stamps) && tags.are_carried_by(&watch.stamps)
    }

    /// What was loaded, if the load is over and brought a value.
    pub(crate) fn loaded(&self) -> Option<Stored> {
        lock(&self.loaded).clone()
    }

    fn has_landed(&self) -> bool {
        lock(&self.landing).is_some()
    }

    /// Whether it may bring a fresh value, or has.
    fn is_of_use(&self, now: Timestamp) -> bool {
        match &*lock(&self.landing) {
            Some(FlightResult::Value(entry)) => entry.at(now) == Freshness::Fresh,
            _ => true,
        }
    }

    /// How it ended, if it has.
    pub(crate) fn landed(&self) -> Option<FlightResult> {
        lock(&self.landing).clone()
    }

    /// Its leader goes on in a task of its own, which polls it.
    pub(crate) fn goes_on(&self) {
        *lock(&self.leader) = None;
    }

    /// Waits until its leader is parked. Cancel-safe.
    async fn parked(&self) {
        let pulse = lock(&self.leader).clone();
        match pulse {
            Some(pulse) => pulse.parked().await,
            None => std::future::pending().await,
        }
        if lock(&self.leader).is_none() {
            std::future::pending().await
        }
    }

    /// From now on those to whom its end is of no use may load.
    pub(crate) fn open_turns(&self) {
        if self.opened.swap(1, Ordering::AcqRel) == 0 {
            self.turns.add_permits(1);
        }
    }

    /// For those to whom its end is of no use: waits until it is the caller's turn to load, or for what another one has
    /// brought. Cancel-safe.
    pub(crate) async fn turn(self: Arc<Self>) -> Result<Turn, Option<FlightResult>> {
        match self.turns.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(self.brought.get().cloned()),
        }
        Ok(Turn(self))
    }

    /// Waits for the end, or until the leader is overdue, or parked. Cancel-safe.
    ///
    /// One timer for all who wait: whoever has it passes it on, also when it goes away.
    pub(crate) async fn landing_or_overdue(&self, clock: &Clock) -> Option<FlightResult> {
        let mut landing = pin!(self.landing());
        let _watch = tokio::select! {
            biased;
            landing = &mut landing => return Some(landing),
            watch = self.watch_over.acquire() => watch,
        };
        let mut parked = pin!(self.parked());
        loop {
            let overdue = self.overdue();
            tokio::select! {
                biased;
                landing = &mut landing => return Some(landing),
                () = &mut parked => {
                    // For all who wait.
                    self.overdue.store(clock.now().millis(), Ordering::Release);
                    return None;
                }
                () = clock.sleep_until(overdue) => {}
            }
            // The load may have begun only now, with a lease of its own.
            if clock.now() >= self.overdue() {
                return None;
            }
        }
    }

    /// Waits for the end. Cancel-safe.
    pub(crate) async fn landing(&self) -> FlightResult {
        loop {
            let mut landed = pin!(self.landed.notified());
            // Enabled before the look: a landing between the look and the wait is not missed.
            landed.as_mut().enable();
            if let Some(landing) = lock(&self.landing).clone() {
                return landing;
            }
            landed.await;
        }
    }
}

impl FlightLeader {
    /// A lead without a flight: its result is nobody else's.
    pub(crate) fn alone(flights: &Arc<Flights>, key: FlightKey) -> Self {
        Self { flights: Arc::clone(flights), key, flight: None }
    }

    /// The load is to be judged by this ticket as it is now: its generations were read anew, or it is another one.
    pub(crate) fn restamp(&self, ticket: &Ticket) {
        if let Some(flight) = &self.flight {
            *lock(&flight.watch) = ticket.watch();
        }
    }

    /// The load begins only now: its lease counts from here, and is as long as takeovers `elsewhere` make it, too. Says
    /// when it is over.
    pub(crate) fn begin(&self, now: Timestamp, lease: Duration, elsewhere: u32) -> Timestamp {
        let takeovers = self.flight.as_ref().map_or(0, |flight| flight.takeovers);
        let overdue = now.after(doubled(lease, takeovers.max(elsewhere)));
        if let Some(flight) = &self.flight {
            flight.overdue.store(overdue.0, Ordering::Release);
        }
        overdue
    }

    /// The flight, unless the result is nobody else's.
    pub(crate) fn flight(&self) -> Option<Arc<Flight>> {
        self.flight.clone()
    }

    /// Whether it replaces a leader that was hung.
    pub(crate) fn took_over(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.takeovers > 0)
    }

    /// The load is over.
    pub(crate) fn loaded(&self, entry: &Stored) {
        if let Some(flight) = &self.flight {
            *lock(&flight.loaded) = Some(Arc::clone(entry));
        }
    }

    /// Ends the flight; what comes after changes nothing.
    pub(crate) fn land(&mut self, landing: FlightResult) {
        let Some(flight) = self.flight.take() else { return };
        // Off the list first: whoever hears that it was abandoned or has failed, and begins again, must not find it.
        self.leave(&flight);
        flight.land(landing);
        flight.open_turns();
    }

    /// Ends the flight with a value that is about to be stored remotely: until this is dropped, those behind a refresh
    /// have no turn yet, and if it is `joinable` it can be joined.
    pub(crate) fn land_before_storing(&self, entry: &Stored, joinable: bool) {
        let Some(flight) = &self.flight else { return };
        if !joinable {
            self.leave(flight);
        }
        flight.land(FlightResult::Value(Arc::clone(entry)));
    }

    fn leave(&self, flight: &Arc<Flight>) {
        let mut shard = self.flights.shard(&self.key);
        // A newer flight may have taken the place.
        if shard.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            shard.remove(&self.key);
        }
    }
}

impl Flight {
    fn land(&self, landing: FlightResult) {
        lock(&self.landing).get_or_insert(landing);
        self.landed.notify_waiters();
    }
}

impl Drop for FlightLeader {
    fn drop(&mut self) {
        self.land(FlightResult::Abandoned);
    }
}

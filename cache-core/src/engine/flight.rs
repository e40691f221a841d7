//! Single flight: one load per key and type at a time; other callers wait for it.
//!
//! A caller joins a flight only while the flight still counts: if an eviction came since its load began, a
//! new flight replaces it, so a read that starts after an eviction never gets the older value by waiting. If
//! a leader is dropped or panics, its flight lands as *abandoned*, and the waiters start again, one of them
//! as the new leader.
//!
//! A flight has a lease: a leader that exceeds it counts as hung, and one of the waiters takes over. The
//! result of the late leader is not stored, because the takeover ends its ticket. Each takeover gets twice
//! the time, so a load that is only slow completes. A leader whose task does not poll it ([`Pulse`]) is
//! replaced in the same way, but sooner.
//!
//! A refresh is answered by a load that began after the request for it. So refreshes that are requested
//! during a refresh wait for its end, and then share the next one.

use std::any::TypeId;
use std::pin::pin;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use super::pulse::Pulse;
use crate::base::{
    AtomicU64, BoxFuture, Clock, Mutex, MutexGuard, Ordering, PrehashedMap, SharedFailure,
    Timestamp,
};
use crate::entry::{Freshness, Stored};
use crate::key::KeyId;
use crate::memory::{Ticket, Watch};
use crate::tags::{Declared, Generations};

const SHARDS: usize = 64;
/// The key, the type of the value, and the class of the load: see `Request::flight`.
pub(super) type FlightKey = (KeyId, TypeId, u8);
type Shard = PrehashedMap<FlightKey, Arc<Flight>>;

/// The end of a flight.
#[derive(Clone)]
pub(crate) enum FlightResult {
    Value(Stored),
    Failed(Option<SharedFailure>),
    Abandoned,
}

pub(crate) struct Flight {
    key: FlightKey,
    /// The table that contains the flight, which identifies the cache.
    home: usize,
    /// The load that brings its value, once it has begun: one load of a batch serves many flights. It is read
    /// under the lock of the table of waits (`nesting`), where a model checker must not switch threads.
    load: std::sync::atomic::AtomicU64,
    landing: OnceLock<FlightResult>,
    /// Wakes the waiters at the landing, and one of them if no one watches the clock.
    landed: Notify,
    watch: Mutex<Watch>,
    /// When its leader counts as hung.
    overdue: AtomicU64,
    takeovers: u32,
    /// For a refresh: when it began, in the order of [`Flights::request`].
    refresh: Option<u64>,
    /// Tells whether the leader is polled, while its caller's task polls it.
    leader: Mutex<Option<Arc<Pulse>>>,
    /// 1 while a waiter watches the clock for all waiters.
    watched: AtomicU64,
    /// For waiters that cannot use the result: held by the one whose turn it is to load.
    turns: Semaphore,
    /// Whether the turns have begun. After a refresh they begin when its value is stored.
    opened: AtomicU64,
    /// The result of a turn that all waiters can share.
    brought: OnceLock<FlightResult>,
}

/// The flights in progress. Bounded by the number of loads.
pub(crate) struct Flights {
    shards: Box<[Mutex<Shard>]>,
    /// Orders refreshes: when they were requested, and when they began.
    requests: AtomicU64,
}

/// A caller that wants to lead or to join.
pub(crate) struct Candidate<'a> {
    pub(crate) joins: Joins<'a>,
    /// Tells whether the caller is polled.
    pub(crate) pulse: Option<Arc<Pulse>>,
    pub(crate) now: Timestamp,
    pub(crate) lease: Duration,
}

/// The flights that a caller joins.
#[derive(Clone, Copy)]
pub(crate) struct Joins<'a> {
    /// Flights that still count by these generations,
    pub(crate) generations: &'a Generations,
    /// whose value carries these tags,
    pub(crate) tags: Declared<'a>,
    /// and for a refresh, refreshes that began after the caller's request.
    pub(crate) refresh: Option<u64>,
}

/// The role of a caller.
pub(crate) enum Role {
    Lead(FlightLeader, Ticket),
    Wait(Arc<Flight>),
    /// Waits for the end of an older refresh, ignores its result, and asks again.
    Queue(Arc<Flight>),
}

/// The turn of a waiter that could not use the result of a flight; dropping it passes the turn on.
pub(crate) struct Turn(Arc<Flight>);

impl Turn {
    /// Ends the turns if the load has a result that all waiters can share.
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

/// The duty to land a flight. If dropped before it lands the flight, the flight is abandoned.
///
/// A flight that has landed with a value can be joined until this is dropped: the value may be on its way to
/// the remote tier, where readers do not find it yet.
pub(crate) struct FlightLeader {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Option<Arc<Flight>>,
    /// The leader's turn among waiters that could not use the result of an earlier flight.
    turn: Option<Turn>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { shards, requests: AtomicU64::new(0) })
    }

    /// Returns the number of a new request for a refresh.
    pub(crate) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn shard(&self, key: &FlightKey) -> MutexGuard<'_, Shard> {
        #[allow(clippy::cast_possible_truncation)]
        let index = key.0.low() as usize % SHARDS;
        lock(&self.shards[index])
    }

    /// Identifies this cache's flights.
    pub(crate) fn home(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Joins the key's flight if the caller accepts it, it still counts and is not overdue; otherwise leads a
    /// new flight, with the ticket that `issue` returns.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: FlightKey,
        Candidate { joins, pulse, now, lease }: Candidate<'_>,
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
            // The hung leader may still end, and must not store over the result of this one. The same applies
            // if its flight does not count, because the bus link was lost or came back.
            ticket.outlive_others();
        }
        let overdue = now.after(doubled(lease, takeovers));
        let flight = Arc::new(Flight {
            key,
            home: self.home(),
            load: std::sync::atomic::AtomicU64::new(0),
            landing: OnceLock::new(),
            landed: Notify::new(),
            watch: Mutex::new(ticket.watch()),
            overdue: AtomicU64::new(overdue.0),
            takeovers,
            refresh: joins.refresh.map(|_| self.request()),
            leader: Mutex::new(pulse),
            watched: AtomicU64::new(0),
            turns: Semaphore::new(0),
            opened: AtomicU64::new(0),
            brought: OnceLock::new(),
        });
        shard.insert(key, Arc::clone(&flight));
        let flights = Arc::clone(self);
        Role::Lead(FlightLeader { flights, key, flight: Some(flight), turn: None }, ticket)
    }
}

impl Joins<'_> {
    /// Whether the flight may bring a value that the caller accepts.
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

/// The time of a leader that replaces a hung one.
fn doubled(lease: Duration, takeovers: u32) -> Duration {
    lease.saturating_mul(1 << takeovers.min(10))
}

impl Flight {
    /// Whether it is for this key of this cache, of any type.
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

    /// Whether a reader with these tags may wait for it: no eviction came, and its value will carry the tags.
    fn counts(&self, generations: &Generations, tags: Declared<'_>) -> bool {
        let watch = lock(&self.watch);
        watch.is_alive() && generations.counts(&watch.stamps) && tags.are_carried_by(&watch.stamps)
    }

    fn has_landed(&self) -> bool {
        self.landing.get().is_some()
    }

    /// Whether it may bring a fresh value, or has brought one.
    fn is_of_use(&self, now: Timestamp) -> bool {
        match self.landing.get() {
            Some(FlightResult::Value(entry)) => entry.at(now) == Freshness::Fresh,
            _ => true,
        }
    }

    /// The result, if it has landed.
    pub(crate) fn landed(&self) -> Option<FlightResult> {
        self.landing.get().cloned()
    }

    /// The leader continues in its own task, which polls it.
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

    /// Begins the turns of waiters that cannot use the result.
    pub(crate) fn open_turns(&self) {
        if self.opened.swap(1, Ordering::AcqRel) == 0 {
            self.turns.add_permits(1);
        }
    }

    /// For waiters that cannot use the result: waits for the caller's turn to load, or for a result that
    /// another waiter has brought. Cancel-safe.
    pub(crate) async fn turn(self: Arc<Self>) -> Result<Turn, Option<FlightResult>> {
        match self.turns.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(self.brought.get().cloned()),
        }
        Ok(Turn(self))
    }

    /// Waits for the end, or until the leader is overdue or parked. Cancel-safe.
    ///
    /// One waiter watches the clock for all waiters; the others wait for the landing only.
    pub(crate) async fn landing_or_overdue(&self, clock: &Clock) -> Option<FlightResult> {
        let mut watch = None;
        loop {
            let mut landed = pin!(self.landed.notified());
            // Enabled before the checks: neither a landing nor the end of the watch is missed between a check and the wait.
            landed.as_mut().enable();
            if let Some(landing) = self.landed() {
                return Some(landing);
            }
            if watch.is_none() {
                watch = self.begin_watch(clock);
            }
            match &mut watch {
                None => landed.await,
                Some(watch) => tokio::select! {
                    biased;
                    () = landed => {}
                    () = watch => return None,
                },
            }
            if let Some(landing) = self.landed() {
                return Some(landing);
            }
        }
    }

    /// Begins to watch the clock, if no other waiter does. In a box, because only one waiter needs its space.
    fn begin_watch<'a>(&'a self, clock: &'a Clock) -> Option<BoxFuture<'a, ()>> {
        if self.watched.swap(1, Ordering::AcqRel) == 1 {
            return None;
        }
        Some(Box::pin(Watching(self).until_overdue_or_parked(clock)))
    }
}

/// The waiter that watches the clock. If it is dropped, another waiter begins to watch.
struct Watching<'a>(&'a Flight);

impl Watching<'_> {
    async fn until_overdue_or_parked(self, clock: &Clock) {
        let flight = self.0;
        let mut parked = pin!(flight.parked());
        loop {
            tokio::select! {
                biased;
                () = &mut parked => {
                    // Sets it for all waiters.
                    return flight.overdue.store(clock.now().millis(), Ordering::Release);
                }
                () = clock.sleep_until(flight.overdue()) => {}
            }
            // The load may have begun only now, with its own lease.
            if clock.now() >= flight.overdue() {
                return;
            }
        }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watched.store(0, Ordering::Release);
        // If the woken waiter is dropped, too, tokio wakes the next one.
        self.0.landed.notify_one();
    }
}

impl FlightLeader {
    /// A leader without a flight: no other caller gets its result.
    pub(crate) fn alone(flights: &Arc<Flights>, key: FlightKey) -> Self {
        Self { flights: Arc::clone(flights), key, flight: None, turn: None }
    }

    /// Holds the leader's turn until the flight ends.
    pub(crate) fn with_turn(mut self, turn: Option<Turn>) -> Self {
        self.turn = turn;
        self
    }

    /// Judges the load by the ticket's current state: its generations were read again, or it is a new ticket.
    pub(crate) fn restamp(&self, ticket: &Ticket) {
        if let Some(flight) = &self.flight {
            *lock(&flight.watch) = ticket.watch();
        }
    }

    /// Starts the lease of the load, which begins only now. Takeovers double the lease, including those in other
    /// processes (`elsewhere`). Returns when it ends.
    pub(crate) fn begin(&self, now: Timestamp, lease: Duration, elsewhere: u32) -> Timestamp {
        let takeovers = self.flight.as_ref().map_or(0, |flight| flight.takeovers);
        let overdue = now.after(doubled(lease, takeovers.max(elsewhere)));
        if let Some(flight) = &self.flight {
            flight.overdue.store(overdue.0, Ordering::Release);
        }
        overdue
    }

    /// The flight, unless no other caller gets the result.
    pub(crate) fn flight(&self) -> Option<Arc<Flight>> {
        self.flight.clone()
    }

    /// Whether it replaces a hung leader.
    pub(crate) fn took_over(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.takeovers > 0)
    }

    /// The leader's turn, for a leader that has more to do after its flight has landed.
    pub(crate) fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    /// Ends the flight; a second call has no effect.
    pub(crate) fn land(&mut self, landing: FlightResult) {
        let Some(flight) = self.flight.take() else { return };
        // Removed first: a waiter that sees an abandoned or failed flight and starts again must not find it.
        self.leave(&flight);
        flight.land(landing);
        flight.open_turns();
        self.end_turn(&flight);
    }

    /// Ends the flight with a value that will be stored remotely. Until this leader is dropped, waiters
    /// behind a refresh get no turn, and if `joinable`, callers can join the flight.
    pub(crate) fn land_before_storing(&mut self, entry: &Stored, joinable: bool) {
        let Some(flight) = self.flight.clone() else { return };
        // Removed first, as in `land`: a caller that comes after the landing must not find the flight.
        if !joinable {
            self.leave(&flight);
        }
        flight.land(FlightResult::Value(Arc::clone(entry)));
        if joinable {
            self.end_turn(&flight);
        }
    }

    /// Ends the leader's turn, or all turns, if the load has a result for all waiters.
    fn end_turn(&mut self, flight: &Flight) {
        if let Some(turn) = self.turn.take() {
            turn.brought(flight.landed().as_ref());
        }
    }

    fn leave(&self, flight: &Arc<Flight>) {
        let mut shard = self.flights.shard(&self.key);
        // A newer flight may have replaced it.
        if shard.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            shard.remove(&self.key);
        }
    }
}

impl Flight {
    fn land(&self, landing: FlightResult) {
        let _ = self.landing.set(landing);
        self.landed.notify_waiters();
    }
}

impl Drop for FlightLeader {
    fn drop(&mut self) {
        self.land(FlightResult::Abandoned);
    }
}

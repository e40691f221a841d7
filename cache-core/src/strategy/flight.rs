//! Single flight: one load per key and type at a time; whoever comes meanwhile waits for it.
//!
//! A flight is joined only while it still counts: if an eviction came since its load began, a new
//! flight takes its place, so no read that starts after an eviction gets the older value by
//! waiting. A leader that is dropped or panics lands its flight as *abandoned*, and those who
//! waited begin again, one of them as the leader.
//!
//! A flight has a lease: a leader that holds it for longer counts as hung, and one of those who wait
//! takes over. What the late leader brings is not stored: its ticket dies with the takeover. Each
//! takeover gets twice the time, so that a load that is only slow gets done.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::call::Declared;
use crate::clock::{Clock, Timestamp};
use crate::entry::Stored;
use crate::invalidation::{Generations, Stamps, Ticket, Watch};
use crate::key::KeyId;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::value::SharedFailure;

const SHARDS: usize = 64;
/// After a failure that can't be shared, so many of those who waited try at once.
const RETRIES: usize = 8;

type FlightKey = (KeyId, TypeId);
type Shard = HashMap<FlightKey, Arc<Flight>>;

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum Landing {
    Value(Stored),
    Failed(Option<SharedFailure>),
    Abandoned,
}

pub(crate) struct Flight {
    /// What was loaded, for the leader's own caller; those who wait may have to wait until it is stored.
    loaded: Mutex<Option<Stored>>,
    landing: Mutex<Option<Landing>>,
    landed: Notify,
    watch: Mutex<Watch>,
    /// When its leader counts as hung.
    overdue: AtomicU64,
    takeovers: u32,
    /// Held by the one of those who wait that looks at the clock for all of them.
    watch_over: Semaphore,
    pub(crate) retries: Semaphore,
}

/// The flights under way. Bounded by the number of loads.
pub(crate) struct Flights {
    shards: Box<[Mutex<Shard>]>,
}

/// What a caller is to do.
pub(crate) enum Role {
    Lead(Lead, Ticket),
    Wait(Arc<Flight>),
}

/// The duty to land a flight; dropped without landing, it is abandoned.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Option<Arc<Flight>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() })
    }

    fn shard(&self, key: &FlightKey) -> MutexGuard<'_, Shard> {
        #[allow(clippy::cast_possible_truncation)]
        let index = key.0.low() as usize % SHARDS;
        lock(&self.shards[index])
    }

    /// Joins the key's flight if there is one that still counts and is not overdue; else, and always
    /// without `joining`, leads a new one, with the ticket that `issue` gives.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: FlightKey,
        joining: Option<(&Generations, Declared<'_>)>,
        (now, lease): (Timestamp, Duration),
        issue: impl FnOnce() -> Ticket,
    ) -> Role {
        let mut shard = self.shard(&key);
        let counting = shard
            .get(&key)
            .filter(|flight| joining.is_some_and(|(now, tags)| flight.counts(now, tags)));
        if let Some(flight) = counting
            && now < flight.overdue()
        {
            return Role::Wait(Arc::clone(flight));
        }
        let takeovers = counting.map_or(0, |flight| flight.takeovers.saturating_add(1));
        let ticket = issue();
        if takeovers > 0 {
            // The hung leader may still end; then it is to store nothing over what this one brings.
            ticket.outlive_others();
        }
        let overdue = now.after(doubled(lease, takeovers));
        let flight = Arc::new(Flight {
            loaded: Mutex::new(None),
            landing: Mutex::new(None),
            landed: Notify::new(),
            watch: Mutex::new(ticket.watch()),
            overdue: AtomicU64::new(overdue.0),
            takeovers,
            watch_over: Semaphore::new(1),
            retries: Semaphore::new(RETRIES),
        });
        shard.insert(key, Arc::clone(&flight));
        Role::Lead(Lead { flights: Arc::clone(self), key, flight: Some(flight) }, ticket)
    }
}

/// The time of a leader who replaces a hung one.
fn doubled(lease: Duration, takeovers: u32) -> Duration {
    lease.saturating_mul(1 << takeovers.min(10))
}

impl Flight {
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

    /// Waits for the end, or until the leader is overdue. Cancel-safe.
    ///
    /// One timer for all who wait: whoever has it passes it on, also when it goes away.
    pub(crate) async fn landing_or_overdue(&self, clock: &Clock) -> Option<Landing> {
        let mut landing = pin!(self.landing());
        let _watch = tokio::select! {
            biased;
            landing = &mut landing => return Some(landing),
            watch = self.watch_over.acquire() => watch,
        };
        loop {
            let overdue = self.overdue();
            if let Ok(landing) = clock.timeout_at(overdue, &mut landing).await {
                return Some(landing);
            }
            // The load may have begun only now, with a lease of its own.
            if clock.now() >= self.overdue() {
                return None;
            }
        }
    }

    /// Waits for the end. Cancel-safe.
    pub(crate) async fn landing(&self) -> Landing {
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

impl Lead {
    /// A lead without a flight: its result is nobody else's.
    pub(crate) fn alone(flights: &Arc<Flights>, key: FlightKey) -> Self {
        Self { flights: Arc::clone(flights), key, flight: None }
    }

    /// The generations that the load is to be judged by were read anew.
    pub(crate) fn restamp(&self, stamps: &Stamps) {
        if let Some(flight) = &self.flight {
            lock(&flight.watch).stamps = stamps.clone();
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
    pub(crate) fn land(&mut self, landing: Landing) {
        self.finish(landing);
    }

    fn finish(&mut self, landing: Landing) {
        let Some(flight) = self.flight.take() else { return };
        // Off the list first: whoever hears that it was abandoned and begins again must not find it.
        let mut shard = self.flights.shard(&self.key);
        // A newer flight may have taken the place.
        if shard.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &flight)) {
            shard.remove(&self.key);
        }
        drop(shard);
        *lock(&flight.landing) = Some(landing);
        flight.landed.notify_waiters();
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.finish(Landing::Abandoned);
    }
}

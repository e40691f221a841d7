//! Single flight: one load per key and type at a time; whoever comes meanwhile waits for it.
//!
//! A flight is joined only while it still counts: if an eviction came since its load began, a new
//! flight takes its place, so no read that starts after an eviction gets the older value by
//! waiting. A leader that is dropped or panics lands its flight as *abandoned*, and those who
//! waited begin again, one of them as the leader.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};

use crate::entry::Stored;
use crate::invalidation::{Generations, Stamps, Ticket, Watch};
use crate::key::KeyId;
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
    landing: Mutex<Option<Landing>>,
    landed: Notify,
    watch: Mutex<Watch>,
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

    /// Joins the key's flight if there is one that still counts; else, and always without
    /// `joining`, leads a new one, with the ticket that `issue` gives.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: FlightKey,
        joining: Option<&Generations>,
        issue: impl FnOnce() -> Ticket,
    ) -> Role {
        let mut shard = self.shard(&key);
        if let Some(flight) = shard.get(&key)
            && joining.is_some_and(|generations| flight.counts(generations))
        {
            return Role::Wait(Arc::clone(flight));
        }
        let ticket = issue();
        let flight = Arc::new(Flight {
            landing: Mutex::new(None),
            landed: Notify::new(),
            watch: Mutex::new(ticket.watch()),
            retries: Semaphore::new(RETRIES),
        });
        shard.insert(key, Arc::clone(&flight));
        Role::Lead(Lead { flights: Arc::clone(self), key, flight: Some(flight) }, ticket)
    }
}

impl Flight {
    fn counts(&self, generations: &Generations) -> bool {
        let watch = lock(&self.watch);
        watch.is_alive() && generations.counts(&watch.stamps)
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

    pub(crate) fn land(mut self, landing: Landing) {
        self.finish(landing);
    }

    fn finish(&mut self, landing: Landing) {
        let Some(flight) = self.flight.take() else { return };
        *lock(&flight.landing) = Some(landing);
        let mut shard = self.flights.shard(&self.key);
        // A newer flight may have taken the place.
        if shard.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &flight)) {
            shard.remove(&self.key);
        }
        drop(shard);
        flight.landed.notify_waiters();
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.finish(Landing::Abandoned);
    }
}

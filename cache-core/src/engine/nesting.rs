//! Which loads the running code is a part of.
//!
//! A load that asks for its own key would wait for itself. So would two loads that ask for each other's keys. While a
//! load's body is polled, a thread-local names the load, and the loads that this one is a part of in turn. Whoever
//! is about to wait for a flight asks here whether that flight's load waits for the caller, directly or over others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flight::Flight;
use crate::key::KeyId;

#[cfg(not(shuttle))]
thread_local! {
    static CURRENT: RefCell<Nesting> = const { RefCell::new(Nesting(None)) };
}

// The model checker runs all its threads on one.
#[cfg(shuttle)]
shuttle::thread_local! {
    static CURRENT: RefCell<Nesting> = RefCell::new(Nesting(None));
}

/// The loads that some code is a part of, the innermost first.
#[derive(Clone, Default)]
pub(crate) struct Nesting(Option<Arc<Running>>);

/// One run of a body: for one flight, or for those of a batch.
struct Running {
    number: u64,
    flights: Vec<Arc<Flight>>,
    outer: Nesting,
}

impl std::fmt::Debug for Nesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.loads().map(|running| running.number)).finish()
    }
}

impl Nesting {
    /// What the caller is a part of.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
    }

    /// A load for `flight` that the caller begins.
    pub(super) fn begin(flight: Option<Arc<Flight>>) -> Self {
        let outer = Self::current();
        match flight {
            Some(flight) => outer.run(vec![flight]),
            None => outer,
        }
    }

    /// One load for the flights of all `items`.
    pub(crate) fn together(items: impl IntoIterator<Item = Self>) -> Self {
        let (mut flights, mut outer) = (Vec::new(), None);
        for running in items.into_iter().filter_map(|item| item.0) {
            flights.extend(running.flights.iter().cloned());
            outer.get_or_insert_with(|| running.outer.clone());
        }
        outer.unwrap_or_default().run(flights)
    }

    fn run(self, flights: Vec<Arc<Flight>>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        flights.iter().for_each(|flight| flight.brought_by(number));
        Self(Some(Arc::new(Running { number, flights, outer: self })))
    }

    fn loads(&self) -> impl Iterator<Item = &Arc<Running>> {
        std::iter::successors(self.0.as_ref(), |running| running.outer.0.as_ref())
    }

    /// Whether one of the loads is for this key of this cache, of whatever type.
    pub(super) fn loads_key(&self, home: usize, id: KeyId) -> bool {
        self.loads().flat_map(|running| &running.flights).any(|flight| flight.is_of(home, id))
    }

    /// Runs `work` as a part of these loads.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(replace(self.clone()));
        work()
    }

    /// Polls `work` as a part of these loads, wherever it is polled.
    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| self.enter(|| work.as_mut().poll(cx))).await
    }

    /// The same for a scope that another task may run: where it was taken in no load, the caller's own count.
    pub(crate) async fn carried<F: Future>(self, work: F) -> F::Output {
        match self.0 {
            Some(_) => self.around(work).await,
            None => work.await,
        }
    }

    /// The same for sync code.
    pub(crate) fn carried_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.0 {
            Some(_) => self.enter(work),
            None => work(),
        }
    }
}

fn replace(nesting: Nesting) -> Nesting {
    // Where the thread ends there is nothing to note.
    CURRENT.try_with(|current| current.replace(nesting)).unwrap_or_default()
}

/// What the thread was a part of before; a panic restores it too.
struct Before(Nesting);

impl Drop for Before {
    fn drop(&mut self) {
        drop(replace(std::mem::take(&mut self.0)));
    }
}

/// Which flights each running load waits for. Only loads that ask for other keys are here.
type Waits = BTreeMap<u64, Vec<Arc<Flight>>>;

fn waits() -> MutexGuard<'static, Waits> {
    static WAITS: Mutex<Waits> = Mutex::new(BTreeMap::new());
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The caller's loads wait for a flight, until this is dropped.
pub(super) struct Waiting {
    nesting: Nesting,
    flight: Arc<Flight>,
}

/// The flight's load is one of the caller's, or waits for one of them.
pub(super) struct Circle;

/// Says that the caller is about to wait for `flight`.
pub(crate) fn wait_for(flight: &Arc<Flight>) -> Result<Waiting, Circle> {
    let nesting = Nesting::current();
    let own: BTreeSet<u64> = nesting.loads().map(|running| running.number).collect();
    if !own.is_empty() {
        // Looked at and noted in one step: of two who begin to wait for each other, the second sees the first.
        let mut waits = waits();
        if leads_back(&waits, flight, &own) {
            return Err(Circle);
        }
        for number in own {
            waits.entry(number).or_default().push(Arc::clone(flight));
        }
    }
    Ok(Waiting { nesting, flight: Arc::clone(flight) })
}

/// Whether the load of `flight` is one of `own`, or waits for one of them over any number of others.
fn leads_back(waits: &Waits, flight: &Arc<Flight>, own: &BTreeSet<u64>) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![flight.load()]);
    while let Some(load) = next.pop() {
        if own.contains(&load) {
            return true;
        }
        if seen.insert(load) {
            let flights = waits.get(&load).into_iter().flatten();
            next.extend(flights.map(|flight| flight.load()));
        }
    }
    false
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.nesting.0.is_none() {
            return;
        }
        let mut waits = waits();
        for running in self.nesting.loads() {
            let Some(flights) = waits.get_mut(&running.number) else { continue };
            if let Some(at) = flights.iter().position(|flight| Arc::ptr_eq(flight, &self.flight)) {
                flights.swap_remove(at);
            }
            if flights.is_empty() {
                waits.remove(&running.number);
            }
        }
    }
}

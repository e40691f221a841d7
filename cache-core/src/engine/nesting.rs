//! Tracks the loads in which the running code is nested.
//!
//! A load that requests its own key would wait for itself. So would two loads that request each other's keys.
//! While a load's body is polled, a thread-local names the load and the loads around it. A caller that is
//! about to wait for a flight asks here whether that flight's load waits for the caller, directly or through
//! others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::{SmallVec, smallvec};

use super::flight::Flight;
use crate::key::KeyId;

#[cfg(not(shuttle))]
thread_local! {
    static CURRENT: RefCell<Nesting> = const { RefCell::new(Nesting(Loads::None)) };
}

// The model checker runs all its threads on one.
#[cfg(shuttle)]
shuttle::thread_local! {
    static CURRENT: RefCell<Nesting> = RefCell::new(Nesting(Loads::None));
}

/// The loads around some code, the innermost first.
#[derive(Clone, Default)]
pub(crate) struct Nesting(Loads);

#[derive(Clone, Default)]
enum Loads {
    #[default]
    None,
    /// One load for one flight.
    One(Arc<Flight>),
    /// Loads in loads, or a load for the flights of a batch.
    Several(Arc<Running>),
}

/// One run of a body, inside others.
struct Running {
    number: u64,
    flights: SmallVec<[Arc<Flight>; 1]>,
    outer: Nesting,
}

/// One of the loads around some code.
#[derive(Clone, Copy)]
struct Load<'a> {
    number: u64,
    flights: &'a [Arc<Flight>],
    outer: Option<&'a Nesting>,
}

impl std::fmt::Debug for Nesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.loads().map(|load| load.number)).finish()
    }
}

impl Nesting {
    /// The loads around the caller.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
    }

    /// Begins a load for `flight` inside the caller's loads.
    pub(super) fn begin(flight: Option<Arc<Flight>>) -> Self {
        let outer = Self::current();
        match flight {
            Some(flight) => outer.run(smallvec![flight]),
            None => outer,
        }
    }

    /// One load for the flights of all `items`.
    pub(crate) fn together(items: impl IntoIterator<Item = Self>) -> Self {
        let (mut flights, mut outer) = (SmallVec::new(), None);
        for item in items {
            let Some(load) = item.innermost() else { continue };
            flights.extend(load.flights.iter().cloned());
            outer.get_or_insert_with(|| load.outer.cloned().unwrap_or_default());
        }
        outer.unwrap_or_default().run(flights)
    }

    fn run(self, flights: SmallVec<[Arc<Flight>; 1]>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        flights.iter().for_each(|flight| flight.brought_by(number));
        match (&self.0, &*flights) {
            (Loads::None, [flight]) => Self(Loads::One(Arc::clone(flight))),
            _ => Self(Loads::Several(Arc::new(Running { number, flights, outer: self }))),
        }
    }

    fn innermost(&self) -> Option<Load<'_>> {
        match &self.0 {
            Loads::None => None,
            Loads::One(flight) => {
                let (number, flights) = (flight.load(), std::slice::from_ref(flight));
                Some(Load { number, flights, outer: None })
            }
            Loads::Several(running) => {
                let Running { number, flights, outer } = &**running;
                Some(Load { number: *number, flights, outer: Some(outer) })
            }
        }
    }

    fn loads(&self) -> impl Iterator<Item = Load<'_>> {
        std::iter::successors(self.innermost(), |load| load.outer?.innermost())
    }

    fn is_none(&self) -> bool {
        matches!(self.0, Loads::None)
    }

    /// Whether one of the loads is for this key of this cache, of any type.
    pub(super) fn loads_key(&self, home: usize, id: KeyId) -> bool {
        self.loads().flat_map(|load| load.flights).any(|flight| flight.is_of(home, id))
    }

    /// Runs `work` inside these loads.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(replace(self.clone()));
        work()
    }

    /// Polls `work` inside these loads, on any thread.
    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| self.enter(|| work.as_mut().poll(cx))).await
    }

    /// The same for a scope that another task may run: if it was created outside loads, the caller's own
    /// loads apply.
    pub(crate) async fn carried<F: Future>(self, work: F) -> F::Output {
        match self.is_none() {
            true => work.await,
            false => self.around(work).await,
        }
    }

    /// The same for sync code.
    pub(crate) fn carried_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.is_none() {
            true => work(),
            false => self.enter(work),
        }
    }
}

fn replace(nesting: Nesting) -> Nesting {
    // On a thread that is ending there is nothing to record.
    CURRENT.try_with(|current| current.replace(nesting)).unwrap_or_default()
}

/// The previous loads of the thread; restored even after a panic.
struct Before(Nesting);

impl Drop for Before {
    fn drop(&mut self) {
        drop(replace(std::mem::take(&mut self.0)));
    }
}

/// The flights for which each running load waits. Only loads that request other keys are here.
type Waits = BTreeMap<u64, Vec<Arc<Flight>>>;

fn waits() -> MutexGuard<'static, Waits> {
    static WAITS: Mutex<Waits> = Mutex::new(BTreeMap::new());
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records that the caller's loads wait for a flight, until this is dropped.
pub(super) struct Waiting {
    /// The numbers of the caller's loads. A batch that joins a load to its own changes that load's number.
    loads: BTreeSet<u64>,
    flight: Arc<Flight>,
}

/// The flight's load is one of the caller's, or waits for one of them.
pub(super) struct Circle;

/// Records that the caller is about to wait for `flight`.
pub(crate) fn wait_for(flight: &Arc<Flight>) -> Result<Waiting, Circle> {
    let nesting = Nesting::current();
    let own: BTreeSet<u64> = nesting.loads().map(|load| load.number).collect();
    if !own.is_empty() {
        // Checked and recorded in one step: if two loads begin to wait for each other, the second sees the
        // first.
        let mut waits = waits();
        if leads_back(&waits, flight, &own) {
            return Err(Circle);
        }
        for number in &own {
            waits.entry(*number).or_default().push(Arc::clone(flight));
        }
    }
    Ok(Waiting { loads: own, flight: Arc::clone(flight) })
}

/// Whether the load of `flight` is one of `own`, or waits for one of them through any number of others.
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
        if self.loads.is_empty() {
            return;
        }
        let mut waits = waits();
        for number in &self.loads {
            let Some(flights) = waits.get_mut(number) else { continue };
            if let Some(at) = flights.iter().position(|flight| Arc::ptr_eq(flight, &self.flight)) {
                flights.swap_remove(at);
            }
            if flights.is_empty() {
                waits.remove(number);
            }
        }
    }
}

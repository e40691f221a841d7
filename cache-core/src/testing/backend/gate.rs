//! Operations that wait until a test lets them go.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::operation::Operation;

/// So long, in real time, a test waits for an operation that should come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an operation is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPoint {
    /// It has not reached the store yet.
    Before(Operation),
    /// It took effect, and its answer is under way.
    After(Operation),
}

/// Whoever comes waits until it is opened: see [`Faults::hold`](super::faults::Faults::hold). Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    at: HoldPoint,
    open: Semaphore,
    arrived: Semaphore,
}

impl Gate {
    pub(super) fn new(at: HoldPoint) -> Self {
        Self(Arc::new(State { at, open: Semaphore::new(0), arrived: Semaphore::new(0) }))
    }

    pub(super) fn is_at(&self, at: HoldPoint) -> bool {
        self.0.at == at
    }

    /// Waits until an operation is held that was not waited for yet.
    ///
    /// # Panics
    /// None came within ten seconds of real time.
    #[track_caller]
    pub fn arrived(&self) -> impl Future<Output = ()> + use<> {
        let (gate, place) = (Arc::clone(&self.0), std::panic::Location::caller());
        async move {
            let late = futures_timer::Delay::new(PATIENCE);
            tokio::select! {
                biased;
                // A semaphore that is never closed always gives.
                permit = gate.arrived.acquire() => if let Ok(permit) = permit { permit.forget() },
                () = late => panic!("at {place}: nobody came to {:?} within {PATIENCE:?}", gate.at),
            }
        }
    }

    /// For those who wait, and for those who come.
    pub fn open(&self) {
        self.0.open.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        self.0.arrived.add_permits(1);
        // Given back at once: the next one passes too.
        drop(self.0.open.acquire().await);
    }
}

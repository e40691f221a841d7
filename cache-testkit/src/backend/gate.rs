//! Gates, which block operations until a test opens them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::operation::Operation;

/// How long, in real time, a test waits for an operation to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an operation is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPoint {
    /// Before it reaches the store.
    Before(Operation),
    /// After it took effect, before its answer arrives.
    After(Operation),
}

/// Blocks the operations that arrive until it is opened: see [`Faults::hold`](super::faults::Faults::hold).
/// Clones are the same gate.
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

    /// Waits until an operation is blocked that no earlier call has waited for.
    ///
    /// # Panics
    /// If none arrives within ten seconds of real time.
    #[track_caller]
    pub fn arrived(&self) -> impl Future<Output = ()> + use<> {
        let (gate, place) = (Arc::clone(&self.0), std::panic::Location::caller());
        async move {
            let late = futures_timer::Delay::new(PATIENCE);
            tokio::select! {
                biased;
                // The semaphore is never closed, so this always gets a permit.
                permit = gate.arrived.acquire() => if let Ok(permit) = permit { permit.forget() },
                () = late => panic!("at {place}: no operation reached {:?} within {PATIENCE:?}", gate.at),
            }
        }
    }

    /// Opens the gate, for the blocked operations and for all later ones.
    pub fn open(&self) {
        self.0.open.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        self.0.arrived.add_permits(1);
        // Returned immediately, so that the next operation passes, too.
        drop(self.0.open.acquire().await);
    }
}

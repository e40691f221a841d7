//! A backend with faults that a test controls.

use std::sync::Arc;

use cache_core::__testing::sleep;
use cache_core::{
    Backend, BackendError, BackendResult, Clock, Leases, MessageHandler, Subscription,
};

use super::answer::Answer;
use super::chaos::Fate;
use super::faults::Faults;
use super::gate::HoldPoint;
use super::layer::{EachLease, EachResult, Layer, Layered, unsupported};
use super::operation::Operation;

/// A wrapping backend whose operations fail, take long, block or return damaged values, as its [`Faults`]
/// say. Clones share the faults. Two of these around clones of one store simulate two processes' connections
/// to it, each with its own faults.
///
/// ```
/// use larder::{Cache, Error, backend::MemoryBackend};
/// use larder::testing::Faulty;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let backend = Faulty::new(MemoryBackend::new());
/// let faults = backend.faults();
/// let cache = Cache::builder().remote(backend).build()?;
/// faults.outage(true);
/// let load = async || Ok::<_, Error>(1u64);
/// assert_eq!(cache.get_or_load("k", load).await?, 1, "a failing cache is not the caller's trouble");
/// assert!(cache.remove("k").await.is_err(), "the eviction is pending");
/// # Ok(())
/// # }
/// ```
pub type Faulty<B> = Layered<B, FaultLayer>;

/// The layer of a [`Faulty`] backend.
#[derive(Clone, Debug)]
pub struct FaultLayer {
    faults: Faults,
    clock: Clock,
    has_leases: bool,
    has_bus: bool,
    can_replace: bool,
}

impl<B: Backend> Layered<B, FaultLayer> {
    /// Wraps `backend`, in real time.
    pub fn new(backend: B) -> Self {
        Self::with_clock(backend, Clock::default())
    }

    /// Wraps `backend`; delays use `clock`.
    pub fn with_clock(backend: B, clock: Clock) -> Self {
        let layer = FaultLayer {
            faults: Faults::default(),
            clock,
            has_leases: true,
            has_bus: true,
            can_replace: true,
        };
        Self { backend, layer }
    }

    /// Hides the backend's leases.
    #[must_use]
    pub fn without_leases(mut self) -> Self {
        self.layer.has_leases = false;
        self
    }

    /// Hides the bus: [`subscribe`](Backend::subscribe) is `Unsupported`.
    #[must_use]
    pub fn without_bus(mut self) -> Self {
        self.layer.has_bus = false;
        self
    }

    /// Hides [`replace`](Backend::replace), which is `Unsupported` then.
    #[must_use]
    pub fn without_replace(mut self) -> Self {
        self.layer.can_replace = false;
        self
    }

    /// Returns the controls.
    pub fn faults(&self) -> Faults {
        self.layer.faults.clone()
    }
}

impl Layer for FaultLayer {
    fn around<'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        _keys: Vec<String>,
        next: BackendResult<'a, T>,
    ) -> BackendResult<'a, T> {
        Box::pin(async move {
            if operation == Operation::Replace && !self.can_replace {
                return Err(unsupported("replace"));
            }
            let faults = &self.faults;
            let fate = faults.begin(operation);
            if !fate.delay.is_zero() {
                sleep(&self.clock, fate.delay).await;
            }
            if fate.down {
                return Err(faults.error(operation, "the backend is down, as its test says"));
            }
            faults.pass(HoldPoint::Before(operation)).await;
            let mut done = next.await;
            faults.pass(HoldPoint::After(operation)).await;
            if fate.lost || faults.loses() {
                return Err(faults.error(operation, "the answer was lost, as its test says"));
            }
            if let (Ok(answer), Some(damaged)) = (&mut done, faults.damaged(fate)) {
                answer.alter(&damaged);
            }
            done
        })
    }

    /// The faults of each item by itself: of one request some items may fail, and others not.
    fn around_each<'a, I: Copy + Send + Sync + 'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        _keys: Vec<String>,
        leases: &'a dyn Leases,
        items: &'a [I],
        next: EachLease<I, T>,
    ) -> EachResult<'a, T> {
        Box::pin(async move {
            let faults = &self.faults;
            let fates: Vec<Fate> = items.iter().map(|_| faults.begin(operation)).collect();
            let delay = fates.iter().map(|fate| fate.delay).max().unwrap_or_default();
            if !delay.is_zero() {
                sleep(&self.clock, delay).await;
            }
            let up = items.iter().zip(&fates).filter(|(_, fate)| !fate.down);
            let up: Vec<I> = up.map(|(item, _)| *item).collect();
            let mut done = Vec::new().into_iter();
            if !up.is_empty() {
                faults.pass(HoldPoint::Before(operation)).await;
                done = next(leases, &up).await.into_iter();
                faults.pass(HoldPoint::After(operation)).await;
            }
            let loses = faults.loses();
            let one = |fate: Fate| {
                if fate.down {
                    return Err(faults.error(operation, "the backend is down, as its test says"));
                }
                let mut done = done.next().unwrap_or_else(|| Err(unsupported(operation.name())));
                if fate.lost || loses {
                    return Err(faults.error(operation, "the answer was lost, as its test says"));
                }
                if let (Ok(answer), Some(damaged)) = (&mut done, faults.damaged(fate)) {
                    answer.alter(&damaged);
                }
                done
            };
            fates.into_iter().map(one).collect()
        })
    }

    fn subscribe(
        &self,
        backend: &dyn Backend,
        channel: &str,
        handler: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        if !self.has_bus {
            return Err(unsupported("subscribe"));
        }
        backend.subscribe(channel, self.faults.wires().add(handler, &self.faults))
    }

    fn has_leases(&self) -> bool {
        self.has_leases
    }
}

//! A store whose operations can be held before or after they take effect, and which can be down: the test kit's, with
//! the caches that tests build over it.

#![allow(dead_code, clippy::unwrap_used)]

use larder::testing::{self, Faults, Faulty, Operation};
use larder::{Cache, backend::MemoryBackend, time::Clock};

pub(crate) use larder::testing::Gate;

/// The point at which an operation, given by its name, is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// The operation has not reached the store yet.
    Before(&'static str),
    /// The answer is under way.
    After(&'static str),
}

fn operation(name: &str) -> Operation {
    *Operation::ALL.iter().find(|known| known.name() == name).unwrap()
}

impl From<At> for testing::HoldPoint {
    fn from(at: At) -> Self {
        match at {
            At::Before(name) => Self::Before(operation(name)),
            At::After(name) => Self::After(operation(name)),
        }
    }
}

/// One process's connection to a store that others share.
#[derive(Clone)]
pub(crate) struct Gated {
    pub(crate) store: MemoryBackend,
    pub(crate) backend: Faulty<MemoryBackend>,
    faults: Faults,
    has_leases: bool,
}

impl Gated {
    /// Without leases: `set` stores loaded values.
    pub(crate) fn new() -> Self {
        Self::over(MemoryBackend::new(), false)
    }

    /// With leases: `commit` stores loaded values.
    pub(crate) fn leased(clock: &Clock) -> Self {
        Self::over(MemoryBackend::with_clock(clock.clone()), true)
    }

    fn over(store: MemoryBackend, has_leases: bool) -> Self {
        let backend = Faulty::new(store.clone());
        let backend = if has_leases { backend } else { backend.without_leases() };
        let faults = backend.faults();
        Self { store, backend, faults, has_leases }
    }

    /// Another process's connection to the same store.
    pub(crate) fn another(&self) -> Self {
        Self::over(self.store.clone(), self.has_leases)
    }

    pub(crate) fn cache(&self, clock: &Clock) -> Cache {
        Cache::builder().remote(self.backend.clone()).clock(clock.clone()).build().unwrap()
    }

    pub(crate) fn cache_without_memory(&self, clock: &Clock) -> Cache {
        let builder = Cache::builder().no_memory().remote(self.backend.clone());
        builder.clock(clock.clone()).build().unwrap()
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, name: &str) -> u64 {
        self.faults.calls(operation(name))
    }

    /// Holds an operation from now on.
    pub(crate) fn hold(&self, at: At) -> Gate {
        self.faults.hold(at.into())
    }

    /// Fails the operations under way too, although they may have taken effect.
    pub(crate) fn lose_answers(&self) {
        self.set_down(true);
        self.faults.lose_answers(true);
    }

    pub(crate) fn answers_again(&self) {
        self.set_down(false);
        self.faults.lose_answers(false);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.faults.set_down(down);
    }

    /// Tells the caches whether the bus is connected.
    pub(crate) fn set_linked(&self, linked: bool) {
        self.faults.set_linked(linked);
    }
}

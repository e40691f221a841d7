//! The test kit (feature `testing`).
//!
//! - [`Kit`] and [`isolated`]: isolated caches for the cached functions that a test calls, with a clock that
//!   the test controls ([`Clock::manual`](cache_core::Clock::manual)) and counts for assertions.
//! - [`Recording`] and [`Faulty`]: a backend that records its operations; a backend that fails on command.
//! - [`Simulation`]: runs a program's readers and mutators in random order under faults, and finds old values.
//! - [`assert_round_trip`]: checks that a value comes back from a remote tier unchanged.
//! - [`conformance`](fn@conformance) and [`conformance!`](macro@conformance): check that a backend follows
//!   the documentation of [`Backend`](cache_core::Backend) and [`Leases`](cache_core::Leases).
//!
//! The guide `larder::guide::testing` shows how to use them.

mod backend;
mod conformance;
mod dice;
mod kit;
mod round_trip;
mod simulation;

pub use backend::{
    Corruption, FaultLayer, FaultRates, Faults, Faulty, Gate, HoldPoint, Layered, Operation,
    OperationLog, OperationOutcome, Recorded, Recording,
};
pub use conformance::conformance;
#[doc(hidden)]
pub use conformance::{Rule, RuleSet, check, rules};
pub use kit::{Counts, Expect, Kit, KitBuilder, isolated, with_current_kit};
#[cfg(feature = "tower")]
pub use kit::{KitLayer, KitService};
pub use round_trip::assert_round_trip;
pub use simulation::Simulation;

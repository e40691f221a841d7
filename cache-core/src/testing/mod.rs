//! The test kit (feature `testing`).
//!
//! - [`Kit`] and [`isolated`]: caches of a test's own, for whatever cached functions it calls, with a clock that it
//!   drives ([`Clock::manual`](crate::base::Clock::manual)) and counts that it can assert on.
//! - [`Recording`] and [`Faulty`]: what was asked of a backend; a backend that fails on command.
//! - [`assert_round_trip`]: whether a value comes back from a remote tier as it went.
//! - [`conformance`](fn@conformance) and [`conformance!`](macro@conformance): whether a backend does what the docs of
//!   [`Backend`](crate::Backend) and [`Leases`](crate::Leases) say.
//!
//! The guide `larder::guide::testing` shows how they are used.

mod backend;
#[doc(hidden)]
pub mod bytes;
mod conformance;
mod kit;
mod round_trip;

#[doc(inline)]
pub use crate::conformance;
pub use backend::{
    Corruption, FaultRates, Faults, Faulty, Gate, HoldPoint, Operation, OperationLog,
    OperationOutcome, Recorded, Recording,
};
pub use conformance::conformance;
#[doc(hidden)]
pub use conformance::{Rule, RuleSet, check, rules};
pub use kit::{Counts, Expect, Kit, KitBuilder, isolated, with_current_kit};
pub use round_trip::assert_round_trip;

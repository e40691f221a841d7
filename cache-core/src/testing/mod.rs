//! The test kit (feature `testing`).
//!
//! [`Clock::manual`](crate::Clock::manual) drives time, [`conformance`] checks a custom backend
//! against the [`Backend`](crate::Backend) trait's docs.

mod conformance;

pub use conformance::conformance;

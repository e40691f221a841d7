//! The test kit (feature `testing`).
//!
//! [`Clock::manual`](crate::Clock::manual) drives time, [`conformance`] checks a custom backend
//! against the [`Backend`](crate::Backend) trait's docs.

#[doc(hidden)]
pub mod bytes;
mod conformance;

pub use conformance::conformance;

//! What fences, generations and flights are synchronised with: the standard library's, or those of
//! [shuttle](https://docs.rs/shuttle), which runs a test again and again with its threads interleaved in
//! other ways (`--cfg shuttle`; see `api::interleavings`).
//!
//! `tokio::sync` is not replaced: what it does between two of these steps counts as one step.

#[cfg(not(shuttle))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

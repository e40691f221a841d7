//! The synchronisation types of fences, generations and flights, from the standard library or from
//! [shuttle](https://docs.rs/shuttle), which repeats a test with other thread interleavings (`--cfg shuttle`;
//! see `api::interleavings`).
//!
//! `tokio::sync` is not replaced: its work between two of these operations is one step.

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

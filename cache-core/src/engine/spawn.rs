//! Background work, with a runtime or without.

use std::future::Future;
use std::task::{Context, Waker};

use super::scope::TransactionScope;
use super::test_scope as world;
use crate::base::{BoxFuture, spawn_boxed};

/// Runs `work` in the background: on the current tokio runtime, or on a thread of its own where
/// there is none (sync functions of a program without a runtime). It stays in its caller's test kit and transaction.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let work: BoxFuture<'static, ()> = match TransactionScope::current() {
        // A load that is left to the background may still see what the transaction has not committed.
        Some(transaction) => Box::pin(transaction.run(work)),
        None => Box::pin(work),
    };
    match world::current() {
        Some(world) => spawn_boxed(Box::pin(world.run(work))),
        None => spawn_boxed(work),
    }
}

/// Polls `work` once here, and runs what remains in the background: its first step has happened
/// when this returns.
pub(crate) fn start_now(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    let mut nobody = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut nobody).is_pending() {
        spawn(work);
    }
}

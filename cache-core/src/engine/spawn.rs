//! Background work, with or without a runtime.

use std::future::Future;
use std::task::{Context, Waker};

use super::scope::{TenantScope, TransactionScope};
use super::test_scope as world;
use crate::base::{BoxFuture, spawn_boxed};

/// Runs `work` in the background: on the current Tokio runtime, or on a new thread if there is none (sync
/// functions of a program without a runtime). It stays in its caller's test kit, transaction and tenant.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let work: BoxFuture<'static, ()> = match TransactionScope::current() {
        // A load that continues in the background may still see uncommitted data of the transaction.
        Some(transaction) => Box::pin(transaction.run(work)),
        None => Box::pin(work),
    };
    let tenant = TenantScope::current();
    let work: BoxFuture<'static, ()> = match tenant.name() {
        Some(_) => Box::pin(tenant.run(work)),
        None => work,
    };
    match world::current() {
        Some(world) => spawn_boxed(Box::pin(world.run(work))),
        None => spawn_boxed(work),
    }
}

/// Polls `work` once here, and runs the rest in the background: its first step is done when this returns.
pub(crate) fn start_now(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    let mut nobody = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut nobody).is_pending() {
        spawn(work);
    }
}

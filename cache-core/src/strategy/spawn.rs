//! Background work, with a runtime or without.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use crate::backend::BoxFuture;
use crate::registry::world;
use crate::scope::TransactionScope;

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

/// Compiled once: what a runtime makes of a future is a lot of code.
fn spawn_boxed(work: BoxFuture<'static, ()>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(work));
        return;
    }
    let thread = std::thread::Builder::new().name("larder".into());
    if let Err(error) = thread.spawn(|| pollster::block_on(work)) {
        tracing::error!(target: "larder::task", %error, "larder: background work was not started");
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

/// Makes a future on the heap. In a build without optimisation the caller's stack frame would hold
/// every future that it awaits, and a recursive function's frames add up.
#[inline(never)]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

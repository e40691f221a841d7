//! Background work, with or without a runtime.

use std::future::Future;
use std::pin::Pin;

use super::future::BoxFuture;

/// Runs `work` in the background, without the caller's task-locals. Not generic: a runtime generates a lot of
/// code for each future type.
pub(crate) fn spawn_boxed(work: BoxFuture<'static, ()>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(work));
        return;
    }
    let thread = std::thread::Builder::new().name("larder".into());
    if let Err(error) = thread.spawn(|| pollster::block_on(work)) {
        tracing::error!(target: "larder::task", %error, "larder: background work was not started");
    }
}

/// Makes a future on the heap. In an unoptimised build the caller's stack frame would hold every future that
/// it awaits, and the frames of a recursive function add up.
#[inline(never)]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

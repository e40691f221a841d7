//! Runs a future that is ready at once, or nearly so, without a runtime.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls until the future is ready. A hit is ready at the first poll, so this adds next to nothing, as in a task that
/// runs anyway.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        std::thread::yield_now();
    }
}

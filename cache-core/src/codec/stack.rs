//! A stack of known size, for work that may need more stack than the caller has.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// Its size in bytes. Decoding uses at most half of it (`bounded`).
const SIZE: usize = 4 << 20;

/// Runs `work` on a new thread and waits for it; `None` if the system cannot start a thread. A panic of
/// `work` continues in the caller.
pub(crate) fn roomy<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    scope(|scope| {
        let thread = Builder::new().name("larder-codec".to_owned()).stack_size(SIZE);
        let done = thread.spawn_scoped(scope, work).ok()?.join();
        Some(done.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

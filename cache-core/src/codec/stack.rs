//! A stack of known size, for what may take more of it than the caller has.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// How many bytes it has: what is read there takes half of them at most (`bounded`).
const SIZE: usize = 4 << 20;

/// Does `work` on a thread of its own, and waits for it; `None` if the system starts no thread. A panic of `work` is
/// the caller's.
pub(crate) fn roomy<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    scope(|scope| {
        let thread = Builder::new().name("larder-codec".to_owned()).stack_size(SIZE);
        let done = thread.spawn_scoped(scope, work).ok()?.join();
        Some(done.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

//! Waiting for async work on a thread, with or without a runtime.

use std::cell::RefCell;
use std::future::{Future, pending};

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};

thread_local! {
    /// The runtimes that callers of [`block_on`] on this thread had, the innermost one last.
    static OUTER: RefCell<Vec<Option<Handle>>> = const { RefCell::new(Vec::new()) };
}

/// The runtime of blocking callers, in a thread of its own. The first call starts it.
fn runtime() -> Option<&'static Handle> {
    static RUNTIME: OnceCell<Handle> = OnceCell::new();
    let start = || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("larder-blocking".into())
            .spawn(move || runtime.block_on(pending::<()>()))?;
        Ok::<_, std::io::Error>(handle)
    };
    let started = RUNTIME.get_or_try_init(start);
    let told = |error: &std::io::Error| {
        tracing::error!(target: "larder::task", %error, "larder: the thread `larder-blocking` was not started");
    };
    started.inspect_err(told).ok()
}

/// Forgets the caller's runtime when the work is done, even if it panics.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        OUTER.with_borrow_mut(|outer| drop(outer.pop()));
    }
}

/// Runs `work` on this thread, and blocks the thread until it is done. Timers, sockets and background tasks of
/// the work use a runtime in a thread of larder's, `larder-blocking`, which the first call starts.
///
/// It is for programs without a runtime: to connect to Redis, and to close a cache. ([`Cache::blocking`] has the
/// methods of a cache.) In async code it keeps all other tasks of the thread waiting: use `spawn_blocking` there.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// larder::block_on(cache.insert("k", 1u64))?;
/// assert_eq!(larder::block_on(cache.get::<u64>("k"))?, Some(1));
/// # Ok(())
/// # }
/// ```
///
/// [`Cache::blocking`]: crate::engine::Cache::blocking
pub fn block_on<F: Future>(work: F) -> F::Output {
    // Also inside a runtime: one with a single thread, which this blocks, would run none of its timers.
    OUTER.with_borrow_mut(|outer| outer.push(Handle::try_current().ok()));
    let _inside = Inside;
    let _runtime = runtime().map(Handle::enter);
    pollster::block_on(work)
}

/// Runs a part of the user's code in the runtime of the one who called [`block_on`].
pub(crate) fn outside<T>(run: impl FnOnce() -> T) -> T {
    let outer = OUTER.with_borrow(|outer| outer.last().cloned().flatten());
    let _runtime = outer.as_ref().map(Handle::enter);
    run()
}

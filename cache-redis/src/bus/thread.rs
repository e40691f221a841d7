//! The thread on which subscriptions run, one for the whole process.
//!
//! On the runtime in which a cache was built, a subscription would hear nothing while sync code blocks that runtime, and
//! nothing more once it ends, while other threads go on to serve what is in memory as if nothing had been evicted.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// The thread's runtime; the thread is started when it is first asked for, and lasts as long as the process.
pub(super) fn runtime() -> std::io::Result<Handle> {
    let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*known {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("larder-bus".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    *known = Some(handle.clone());
    Ok(handle)
}

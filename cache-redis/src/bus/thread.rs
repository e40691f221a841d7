//! The thread that runs all subscriptions of the process.
//!
//! On the runtime in which a cache was built, a subscription would receive nothing while sync code
//! blocks that runtime, and nothing after it ends. Other threads would go on serving entries from
//! memory as if no eviction had happened.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// Returns the thread's runtime. The first call starts the thread, which runs as long as the
/// process.
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

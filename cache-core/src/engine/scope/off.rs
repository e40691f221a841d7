//! Caching switched off in a scope: one task, or one call of a closure.

use super::switch;
use crate::base::ActiveScope;
use crate::engine::handle::Engine;

tokio::task_local! {
    static WITHOUT: ();
}

/// Runs `work` as if nothing were cached: its reads neither read nor fill any cache, and its puts
/// evict. See [`disable`](crate::disable()), which does the same for the process.
///
/// It concerns what `work` itself awaits, and not the tasks it spawns. Dropping the future ends the
/// scope. Works on any executor.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("k", 1u64).await?;
/// let fresh = larder::without_cache(async {
///     cache.get_or_load("k", || async { Ok::<_, Error>(2u64) }).await
/// });
/// assert_eq!(fresh.await?, 2);
/// assert_eq!(cache.get::<u64>("k").await?, Some(1), "nor was it stored");
/// # Ok(())
/// # }
/// ```
pub async fn without_cache<T>(work: impl Future<Output = T>) -> T {
    let _live = ActiveScope::new();
    WITHOUT.scope((), work).await
}

/// [`without_cache`] for sync functions: on this thread, while `work` runs.
///
/// ```
/// # use cache_core as larder;
/// assert_eq!(larder::without_cache_sync(|| 40 + 2), 42);
/// ```
pub fn without_cache_sync<T>(work: impl FnOnce() -> T) -> T {
    let _live = ActiveScope::new();
    WITHOUT.sync_scope((), work)
}

/// Whether the caller finds this cache switched off, by whatever switch.
pub(crate) fn is_off(engine: &Engine) -> bool {
    switch::process_is_off() || engine.switch.is_off() || WITHOUT.try_with(|()| ()).is_ok()
}

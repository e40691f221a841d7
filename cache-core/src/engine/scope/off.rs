//! Switches caching off in a scope: one task, or one call of a closure.

use super::{switch, tenant};
use crate::base::ActiveScope;
use crate::engine::handle::Engine;

tokio::task_local! {
    static WITHOUT: ();
}

/// Runs `work` without any cache: its reads neither read nor fill a cache, and its puts evict.
/// [`disable`](crate::disable()) does the same for the process.
///
/// It applies to everything that `work` itself awaits, but not to the tasks that it spawns. Dropping the
/// future ends the scope. Works on any executor.
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

/// Runs sync code without any cache, on this thread; see [`without_cache`].
///
/// ```
/// # use cache_core as larder;
/// assert_eq!(larder::without_cache_sync(|| 40 + 2), 42);
/// ```
pub fn without_cache_sync<T>(work: impl FnOnce() -> T) -> T {
    let _live = ActiveScope::new();
    WITHOUT.sync_scope((), work)
}

/// Whether this cache is off for the caller, by any switch.
pub(crate) fn is_off(engine: &Engine) -> bool {
    switch::process_is_off()
        || engine.switch.is_off()
        || tenant::is_off()
        || WITHOUT.try_with(|()| ()).is_ok()
}

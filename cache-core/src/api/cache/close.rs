//! Closing a cache.

use std::time::Duration;

use crate::base::{Error, Pattern};
use crate::engine::Cache;
use crate::memory::FenceScope;
use crate::stats::RemovalCause;

/// How long operations in progress may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two checks of them.
const PAUSE: Duration = Duration::from_millis(5);

impl Cache {
    /// Closes this cache, for all handles to it: for a program that is about to exit, or to replace the
    /// cache.
    ///
    /// From the first poll on, the cache behaves as if it were switched off for good: cached functions run
    /// their bodies each time, reads by key find nothing, nothing is stored, and evictions are still carried
    /// out. The cache leaves the bus, and its schedules and scheduled refreshes end. `close` then waits for the loads, refreshes and
    /// writes in progress (callers do not wait for the remote writes of their loads), carries out pending
    /// evictions, and frees the memory tier's entries. If the remote tier is unreachable, it tries again. All
    /// of this takes at most 5 seconds plus the timeout of the last operation. A load that has not ended by
    /// then stores nothing in memory.
    ///
    /// Closing twice is harmless. If the future is dropped half-way, the cache is closed nevertheless. The
    /// backend stays open, because other caches may use it: `Redis` has its own `close`.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("k", 1u64).await?;
    /// cache.close().await?;
    ///
    /// assert_eq!(cache.get::<u64>("k").await?, None);
    /// assert_eq!(cache.get_or_load("k", || async { Ok::<_, Error>(2u64) }).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Pending`] with the number of evictions that could not be carried out: other processes may
    /// read the old values from the remote tier until they expire. The attempts continue in the background
    /// while the process lives.
    pub async fn close(&self) -> Result<(), Error> {
        let engine = &self.engine;
        engine.switch().close();
        engine.unsubscribe();
        engine.refresher().clear();
        let until = engine.clock().now().after(PATIENCE);
        while engine.fills() > 0 && engine.clock().now() < until {
            engine.clock().pause(PAUSE).await;
        }
        let settled = match engine.remote() {
            Some(remote) => remote.settle_until(until).await,
            None => Ok(()),
        };
        if let Some(remote) = engine.remote() {
            remote.flush_retry_log();
        }
        drop(engine.forget_matching(&Pattern::new("*"), FenceScope::Loads, RemovalCause::Cleared));
        let pending = engine.remote().map_or(0, |remote| remote.pending_evictions());
        match settled {
            Err(error) if pending > 0 => Err(Error::Pending { evictions: pending, error }),
            _ => Ok(()),
        }
    }

    /// Returns whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.engine.switch().is_closed()
    }
}

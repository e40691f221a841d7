//! The end of a cache.

use std::sync::PoisonError;
use std::time::Duration;

use crate::base::{Error, Pattern};
use crate::engine::Cache;
use crate::memory::FenceScope;
use crate::stats::RemovalCause;

/// How long what is under way may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(5);

impl Cache {
    /// Ends this cache, for all handles to it: for a program that is about to exit, or to put another one in its place.
    ///
    /// From the first poll on it is as if it were switched off for good: cached functions run their bodies each time, reads
    /// by key find nothing, nothing is stored, and evictions are carried out still. It hears no other
    /// processes any more, and its schedules end. Then it waits for the loads, refreshes and writes that are under way (callers do not
    /// wait for the writes of what they loaded), carries out the pending evictions, and gives the memory tier's entries back. While
    /// the remote tier is away it tries again. All of that takes 5 seconds at most, and the time-out of the last operation. A load
    /// that is not done by then stores nothing in memory any more.
    ///
    /// Twice is the same as once. If the future is dropped half-way, the cache is closed all the same. The backend stays
    /// as it is, since others may use it: `Redis` has a `close` of its own.
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
    /// [`Error::Pending`] says how many evictions could not be carried out: until they expire, other processes may read
    /// old values from the remote tier. The attempts go on in the background for as long as the process lives.
    pub async fn close(&self) -> Result<(), Error> {
        let engine = &self.engine;
        engine.switch.close();
        let bus = engine.bus.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(bus);
        if engine.remote.is_some() {
            engine.unlink_for_good();
        }
        let until = engine.clock.now().after(PATIENCE);
        while engine.fences.len() > 0 && engine.clock.now() < until {
            engine.clock.sleep(PAUSE).await;
        }
        let settled = match &engine.remote {
            Some(remote) => remote.settle_until(until).await,
            None => Ok(()),
        };
        if let Some(remote) = &engine.remote {
            remote.flush_retry_log();
        }
        drop(engine.forget_matching(&Pattern::new("*"), FenceScope::Loads, RemovalCause::Cleared));
        let pending = engine.remote.as_ref().map_or(0, |remote| remote.owed_evictions());
        match settled {
            Err(error) if pending > 0 => Err(Error::Pending { evictions: pending, error }),
            _ => Ok(()),
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.engine.switch.is_closed()
    }
}

//! Evictions on a schedule.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::evictions::Evictions;
use super::list::Invalidation;
use crate::base::{BoxFuture, Clock, Error};
use crate::engine::{Cache, Engine, spawn};

/// A repeated task in the background, for example of [`Cache::every`]. Dropping it stops the task.
#[must_use = "the schedule stops when this is dropped; `keep()` lets it live as long as the cache"]
#[derive(Debug)]
pub struct ScheduleGuard {
    stop: oneshot::Sender<Forever>,
    interval: Duration,
}

/// Sent by [`ScheduleGuard::keep`]; if the channel closes without it, the task stops.
#[derive(Debug)]
struct Forever;

impl ScheduleGuard {
    /// Calls `turn` every `interval`, until it returns false.
    pub(crate) fn begin<F>(
        clock: &Clock,
        interval: Duration,
        turn: impl Fn() -> F + Send + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = bool> + Send,
    {
        if interval < Duration::from_millis(1) {
            let message = format!("{interval:?} can't be an interval; at least 1 ms is needed");
            return Err(Error::config("interval", message));
        }
        let (stop, stopped) = oneshot::channel();
        let clock = clock.clone();
        // The first interval begins here, not when the task is first polled.
        let first: BoxFuture<'static, ()> = Box::pin(clock.sleep(interval));
        let turns = async move {
            let mut sleeping = first;
            loop {
                sleeping.await;
                // The next interval begins before the turn; otherwise intervals would grow by its duration.
                sleeping = Box::pin(clock.sleep(interval));
                if !turn().await {
                    return;
                }
            }
        };
        spawn(until_stopped(stopped, turns));
        Ok(Self { stop, interval })
    }

    /// Returns the time between two turns.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Keeps the schedule while the cache lives.
    pub fn keep(self) {
        // The receiver is gone only if the cache is.
        drop(self.stop.send(Forever));
    }
}

impl Cache {
    /// Evicts the same list every `interval`, for the first time after one interval, until the handle or the
    /// cache is dropped. (An eviction that has begun is carried out.)
    ///
    /// Targets without a cache are in this cache. The schedule runs in the background: on the current Tokio
    /// runtime (and ends with it), or on its own thread if there is none. Intervals are measured from start
    /// to start; precision: some milliseconds. A failure of the remote tier is logged, the eviction is
    /// pending, and the schedule continues. Transactions do not hold its evictions, even if the schedule was
    /// started inside one.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error, Invalidation};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// let nightly = Invalidation::new().tag("reports").pattern("ranking:*");
    /// let schedule = cache.every(Duration::from_secs(24 * 3600), nightly)?;
    /// drop(schedule); // stops it
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`]: `interval` is below a millisecond, or `list` is empty.
    pub fn every(&self, interval: Duration, list: Invalidation) -> Result<ScheduleGuard, Error> {
        if list.is_empty() {
            let message = "names nothing to evict; add a key, a pattern, a tag, a call or `all()`";
            return Err(Error::config("list", message));
        }
        let cache = Arc::downgrade(&self.engine);
        let list = list.kept_by(self);
        ScheduleGuard::begin(self.engine.clock(), interval, move || {
            evict(cache.clone(), list.clone())
        })
    }
}

/// One turn; false if the cache is gone or closed.
async fn evict(cache: Weak<Engine>, list: Invalidation) -> bool {
    let Some(engine) = cache.upgrade().filter(|engine| !engine.switch().is_closed()) else {
        return false;
    };
    Evictions::at(&Cache::from(engine), list).run().await;
    true
}

async fn until_stopped(stopped: oneshot::Receiver<Forever>, turns: impl Future<Output = ()>) {
    let stop = async {
        if stopped.await.is_ok() {
            // After `keep` only the end of the cache stops it.
            std::future::pending::<()>().await;
        }
    };
    // In this order: a schedule that was stopped does nothing more, even if its time has come.
    tokio::select! {
        biased;
        () = stop => {}
        () = turns => {}
    }
}

//! Evictions on a schedule.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::evictions::Evictions;
use super::list::Invalidation;
use crate::base::{BoxFuture, Clock, Error};
use crate::engine::{Cache, Engine, spawn};

/// What happens again and again in the background, such as [`Cache::every`] begins. Dropped, it stops.
#[must_use = "the schedule stops when this is dropped; `keep()` lets it live as long as the cache"]
#[derive(Debug)]
pub struct ScheduleGuard {
    stop: oneshot::Sender<Forever>,
    interval: Duration,
}

/// Said by [`ScheduleGuard::keep`]; an end without it means stop.
#[derive(Debug)]
struct Forever;

impl ScheduleGuard {
    /// Begins to call `turn` every `interval`, until it says false.
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
        // The first sleep begins here, and not when the task is first polled.
        let first: BoxFuture<'static, ()> = Box::pin(clock.sleep(interval));
        let turns = async move {
            let mut sleeping = first;
            loop {
                sleeping.await;
                // The next sleep begins before the turn, or intervals would grow by its time.
                sleeping = Box::pin(clock.sleep(interval));
                if !turn().await {
                    return;
                }
            }
        };
        spawn(until_stopped(stopped, turns));
        Ok(Self { stop, interval })
    }

    /// How much time lies between two turns.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Keeps the schedule as long as the cache.
    pub fn keep(self) {
        // Nobody listens any more only if the cache is gone.
        drop(self.stop.send(Forever));
    }
}

impl Cache {
    /// Evicts the same list every `interval`, for the first time when one has passed, until the handle
    /// is dropped or the cache is gone. (An eviction that has begun is carried out.)
    ///
    /// Targets that name no cache are in this one. It runs in the background: on the current tokio
    /// runtime (and ends with that), or on a thread of its own where there is none. Intervals are
    /// counted from beginning to beginning; precision: some milliseconds. A remote tier that
    /// fails is logged, the eviction stays owed, and the schedule goes on. A transaction does
    /// not hold its evictions, wherever it was begun.
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
        ScheduleGuard::begin(&self.engine.clock, interval, move || {
            evict(cache.clone(), list.clone())
        })
    }
}

/// One turn; false once the cache is gone or closed.
async fn evict(cache: Weak<Engine>, list: Invalidation) -> bool {
    let Some(engine) = cache.upgrade().filter(|engine| !engine.switch.is_closed()) else {
        return false;
    };
    Evictions::at(&Cache::from(engine), list).run().await;
    true
}

async fn until_stopped(stopped: oneshot::Receiver<Forever>, turns: impl Future<Output = ()>) {
    let stop = async {
        if stopped.await.is_ok() {
            // To be kept: from here on only the cache's end stops it.
            std::future::pending::<()>().await;
        }
    };
    // In order: a schedule that was stopped does nothing more, even if its time has come.
    tokio::select! {
        biased;
        () = stop => {}
        () = turns => {}
    }
}

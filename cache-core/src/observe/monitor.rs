//! Checks that are made again and again, and whom they alert.

mod alert;
mod info;
mod round;
mod threshold;

pub use alert::{Alert, AlertState};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Health;
use crate::Error;
use crate::cache::Cache;
use crate::invalidation::Schedule;
use info::{Name, Test};
use round::Rounds;
use threshold::Threshold;

/// What a cache is watched for, and who is told: see [`Cache::monitor`].
///
/// Each method adds a threshold. Those of `info_..` are about what the remote tier's store tells of itself, by
/// its own names; for Redis the fields of [`INFO`](https://redis.io/docs/latest/commands/info/). A field that the store does not
/// have is nothing to judge by. Of a cluster's servers the worst counts, and the alert names it.
#[derive(Clone)]
#[must_use = "it watches nothing until it is given to `Cache::monitor`"]
pub struct Monitor {
    interval: Duration,
    timeout: Duration,
    thresholds: Vec<Threshold>,
    on_alert: Vec<Callback<Alert>>,
    on_check: Vec<Callback<Health>>,
}

type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Checks that [`Cache::monitor`] began. Dropped, they stop.
#[must_use = "the checks stop when this is dropped; `keep()` lets them go on as long as the cache"]
#[derive(Debug)]
pub struct Monitoring {
    checks: Schedule,
}

impl Monitor {
    /// A check every `interval`, the first when one has passed.
    pub fn every(interval: Duration) -> Self {
        let (thresholds, on_alert, on_check) = Default::default();
        Self { interval, timeout: Duration::from_secs(1), thresholds, on_alert, on_check }
    }

    /// How long the remote tier may take to answer a check. Default: one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn watch(mut self, threshold: Threshold) -> Self {
        self.thresholds.push(threshold);
        self
    }

    fn info(self, field: impl Into<Name>, test: Test) -> Self {
        self.watch(Threshold::Info { field: field.into(), test })
    }

    /// Less than this part of the reads were hits (as [`Stats::hit_rate`](crate::Stats::hit_rate) counts them); above 0, at
    /// most 1. It is judged when `min_reads` have come together since it was judged last, over one
    /// interval or several: a few reads say nothing.
    pub fn hit_rate_below(self, rate: f64, min_reads: u64) -> Self {
        self.watch(Threshold::HitRateBelow { rate, min_reads })
    }

    /// The memory tier holds more than this many bytes.
    pub fn memory_above(self, bytes: u64) -> Self {
        self.watch(Threshold::MemoryAbove { bytes })
    }

    /// The remote tier has been [`Down`](crate::Status::Down) for so long.
    pub fn remote_down_for(self, span: Duration) -> Self {
        self.watch(Threshold::RemoteDownFor { span })
    }

    /// The remote tier has been [`Degraded`](crate::Status::Degraded) or down for so long: some of its operations fail, one of
    /// its servers is away, or evictions are owed.
    pub fn remote_degraded_for(self, span: Duration) -> Self {
        self.watch(Threshold::RemoteDegradedFor { span })
    }

    /// Other processes' evictions have not been heard for so long.
    pub fn bus_down_for(self, span: Duration) -> Self {
        self.watch(Threshold::BusDownFor { span })
    }

    /// The field is above `limit`: `info_above("connected_clients", 5_000.0)`.
    pub fn info_above(self, field: impl Into<Cow<'static, str>>, limit: f64) -> Self {
        self.info(field, Test::Above(limit))
    }

    /// The field is below `limit`: `info_below("connected_slaves", 1.0)`.
    pub fn info_below(self, field: impl Into<Cow<'static, str>>, limit: f64) -> Self {
        self.info(field, Test::Below(limit))
    }

    /// The field is more than this part of another: `info_ratio_above("used_memory", "maxmemory", 0.9)`. While the
    /// other is zero (no `maxmemory`) there is nothing to judge.
    pub fn info_ratio_above(
        self,
        field: impl Into<Cow<'static, str>>,
        of: impl Into<Cow<'static, str>>,
        limit: f64,
    ) -> Self {
        self.info(field, Test::RatioAbove(of.into(), limit))
    }

    /// The field grew by more than `limit` from one check to the next: `info_growth_above("evicted_keys", 0.0)`.
    pub fn info_growth_above(self, field: impl Into<Cow<'static, str>>, limit: f64) -> Self {
        self.info(field, Test::GrowthAbove(limit))
    }

    /// The field is not this text: `info_differs("master_link_status", "up")`.
    pub fn info_differs(
        self,
        field: impl Into<Cow<'static, str>>,
        from: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.info(field, Test::Differs(from.into()))
    }

    /// Whom alerts are told. It is called on the checks' own task and must not block it. A panic is logged, and
    /// the checks go on.
    pub fn on_alert(mut self, tell: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.on_alert.push(Arc::new(tell));
        self
    }

    /// Who is told what every check found, before its alerts. As [`on_alert`](Self::on_alert).
    pub fn on_check(mut self, tell: impl Fn(&Health) + Send + Sync + 'static) -> Self {
        self.on_check.push(Arc::new(tell));
        self
    }

    fn check(&self, cache: &Cache) -> Result<(), Error> {
        let least = Duration::from_millis(1);
        if self.timeout < least {
            let message = format!("{:?} is too short; at least 1 ms is needed", self.timeout);
            return Err(Error::config("timeout", message));
        }
        if self.thresholds.is_empty() && self.on_check.is_empty() {
            let message = "watches nothing; add a threshold, such as \
                           `remote_down_for(Duration::from_secs(30))`, or `on_check`";
            return Err(Error::config("monitor", message));
        }
        self.thresholds.iter().try_for_each(|threshold| threshold.check(cache))
    }
}

impl Monitoring {
    /// How much time lies between two checks.
    pub fn interval(&self) -> Duration {
        self.checks.interval()
    }

    /// Lets the checks go on as long as the cache.
    pub fn keep(self) {
        self.checks.keep();
    }
}

impl Cache {
    /// [Checks](Cache::check) the cache again and again, until the handle is dropped or the cache is gone or closed, and tells of
    /// thresholds that are crossed.
    ///
    /// An alert is told when it is raised, and once more when it is cleared: by the first check that finds the
    /// threshold crossed, and by the second in a row that finds it is not. In between nothing is told, and a check
    /// that can't judge (too few reads, a store that does not answer) changes nothing. Alerts are also `tracing` events:
    /// warnings when they are raised.
    ///
    /// It runs in the background: on the current tokio runtime (and ends with that), or on a thread of its own where there is
    /// none. Time is the cache's own. A check pings the remote tier, so that an outage, and its end, is noticed while
    /// nobody reads; its other effects are those of [`check`](Cache::check).
    ///
    /// ```
    /// # use cache_core::{Cache, Error, MemoryBackend, Monitor};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// let monitor = Monitor::every(Duration::from_secs(15))
    ///     .hit_rate_below(0.5, 1_000)
    ///     .remote_down_for(Duration::from_secs(30))
    ///     .bus_down_for(Duration::from_secs(30))
    ///     .info_ratio_above("used_memory", "maxmemory", 0.9)
    ///     .info_growth_above("evicted_keys", 0.0)
    ///     .on_alert(|alert| eprintln!("{alert}"));
    /// let monitoring = cache.monitor(monitor)?;
    /// drop(monitoring); // stops it; `keep()` would let it go on as long as the cache
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`], which names the method: an interval, a timeout or a span below a millisecond, a limit that can't be, a
    /// threshold for a tier that the cache does not have, or nothing to watch at all.
    pub fn monitor(&self, monitor: Monitor) -> Result<Monitoring, Error> {
        monitor.check(self)?;
        let interval = monitor.interval;
        // One check at a time: the next begins when the one before has ended.
        let rounds = Arc::new(Mutex::new(Rounds::new(self, monitor)));
        let checks = Schedule::begin(&self.inner.clock, interval, move || {
            let turn = Arc::clone(&rounds).lock_owned();
            async move { turn.await.next().await }
        })?;
        Ok(Monitoring { checks })
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interval, timeout, thresholds, .. } = self;
        f.debug_struct("Monitor")
            .field("interval", interval)
            .field("timeout", timeout)
            .field("thresholds", thresholds)
            .finish_non_exhaustive()
    }
}

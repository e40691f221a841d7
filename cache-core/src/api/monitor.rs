//! Checks a cache at an interval and calls back when a threshold is crossed.

mod alert;
mod info;
mod round;
mod threshold;

pub use alert::{Alert, AlertState};
pub use info::ServerInfo;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::invalidation::ScheduleGuard;
use crate::base::Error;
use crate::engine::Cache;
use crate::stats::Health;
use round::Rounds;
use threshold::Threshold;

/// Thresholds for a cache, and callbacks for alerts: see [`Cache::monitor`]. Most methods add a threshold.
#[derive(Clone)]
#[must_use = "a monitor does nothing until it is given to `Cache::monitor`"]
pub struct Monitor {
    interval: Duration,
    timeout: Duration,
    thresholds: Vec<Threshold>,
    on_alert: Vec<Callback<Alert>>,
    on_check: Vec<Callback<Health>>,
}

type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// The guard of checks that [`Cache::monitor`] started. Dropping it stops them.
#[must_use = "the checks stop when this is dropped; `keep()` lets them go on as long as the cache"]
#[derive(Debug)]
pub struct MonitorGuard {
    checks: ScheduleGuard,
}

impl Monitor {
    /// A check every `interval`; the first one after the first interval.
    pub fn every(interval: Duration) -> Self {
        let (thresholds, on_alert, on_check) = Default::default();
        Self { interval, timeout: Duration::from_secs(1), thresholds, on_alert, on_check }
    }

    /// The time limit for the remote tier's answer in a check. Default: one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn watch(mut self, threshold: Threshold) -> Self {
        self.thresholds.push(threshold);
        self
    }

    /// Crossed if the hit rate ([`Stats::hit_rate`](crate::stats::Stats::hit_rate)) is below `rate`, which is
    /// above 0 and at most 1. The rate is judged after every `min_reads` reads, over one interval or several,
    /// because the rate of a few reads means nothing.
    pub fn hit_rate_below(self, rate: f64, min_reads: u64) -> Self {
        self.watch(Threshold::HitRateBelow { rate, min_reads })
    }

    /// Crossed if the memory tier holds more than `bytes`.
    pub fn memory_above(self, bytes: u64) -> Self {
        self.watch(Threshold::MemoryAbove { bytes })
    }

    /// Crossed if the remote tier has been [`Down`](crate::stats::Status::Down) for `span`.
    pub fn remote_down_for(self, span: Duration) -> Self {
        self.watch(Threshold::RemoteDownFor { span })
    }

    /// Crossed if the remote tier has been [`Degraded`](crate::stats::Status::Degraded) or down for `span`:
    /// some of its operations fail, one of its servers is unreachable, or evictions are pending.
    pub fn remote_degraded_for(self, span: Duration) -> Self {
        self.watch(Threshold::RemoteDegradedFor { span })
    }

    /// Crossed if evictions of other processes have not arrived for `span`.
    pub fn bus_down_for(self, span: Duration) -> Self {
        self.watch(Threshold::BusDownFor { span })
    }

    /// A threshold on what the remote tier's store reports of itself; for Redis these are the fields of
    /// [`INFO`](https://redis.io/docs/latest/commands/info/). `judge` is called for each server in every
    /// check that the store answers, and returns a message if the server crosses the threshold. `name` is the
    /// alert's `threshold`. A panic in `judge` is logged, and counts as not crossed.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::health::Monitor;
    /// # use std::time::Duration;
    /// let monitor = Monitor::every(Duration::from_secs(15))
    ///     .when_info("memory nearly full", |server| {
    ///         let used = server.ratio("used_memory", "maxmemory")?;
    ///         (used > 0.9).then(|| format!("{:.0} % of maxmemory is used", used * 100.0))
    ///     })
    ///     .when_info("no replica", |server| {
    ///         (server.number("connected_slaves")? < 1.0).then(|| "no replica is connected".to_owned())
    ///     });
    /// # drop(monitor);
    /// ```
    pub fn when_info(
        self,
        name: &'static str,
        judge: impl Fn(&ServerInfo<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.watch(Threshold::Info { name, judge: Arc::new(judge) })
    }

    /// Calls `tell` with each alert, on the task of the checks, which it must not block. A panic is logged,
    /// and the checks continue.
    pub fn on_alert(mut self, tell: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.on_alert.push(Arc::new(tell));
        self
    }

    /// Calls `tell` with the result of each check, before its alerts. The rules of [`on_alert`](Self::on_alert) apply.
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

impl MonitorGuard {
    /// The time between two checks.
    pub fn interval(&self) -> Duration {
        self.checks.interval()
    }

    /// Keeps the checks running while the cache lives.
    pub fn keep(self) {
        self.checks.keep();
    }
}

impl Cache {
    /// [Probes](Cache::probe) the cache at an interval, until the guard is dropped or the cache is dropped or
    /// closed, and calls back when a threshold is crossed.
    ///
    /// The first check that finds a threshold crossed raises an alert, and the second in a row that finds it
    /// not crossed clears it. Nothing is repeated in between. A check without an answer (too few reads, a
    /// store that does not respond) changes nothing. Alerts are also `tracing` events, at the level `WARN`
    /// when they are raised.
    ///
    /// The checks run in the background: on the current tokio runtime (and end with it), or without a runtime
    /// on a separate thread. They use the clock of the cache. A check pings the remote tier, so an outage and
    /// its end are noticed even without reads; its other effects are the same as those of
    /// [`probe`](Cache::probe).
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, backend::MemoryBackend, health::Monitor};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// let monitor = Monitor::every(Duration::from_secs(15))
    ///     .hit_rate_below(0.5, 1_000)
    ///     .remote_down_for(Duration::from_secs(30))
    ///     .bus_down_for(Duration::from_secs(30))
    ///     .when_info("Redis evicts", |server| {
    ///         let evicted = server.growth("evicted_keys").filter(|keys| *keys > 0.0)?;
    ///         Some(format!("Redis evicted {evicted} keys for want of memory"))
    ///     })
    ///     .on_alert(|alert| eprintln!("{alert}"));
    /// let monitoring = cache.monitor(monitor)?;
    /// drop(monitoring); // stops the checks; `keep()` lets them go on as long as the cache
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`], which names the method: an interval, a timeout or a span below a millisecond, an
    /// invalid limit, a threshold for a tier that the cache does not have, or neither a threshold nor
    /// `on_check`.
    pub fn monitor(&self, monitor: Monitor) -> Result<MonitorGuard, Error> {
        monitor.check(self)?;
        let interval = monitor.interval;
        // One check at a time: the next one begins after the previous one has ended.
        let rounds = Arc::new(Mutex::new(Rounds::new(self, monitor)));
        let checks = ScheduleGuard::begin(self.engine.clock(), interval, move || {
            let turn = Arc::clone(&rounds).lock_owned();
            async move { turn.await.next().await }
        })?;
        Ok(MonitorGuard { checks })
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interval, timeout, thresholds, .. } = self;
        let names: Vec<&str> = thresholds.iter().map(Threshold::name).collect();
        f.debug_struct("Monitor")
            .field("interval", interval)
            .field("timeout", timeout)
            .field("thresholds", &names)
            .finish_non_exhaustive()
    }
}

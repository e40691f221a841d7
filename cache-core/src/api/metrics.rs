//! Publishes statistics through the [`metrics`](::metrics) facade.
//!
//! Counters and gauges are published from the statistics, at scrape time or on a schedule, so hits cost
//! nothing extra. Counters are incremented by the difference since the last time, because not all recorders
//! can set them. Durations cannot be published afterwards (the facade has no histogram to which to add): they
//! are recorded when a load, or a read that memory could not answer, ends.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use super::invalidation::ScheduleGuard;
use crate::base::Error;
use crate::engine::{Cache, Engine, LOAD, RESPONSE, labels};
use crate::stats::{
    BreakerState, Function, RemoteHealth, RemovalCause, Stats, Status, WallTimestamp,
};

/// A metric of each function, with an optional label.
type Counter =
    (&'static str, &'static str, Option<(&'static str, &'static str)>, fn(&Stats) -> u64);

/// Name, description, label, and the counter.
const COUNTERS: &[Counter] = &[
    ("larder_requests_total", REQUESTS, Some(("result", "memory_hit")), |stats| stats.memory_hits),
    ("larder_requests_total", REQUESTS, Some(("result", "remote_hit")), |stats| stats.remote_hits),
    ("larder_requests_total", REQUESTS, Some(("result", "stale_hit")), |stats| stats.stale_hits),
    ("larder_requests_total", REQUESTS, Some(("result", "fail_safe_hit")), |stats| {
        stats.fail_safe_hits
    }),
    ("larder_requests_total", REQUESTS, Some(("result", "coalesced")), |stats| stats.coalesced),
    ("larder_requests_total", REQUESTS, Some(("result", "miss")), |stats| stats.misses),
    ("larder_loads_total", "Loads that were started", None, |stats| stats.loads),
    ("larder_load_failures_total", "Loads that returned an error", None, |stats| {
        stats.load_failures
    }),
    ("larder_early_refreshes_total", "Refreshes started before the ttl was over", None, |stats| {
        stats.early_refreshes
    }),
    (
        "larder_timeouts_total",
        "Reads whose hard timeout ended with nothing to serve",
        None,
        |stats| stats.timed_out,
    ),
    ("larder_stores_total", STORES, Some(("tier", "memory")), |stats| stats.stores),
    ("larder_stores_total", STORES, Some(("tier", "remote")), |stats| stats.remote_stores),
    (
        "larder_fenced_fills_total",
        "Loaded values not stored because an eviction came",
        None,
        |stats| stats.fenced,
    ),
    (
        "larder_remote_misses_total",
        "Reads for which the remote tier had nothing of use",
        None,
        |stats| stats.remote_misses,
    ),
    ("larder_remote_errors_total", "Operations of the remote tier that failed", None, |stats| {
        stats.remote_errors
    }),
    (
        "larder_refused_values_total",
        "Values not stored in the remote tier because no codec can represent them",
        None,
        |stats| stats.refused,
    ),
    ("larder_foreign_values_total", FOREIGN, Some(("reason", "schema")), |stats| {
        stats.schema_misses
    }),
    ("larder_foreign_values_total", FOREIGN, Some(("reason", "damaged")), |stats| {
        stats.foreign.saturating_sub(stats.schema_misses)
    }),
    (
        "larder_mistyped_values_total",
        "Values in memory that were of another type than the one asked for",
        None,
        |stats| stats.mistyped,
    ),
];

const REQUESTS: &str = "Reads by what answered them";
const STORES: &str = "Values stored, by tier";
const FOREIGN: &str = "Bytes in the remote tier that were no value of the type asked for";
const REMOVALS: (&str, &str) = ("larder_removals_total", "Keys evicted one by one");
const EVICTIONS: (&str, &str) =
    ("larder_evictions_total", "Entries that left the memory tier, by cause");

/// Name, unit, description, and the value.
type Standing = (&'static str, Unit, &'static str, fn(&Engine, &Stats) -> f64);

#[allow(clippy::cast_precision_loss)]
const GAUGES: &[Standing] = &[
    ("larder_memory_entries", Unit::Count, "Entries in the memory tier", |_, stats| {
        stats.entries as f64
    }),
    ("larder_memory_bytes", Unit::Bytes, "Mutation they weigh", |_, stats| stats.bytes as f64),
    (
        "larder_in_flight",
        Unit::Count,
        "Keys with a load, a look at the remote tier or a write in progress",
        |_, stats| stats.in_flight as f64,
    ),
    (
        "larder_breaker_open",
        Unit::Count,
        "1 while the remote tier is left alone after failures",
        |_, stats| f64::from(u8::from(stats.breaker != BreakerState::Closed)),
    ),
    (
        "larder_remote_up",
        Unit::Count,
        "0 while the remote tier is down; 1 without one",
        |engine, _| {
            remote(engine).map_or(1.0, |health| f64::from(u8::from(health.status != Status::Down)))
        },
    ),
    (
        "larder_pending_evictions",
        Unit::Count,
        "Evictions that the remote tier missed, and that are still to be made",
        |engine, _| remote(engine).map_or(0.0, |health| health.pending_evictions as f64),
    ),
    (
        "larder_bus_connected",
        Unit::Count,
        "1 while other processes' evictions arrive",
        |engine, _| f64::from(u8::from(engine.is_linked())),
    ),
];

/// The known health of the remote tier, without a request.
fn remote(engine: &Engine) -> Option<RemoteHealth> {
    Some(engine.remote()?.health(WallTimestamp::now(engine.clock())))
}

/// A recorder may be installed at any time, and ignores repeated descriptions.
fn describe() {
    for (name, meaning, ..) in COUNTERS {
        describe_counter!(*name, Unit::Count, *meaning);
    }
    for (name, meaning) in [REMOVALS, EVICTIONS] {
        describe_counter!(name, Unit::Count, meaning);
    }
    for (name, unit, meaning, _) in GAUGES {
        describe_gauge!(*name, *unit, *meaning);
    }
    describe_histogram!(LOAD, Unit::Seconds, "How long loads took");
    describe_histogram!(
        RESPONSE,
        Unit::Seconds,
        "How long reads took that memory could not answer at once"
    );
}

/// The totals of each function; functions with the same path are summed.
fn by_path(engine: &Engine) -> BTreeMap<Option<&'static str>, Stats> {
    let mut functions: BTreeMap<_, Stats> = BTreeMap::new();
    for tally in engine.shown() {
        *functions.entry(tally.site.map(Function::path)).or_default() += tally.total();
    }
    functions
}

fn publish_function(labels: &[Label], new: &Stats) {
    for (name, _, label, count) in COUNTERS {
        let label = label.map(|(name, value)| Label::from_static_parts(name, value));
        let labels: Vec<Label> = labels.iter().cloned().chain(label).collect();
        counter!(*name, labels).increment(count(new));
    }
}

impl Cache {
    /// Publishes the cache's counters and gauges to the installed recorder of the
    /// [`metrics`](https://docs.rs/metrics) facade. Call it when metrics are scraped, or on a
    /// [schedule](Self::publish_metrics_every).
    ///
    /// Counters grow by the counts since the last call (for the first call: since the cache was built),
    /// regardless of resets, so install the recorder first. All names begin with `larder_`. Labels are the
    /// cache's name (`default` if it has none), the function's path (`direct` for operations by hand), a
    /// result, a tier, a reason or a cause; never a key or a value. Metrics of caches with the same name are
    /// indistinguishable, so name the caches whose metrics you want. The page `larder::guide::monitoring`
    /// lists all metrics.
    ///
    /// Durations are recorded without this, when a load, or a read that memory could not answer, ends.
    pub fn publish_metrics(&self) {
        let engine = &*self.engine;
        describe();
        // Held to the end, so that two concurrent calls do not publish the same counts twice.
        let mut published =
            engine.counters().published.lock().unwrap_or_else(PoisonError::into_inner);
        let (functions, whole) = &mut *published;
        for (function, total) in by_path(engine) {
            let last = functions.entry(function).or_default();
            publish_function(&labels(engine, function), &total.since(last));
            *last = total;
        }
        let cache = || Label::new("cache", engine.signals().cache.clone());
        let total = engine.counters().direct.total().with_causes(|cause| engine.left(cause));
        let new = total.since(whole);
        counter!(REMOVALS.0, [cache()].iter()).increment(new.removals);
        for cause in RemovalCause::ALL {
            let labels = [cache(), Label::from_static_parts("cause", cause.name())];
            counter!(EVICTIONS.0, labels.iter()).increment(new.evicted_by(cause));
        }
        *whole = total;
        let stats = self.stats();
        for (name, _, _, value) in GAUGES {
            gauge!(*name, [cache()].iter()).set(value(engine, &stats));
        }
    }

    /// Calls [`publish_metrics`](Self::publish_metrics) every `interval`, until the handle or the cache is
    /// dropped: for recorders that push. It runs in the background: on the current Tokio runtime (and ends
    /// with it), or on its own thread if there is none.
    ///
    /// # Errors
    /// [`Error::Config`]: `interval` is below a millisecond.
    pub fn publish_metrics_every(&self, interval: Duration) -> Result<ScheduleGuard, Error> {
        let cache = Arc::downgrade(&self.engine);
        ScheduleGuard::begin(self.engine.clock(), interval, move || {
            let engine = cache.upgrade();
            std::future::ready(engine.map(|engine| Self::from(engine).publish_metrics()).is_some())
        })
    }
}

//! The figures of the last minutes, recorded at an interval, so that the page has plots when it is opened.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_core::{BreakerState, Cache, Stats, Status};
use serde::Serialize;
use serde_json::{Value, json};

use crate::overview::MOST_CACHES;

/// The number of records of each cache.
const KEPT: usize = 450;

macro_rules! columns {
    ($($(#[$about:meta])* $name:ident: $kind:ty,)*) => {
        /// What happened in an interval, and the state at its end.
        #[derive(Clone, Debug, Default)]
        struct Record { $($(#[$about])* $name: $kind,)* }

        impl Record {
            const COLUMNS: &[&str] = &[$(stringify!($name)),*];

            /// A row as an array, which is a third of the size of an object.
            fn row(&self) -> Value {
                json!([$(self.$name),*])
            }
        }
    };
}
columns! {
    at_unix_ms: u64,
    span_ms: u64,
    memory_hits: u64,
    remote_hits: u64,
    /// Reads that got an old value.
    old_hits: u64,
    coalesced: u64,
    misses: u64,
    loads: u64,
    load_failures: u64,
    load_p50_us: Option<u64>,
    load_p99_us: Option<u64>,
    remote_errors: u64,
    evictions: u64,
    entries: u64,
    bytes: u64,
    /// 0 is up, 1 degraded, 2 down; the same for `remote`, which is `None` without a remote tier.
    status: u8,
    remote: Option<u8>,
    /// Whether evictions by other processes arrive.
    bus: Option<bool>,
    /// 0 is closed, 1 half open, 2 open.
    breaker: u8,
    pending: u64,
}

struct Series {
    name: Option<String>,
    before: Stats,
    /// With the numbers of their rounds.
    records: VecDeque<(u64, Record)>,
}

#[derive(Default)]
struct Recorded {
    round: u64,
    at: Option<u64>,
    series: Vec<Series>,
}

pub(crate) struct History {
    /// Distinguishes this history from one of a process before it.
    began: u64,
    interval: Duration,
    recorded: Mutex<Recorded>,
}

/// The serde form of what was recorded after a round.
#[derive(Serialize)]
pub(crate) struct Told {
    began_unix_ms: u64,
    interval_ms: u64,
    round: u64,
    columns: &'static [&'static str],
    caches: Vec<ToldSeries>,
}

#[derive(Serialize)]
struct ToldSeries {
    name: Option<String>,
    rows: Vec<Value>,
}

pub(crate) fn unix_millis() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn severity(status: Status) -> u8 {
    match status {
        Status::Up => 0,
        Status::Degraded => 1,
        Status::Down => 2,
    }
}

impl Record {
    fn of(cache: &Cache, stats: &Stats, before: &Stats, (at, span): (u64, u64)) -> Self {
        let lately = stats.since(before);
        let health = cache.health();
        let remote = health.remote.as_ref();
        Self {
            at_unix_ms: at,
            span_ms: span,
            memory_hits: lately.memory_hits,
            remote_hits: lately.remote_hits,
            old_hits: lately.stale_hits.saturating_add(lately.fail_safe_hits),
            coalesced: lately.coalesced,
            misses: lately.misses,
            loads: lately.loads,
            load_failures: lately.load_failures,
            load_p50_us: lately.load_time.p50().map(micros),
            load_p99_us: lately.load_time.p99().map(micros),
            remote_errors: lately.remote_errors,
            evictions: lately.evictions(),
            entries: lately.entries,
            bytes: lately.bytes,
            status: severity(health.status),
            remote: remote.map(|remote| severity(remote.status)),
            bus: remote.filter(|remote| remote.bus.supported).map(|remote| remote.bus.linked),
            breaker: match lately.breaker {
                BreakerState::Open => 2,
                BreakerState::HalfOpen => 1,
                _ => 0,
            },
            pending: remote.map_or(0, |remote| remote.pending_evictions as u64),
        }
    }
}

impl History {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { began: unix_millis(), interval, recorded: Mutex::default() }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the caches. The first record of a cache only notes where its counters are.
    pub(crate) fn record(&self, caches: &[Cache]) {
        let now = unix_millis();
        let mut recorded = self.recorded();
        let span = recorded.at.map_or(0, |at| now.saturating_sub(at));
        recorded.at = Some(now);
        recorded.round += 1;
        let round = recorded.round;
        let is_shown =
            |name: &Option<String>| caches.iter().any(|cache| cache.name() == name.as_deref());
        recorded.series.retain(|series| is_shown(&series.name));
        for cache in caches.iter().take(MOST_CACHES) {
            let stats = cache.stats();
            let known =
                recorded.series.iter_mut().find(|known| known.name.as_deref() == cache.name());
            let Some(series) = known else {
                let name = cache.name().map(str::to_owned);
                recorded.series.push(Series { name, before: stats, records: VecDeque::new() });
                continue;
            };
            if series.records.len() == KEPT {
                series.records.pop_front();
            }
            let record = Record::of(cache, &stats, &series.before, (now, span));
            series.records.push_back((round, record));
            series.before = stats;
        }
    }

    /// What was recorded after this round. A round of the future is one of another process: everything is told then.
    pub(crate) fn after(&self, round: u64) -> Told {
        let recorded = self.recorded();
        let after = if round > recorded.round { 0 } else { round };
        let of = |series: &Series| ToldSeries {
            name: series.name.clone(),
            rows: series
                .records
                .iter()
                .filter(|(at, _)| *at > after)
                .map(|(_, of)| of.row())
                .collect(),
        };
        Told {
            began_unix_ms: self.began,
            interval_ms: millis(self.interval),
            round: recorded.round,
            columns: Record::COLUMNS,
            caches: recorded.series.iter().map(of).collect(),
        }
    }
}

//! Caches, functions, health and settings as JSON.

use std::time::Duration;

use cache_core::{Cache, FunctionStats, Health, LatencyStats, Outage, Stats};
use serde::Serialize;
use serde_json::{Value, json};

/// How many caches, functions of a cache, and servers are shown.
pub(crate) const MOST_CACHES: usize = 100;
const MOST_FUNCTIONS: usize = 200;
const MOST_SERVERS: usize = 64;
/// How long the store may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name of the cache that has none, for people.
pub(crate) fn label(cache: &Cache) -> &str {
    cache.name().unwrap_or("default")
}

#[derive(Serialize)]
struct Described {
    name: Option<String>,
    label: String,
    namespace: String,
    health: Value,
    stats: Value,
    functions: Vec<Value>,
    functions_in_all: usize,
    outages: Vec<Outage>,
}

/// Durations without the buckets of their histogram.
fn times(of: &LatencyStats) -> Value {
    let micros = |span: Option<Duration>| {
        span.map(|span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    };
    json!({
        "count": of.count(), "average_us": micros(of.average()), "p50_us": micros(of.p50()), "p99_us": micros(of.p99()),
    })
}

fn counts(stats: &Stats) -> Value {
    let mut value = serde_json::to_value(stats).unwrap_or_default();
    value["load_time"] = times(&stats.load_time);
    value["response_time"] = times(&stats.response_time);
    value
}

fn function(of: &FunctionStats) -> Value {
    let stats = &of.stats;
    json!({
        "function": of.function,
        "model": of.model,
        "operation": of.operation,
        "requests": stats.requests(),
        "hits": stats.hits(),
        "hit_rate": stats.hit_rate(),
        "misses": stats.misses,
        "old_hits": stats.stale_hits.saturating_add(stats.fail_safe_hits),
        "coalesced": stats.coalesced,
        "loads": stats.loads,
        "load_failures": stats.load_failures,
        "load_time": times(&stats.load_time),
    })
}

fn health(mut health: Health) -> Value {
    if let Some(remote) = &mut health.remote {
        remote.servers.nodes.truncate(MOST_SERVERS);
    }
    serde_json::to_value(health).unwrap_or_default()
}

impl Described {
    fn of(cache: &Cache) -> Self {
        let mut functions = cache.stats_by_function();
        let functions_in_all = functions.len();
        functions.sort_by_key(|function| std::cmp::Reverse(function.stats.requests()));
        functions.truncate(MOST_FUNCTIONS);
        Self {
            name: cache.name().map(str::to_owned),
            label: label(cache).to_owned(),
            namespace: cache.namespace().to_owned(),
            health: health(cache.health()),
            stats: counts(&cache.stats()),
            functions: functions.iter().map(function).collect(),
            functions_in_all,
            outages: cache.outages(),
        }
    }
}

/// All caches with their figures, and what the user may do.
pub(crate) fn caches(caches: &[Cache], may_change: bool, now: u64) -> Value {
    let shown: Vec<Described> = caches.iter().take(MOST_CACHES).map(Described::of).collect();
    let total: Stats = caches.iter().map(Cache::stats).sum();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now_unix_ms": now,
        "may_change": may_change,
        "total": counts(&total),
        "caches": shown,
        "caches_in_all": caches.len(),
    })
}

/// The settings of a cache, without what its store says about itself.
pub(crate) async fn settings(cache: &Cache) -> Value {
    let Ok(info) = tokio::time::timeout(PATIENCE, cache.info()).await else {
        return json!({ "name": cache.name(), "error": "the remote tier does not answer" });
    };
    let remote = info.remote.as_ref().map(|remote| {
        json!({
            "kind": remote.kind,
            "codec": remote.codec,
            "compression": remote.compression,
            "encrypted": remote.encrypted,
            "leases": remote.leases,
        })
    });
    json!({
        "name": info.name,
        "default_ttl_ms": info.default_ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        "memory": info.memory,
        "remote": remote,
    })
}

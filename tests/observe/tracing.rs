//! Events and spans: at suitable levels, without values, and without keys at the levels that are logged everywhere.

use std::collections::HashMap;
use std::time::Duration;

use larder::{Cache, Policy, cached, stats::CacheEvent, time::Clock};
use serde::{Deserialize, Serialize, Serializer};
use tracing::Level;

use crate::gated::{At, Gated};
use crate::origin::{landed, soon, turns};
use crate::subscriber::Log;

#[cached(key = "s3cret:{id}", cache = cache, skip(cache))]
async fn load(cache: &Cache, id: u64) -> Result<String, String> {
    tracing::info!("in the body");
    tokio::task::yield_now().await;
    tracing::info!("further on");
    if id == 0 { Err("v4lue".to_owned()) } else { Ok(format!("v4lue {id}")) }
}

#[cached(key = "stale:{id}", ttl = "1s", stale = "1h", cache = cache, skip(cache))]
async fn renewed(cache: &Cache, id: u64) -> u64 {
    tracing::info!("renewed {id}");
    id
}

#[cached(each = "id in ids", key = "each:{id}", cache = cache, skip(cache))]
async fn each(cache: &Cache, ids: &[u64]) -> HashMap<u64, u64> {
    tracing::info!("in the batch");
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(key = "sync:{id}", cache = cache, skip(cache))]
fn sync(cache: &Cache, id: u64) -> u64 {
    tracing::info!("in the sync body");
    id
}

fn spans_of(log: &Log, event: &str) -> Vec<Vec<String>> {
    let lines = log.lines().into_iter().filter(|line| line.text.contains(event));
    lines.map(|line| line.spans).collect()
}

#[tokio::test]
async fn a_body_runs_in_the_span_of_its_function() {
    let (log, _guard) = Log::listen();
    let clock = Clock::manual();
    let cache = Cache::builder().name("spans").clock(clock.clone()).build().unwrap();
    let span = |name: &str, items: &str| {
        let path = format!("{}::{name}", module_path!());
        vec![format!("larder.load cache=\"spans\"{items} function=\"{path}\"")]
    };
    load(&cache, 1).await.unwrap();
    for event in ["in the body", "further on"] {
        assert_eq!(spans_of(&log, event), [span("load", "")]);
    }
    sync(&cache, 1);
    assert_eq!(spans_of(&log, "in the sync body"), [span("sync", "")]);
    each(&cache, &[1, 2]).await;
    assert_eq!(spans_of(&log, "in the batch"), [span("each", " items=2")]);
    renewed(&cache, 1).await;
    clock.advance(Duration::from_secs(2));
    renewed(&cache, 1).await;
    turns().await;
    assert_eq!(spans_of(&log, "renewed 1"), [span("renewed", ""), span("renewed", "")]);
    // One span for each load, and none for hits.
    let spans = |log: &Log| log.said(Level::DEBUG, "larder.load");
    assert_eq!(spans(&log), 5);
    load(&cache, 1).await.unwrap();
    sync(&cache, 1);
    each(&cache, &[1, 2]).await;
    assert_eq!(spans(&log), 5);
}

#[tokio::test]
async fn a_load_by_hand_has_its_span() {
    let (log, _guard) = Log::listen();
    let cache = Cache::builder().build().unwrap();
    let load = || async {
        tracing::info!("by hand");
        Ok::<_, String>(1_u64)
    };
    cache.get_or_load("k", load).await.unwrap();
    assert_eq!(spans_of(&log, "by hand"), [["larder.load cache=\"default\" function=\"direct\""]]);
}

/// A value whose serde code logs.
#[derive(Clone, Deserialize)]
struct Talks;

impl Serialize for Talks {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("v4lue"))
    }
}

/// Triggers every event at level info and above, and checks that none contains a key or a value.
#[tokio::test]
async fn events_at_info_and_above_contain_no_keys_and_no_values() {
    let (log, _guard) = Log::listen();
    let (store, clock) = (Gated::new(), Clock::manual());
    let quiet = |_: &CacheEvent<'_>| panic!("on purpose");
    let builder = Cache::builder().remote(store.backend.clone()).clock(clock.clone());
    let cache = builder.name("told").listener(quiet).build().unwrap();

    load(&cache, 1).await.unwrap();
    load(&cache, 0).await.unwrap_err();
    cache.insert("s3cret:talks", Talks).await.unwrap_err();
    cache.get_or_load("s3cret:talks", || async { Ok::<_, String>(Talks) }).await.unwrap();
    // An eviction overtakes a load.
    let held = store.hold(At::Before("set"));
    let late = tokio::spawn({
        let cache = cache.clone();
        async move { load(&cache, 2).await }
    });
    soon(held.arrived()).await;
    let evicting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.remove("s3cret:2").await }
    });
    turns().await;
    held.open();
    soon(late).await.unwrap().unwrap();
    soon(evicting).await.unwrap().unwrap();
    // Bytes of another type.
    cache.insert("s3cret:bytes", "v4lue".to_owned()).await.unwrap();
    cache.remove("s3cret:1").await.unwrap();
    store.set_linked(false);
    assert!(cache.get::<Vec<u64>>("s3cret:bytes").await.unwrap().is_none());
    // The remote tier fails, an eviction is pending, and the tier comes back.
    store.set_down(true);
    for _ in 0..4 {
        cache.remove("s3cret:1").await.unwrap_err();
        load(&cache, 3).await.unwrap();
        // Calls do not wait for the write of a loaded value.
        landed(&cache).await;
    }
    store.set_down(false);
    clock.advance(Duration::from_secs(2));
    store.set_linked(true);
    cache.entry("s3cret:1").policy(Policy::new()).insert("v4lue".to_owned()).await.unwrap();

    for (level, text) in [
        (Level::WARN, "part=\"bus\" before=up after=down"),
        (Level::INFO, "part=\"bus\" before=down after=up"),
        (Level::WARN, "part=\"remote\" before=up"),
        (Level::DEBUG, "breaker of the remote tier is open"),
        (Level::DEBUG, "breaker of the remote tier is closed again"),
        (Level::INFO, "pending evictions are carried out"),
        (Level::DEBUG, "a loaded value was not stored remotely"),
        (Level::ERROR, "the listener panicked"),
        (Level::DEBUG, "are not a value of this type"),
        (Level::DEBUG, "a load failed"),
        (Level::DEBUG, "an eviction"),
        (Level::TRACE, "an entry left memory"),
    ] {
        assert!(log.said(level, text) > 0, "{level} {text}: {:#?}", log.lines());
    }
    for line in log.lines() {
        assert!(!line.text.contains("v4lue"), "a value: {line:?}");
        let everywhere = line.level <= Level::INFO;
        assert!(!(everywhere && line.text.contains("s3cret")), "a key: {line:?}");
    }
    // No span at all contains a key.
    let spans = log.lines().into_iter().filter(|line| line.text.contains("larder.load"));
    assert!(spans.into_iter().all(|span| !span.text.contains("s3cret")));
}

#[tokio::test]
async fn a_fill_that_came_too_late_is_logged() {
    let (log, _guard) = Log::listen();
    let cache = Cache::builder().build().unwrap();
    let load = || {
        let cache = cache.clone();
        async move {
            cache.remove("k").await.unwrap();
            Ok::<_, String>(1_u64)
        }
    };
    cache.get_or_load("k", load).await.unwrap();
    assert_eq!((log.said(Level::DEBUG, "not stored"), cache.stats().fenced), (1, 1));
}

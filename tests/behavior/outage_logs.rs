//! The log lines of an outage of the remote tier: one per change of the tier's state, not one per call.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, cache_evict, cache_put, cached, health::Status, stats::CacheEvent, time::Clock,
};
use tracing::field::{Field, Visit};
use tracing::{Level, span};

use crate::deaf::deafen_others;
use crate::support::{Server, eventually, free_port};
use crate::telling::Telling;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
struct Line {
    level: Level,
    target: String,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}").trim_matches('"').to_owned();
        match field.name() {
            "message" => self.message = text,
            name => self.fields.push((name, text)),
        }
    }
}

/// Records all of larder's events on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        let ours = |name: &str| metadata.target().starts_with(name);
        ours("larder") || ours("cache_")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let metadata = event.metadata();
        let (level, target) = (*metadata.level(), metadata.target().to_owned());
        let mut line = Line { level, target, message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[cached(key = "secret-row:{id}", tags = ["secret-rows"], cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache_evict(row(cache, id))]
#[cache_evict(tags = ["secret-rows"], pattern = "secret-row:*", cache = cache)]
async fn change(cache: &Cache, id: u64) {}

#[cache_put(row(cache, id))]
async fn save(cache: &Cache, id: u64) -> u64 {
    id
}

fn check(lines: &[Line]) {
    for line in lines {
        assert!(line.target.starts_with("larder::"), "{line:?}");
        assert!(line.fields.iter().all(|(_, text)| !text.is_empty()), "an empty field: {line:?}");
        let says_key =
            line.message.contains("secret") || format!("{:?}", line.fields).contains("secret");
        assert!(!says_key || line.level >= Level::DEBUG, "a key: {line:?}");
    }
}

#[tokio::test]
async fn one_line_for_each_change() {
    deafen_others();
    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.clone());
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    row(&cache, 1).await;
    check(&log.take());

    store.set_down(true);
    store.set_linked(false);
    for id in 0..20 {
        change(&cache, id).await;
        save(&cache, id).await;
        row(&cache, id).await;
    }
    let lines = log.take();
    check(&lines);
    let warnings: Vec<&Line> = lines.iter().filter(|line| line.level <= Level::WARN).collect();
    let told = warnings.iter().map(|line| (line.field("part"), line.field("after")));
    let told: Vec<_> = told.map(|(part, after)| (part.unwrap(), after.unwrap())).collect();
    assert_eq!(told, [("bus", "down"), ("remote", "degraded"), ("remote", "down")], "{warnings:?}");
    assert_eq!(warnings[0].field("reason"), None, "nothing is known of why");
    assert!(warnings[2].field("reason").is_some_and(|reason| reason.contains("down")));
    assert_eq!(warnings[2].field("failures"), Some("3"));

    store.set_down(false);
    store.set_linked(true);
    for _ in 0..10 {
        clock.advance(SECOND);
        row(&cache, 100).await;
        cache.get::<u64>("absent").await.unwrap();
    }
    let lines = log.take();
    check(&lines);
    let told = lines.iter().filter(|line| line.level <= Level::INFO);
    let up = told
        .clone()
        .find(|line| line.field("part") == Some("remote") && line.field("after") == Some("up"));
    assert_eq!(up.and_then(|line| line.field("pending_evictions")), Some("0"), "{lines:?}");
    assert!(told.count() <= 5, "{lines:?}");
}

/// A listener learns that the eviction of a mutator is pending.
#[tokio::test]
async fn a_pending_eviction_of_a_mutator_is_reported() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let builder = Cache::builder().remote(store.clone()).clock(clock.clone());
    let cache = builder
        .listener(move |signal: &CacheEvent<'_>| {
            if let CacheEvent::EvictionPending { pending, .. } = signal {
                hears.lock().unwrap().push(*pending);
            }
        })
        .build()
        .unwrap();
    change(&cache, 1).await;
    assert!(told.lock().unwrap().is_empty());
    store.set_down(true);
    change(&cache, 1).await;
    assert_eq!(*told.lock().unwrap(), [1, 2, 3], "a tag, a pattern and a key");
}

/// The state of a tier that has never answered is unknown.
#[tokio::test]
async fn a_tier_that_was_never_reached_is_not_up() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let cache = Cache::builder().remote(Redis::lazy(url).unwrap()).build().unwrap();
    assert_eq!(cache.health().remote.unwrap().status, Status::Degraded);
    cache.get::<u64>("absent").await.unwrap_err();
    assert_eq!(cache.health().remote.unwrap().status, Status::Down, "no server can be reached");

    let server = Server::start();
    let cache = Cache::builder().remote(Redis::lazy(server.url()).unwrap()).build().unwrap();
    // (The tier may have answered already, because the bus connects immediately.)
    assert_ne!(cache.health().remote.unwrap().status, Status::Down);
    eventually("the tier answers", async || cache.health().remote.unwrap().status == Status::Up)
        .await;
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    assert_eq!(cache.health().remote.unwrap().status, Status::Up, "it has answered");
}

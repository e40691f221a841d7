//! The health of a cache, with a store that fails on demand and a clock that tests advance.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use larder::{
    Cache,
    backend::{Backend, BackendErrorKind, BackendState, NodeLink, NodeRole, NodeState},
    health::{BreakerState, Health, RemoteHealth, Status},
    time::Clock,
};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::deaf::deafen_others;
use crate::support::eventually;
use crate::telling::Telling;

const SECOND: Duration = Duration::from_secs(1);

fn remote(cache: &Cache) -> RemoteHealth {
    cache.health().remote.unwrap()
}

async fn reads(cache: &Cache, times: usize) {
    for _ in 0..times {
        let _ = cache.get::<u64>("absent").await;
    }
}

#[tokio::test]
async fn memory_alone_is_always_up() {
    let clock = Clock::manual();
    let cache =
        Cache::builder().name("own").namespace("shop").clock(clock.clone()).build().unwrap();
    let built = cache.health().at;
    cache.insert("key", 7u64).await.unwrap();
    clock.advance(90 * SECOND);
    let health = cache.probe(SECOND).await;
    assert!(health.is_up() && health.remote.is_none());
    assert_eq!((health.cache.as_deref(), health.namespace.as_str()), (Some("own"), "shop"));
    let memory = health.memory.clone().unwrap();
    assert_eq!((memory.status, memory.entries), (Status::Up, 1));
    assert_eq!((memory.since.at, memory.since.lasting), (built, 90 * SECOND));
    assert_eq!(health.at, built + 90 * SECOND);
    let shown = health.to_string();
    assert!(shown.starts_with("shop is up; memory up for 90s (1 entries, "), "{shown}");
    assert!(health.enabled);
    cache.disable();
    let health = cache.health();
    assert!(!health.enabled && health.to_string().starts_with("shop is up (switched off); "));
    cache.close().await.unwrap();
    let health = cache.health();
    assert!(health.closed && health.to_string().starts_with("shop is down (closed); "));
}

#[tokio::test]
async fn a_tier_goes_down_and_comes_back() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    reads(&cache, 1).await;
    let built = remote(&cache).since.at;
    assert_eq!((cache.health().status, remote(&cache).last_error), (Status::Up, None));

    // One failure: the tier is degraded.
    clock.advance(60 * SECOND);
    store.set_down(true);
    reads(&cache, 1).await;
    let found = remote(&cache);
    assert_eq!((found.status, found.breaker), (Status::Degraded, BreakerState::Closed));
    assert_eq!((found.since.at, found.since.lasting), (built + 60 * SECOND, Duration::ZERO));
    let error = found.last_error.unwrap();
    assert_eq!((error.kind, error.since.at), (BackendErrorKind::Unreachable, built + 60 * SECOND));
    assert!(error.message.contains("down"), "{}", error.message);

    // Three failures in a row: the breaker opens, and an eviction stays pending.
    clock.advance(SECOND);
    reads(&cache, 2).await;
    assert!(cache.remove("key").await.is_err());
    let found = remote(&cache);
    assert_eq!((found.status, found.pending_evictions), (Status::Down, 1));
    assert_eq!((found.breaker, found.retry_in), (BreakerState::Open, Some(SECOND)));
    assert_eq!(cache.health().status, Status::Degraded, "memory is there");
    clock.advance(SECOND / 4);
    assert_eq!(remote(&cache).retry_in, Some(3 * SECOND / 4));
    clock.advance(3 * SECOND / 4);
    let found = remote(&cache);
    assert_eq!((found.breaker, found.status), (BreakerState::HalfOpen, Status::Down));
    assert_eq!((found.retry_in, cache.stats().breaker), (None, BreakerState::HalfOpen));
    assert_eq!((found.since.at, found.since.lasting), (built + 61 * SECOND, SECOND));

    // The store works again; the tier is up after a while without failures.
    store.set_down(false);
    reads(&cache, 1).await;
    let found = remote(&cache);
    assert_eq!((found.status, found.breaker), (Status::Degraded, BreakerState::Closed));
    assert_eq!((found.pending_evictions, found.since.at), (0, built + 62 * SECOND));
    clock.advance(4 * SECOND - Duration::from_millis(1));
    reads(&cache, 1).await;
    assert_eq!(remote(&cache).status, Status::Degraded);
    clock.advance(Duration::from_millis(1));
    let found = remote(&cache);
    assert_eq!((found.status, found.since.lasting), (Status::Up, Duration::ZERO));
    assert_eq!(
        found.last_error.unwrap().since.lasting,
        5 * SECOND,
        "the last error is still reported"
    );
    assert_eq!(cache.health().status, Status::Up);
}

#[tokio::test]
async fn health_sends_no_request() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let before = store.calls("*");
    cache.health();
    assert_eq!(store.calls("*"), before);
}

#[tokio::test]
async fn without_memory_the_health_is_that_of_the_remote_tier() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache_without_memory(&clock);
    store.set_down(true);
    reads(&cache, 1).await;
    assert_eq!(cache.health().status, Status::Degraded);
    reads(&cache, 2).await;
    assert_eq!(cache.health().status, Status::Down);
    assert!(cache.health().memory.is_none());
}

#[tokio::test]
async fn refusals_degrade_and_do_not_flicker() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.fail(BackendErrorKind::Refused, "OOM command not allowed");
    let since = clock_reading(&cache);
    for _ in 0..20 {
        store.set_down(true);
        reads(&cache, 1).await;
        store.set_down(false);
        reads(&cache, 1).await;
        clock.advance(SECOND);
    }
    let found = remote(&cache);
    assert_eq!(
        (found.status, found.since.at),
        (Status::Degraded, since),
        "one change, at the begin"
    );
    assert_eq!(found.breaker, BreakerState::Closed);
}

fn clock_reading(cache: &Cache) -> SystemTime {
    cache.health().at
}

#[tokio::test]
async fn a_lost_bus_degrades_memory() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let bus = remote(&cache).bus;
    assert!(bus.supported && bus.linked);
    clock.advance(60 * SECOND);
    store.set_linked(false);
    clock.advance(2 * SECOND);
    let health = cache.health();
    let (memory, bus) = (health.memory.unwrap(), health.remote.unwrap().bus);
    assert_eq!((health.status, memory.status), (Status::Degraded, Status::Degraded));
    assert_eq!((bus.linked, bus.since.lasting, memory.since), (false, 2 * SECOND, bus.since));
    store.set_linked(true);
    let health = cache.health();
    assert_eq!((health.status, health.memory.unwrap().status), (Status::Up, Status::Up));
    assert_eq!(health.remote.unwrap().bus.since.lasting, Duration::ZERO);
}

#[tokio::test]
async fn a_store_of_this_process_needs_no_bus() {
    let (store, clock) = (Telling::new(), Clock::manual());
    store.set_alone();
    let cache = store.cache(&clock);
    let bus = remote(&cache).bus;
    assert!(!bus.supported && bus.linked && cache.health().is_up());
}

#[tokio::test]
async fn a_server_that_is_away_is_named() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let up = NodeState::new("10.0.0.1:7000", NodeRole::Master, NodeLink::Up).connections(2);
    let down = |place: u8| {
        NodeState::new(format!("10.0.0.{place}:7000"), NodeRole::Master, NodeLink::Down)
            .failures(3, "refused")
    };
    store.set_state(BackendState::new([up, down(2)]).failovers(1));
    let health = cache.health();
    assert_eq!(health.status, Status::Degraded);
    let found = health.remote.clone().unwrap();
    assert_eq!(found.status, Status::Degraded);
    assert_eq!(found.servers.down().collect::<Vec<_>>(), [&down(2)]);
    assert!(health.to_string().contains("master 10.0.0.2:7000 down"), "{health}");
    store.set_state(BackendState::new([down(1), down(2)]));
    assert_eq!(remote(&cache).status, Status::Down);
    store.set_state(BackendState::default());
    assert_eq!(remote(&cache).status, Status::Up);
}

#[tokio::test]
async fn wrappers_hide_nothing() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let node = NodeState::new("10.0.0.1:7000", NodeRole::Server, NodeLink::Up);
    store.set_state(BackendState::new([node.clone()]));
    store.set_info("used_memory", "7");
    let wrapped: [Box<dyn Backend>; 2] = [Box::new(store.clone()), Box::new(Arc::new(store))];
    for backend in wrapped {
        assert_eq!(backend.info().await.unwrap()["used_memory"], "7");
        let cache = Cache::builder().remote(backend).clock(clock.clone()).build().unwrap();
        assert_eq!(remote(&cache).servers.nodes, std::slice::from_ref(&node));
    }
}

#[tokio::test]
async fn a_check_pings() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let health = cache.probe(SECOND).await;
    assert!(health.is_up() && health.remote.unwrap().round_trip.is_some());
    assert_eq!(store.calls("ping"), 1);

    // While the breaker is open, a check detects that the store works again and carries out pending evictions.
    cache.insert("key", 7u64).await.unwrap();
    store.set_down(true);
    assert!(cache.remove("key").await.is_err());
    for _ in 0..2 {
        let health = cache.probe(SECOND).await;
        assert_eq!(health.remote.unwrap().round_trip, None);
    }
    assert_eq!(remote(&cache).status, Status::Down);
    store.set_down(false);
    let found = cache.probe(SECOND).await.remote.unwrap();
    assert!(found.round_trip.is_some());
    assert_eq!((found.breaker, found.pending_evictions), (BreakerState::Closed, 0));
    assert_eq!(found.status, Status::Degraded);
    let other = store.another().cache_without_memory(&clock);
    assert_eq!(other.get::<u64>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_check_is_bounded() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.set_silent();
    for round in 1..=5 {
        let checking = tokio::spawn({
            let cache = cache.clone();
            async move { cache.probe(SECOND).await }
        });
        eventually("a ping", async || store.calls("ping") == round).await;
        clock.advance(SECOND);
        let found = checking.await.unwrap().remote.unwrap();
        assert_eq!((found.round_trip, found.status), (None, Status::Degraded));
        let error = found.last_error.unwrap();
        assert_eq!(error.kind, BackendErrorKind::TimedOut);
        assert!(error.message.contains("no answer within 1s"), "{}", error.message);
        // The limit may be too short, so the breaker stays closed.
        assert_eq!(found.breaker, BreakerState::Closed);
    }
}

#[tokio::test]
async fn health_contains_no_credentials() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.fail(BackendErrorKind::Refused, "redis://user:hun/ter@2@10.0.0.1:7000 says no");
    reads(&cache, 1).await;
    let health = cache.probe(SECOND).await;
    let wire = serde_json(&health);
    for text in [format!("{health:?}"), health.to_string(), wire] {
        assert!(!text.contains("hun") && !text.contains("ter@"), "{text}");
        assert!(text.contains("redis://***@10.0.0.1:7000 says no"), "{text}");
    }
}

fn serde_json(health: &Health) -> String {
    serde_json::to_string(health).unwrap()
}

#[tokio::test]
async fn it_is_plain_data() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.set_down(true);
    reads(&cache, 3).await;
    clock.advance(SECOND / 2);
    let health: serde_json::Value = serde_json::from_str(&serde_json(&cache.health())).unwrap();
    assert_eq!(health["status"], "degraded");
    let remote = &health["remote"];
    assert_eq!((&remote["status"], &remote["for_ms"]), (&"down".into(), &500.into()));
    assert_eq!((&remote["breaker"], &remote["retry_in_ms"]), (&"open".into(), &500.into()));
    assert_eq!(remote["last_error"]["kind"], "unreachable");
    assert_eq!(remote["bus"]["linked"], true);
    assert_eq!(remote["round_trip_us"], serde_json::Value::Null);
    let at = health["at_unix_ms"].as_u64().unwrap();
    assert_eq!(remote["since_unix_ms"].as_u64().unwrap(), at - 500);
}

/// Records changes, as `remote up degraded`, and counts all warnings.
#[derive(Clone, Default)]
struct Changes(Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>);

impl tracing::Subscriber for Changes {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        if *event.metadata().level() <= tracing::Level::WARN {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
        #[derive(Default)]
        struct Fields(String, bool);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                match field.name() {
                    "part" | "before" | "after" => {
                        self.0 += &format!("{value:?} ").replace('"', "")
                    }
                    "message" => self.1 = format!("{value:?}").contains("state changed"),
                    _ => {}
                }
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.1 {
            self.0.lock().unwrap().push(fields.0.trim().to_owned());
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn every_change_is_one_event() {
    deafen_others();
    let changes = Changes::default();
    let _here = tracing::subscriber::set_default(changes.clone());
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let told = || std::mem::take(&mut *changes.0.lock().unwrap());
    reads(&cache, 3).await;
    assert!(told().is_empty(), "a bus that is linked for the first time is no recovery");
    store.set_down(true);
    reads(&cache, 10).await;
    assert_eq!(told(), ["remote up degraded", "remote degraded down"]);
    assert_eq!(
        changes.1.load(Ordering::SeqCst),
        2,
        "and the breaker, which opened, is no third line"
    );
    store.set_linked(false);
    store.set_linked(false);
    store.set_linked(true);
    assert_eq!(told(), ["bus up down", "bus down up"]);
    store.set_down(false);
    for _ in 0..10 {
        clock.advance(SECOND);
        reads(&cache, 1).await;
    }
    assert_eq!(told(), ["remote down degraded", "remote degraded up"]);
}

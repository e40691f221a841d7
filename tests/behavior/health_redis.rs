//! The health of a cache over a real Redis that is killed, stopped, and started again.

use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{
    Cache,
    backend::{Backend, BackendErrorKind, NodeLink},
    health::{BreakerState, Health, RemoteHealth, Status},
};

use crate::support::{Proxy, Server, eventually, free_port};

const SECOND: Duration = Duration::from_secs(1);

async fn connected(url: &str, namespace: &str) -> Cache {
    let redis = Redis::connect(url).await.unwrap();
    let cache = Cache::builder().namespace(namespace).remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

fn remote(health: &Health) -> &RemoteHealth {
    health.remote.as_ref().unwrap()
}

/// Checks until the remote tier has this status.
async fn comes_to(cache: &Cache, status: Status) -> Health {
    let mut found = cache.health();
    eventually("the remote tier's status", async || {
        found = cache.probe(SECOND).await;
        remote(&found).status == status
    })
    .await;
    found
}

async fn falls_and_rises(
    server: &mut Server,
    fell: impl Fn(&mut Server),
    rose: impl Fn(&mut Server),
) {
    let cache = connected(&server.url(), "health").await;
    let address = format!("127.0.0.1:{}", server.port());
    let health = cache.probe(SECOND).await;
    let found = remote(&health);
    assert!(health.is_up(), "{health}");
    assert!(found.round_trip.unwrap() < SECOND && found.bus.supported && found.bus.linked);
    let [node] = &found.servers.nodes[..] else { panic!("{:?}", found.servers) };
    assert_eq!(
        (node.address.as_str(), node.role.to_string()),
        (address.as_str(), "server".to_owned())
    );
    assert_eq!((node.link, node.connections, node.failures), (NodeLink::Up, 1, 0));

    fell(server);
    let health = comes_to(&cache, Status::Down).await;
    let found = remote(&health);
    assert_eq!(health.status, Status::Degraded);
    assert!(found.round_trip.is_none());
    let error = found.last_error.clone().unwrap();
    assert!(error.message.contains(&address), "{}", error.message);
    eventually("the bus is known to be away", async || {
        let health = cache.health();
        !remote(&health).bus.linked && health.memory.unwrap().status == Status::Degraded
    })
    .await;
    // `health` is cheap and sends no request.
    let began = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(cache.health().status, Status::Degraded);
    }
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    // A second eviction becomes pending in addition to the first.
    for key in ["one", "two"] {
        assert!(cache.remove(key).await.is_err());
    }
    assert_eq!(remote(&cache.health()).pending_evictions, 2);
    eventually("the server is known to be away", async || {
        let health = cache.probe(SECOND).await;
        let node = &remote(&health).servers.nodes[0];
        node.link == NodeLink::Down && node.failures > 0 && node.last_error.is_some()
    })
    .await;

    rose(server);
    let health = comes_to(&cache, Status::Degraded).await;
    assert_eq!(remote(&health).breaker, BreakerState::Closed);
    eventually("pending evictions are carried out", async || {
        remote(&cache.probe(SECOND).await).pending_evictions == 0
    })
    .await;
    let health = comes_to(&cache, Status::Up).await;
    assert_eq!(remote(&health).servers.nodes[0].link, NodeLink::Up);
    eventually("all is well", async || cache.probe(SECOND).await.is_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again() {
    falls_and_rises(&mut Server::start(), Server::kill, Server::restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_continued() {
    falls_and_rises(&mut Server::start(), |server| server.stop(), |server| server.cont()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_a_silent_redis_is_bounded() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let cache = connected(&proxy.url(), "bounded").await;
    proxy.freeze_all();
    let began = Instant::now();
    let health = cache.probe(Duration::from_millis(100)).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(90) && took < SECOND, "{took:?}");
    let error = remote(&health).last_error.clone().unwrap();
    assert_eq!(error.kind, BackendErrorKind::TimedOut, "{}", error.message);
    assert_eq!(remote(&health).breaker, BreakerState::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_never_up() {
    let redis = Redis::lazy(format!("redis://127.0.0.1:{}", free_port())).unwrap();
    assert_eq!(redis.state().nodes[0].link, NodeLink::Idle);
    let cache = Cache::builder().namespace("never").remote(redis).build().unwrap();
    // The server has never answered.
    assert_eq!(remote(&cache.health()).status, Status::Degraded);
    assert_eq!(cache.health().memory.unwrap().status, Status::Degraded, "no bus");
    let health = cache.probe(SECOND).await;
    assert_eq!(remote(&health).status, Status::Down, "{health}");
    assert_eq!(remote(&health).last_error.as_ref().unwrap().kind, BackendErrorKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_redis_is_down_immediately() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("closed").remote(redis.clone()).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    assert!(cache.health().is_up());
    redis.close().await;
    let health = cache.health();
    assert_eq!(remote(&health).status, Status::Down, "{health}");
    let node = &remote(&health).servers.nodes[0];
    assert!(node.last_error.as_ref().unwrap().contains("closed"), "{node:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_contains_no_password() {
    let server = Server::with_args(&["--requirepass", "right-one"]);
    for password in ["right-one", "hunter2"] {
        let url = format!("redis://:{password}@127.0.0.1:{}", server.port());
        let cache = Cache::builder().namespace("secret").remote(Redis::lazy(url).unwrap());
        let cache = cache.build().unwrap();
        let health = cache.probe(SECOND).await;
        let right = password == "right-one";
        assert_eq!(remote(&health).status == Status::Up, right, "{health}");
        let error = remote(&health).last_error.as_ref().map(|error| error.kind);
        assert_eq!(error, (!right).then_some(BackendErrorKind::Refused));
        let wire = serde_json::to_string(&health).unwrap();
        for text in [format!("{health:?}"), health.to_string(), wire] {
            assert!(!text.contains(password), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_reports_information() {
    let server = Server::with_args(&["--maxmemory", "64mb"]);
    let redis = Redis::connect(server.url()).await.unwrap();
    let info = redis.info().await.unwrap();
    assert_eq!(info["tcp_port"], server.port().to_string());
    assert_eq!(info["maxmemory"], (64 << 20).to_string());
    assert_eq!((info["role"].as_str(), info["connected_slaves"].as_str()), ("master", "0"));
    assert!(info["used_memory"].parse::<u64>().unwrap() > 0);
    assert!(info.keys().all(|name| !name.starts_with('#')));
    drop(server);
    assert!(redis.info().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_sees_a_full_redis() {
    let server = Server::with_args(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let cache = connected(&server.url(), "full").await;
    let (send, told) = std::sync::mpsc::channel();
    let (check, checked) = std::sync::mpsc::channel();
    let monitor = larder::health::Monitor::every(Duration::from_millis(50))
        .when_info("evictions", |server| {
            server.growth("evicted_keys").filter(|keys| *keys > 0.0).map(|keys| keys.to_string())
        })
        .when_info("memory", |server| {
            server
                .ratio("used_memory", "maxmemory")
                .filter(|part| *part > 0.8)
                .map(|part| part.to_string())
        })
        .on_alert(move |alert| {
            let _ = send.send((alert.state, alert.threshold));
        })
        .on_check(move |_| {
            let _ = check.send(());
        });
    let _monitoring = cache.monitor(monitor).unwrap();
    // Growth is seen from a check to the next.
    eventually("the first check", async || checked.try_recv().is_ok()).await;
    for key in 0..300 {
        cache.insert(&*format!("key:{key}"), vec![7u8; 20_000]).await.unwrap();
    }
    let mut alerts = Vec::new();
    eventually("both alerts", async || {
        alerts.extend(told.try_iter());
        let raised = |name| alerts.contains(&(larder::health::AlertState::Raised, name));
        raised("evictions") && raised("memory")
    })
    .await;
    eventually("the growth ends", async || {
        alerts.extend(told.try_iter());
        alerts.contains(&(larder::health::AlertState::Cleared, "evictions"))
    })
    .await;
}

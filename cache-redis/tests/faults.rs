//! Operations while Redis is stopped, suspended, silent, disconnected, slow or demoted.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{Backend, BackendErrorKind, SetEntry, StoredValue};
use cache_redis::Redis;
use common::{Proxy, Server, eventually, free_port};

/// Larger than every value.
const ALL: usize = usize::MAX;

fn values(found: Vec<Option<StoredValue>>) -> Vec<Option<Bytes>> {
    found.into_iter().map(|read| Some(read?.value)).collect()
}

const OPERATION: Duration = Duration::from_secs(1);

/// Long enough for a busy machine, and short enough to tell an immediate failure from a time-out.
const AT_ONCE: Duration = Duration::from_millis(900);

fn impatient(url: String) -> Redis {
    Redis::builder(url)
        .operation_timeout(OPERATION)
        .connect_timeout(Duration::from_millis(600))
        .build_lazy()
        .unwrap()
}

fn write(key: &str) -> [SetEntry; 1] {
    [SetEntry::new(key, Bytes::from("1"))]
}

async fn kind_and_time(redis: &Redis) -> (Option<BackendErrorKind>, Duration) {
    let began = Instant::now();
    let result = redis.get_many(&["a"], ALL).await;
    (result.err().map(|error| error.kind()), began.elapsed())
}

#[tokio::test]
async fn a_dead_redis_costs_nothing() {
    let redis = impatient(format!("redis://127.0.0.1:{}", free_port()));
    let mut slow = 0;
    for _ in 0..200 {
        let (kind, time) = kind_and_time(&redis).await;
        assert_eq!(kind, Some(BackendErrorKind::Unreachable));
        assert!(time < OPERATION * 2, "{time:?}");
        slow += usize::from(time > OPERATION / 5);
    }
    assert!(slow < 20, "{slow} of 200");
    let error = redis.remove(&["a"], None).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn comes_back_with_the_server() {
    let mut server = Server::start();
    let redis = impatient(server.url());
    redis.set(&write("a"), None).await.unwrap();
    server.kill();
    eventually("told", async || redis.ping().await.is_err()).await;
    let (kind, time) = kind_and_time(&redis).await;
    assert_eq!(kind, Some(BackendErrorKind::Unreachable));
    assert!(time < AT_ONCE, "{time:?}");
    server.restart();
    let began = Instant::now();
    eventually("back", async || redis.ping().await.is_ok()).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    redis.set(&write("a"), None).await.unwrap();
    assert!(redis.get_many(&["a"], ALL).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_restart_in_between_is_not_noticed_by_reads_and_removals() {
    let mut server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    server.restart();
    assert_eq!(redis.get_many(&["a"], ALL).await.unwrap(), [None]);
    server.restart();
    assert_eq!(redis.remove(&["a"], None).await.unwrap(), 0);
    server.restart();
    redis.bump("t").await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_times_out_then_fails_at_once_then_works() {
    let server = Server::start();
    let redis = impatient(server.url());
    redis.ping().await.unwrap();
    server.stop();
    for _ in 0..3 {
        let (kind, time) = kind_and_time(&redis).await;
        assert_eq!(kind, Some(BackendErrorKind::TimedOut));
        assert!((OPERATION..OPERATION * 3).contains(&time), "{time:?}");
    }
    // The new connection gets no reply either; during the backoff no operation waits.
    let mut at_once = 0;
    let deadline = Instant::now() + Duration::from_secs(30);
    while at_once < 5 && Instant::now() < deadline {
        let (kind, time) = kind_and_time(&redis).await;
        assert_eq!(kind, Some(BackendErrorKind::Unreachable));
        assert!(time < OPERATION * 3, "{time:?}");
        at_once = if time < OPERATION / 5 { at_once + 1 } else { 0 };
    }
    assert_eq!(at_once, 5);
    server.cont();
    eventually("back", async || redis.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_half_open_connection_is_replaced_after_three_time_outs() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    redis.set(&write("a"), None).await.unwrap();
    proxy.freeze();
    for _ in 0..3 {
        assert_eq!(proxy.accepted(), 1);
        assert_eq!(kind_and_time(&redis).await.0, Some(BackendErrorKind::TimedOut));
    }
    assert!(redis.get_many(&["a"], ALL).await.unwrap()[0].is_some());
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn answers_in_between_reset_the_count() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    redis.ping().await.unwrap();
    for _ in 0..2 {
        proxy.freeze();
        for _ in 0..2 {
            assert_eq!(kind_and_time(&redis).await.0, Some(BackendErrorKind::TimedOut));
        }
        proxy.thaw();
        eventually("thawed", async || redis.ping().await.is_ok()).await;
    }
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_stall_under_many_callers_is_one_time_out() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    redis.ping().await.unwrap();
    proxy.freeze();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.ping().await.is_err() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    proxy.thaw();
    redis.ping().await.unwrap();
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn callers_that_do_not_wait_also_find_out() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    redis.ping().await.unwrap();
    proxy.freeze();
    let patience = OPERATION / 2;
    eventually("replaced", async || {
        tokio::time::timeout(patience, redis.ping()).await.is_ok_and(|result| result.is_ok())
    })
    .await;
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_dropped_future_leaves_it_usable() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    // While it is connecting.
    let _ = tokio::time::timeout(Duration::from_micros(10), redis.ping()).await;
    redis.ping().await.unwrap();
    proxy.delay(Duration::from_millis(5));
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_millis(2), redis.bump("t")).await;
    }
    redis.ping().await.unwrap();
    proxy.delay(Duration::ZERO);
    redis.set(&write("a"), None).await.unwrap();
    assert_eq!(
        values(redis.get_many(&["a", "b"], ALL).await.unwrap()),
        [Some(Bytes::from("1")), None]
    );
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_cut_connection_is_replaced() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    proxy.cut();
    // Not repeated, because that could overwrite the value of another writer.
    if let Err(error) = redis.set(&write("a"), None).await {
        assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    }
    redis.set(&write("a"), None).await.unwrap();
    proxy.cut();
    assert!(redis.get_many(&["a"], ALL).await.unwrap()[0].is_some());
    assert_eq!(proxy.accepted(), 3);
}

#[tokio::test]
async fn a_write_after_a_pause_notices_a_closed_connection() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    proxy.cut();
    redis.set(&write("a"), None).await.unwrap();
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_silent_address_costs_little() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    proxy.freeze_all();
    let (connect, operation) = (Duration::from_millis(1500), Duration::from_secs(10));
    let builder = Redis::builder(proxy.url()).operation_timeout(operation);
    let redis = builder.connect_timeout(connect).build_lazy().unwrap();
    // The first operation waits for the attempt to end.
    let (kind, time) = kind_and_time(&redis).await;
    assert_eq!(kind, Some(BackendErrorKind::Unreachable));
    assert!((connect * 9 / 10..operation).contains(&time), "{time:?}");
    // Later operations wait only a little, even while the next attempts run.
    let deadline = Instant::now() + connect * 2;
    while Instant::now() < deadline || proxy.accepted() < 2 {
        let (kind, time) = kind_and_time(&redis).await;
        assert_eq!(kind, Some(BackendErrorKind::Unreachable));
        assert!(time < connect, "{time:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    proxy.thaw();
    eventually("thawed", async || redis.ping().await.is_ok()).await;
}

/// An attempt may take longer than an operation: the operation fails, and the attempt goes on.
#[tokio::test]
async fn a_slow_handshake_outlasts_operations() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    proxy.delay(Duration::from_millis(200));
    let operation = Duration::from_millis(480);
    let builder = Redis::builder(proxy.url()).operation_timeout(operation);
    let redis = builder.connect_timeout(Duration::from_secs(20)).build_lazy().unwrap();
    let (kind, time) = kind_and_time(&redis).await;
    assert_eq!(kind, Some(BackendErrorKind::Unreachable));
    assert!(time < operation * 6, "{time:?}");
    eventually("connected", async || redis.ping().await.is_ok()).await;
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn endless_timeouts_are_no_panic() {
    let server = Server::start();
    let builder = Redis::builder(server.url()).operation_timeout(Duration::MAX);
    builder.connect_timeout(Duration::MAX).connect().await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_slow_link_works_within_the_timeout() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    proxy.delay(Duration::from_millis(30));
    redis.set(&write("a"), None).await.unwrap();
    assert!(redis.get_many(&["a"], ALL).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn many_chunks_share_one_timeout() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = impatient(proxy.url());
    redis.ping().await.unwrap();
    proxy.delay(Duration::from_millis(200));
    let keys: Vec<String> = (0..256 * 20).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let began = Instant::now();
    assert_eq!(redis.get_many(&keys, ALL).await.unwrap_err().kind(), BackendErrorKind::TimedOut);
    assert!(began.elapsed() < OPERATION * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_replica_refuses_writes_and_is_left() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = redis.remove(&["a"], None).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused);
    assert!(error.to_string().contains("READONLY"), "{error}");
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    redis.set(&write("a"), None).await.unwrap();
    // The first refusal leads to one more connection: the same address may lead to a new master.
    assert_eq!(proxy.accepted(), 3);
}

//! Requests whose connection breaks before the reply, and connections that break while no one waits.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{
    Backend, BackendErrorKind, Cache, LeaseOutcome, LeaseRequest, Leases, NodeLink, NodeState,
    SetEntry, Status,
};
use cache_redis::{Redis, RedisBuilder};
use common::{Proxy, Server, eventually, free_port};

/// Larger than every value.
const ALL: usize = usize::MAX;

/// Longer than any pause of a busy machine.
const LONG: Duration = Duration::from_secs(20);

fn entry(key: &str, value: &'static str) -> SetEntry {
    SetEntry::new(key, Bytes::from_static(value.as_bytes()))
}

/// A server behind a proxy.
fn behind() -> (Server, Proxy) {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    (server, proxy)
}

fn patient(proxy: &Proxy, retries: u32) -> RedisBuilder {
    Redis::builder(proxy.url()).operation_timeout(LONG).retry_attempts(retries)
}

async fn read(redis: &Redis, key: &str) -> Result<Option<Bytes>, BackendErrorKind> {
    let read = redis.get_many(&[key], ALL).await.map_err(|error| error.kind())?;
    Ok(read.into_iter().flatten().next().map(|read| read.value))
}

/// How often the server has carried out a command, also in scripts.
fn calls(server: &Server, command: &str) -> usize {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
    line.map_or(0, |line| {
        line.trim_start_matches("calls=").split(',').next().unwrap().parse().unwrap()
    })
}

fn node(redis: &Redis) -> NodeState {
    redis.state().nodes.remove(0)
}

// --- repetitions -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_read_is_sent_again_as_often_as_configured() {
    let (server, proxy) = behind();
    server.cli(&["SET", "k", "v"]);
    for retries in [0, 1, 2, 5] {
        let redis = patient(&proxy, retries).connect().await.unwrap();
        let times = usize::try_from(retries).unwrap();
        proxy.break_replies("GETRANGE", times);
        assert_eq!(read(&redis, "k").await, Ok(Some(Bytes::from_static(b"v"))), "{retries}");
        assert_eq!(proxy.unbroken(), 0);
        proxy.break_replies("GETRANGE", times + 1);
        assert_eq!(read(&redis, "k").await, Err(BackendErrorKind::Unreachable), "{retries}");
        assert_eq!(proxy.unbroken(), 0);
    }
    let redis = Redis::connect(proxy.url()).await.unwrap();
    proxy.break_replies("GETRANGE", 2);
    assert_eq!(read(&redis, "k").await, Ok(Some(Bytes::from_static(b"v"))), "the default");
}

#[tokio::test]
async fn an_operation_outlasts_a_restart() {
    let (server, proxy) = behind();
    server.cli(&["SET", "k", "v"]);
    let redis = patient(&proxy, 1_000).connect().await.unwrap();
    proxy.refuse();
    proxy.break_replies("GETRANGE", 1);
    let reading = {
        let redis = redis.clone();
        tokio::spawn(async move { read(&redis, "k").await })
    };
    eventually("away", async || node(&redis).failures >= 2).await;
    proxy.up();
    assert_eq!(reading.await.unwrap(), Ok(Some(Bytes::from_static(b"v"))));
}

#[tokio::test]
async fn repetitions_stay_within_the_operation_timeout() {
    let (_server, proxy) = behind();
    let limit = Duration::from_secs(1);
    let redis = patient(&proxy, u32::MAX).operation_timeout(limit).connect().await.unwrap();
    proxy.break_replies("GETRANGE", usize::MAX);
    let began = Instant::now();
    assert!(read(&redis, "k").await.is_err());
    assert!(began.elapsed() < limit * 4, "{:?}", began.elapsed());
    // There are pauses, which double.
    let sent = usize::MAX - proxy.unbroken();
    assert!((3..20).contains(&sent), "{sent}");
}

/// An outage must not cost every caller the pauses of all repetitions.
#[tokio::test]
async fn nothing_is_repeated_while_redis_is_away() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let redis = Redis::builder(url).operation_timeout(LONG).retry_attempts(1_000);
    let redis = redis.build_lazy().unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(read(&redis, "k").await, Err(BackendErrorKind::Unreachable));
        assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_put_whose_reply_is_lost_is_not_repeated() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 5).connect().await.unwrap();
    // The server knows the script from now on.
    redis.set(&[entry("known", "v")], None).await.unwrap();
    let before = calls(&server, "set");
    proxy.break_replies("the-key", 1);
    let error = redis.set(&[entry("the-key", "v")], None).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    // Another process stores a newer value meanwhile, which the repetition would overwrite.
    assert_eq!(calls(&server, "set"), before + 1);
}

#[tokio::test]
async fn a_put_that_was_not_sent_is_sent_once_there_is_a_connection() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 1_000).connect().await.unwrap();
    // After a second without a reply, a put checks its connection first.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    proxy.down();
    let putting = {
        let redis = redis.clone();
        tokio::spawn(async move { redis.set(&[entry("k", "v")], None).await })
    };
    eventually("away", async || node(&redis).failures >= 2).await;
    proxy.up();
    putting.await.unwrap().unwrap();
    assert_eq!(server.cli(&["GET", "k"]), "v");
    assert_eq!(calls(&server, "set"), 1);
}

const MARK: [u8; 16] = *b"0123456789abcdef";

#[tokio::test]
async fn a_replacement_whose_reply_is_lost_is_not_repeated() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 5).connect().await.unwrap();
    redis.set(&[entry("k", "old 0123456789abcdef")], None).await.unwrap();
    redis.replace(MARK, &entry("other", "new"), None).await.unwrap();
    proxy.break_replies("new", 1);
    // `Ok(false)` would have the caller apply its change to the new value, too.
    let error = redis.replace(MARK, &entry("k", "new fedcba9876543210"), None).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert_eq!(server.cli(&["GET", "k"]), "new fedcba9876543210");
}

/// The caller learns that the outcome is unknown, or the change took place once.
#[tokio::test]
async fn a_change_whose_reply_is_lost_does_not_take_place_twice() {
    let (_server, proxy) = behind();
    let redis = patient(&proxy, 5).connect().await.unwrap();
    let cache = Cache::builder().namespace("shop").remote(redis).build().unwrap();
    let mut decided = 0;
    let mut change = |old: Option<String>| {
        decided += 1;
        Some(old.unwrap_or_else(|| "value".to_owned()) + "-x")
    };
    // An absent value is stored under a lease, and the repetition finds out that it was stored.
    proxy.break_replies("value-x", 1);
    let changed = cache.entry("k").update(&mut change).await.unwrap();
    assert_eq!(changed.as_deref(), Some("value-x"));
    proxy.break_replies("value-x-x", 1);
    assert!(cache.entry("k").update(&mut change).await.is_err());
    assert_eq!((decided, proxy.unbroken()), (2, 0));
    // The value, which may be the old or the new one, is evicted.
    eventually("evicted", async || cache.get::<String>("k").await.unwrap().is_none()).await;
}

async fn lead(redis: &Redis, key: &str, token: u64) {
    let request = LeaseRequest::new(key, token, LONG).generation(1).steal(true);
    assert!(matches!(redis.acquire(request).await.unwrap(), LeaseOutcome::Lead { .. }));
}

#[tokio::test]
async fn a_repeated_commit_reports_what_the_first_one_did() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 5).connect().await.unwrap();
    // The server does not know the script in the first round: there the refusal of the digest is lost.
    for key in ["k", "l"] {
        lead(&redis, key, 1).await;
        proxy.break_replies("the value", 1);
        assert!(redis.commit(1, &entry(key, "the value"), None).await.unwrap(), "{key}");
        assert_eq!(proxy.unbroken(), 0);
        assert_eq!(server.cli(&["GET", key]), "the value");
    }
}

/// Another process evicts the key between the first request and its repetition.
#[tokio::test]
async fn a_repeated_commit_does_not_bring_back_an_evicted_value() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 1_000).connect().await.unwrap();
    let other = Redis::connect(server.url()).await.unwrap();
    lead(&redis, "known", 1).await;
    redis.commit(1, &entry("known", "v"), None).await.unwrap();
    for (key, evicts) in [("evicted", true), ("replaced", false)] {
        lead(&redis, key, 1).await;
        proxy.break_replies("the value", 1);
        proxy.refuse();
        let committing = {
            let (redis, key) = (redis.clone(), key.to_owned());
            tokio::spawn(async move { redis.commit(1, &entry(&key, "the value"), None).await })
        };
        eventually("stored", async || server.cli(&["GET", key]) == "the value").await;
        if evicts {
            other.remove(&[key], None).await.unwrap();
        } else {
            other.set(&[entry(key, "newer")], None).await.unwrap();
        }
        proxy.up();
        assert!(!committing.await.unwrap().unwrap(), "{key}");
        assert_eq!(server.cli(&["GET", key]), if evicts { "" } else { "newer" });
    }
}

#[tokio::test]
async fn evictions_and_leases_are_repeated() {
    let (server, proxy) = behind();
    let redis = patient(&proxy, 2).connect().await.unwrap();
    let breaks = |times: usize| proxy.break_replies("the-", times);
    redis.set(&[entry("the-key", "v")], None).await.unwrap();
    breaks(2);
    redis.remove(&["the-key"], None).await.unwrap();
    assert_eq!(server.cli(&["EXISTS", "the-key"]), "0");
    breaks(2);
    let bumped = redis.bump("the-tag").await.unwrap();
    assert_eq!(server.cli(&["GET", "the-tag"]), bumped.to_string());
    breaks(2);
    lead(&redis, "the-key", 7).await;
    breaks(2);
    assert!(redis.renew("the-key", 7, LONG).await.unwrap());
    breaks(2);
    redis.abort("the-key", 7).await.unwrap();
    lead(&redis, "the-key", 8).await;
    assert_eq!(proxy.unbroken(), 0);
}

// --- checks of idle connections --------------------------------------------------------------------

fn checked(proxy: &Proxy) -> RedisBuilder {
    Redis::builder(proxy.url())
        .operation_timeout(Duration::from_secs(1))
        .connect_timeout(Duration::from_secs(1))
        .health_check_interval(Duration::from_millis(50))
}

#[tokio::test]
async fn an_idle_connection_whose_peer_is_gone_is_replaced() {
    let (_server, proxy) = behind();
    let redis = checked(&proxy).connect().await.unwrap();
    assert_eq!((node(&redis).link, proxy.accepted()), (NodeLink::Up, 1));
    // A firewall forgets the connection.
    proxy.freeze();
    eventually("replaced", async || proxy.accepted() == 2).await;
    eventually("up", async || node(&redis).link == NodeLink::Up).await;
    // The server closes it.
    proxy.cut();
    eventually("replaced again", async || proxy.accepted() == 3).await;
    eventually("up again", async || node(&redis).link == NodeLink::Up).await;
}

#[tokio::test]
async fn the_state_shows_an_outage_and_its_end_without_an_operation() {
    let (_server, proxy) = behind();
    let redis = checked(&proxy).connect().await.unwrap();
    let cache = Cache::builder().namespace("idle").remote(redis.clone()).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    let status = || cache.health().remote.unwrap().status;
    assert_eq!(status(), Status::Up);
    proxy.freeze_all();
    eventually("down", async || node(&redis).link == NodeLink::Down).await;
    eventually("known to be down", async || status() == Status::Down).await;
    proxy.thaw();
    eventually("up", async || node(&redis).link == NodeLink::Up).await;
    eventually("known to be up", async || status() != Status::Down).await;
}

#[tokio::test]
async fn a_connection_in_use_is_not_pinged() {
    let (server, proxy) = behind();
    let interval = Duration::from_secs(1);
    let redis = checked(&proxy).health_check_interval(interval).connect().await.unwrap();
    let (pings, began) = (calls(&server, "ping"), Instant::now());
    while began.elapsed() < interval * 2 {
        let before = Instant::now();
        read(&redis, "k").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if before.elapsed() >= interval {
            return; // The machine was too busy for the test.
        }
    }
    assert_eq!(calls(&server, "ping"), pings);
}

#[tokio::test]
async fn zero_turns_the_checks_off() {
    let (server, proxy) = behind();
    let redis = checked(&proxy).health_check_interval(Duration::ZERO).connect().await.unwrap();
    let before = calls(&server, "ping");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((calls(&server, "ping"), node(&redis).link), (before, NodeLink::Up));
}

#[tokio::test]
async fn a_dropped_redis_leaves_no_connection() {
    let (server, proxy) = behind();
    let redis = checked(&proxy).connect().await.unwrap();
    let clients = || server.cli(&["CLIENT", "LIST"]).lines().count();
    assert_eq!(clients(), 2, "with the one that asks");
    drop(redis);
    eventually("closed", async || clients() == 1).await;
    let redis = checked(&proxy).connect().await.unwrap();
    redis.close().await;
    eventually("closed by hand", async || clients() == 1).await;
    let accepted = proxy.accepted();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((clients(), proxy.accepted()), (1, accepted), "it does not connect again");
}

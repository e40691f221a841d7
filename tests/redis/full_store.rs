//! A full Redis (`noeviction`) rejects new values. Evictions need no room: they succeed, for all processes.

use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, Error, Policy,
    backend::{Backend, BackendErrorKind},
};

use crate::support::{Server, eventually};

async fn cache(server: &Server) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().namespace("full").remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

/// Two processes that have the same values in memory, and a Redis that then becomes full.
async fn full() -> (Server, Cache, Cache) {
    let server = Server::with_args(&["--maxmemory-policy", "noeviction"]);
    let (one, other) = (cache(&server).await, cache(&server).await);
    for key in ["user:1", "user:2"] {
        one.entry(key)
            .policy(Policy::new().tags(&["users"]).ttl(Duration::from_secs(600)))
            .insert(1u64)
            .await
            .unwrap();
        assert_eq!(other.get::<u64>(key).await.unwrap(), Some(1));
    }
    server.cli(&["config", "set", "maxmemory", "1"]);
    let refused = one.insert("more", vec![0u8; 100]).await.expect_err("it is full");
    let Error::Backend(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.kind(), BackendErrorKind::Refused, "{refused}");
    (server, one, other)
}

async fn is_gone(cache: &Cache, key: &str) {
    for _ in 0..500 {
        if cache.get::<u64>(key).await.unwrap().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{key} is served though it was evicted");
}

#[tokio::test]
async fn a_tag_is_evicted_everywhere() {
    let (_server, one, other) = full().await;
    one.evict_tag("users").await.expect("an eviction needs no room");
    for key in ["user:1", "user:2"] {
        assert_eq!(one.get::<u64>(key).await.unwrap(), None);
        is_gone(&other, key).await;
    }
}

#[tokio::test]
async fn a_clear_evicts_everywhere() {
    let (_server, one, other) = full().await;
    one.clear().await.expect("an eviction needs no room");
    assert_eq!(one.get::<u64>("user:1").await.unwrap(), None);
    is_gone(&other, "user:1").await;
}

#[tokio::test]
async fn keys_and_patterns_are_evicted_everywhere() {
    let (_server, one, other) = full().await;
    assert!(one.remove("user:1").await.expect("an eviction needs no room"));
    assert_eq!(one.evict_pattern("user:*").await.expect("an eviction needs no room"), 1);
    for key in ["user:1", "user:2"] {
        is_gone(&other, key).await;
    }
}

/// A changed life takes no more room than the former one.
#[tokio::test]
async fn expire_and_mark_stale_work() {
    let (_server, one, other) = full().await;
    // The result depends on the machine: a millisecond may have passed before the change is stored.
    one.expire("user:1", Duration::from_millis(1)).await.expect("it needs no room");
    is_gone(&other, "user:1").await;
    one.mark_stale("user:2").await.expect("an eviction needs no room");
    is_gone(&other, "user:2").await;
}

/// A tag or a tenant without a generation in the store: without one, no value could be read.
#[tokio::test]
async fn new_tags_can_be_read() {
    let (server, one, _other) = full().await;
    one.evict_tag("never seen").await.expect("an eviction needs no room");
    let redis = Redis::connect(server.url()).await.unwrap();
    let minted = redis.generations(&["full~tag:new"], Duration::from_secs(60)).await.unwrap();
    assert!(redis.bump("full~tag:new").await.unwrap() > minted[0]);
}

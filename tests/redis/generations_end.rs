//! A generation expires with the last value that depends on it, and not before.

use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, Policy, Source,
    backend::{Backend, GENERATION_TTL},
    cached,
};

use crate::support::Server;

const LEASE: Duration = Duration::from_secs(10);

#[cached(key = "row:{id}", tags = ["row:{id}", "rows"], ttl = "1s", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "long:{id}", tags = ["long"], ttl = "1h", cache = cache, skip(cache))]
async fn long(cache: &Cache, id: u64) -> u64 {
    id
}

async fn started() -> (Server, Redis) {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    (server, redis)
}

fn cache(redis: &Redis) -> Cache {
    Cache::builder().namespace("ends").no_memory().remote(redis.clone()).build().unwrap()
}

/// Returns the generations and their remaining milliseconds.
fn generations(server: &Server) -> Vec<(String, i64)> {
    let keys = server.cli(&["KEYS", "*~*"]);
    let keys = keys.lines().filter(|key| !key.is_empty() && !key.contains("~lease"));
    keys.map(|key| (key.to_owned(), server.cli(&["PTTL", key]).parse().unwrap())).collect()
}

#[tokio::test]
async fn every_generation_expires() {
    let (server, redis) = started().await;
    let cache = cache(&redis);
    for id in 0..50 {
        row(&cache, id).await;
    }
    cache.tenant("acme").unwrap().insert("x", 1u64).await.unwrap();
    cache.evict_tag("evicted").await.unwrap();
    cache.tenant("acme").unwrap().clear().await.unwrap();
    cache.close().await.unwrap();
    let generations = generations(&server);
    assert!(generations.len() > 50, "{generations:?}");
    for (key, left) in generations.iter().filter(|(key, _)| key.contains("row:")) {
        let most = i64::try_from((LEASE + GENERATION_TTL).as_millis()).unwrap();
        assert!((0..=most).contains(left), "{key}: {left}");
    }
    for (key, left) in generations {
        assert!(left >= 0, "{key} has no end");
    }
}

#[tokio::test]
async fn a_generation_lives_as_long_as_its_longest_value() {
    let (server, redis) = started().await;
    let cache = cache(&redis);
    long(&cache, 1).await;
    row(&cache, 1).await;
    cache.close().await.unwrap();
    let hour = 3_600_000;
    for (key, left) in generations(&server) {
        let lives = left >= hour - 60_000;
        assert_eq!(lives, key == "ends~tag:long" || key == "ends~space", "{key}: {left}");
    }
}

#[tokio::test]
async fn values_without_an_expiry_keep_their_generations() {
    let (server, redis) = started().await;
    let cache = cache(&redis);
    cache.entry("endless").policy(Policy::new().tags(&["endless"])).insert(1u64).await.unwrap();
    cache.close().await.unwrap();
    for (key, left) in generations(&server) {
        assert!(left > 365 * 24 * 3_600_000, "{key}: {left}");
    }
}

/// A missing generation is a mismatch: the values stored under it were evicted, or may have been.
#[tokio::test]
async fn a_missing_generation_is_a_mismatch() {
    let (server, redis) = started().await;
    let cache = cache(&redis);
    for (id, gone) in [(1, "ends~tag:long"), (2, "ends~space")] {
        long(&cache, id).await;
        let read = long(&cache, id).traced().await;
        assert_eq!(read.source, Source::Remote);
        server.cli(&["DEL", gone]);
        let read = long(&cache, id).traced().await;
        assert_eq!(read.source, Source::Loaded, "{gone}");
    }
    // An old number does not come back, even if a process has seen it.
    let keep = Duration::from_secs(60);
    let old = redis.generations(&["g"], keep).await.unwrap()[0];
    server.cli(&["DEL", "g"]);
    redis.prolong(&[("g", old)], keep).await.unwrap();
    assert_eq!(server.cli(&["EXISTS", "g"]), "0");
    assert!(redis.generations(&["g"], keep).await.unwrap()[0] > old);
}

/// An older release has stored generations without an expiry.
#[tokio::test]
async fn a_generation_without_an_expiry_gets_one() {
    let (server, redis) = started().await;
    let cache = cache(&redis);
    for name in ["ends~tag:long", "ends~space"] {
        server.cli(&["SET", name, "7"]);
    }
    long(&cache, 1).await;
    assert_eq!(long(&cache, 1).traced().await.source, Source::Remote);
    cache.evict_tag("long").await.unwrap();
    cache.close().await.unwrap();
    for (key, left) in generations(&server) {
        assert!(left > 0, "{key}: {left}");
    }
}

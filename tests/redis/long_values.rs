//! `max_value_bytes` limits the bytes that are read, not only the values that are used.

use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, Source,
    backend::{Backend, LeaseOutcome, LeaseRequest, Leases},
    cached,
};

use crate::support::Server;

/// As long as a value in Redis can get within the time of a test.
const LONG: usize = 64 << 20;

#[cached(key = "page:{id}", ttl = "10m", cache = cache, skip(cache))]
async fn page(cache: &Cache, id: u64) -> u64 {
    id
}

/// Returns how many bytes the server has sent.
fn sent(server: &Server) -> usize {
    let stats = server.cli(&["INFO", "stats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

fn put_long(server: &Server, key: &str) {
    server.cli(&["SETRANGE", key, &(LONG - 1).to_string(), "x"]);
}

#[tokio::test]
async fn a_value_that_is_too_long_is_not_read() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let builder = Cache::builder().namespace("long").max_value_bytes(1 << 20).no_memory();
    let cache = builder.remote(redis.clone()).build().unwrap();
    for id in 0..3 {
        put_long(&server, &format!("long:page:{id}"));
    }
    let before = sent(&server);
    assert_eq!(cache.get::<u64>("page:0").await.unwrap(), None);
    assert_eq!(cache.get_many::<u64>(["page:0", "page:1"]).await.unwrap(), [None, None]);
    let read = page(&cache, 2).traced().await;
    assert_eq!((read.source, read.value), (Source::Loaded, 2), "it is a miss, and is replaced");
    assert_eq!(page(&cache, 2).traced().await.source, Source::Remote);
    let sent = sent(&server) - before;
    assert!(sent < 8 << 20, "{sent} bytes were sent for values of at most 1 MiB");
    assert!(cache.stats().foreign >= 3);
}

#[tokio::test]
async fn a_lease_request_returns_no_long_value() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    put_long(&server, "k");
    let before = sent(&server);
    let (ttl, most) = (Duration::from_secs(10), 1 << 20);
    let request = LeaseRequest::new("k", 1, ttl).most(most);
    let LeaseOutcome::Value(found) = redis.acquire(request).await.unwrap() else {
        panic!("a value")
    };
    assert_eq!((found.value.len(), found.left), (most + 1, None));
    let found = redis.get_many(&["k"], most).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().value.len(), most + 1);
    assert!(sent(&server) - before < 8 << 20);
}

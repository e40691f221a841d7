//! Redis reports changes that other programs than caches make.

use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Source, cached};

use crate::support::{Proxy, Server, eventually};

#[cached(key = "row:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

async fn cache(url: String) -> Cache {
    let redis = Redis::connect(url).await.unwrap();
    let cache = Cache::builder().namespace("rows").remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

async fn source(cache: &Cache, id: u64) -> Source {
    row(cache, id).traced().await.source
}

async fn settled(cache: &Cache, id: u64) {
    let hit = async || source(cache, id).await == Source::Memory;
    eventually("a hit in memory", hit).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    eventually("another", hit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_others_remove_are_removed_from_memory() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let tracking = cache(format!("{}?tracking=true", proxy.url())).await;
    let other = cache(server.url()).await;
    for id in [1, 2] {
        row(&tracking, id).await;
        settled(&tracking, id).await;
        settled(&other, id).await;
    }
    server.cli(&["del", "rows:row:1"]);
    eventually("it is loaded again", async || source(&tracking, 1).await == Source::Loaded).await;
    assert_eq!(source(&tracking, 2).await, Source::Memory, "only that one");
    assert_eq!(source(&other, 2).await, Source::Memory, "a cache without tracking gets no report");

    server.cli(&["flushall"]);
    assert_eq!(source(&other, 2).await, Source::Memory, "a cache without tracking gets no report");
    eventually("everything is loaded again", async || source(&tracking, 2).await == Source::Loaded)
        .await;
}

/// A change while tracking is disconnected is noticed too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_not_trusted_after_tracking_was_interrupted() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(format!("{}?tracking=true", proxy.url())).await;
    for (round, fault) in [Proxy::cut, Proxy::freeze].into_iter().enumerate() {
        let id = round as u64;
        row(&cache, id).await;
        settled(&cache, id).await;
        fault(&proxy);
        server.cli(&["del", &format!("rows:row:{id}")]);
        eventually("it is loaded again", async || source(&cache, id).await == Source::Loaded).await;
        settled(&cache, id).await;
        server.cli(&["del", &format!("rows:row:{id}")]);
        eventually("and is tracked again", async || source(&cache, id).await == Source::Loaded)
            .await;
    }
}

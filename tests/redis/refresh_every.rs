//! `refresh_every` over a real Redis: values in use stay new, and evicted keys stay away.

use larder::redis::Redis;
use larder::{Cache, cached};

use crate::origin::Origin;
use crate::support::{Server, eventually};

#[cached(key = "row:{id}", ttl = "1h", refresh_every = "50ms", tags = ["rows"], cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await
}

/// A process: its cache over the server, without or with a memory tier.
async fn process(server: &Server, memory: bool) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    let builder = Cache::builder().remote(redis);
    let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

/// Both processes read until they have the value.
async fn follow(caches: &[Cache; 2], origin: &Origin, value: u64) {
    for cache in caches {
        eventually("the new value is there", async || row(cache, origin, 1).await == value).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_in_use_stay_new() {
    for memory in [true, false] {
        let (server, origin) = (Server::start(), Origin::new());
        let caches = [process(&server, memory).await, process(&server, true).await];
        assert_eq!(row(&caches[0], &origin, 1).await, 1);
        let stored = async || row(&caches[0], &origin, 1).inspect().await.unwrap().remote.is_some();
        eventually("stored", stored).await;
        for value in 2..6 {
            origin.set(value);
            follow(&caches, &origin, value).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicted_keys_stay_away() {
    for memory in [true, false] {
        let (server, gone, kept) = (Server::start(), Origin::new(), Origin::new());
        let (cache, other) = (process(&server, memory).await, process(&server, true).await);
        row(&cache, &gone, 1).await;
        row(&cache, &kept, 2).await;
        let stored = async || row(&cache, &gone, 1).inspect().await.unwrap().remote.is_some();
        eventually("stored", stored).await;
        other.remove("row:1").await.unwrap();
        // A refresh that was under way has ended when another key was refreshed twice.
        let after = async |turns: u64| {
            let end = kept.reads() + turns;
            eventually("another key is refreshed", async || {
                row(&cache, &kept, 2).await;
                kept.reads() >= end
            })
            .await;
        };
        after(2).await;
        let reads = gone.reads();
        after(3).await;
        assert_eq!(gone.reads(), reads, "memory: {memory}");
        assert_eq!(row(&cache, &gone, 1).peek().await.unwrap(), None, "memory: {memory}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_loaded_again_now() {
    for memory in [true, false] {
        let (server, origin) = (Server::start(), Origin::new());
        let cache = process(&server, memory).await;
        row(&cache, &origin, 1).await;
        let stored = async || row(&cache, &origin, 1).inspect().await.unwrap().remote.is_some();
        eventually("stored", stored).await;
        origin.set(2);
        let report = cache.refresh_tag("rows").run().await.unwrap();
        // A turn of the schedule may load it at the same time.
        assert_eq!((report.loaded + report.hits, report.failures), (1, 0), "memory: {memory}");
        assert_eq!(row(&cache, &origin, 1).await, 2, "memory: {memory}");
    }
}

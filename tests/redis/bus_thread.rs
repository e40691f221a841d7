//! A cache receives the evictions of other processes, even if the runtime in which it was built stands still or ends.

use std::sync::mpsc;
use std::thread;

use larder::redis::Redis;
use larder::{Cache, cached};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Server, eventually};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns a cache whose bus is linked.
async fn linked(server: &Server) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

async fn other(server: &Server) -> Cache {
    Cache::builder()
        .no_memory()
        .remote(Redis::connect(server.url()).await.unwrap())
        .build()
        .unwrap()
}

#[cached(key = "row", cache = cache, skip(cache, value))]
fn row(cache: &Cache, value: u64) -> u64 {
    value
}

/// Sync code blocks the runtime of the cache, and other threads use the cache.
#[test]
fn of_a_cache_whose_runtime_stands_still() {
    let server = Server::start();
    let (built, building) = mpsc::channel();
    let (go_on, blocked) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let server = &server;
        scope.spawn(move || {
            runtime().block_on(async {
                let cache = linked(server).await;
                cache.insert("value", 1u64).await.unwrap();
                assert_eq!(row(&cache, 1), 1);
                built.send(cache).unwrap();
                let _ = blocked.recv();
            });
        });
        let cache = building.recv().unwrap();
        runtime().block_on(async {
            let other = other(server).await;
            assert_eq!(cache.get::<u64>("value").await.unwrap(), Some(1));
            other.insert("value", 2u64).await.unwrap();
            other.evict_pattern("r*").await.unwrap();
            eventually("the news of a value", async || {
                // Requests to Redis use a connection of the runtime that stands still.
                cache.get::<u64>("value").await.unwrap_or(None) != Some(1)
            })
            .await;
            eventually("the news of a pattern", async || row(&cache, 2) == 2).await;
            assert!(cache.is_linked(), "it still receives evictions");
        });
        drop(go_on);
    });
}

/// The runtime of the cache has ended, and sync functions still use the cache.
#[test]
fn of_a_cache_whose_runtime_has_ended() {
    let server = Server::start();
    let building = runtime();
    let cache = building.block_on(linked(&server));
    assert_eq!(row(&cache, 1), 1);
    drop(building);
    runtime().block_on(async {
        let other = other(&server).await;
        for value in 2..5 {
            other.remove("row").await.unwrap();
            eventually("the news", async || row(&cache, value) == value).await;
        }
        assert!(cache.is_linked(), "it still receives evictions");
    });
}

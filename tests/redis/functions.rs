//! All entries of a function, in Redis and in the memory tier of another process.

use larder::redis::Redis;
use larder::{Cache, cache_evict, cached, entries, function};

use crate::support::{Server, eventually};

#[cached(cache = "redis-functions", skip(loaded))]
async fn list_users(loaded: u64, team: &str, page: u32) -> u64 {
    let _ = (team, page);
    loaded
}

#[cached(cache = "redis-functions", key = "team:{team}:size", skip(loaded))]
async fn size(loaded: u64, team: &str) -> u64 {
    let _ = team;
    loaded
}

#[cache_evict(list_users(0, team, ..), size(0, team, ..))]
async fn change(team: &str) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_evicted_in_every_process() {
    let server = Server::start();
    let cache = async || {
        let redis = Redis::connect(&server.url()).await.unwrap();
        Cache::builder().name("redis-functions").remote(redis).build().unwrap()
    };
    let (here, there) = (cache().await, cache().await);
    here.install();
    let read = async |cache: &Cache, loaded| {
        let list = |team, page| list_users(loaded, team, page).cache(cache);
        let lists = (list("red", 1).await, list("red", 2).await, list("blue", 1).await);
        (lists, size(loaded, "red").cache(cache).await, size(loaded, "blue").cache(cache).await)
    };
    let reads = async |expected| {
        assert_eq!(read(&here, 9).await, expected);
        eventually("the other process follows", async || read(&there, 8).await == expected).await;
    };
    read(&here, 1).await;
    reads(((1, 1, 1), 1, 1)).await;

    change("red").await;
    read(&here, 2).await;
    reads(((2, 2, 1), 2, 1)).await;

    function(list_users).evict().await.unwrap();
    function(size).tenant("acme").evict().await.unwrap();
    read(&here, 3).await;
    reads(((3, 3, 3), 2, 1)).await;
    assert_eq!(function(size).keys().await.unwrap(), ["team:blue:size", "team:red:size"]);
    assert_eq!(entries!(list_users(0, "red", ..)).keys().await.unwrap().len(), 2);

    // The other process has an entry of its own, too, and evicts for this one.
    function(list_users).cache(&there).evict().await.unwrap();
    read(&there, 4).await;
    eventually("this process follows", async || read(&here, 9).await == ((4, 4, 4), 2, 1)).await;
}

//! Calls that leave a tier out, in two processes with memory over one Redis.

use larder::redis::Redis;
use larder::{Access, Cache, Source, Tiers, cached};

use crate::support::{Server, eventually};

#[cached(key = "price:{article}", ttl = "1h", cache = cache, skip(cache, value))]
async fn price(cache: &Cache, article: u64, value: u64) -> u64 {
    value
}

async fn held(cache: &Cache, tiers: Tiers) -> Option<u64> {
    cache.entry("price:7").tiers(tiers).get().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tier_of_any_process_keeps_what_was_replaced() {
    let server = Server::start();
    let cache = async || {
        let redis = Redis::connect(&server.url()).await.unwrap();
        let cache = Cache::builder().remote(redis).build().unwrap();
        eventually("the bus is connected", async || cache.is_linked()).await;
        cache
    };
    let (here, there) = (cache().await, cache().await);
    for (tiers, memory, store) in [(Tiers::Memory, Some(2), None), (Tiers::Remote, None, Some(2))] {
        for refresh in [false, true] {
            price(&here, 7, 1).put(1).await.unwrap();
            // The notice of the put may arrive after the read.
            let keeps = async || {
                assert_eq!(price(&there, 7, 9).await, 1);
                held(&there, Tiers::Memory).await == Some(1)
            };
            eventually("the other process keeps the value", keeps).await;
            match refresh {
                true => assert_eq!(price(&here, 7, 2).tiers(tiers).refresh().await, 2),
                false => price(&here, 7, 2).tiers(tiers).put(2).await.unwrap(),
            }
            assert_eq!(held(&here, Tiers::Memory).await, memory, "{tiers:?}");
            assert_eq!(held(&here, Tiers::Remote).await, store, "{tiers:?}");
            let gone = async || held(&there, Tiers::Memory).await.is_none();
            eventually("the other process follows", gone).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_process_leaves_redis_as_it_is() {
    let server = Server::start();
    let redis = Redis::connect(&server.url()).await.unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    for value in 1..3 {
        let read = price(&cache, 7, value).access(Access::ReadOnly).traced().await;
        assert_eq!((read.value, read.source), (value, Source::Loaded));
    }
    assert_eq!(server.cli(&["keys", "*price*"]).trim(), "");
    price(&cache, 7, 3).tiers(Tiers::Remote).await;
    let read = price(&cache, 7, 4).access(Access::ReadOnly).traced().await;
    assert_eq!((read.value, read.source), (3, Source::Remote));
}

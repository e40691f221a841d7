//! Redis fails in every possible way, but functions do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, Source, cache_evict, cache_put, cached};

use crate::support::{Proxy, Server, eventually, free_port};

/// The longest time for one call during an outage. A call that loads uses Redis twice: before and after the load.
const BOUND: Duration = Duration::from_secs(3);

#[derive(Clone, Default)]
struct Origin(Arc<AtomicU64>);

impl Origin {
    fn loads(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cached(key = "item:{id}", tags = ["items"], ttl = "1h", cache = "outage", skip(origin))]
async fn item(origin: &Origin, id: u64) -> Result<u64, String> {
    origin.0.fetch_add(1, Ordering::SeqCst);
    Ok(id * 10)
}

#[cache_evict(item(origin, id).cache(name))]
async fn change(name: &str, origin: &Origin, id: u64) -> Result<&'static str, String> {
    Ok("changed")
}

#[cache_evict(tags = ["items"], pattern = "item:*", cache = cache)]
async fn change_all(cache: &Cache) -> Result<&'static str, String> {
    Ok("changed")
}

#[cache_put(item(origin, id).cache(name))]
async fn save(name: &str, origin: &Origin, id: u64) -> Result<u64, String> {
    Ok(id * 10)
}

/// A cache with a name, and another one that never meets the fault.
struct Shop {
    server: Server,
    proxy: Proxy,
    name: &'static str,
    cache: Cache,
    origin: Origin,
}

impl Shop {
    async fn open(name: &'static str) -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let redis = Redis::connect(proxy.url()).await.unwrap();
        let cache = Cache::builder().name(name).namespace(name).remote(redis).build().unwrap();
        cache.install();
        eventually("the bus is connected", async || cache.is_linked()).await;
        Self { server, proxy, name, cache, origin: Origin::default() }
    }

    /// One call: checks its value and its duration.
    async fn call(&self, id: u64) -> Source {
        let began = Instant::now();
        let read = item(&self.origin, id).cache(self.name).traced().await;
        assert_eq!(read.value, Ok(id * 10));
        let took = began.elapsed();
        assert!(took < BOUND, "item {id} from {:?} took {took:?}", read.source);
        read.source
    }

    async fn warm(&self) {
        for id in 0..5 {
            assert_eq!(self.call(id).await, Source::Loaded);
            assert_eq!(self.call(id).await, Source::Memory);
        }
        assert_eq!(self.cache.keys("item:*").await.unwrap().len(), 5);
        assert_eq!(self.origin.loads(), 5);
    }

    /// The checks during an outage.
    async fn survive(&self) {
        let began = Instant::now();
        for id in 100..120 {
            for warm in 0..5 {
                assert_eq!(self.call(warm).await, Source::Memory, "memory keeps serving");
            }
            assert_eq!(self.call(id).await, Source::Loaded);
            assert_eq!(self.call(id).await, Source::Memory, "the loaded value is kept");
        }
        assert_eq!(self.origin.loads(), 25);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "140 calls took {took:?}: no breaker?");

        // Many concurrent calls are no slower.
        let began = Instant::now();
        let calls = (200..300).map(|id| {
            let (origin, name) = (self.origin.clone(), self.name);
            tokio::spawn(async move { item(&origin, id).cache(name).await })
        });
        for (call, id) in calls.collect::<Vec<_>>().into_iter().zip(200..) {
            assert_eq!(call.await.unwrap(), Ok(id * 10));
        }
        assert!(began.elapsed() < BOUND, "100 callers took {:?}", began.elapsed());

        // Callers of the same key share one load.
        let before = self.origin.loads();
        let calls = (0..100).map(|_| {
            let (origin, name) = (self.origin.clone(), self.name);
            tokio::spawn(async move { item(&origin, 300).cache(name).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), Ok(3_000));
        }
        assert_eq!(self.origin.loads(), before + 1);

        // Mutators return their results.
        let began = Instant::now();
        assert_eq!(change(self.name, &self.origin, 1).await, Ok("changed"));
        assert_eq!(self.call(1).await, Source::Loaded, "evicted from memory anyway");
        assert_eq!(save(self.name, &self.origin, 2).await, Ok(20));
        assert_eq!(change_all(&self.cache).await, Ok("changed"));
        assert_eq!(self.call(0).await, Source::Loaded, "evicted from memory anyway");
        assert!(began.elapsed() < 3 * BOUND, "three mutators took {:?}", began.elapsed());
        assert!(self.cache.stats().remote_errors > 0);
    }

    /// The checks after Redis is back: this cache reads values of another process, and the other process reads values
    /// that are loaded here.
    async fn recover(&self) {
        let redis = Redis::connect(self.server.url()).await.unwrap();
        let builder = Cache::builder().no_memory().namespace(self.name);
        let other = builder.remote(redis).build().unwrap();
        let mut id = 1_000;
        eventually("remote hits again", async || {
            id += 1;
            item(&self.origin, id).cache(&other).await.unwrap();
            self.call(id).await == Source::Remote
        })
        .await;
        assert!(self.cache.stats().remote_hits > 0);
        assert_eq!(self.call(2_000).await, Source::Loaded);
        assert_eq!(item(&self.origin, 2_000).cache(&other).traced().await.source, Source::Remote);
        assert!(self.cache.keys("item:*").await.unwrap().contains(&"item:2000".to_owned()));
        self.cache.ping().await.unwrap();
        // The bus works too.
        eventually("the bus is connected", async || self.cache.is_linked()).await;
        eventually("a hit in memory", async || self.call(2_000).await == Source::Memory).await;
        assert!(other.remove("item:2000").await.unwrap());
        eventually("an eviction arrives", async || self.call(2_000).await == Source::Loaded).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again() {
    let mut shop = Shop::open("outage-killed").await;
    shop.warm().await;
    shop.server.kill();
    shop.survive().await;
    shop.server.restart();
    assert_eq!(shop.server.cli(&["dbsize"]), "0");
    shop.recover().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_continued() {
    let shop = Shop::open("outage-stopped").await;
    shop.warm().await;
    shop.server.stop();
    shop.survive().await;
    shop.server.cont();
    shop.recover().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_black_hole() {
    let shop = Shop::open("outage-black-hole").await;
    shop.warm().await;
    shop.proxy.freeze_all();
    shop.survive().await;
    shop.proxy.thaw();
    shop.recover().await;
}

/// Present connections stay open and silent; new ones would work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open() {
    let shop = Shop::open("outage-half-open").await;
    shop.warm().await;
    shop.proxy.freeze();
    for id in (0..5).chain(100..110) {
        shop.call(id).await;
    }
    assert_eq!(shop.origin.loads(), 15);
    shop.recover().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusing_connections() {
    let shop = Shop::open("outage-refusing").await;
    shop.warm().await;
    shop.proxy.down();
    shop.survive().await;
    shop.proxy.up();
    shop.recover().await;
}

/// A connection that breaks for a moment has no visible effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_once() {
    let shop = Shop::open("outage-cut").await;
    shop.warm().await;
    for id in 10..20 {
        shop.proxy.cut();
        shop.call(id).await;
    }
    shop.recover().await;
}

/// Redis answers everything with an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory() {
    let shop = Shop::open("outage-full").await;
    shop.warm().await;
    shop.server.cli(&["config", "set", "maxmemory", "1"]);
    for id in (0..5).chain(100..110) {
        shop.call(id).await;
        assert_eq!(shop.call(id).await, Source::Memory);
    }
    assert_eq!(shop.origin.loads(), 15);
    assert!(shop.cache.stats().remote_errors > 0);
    shop.server.cli(&["config", "set", "maxmemory", "0"]);
    shop.recover().await;
}

/// Redis suddenly requires a password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_out() {
    let shop = Shop::open("outage-locked-out").await;
    shop.warm().await;
    shop.server.cli(&["config", "set", "requirepass", "secret"]);
    shop.proxy.cut();
    for id in (0..5).chain(100..110) {
        shop.call(id).await;
    }
    assert_eq!(shop.origin.loads(), 15);
    shop.server.cli(&["-a", "secret", "config", "set", "requirepass", ""]);
    shop.recover().await;
}

/// Redis was never up: with a lazy connection the program starts anyway.
#[tokio::test]
async fn never_up() {
    let redis = Redis::lazy(format!("redis://127.0.0.1:{}", free_port())).unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    let origin = Origin::default();
    let began = Instant::now();
    for _ in 0..3 {
        for id in 0..10 {
            assert_eq!(item(&origin, id).cache(&cache).await, Ok(id * 10));
        }
    }
    assert_eq!(origin.loads(), 10, "memory serves from the first load on");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert!(!cache.is_linked());
    cache.ping().await.unwrap_err();
}

/// Without a memory tier there is only the load.
#[tokio::test]
async fn without_memory_the_function_still_answers() {
    let mut server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().no_memory().remote(redis).build().unwrap();
    let origin = Origin::default();
    let read = async || {
        let began = Instant::now();
        let read = item(&origin, 7).cache(&cache).traced().await;
        assert_eq!(read.value, Ok(70));
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        read.source
    };
    assert_eq!(read().await, Source::Loaded);
    assert_eq!(read().await, Source::Remote);
    server.stop();
    for _ in 0..10 {
        assert_eq!(read().await, Source::Loaded);
    }
    server.kill();
    for _ in 0..10 {
        assert_eq!(read().await, Source::Loaded);
    }
    cache.get::<u64>("item:7").await.unwrap_err();
    server.restart();
    eventually("remote hits again", async || read().await == Source::Remote).await;
}

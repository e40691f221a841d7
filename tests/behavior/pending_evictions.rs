//! An eviction during an outage of Redis is carried out before Redis is read again.

use larder::redis::Redis;
use larder::{Cache, Policy, cache_evict, cache_put, cached};

use crate::support::{Proxy, Server, eventually};

const TAGGED: Policy = Policy::new().tags(&["rows"]);

struct Scene {
    server: Server,
    proxy: Proxy,
    /// The cache whose connection breaks.
    cache: Cache,
    /// Another process, whose connection does not break.
    other: Cache,
}

impl Scene {
    /// Stores 1 under `row` in Redis, and in the memory of the first cache if it has one.
    async fn new(memory: bool) -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let builder = Cache::builder().remote(Redis::connect(proxy.url()).await.unwrap());
        let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
        let redis = Redis::connect(server.url()).await.unwrap();
        let other = Cache::builder().no_memory().remote(redis).build().unwrap();
        eventually("the bus is connected", async || cache.is_linked()).await;
        cache.entry("row").policy(TAGGED).insert(1u64).await.unwrap();
        assert_eq!(other.get::<u64>("row").await.unwrap(), Some(1));
        Self { server, proxy, cache, other }
    }

    /// Redis is unreachable while `act` runs; afterwards neither cache reads 1.
    async fn play(&self, what: &str, act: impl AsyncFn(&Cache)) {
        self.proxy.down();
        act(&self.cache).await;
        assert_eq!(self.other.get::<u64>("row").await.unwrap(), Some(1), "{what}: still there");
        assert_ne!(self.cache.get::<u64>("row").await.unwrap_or(None), Some(1), "{what}: away");
        self.proxy.up();
        eventually(what, async || match self.cache.get::<u64>("row").await {
            Ok(found) => {
                assert_ne!(found, Some(1), "{what}: the old value was read");
                true
            }
            Err(_) => false,
        })
        .await;
        // If the cache has a newer value in memory, it uses Redis only after it has noticed the broken link.
        eventually(&format!("{what}: for the others"), async || {
            assert_ne!(self.cache.get::<u64>("row").await.unwrap_or(None), Some(1), "{what}");
            self.other.get::<u64>("row").await.unwrap() != Some(1)
        })
        .await;
    }
}

async fn pending(what: &str, act: impl AsyncFn(&Cache)) {
    for memory in [true, false] {
        Scene::new(memory).await.play(&format!("{what}, memory: {memory}"), &act).await;
    }
}

#[tokio::test]
async fn a_removal() {
    pending("remove", async |cache| drop(cache.remove("row").await.unwrap_err())).await;
}

#[tokio::test]
async fn a_pattern() {
    pending("evict_pattern", async |cache| drop(cache.evict_pattern("r*").await.unwrap_err()))
        .await;
}

#[tokio::test]
async fn a_tag() {
    pending("evict_tag", async |cache| drop(cache.evict_tag("rows").await.unwrap_err())).await;
}

#[tokio::test]
async fn a_clear() {
    pending("clear", async |cache| drop(cache.clear().await.unwrap_err())).await;
}

#[cached(key = "row", cache = cache, skip(cache, value))]
async fn row(cache: &Cache, value: u64) -> u64 {
    value
}

#[cache_evict(row(cache, 0))]
async fn change(cache: &Cache) {}

#[cache_evict(row(cache, 0))]
async fn change_and_panic(cache: &Cache) {
    panic!("half-way");
}

#[cache_put(row(cache, 0))]
async fn save(cache: &Cache, value: u64) -> u64 {
    value
}

/// A write that fails still makes the former value outdated.
#[tokio::test]
async fn an_insertion() {
    pending("insert", async |cache| drop(cache.insert("row", 2u64).await.unwrap_err())).await;
}

#[tokio::test]
async fn a_put() {
    pending("put", async |cache| drop(row(cache, 0).put(2).await.unwrap_err())).await;
}

#[tokio::test]
async fn a_refresh() {
    pending("refresh", async |cache| assert_eq!(row(cache, 2).refresh().await, 2)).await;
}

#[tokio::test]
async fn a_mutators_eviction() {
    pending("#[cache_evict]", async |cache| change(cache).await).await;
}

#[tokio::test]
async fn a_mutators_write_through() {
    pending("#[cache_put]", async |cache| assert_eq!(save(cache, 2).await, 2)).await;
}

#[tokio::test]
async fn a_panicking_mutators_eviction() {
    let act = async |cache: &Cache| {
        let cache = cache.clone();
        let panicked = tokio::spawn(async move { change_and_panic(&cache).await }).await;
        assert!(panicked.unwrap_err().is_panic());
    };
    pending("a panicking #[cache_evict]", act).await;
}

/// A mutator that is dropped half-way still evicts, even if Redis is silent.
#[tokio::test]
async fn a_dropped_mutators_eviction() {
    #[cache_evict(row(cache, 0))]
    async fn change_for_ever(cache: &Cache) {
        std::future::pending().await
    }
    let act = async |cache: &Cache| {
        let short = std::time::Duration::from_millis(20);
        tokio::time::timeout(short, change_for_ever(cache)).await.unwrap_err();
        // The retry in the background fails too.
        tokio::time::sleep(short).await;
    };
    pending("a dropped #[cache_evict]", act).await;
}

/// Redis may have received them or not: no answer arrived.
#[tokio::test]
async fn evictions_that_timed_out() {
    for memory in [true, false] {
        let scene = Scene::new(memory).await;
        scene.server.stop();
        for _ in 0..3 {
            scene.cache.remove("row").await.unwrap_err();
        }
        scene.cache.evict_tag("rows").await.unwrap_err();
        scene.server.cont();
        scene.other.entry("row").policy(TAGGED).insert(2u64).await.unwrap();
        eventually("read again", async || match scene.cache.get::<u64>("row").await {
            Ok(found) => {
                assert_ne!(found, Some(1));
                true
            }
            Err(_) => false,
        })
        .await;
    }
}

/// The first read after the outage may be that of a function: it loads.
#[tokio::test]
async fn a_function_reads_first() {
    for memory in [true, false] {
        let scene = Scene::new(memory).await;
        scene.proxy.down();
        change(&scene.cache).await;
        scene.proxy.up();
        for _ in 0..5 {
            assert_eq!(row(&scene.cache, 2).await, 2);
        }
        eventually("the other sees it", async || {
            row(&scene.cache, 2).await;
            scene.other.get::<u64>("row").await.unwrap() != Some(1)
        })
        .await;
    }
}

/// The evicting process sends no other request, and other processes must not read the old value for ever.
#[tokio::test]
async fn without_a_read() {
    for memory in [true, false] {
        let scene = Scene::new(memory).await;
        scene.proxy.down();
        scene.cache.remove("row").await.unwrap_err();
        scene.proxy.up();
        eventually("the others see it", async || {
            scene.other.get::<u64>("row").await.unwrap().is_none()
        })
        .await;
    }
}

/// Many evictions are pending, and entries that were not evicted stay.
#[tokio::test]
async fn many_at_once() {
    let scene = Scene::new(false).await;
    let keys: Vec<String> = (0..200).map(|number| format!("many:{number}")).collect();
    for key in &keys {
        scene.other.insert(key.as_str(), 1u64).await.unwrap();
    }
    scene.proxy.down();
    for key in &keys[..150] {
        scene.cache.remove(key.as_str()).await.unwrap_err();
    }
    scene.proxy.up();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    eventually("read again", async || match scene.cache.get_many::<u64>(&names).await {
        Ok(found) => {
            assert!(found[..150].iter().all(Option::is_none));
            assert!(found[150..].iter().all(|value| *value == Some(1)));
            true
        }
        Err(_) => false,
    })
    .await;
    assert_eq!(scene.server.cli(&["dbsize"]), "53", "50, the row, two generations");
}

/// More keys than are kept one by one: everything in the namespace is evicted once.
#[tokio::test]
async fn more_evictions_than_are_kept() {
    let scene = Scene::new(false).await;
    scene.other.insert("untouched", 1u64).await.unwrap();
    scene.proxy.down();
    for number in 0..=10_000 {
        let key = if number == 5 { "row".to_owned() } else { format!("many:{number}") };
        scene.cache.remove(&key).await.unwrap_err();
    }
    scene.proxy.up();
    eventually("all is evicted", async || {
        let row = scene.other.get::<u64>("row").await.unwrap();
        row.is_none() && scene.other.get::<u64>("untouched").await.unwrap().is_none()
    })
    .await;
}

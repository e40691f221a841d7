//! One scenario, three caches: memory, Redis, memory + Redis. They differ in one line of the builder.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Policy, Source, cache_evict, cache_put, cached, stats::Stats};
use serde::{Deserialize, Serialize};

use crate::support::{Server, eventually};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Jar {
    id: u64,
    label: String,
    opened: Option<bool>,
}

fn jar(id: u64) -> Jar {
    Jar { id, label: format!("jar {id}"), opened: (id != 1).then_some(id > 3) }
}

const LABELLED: Policy = Policy::new().ttl(Duration::from_secs(60)).tags(&["jars"]);

async fn linked(cache: Cache) -> Cache {
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

pub(crate) async fn in_memory() -> Cache {
    Cache::builder().build().unwrap()
}

pub(crate) async fn in_redis(server: &Server) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    Cache::builder().no_memory().remote(redis).build().unwrap()
}

pub(crate) async fn in_both(server: &Server) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    linked(Cache::builder().remote(redis).build().unwrap()).await
}

/// The counters that are the same in every tiering.
fn counts(stats: &Stats) -> [u64; 5] {
    [stats.hits(), stats.misses, stats.loads, stats.stores, stats.removals]
}

async fn scenario(cache: &Cache) {
    assert_eq!(counts(&cache.stats()), [0; 5]);
    cache.ping().await.unwrap();

    assert_eq!(cache.get::<Jar>("jar:1").await.unwrap(), None);
    assert!(!cache.contains::<Jar>("jar:1").await.unwrap());
    cache.insert("jar:1", jar(1)).await.unwrap();
    assert_eq!(cache.get::<Jar>("jar:1").await.unwrap(), Some(jar(1)));
    assert!(cache.contains::<Jar>("jar:1").await.unwrap());
    // `contains` is not a read.
    assert_eq!(counts(&cache.stats()), [1, 1, 0, 1, 0]);

    let loads = AtomicU64::new(0);
    for _ in 0..3 {
        let load = async || {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(jar(2))
        };
        assert_eq!(cache.get_or_load("jar:2", load).await, Ok(jar(2)));
    }
    assert_eq!(loads.into_inner(), 1);
    assert_eq!(counts(&cache.stats()), [3, 2, 1, 2, 0]);

    let failed = cache.get_or_load("jar:9", async || Err::<Jar, _>("no jar")).await;
    assert_eq!(failed, Err("no jar"));
    assert_eq!(cache.get::<Jar>("jar:9").await.unwrap(), None);
    assert_eq!(counts(&cache.stats()), [3, 4, 2, 2, 0]);

    cache.insert("jar:2", jar(20)).await.unwrap();
    assert_eq!(cache.get::<Jar>("jar:2").await.unwrap(), Some(jar(20)));
    assert_eq!(counts(&cache.stats()), [4, 4, 2, 3, 0]);

    cache.insert_many([("jar:3", jar(3)), ("lid:1", jar(4)), ("lid:2", jar(5))]).await.unwrap();
    let found = cache.get_many::<Jar>(&["jar:3", "absent", "lid:1", "jar:3"]).await.unwrap();
    assert_eq!(found, [Some(jar(3)), None, Some(jar(4)), Some(jar(3))]);
    assert_eq!(cache.get_many::<Jar>([""; 0]).await.unwrap(), []);
    assert_eq!(counts(&cache.stats()), [7, 5, 2, 6, 0]);

    assert_eq!(cache.keys("*").await.unwrap(), ["jar:1", "jar:2", "jar:3", "lid:1", "lid:2"]);
    assert_eq!(cache.keys("*:1").await.unwrap(), ["jar:1", "lid:1"]);
    assert_eq!(cache.keys("jar:1").await.unwrap(), ["jar:1"]);
    assert_eq!(cache.keys("jar:?").await.unwrap(), [""; 0]);

    assert!(cache.remove("jar:1").await.unwrap());
    assert!(!cache.remove("jar:1").await.unwrap());
    assert_eq!(cache.get::<Jar>("jar:1").await.unwrap(), None);
    assert_eq!(counts(&cache.stats()), [7, 6, 2, 6, 2]);

    assert_eq!(cache.evict_pattern("lid:*").await.unwrap(), 2);
    assert_eq!(cache.evict_pattern("lid:*").await.unwrap(), 0);
    assert_eq!(cache.keys("*").await.unwrap(), ["jar:2", "jar:3"]);

    cache.entry("jar:4").policy(LABELLED).insert(jar(4)).await.unwrap();
    let load = async || Ok::<_, ()>(jar(5));
    assert_eq!(cache.entry("jar:5").policy(LABELLED).or_load(load).await, Ok(jar(5)));
    cache.evict_tag("lids").await.unwrap();
    assert_eq!(cache.get::<Jar>("jar:4").await.unwrap(), Some(jar(4)));
    cache.evict_tag("jars").await.unwrap();
    let found = cache.get_many::<Jar>(&["jar:4", "jar:5", "jar:3"]).await.unwrap();
    assert_eq!(found, [None, None, Some(jar(3))], "an entry without the tag stays");
    cache.entry("jar:4").policy(LABELLED).insert(jar(44)).await.unwrap();
    assert_eq!(cache.get::<Jar>("jar:4").await.unwrap(), Some(jar(44)), "the tag lives on");

    cache.clear().await.unwrap();
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
    assert_eq!(cache.get_many::<Jar>(&["jar:3", "jar:4"]).await.unwrap(), [None, None]);
    cache.insert("jar:3", jar(33)).await.unwrap();
    assert_eq!(cache.get::<Jar>("jar:3").await.unwrap(), Some(jar(33)));

    let stats = cache.stats();
    assert_eq!(stats.in_flight, 0, "{stats:?}");
    assert_eq!((stats.remote_errors, stats.foreign, stats.fenced), (0, 0, 0), "{stats:?}");
    assert_eq!((stats.load_failures, stats.coalesced), (1, 0), "{stats:?}");
}

#[tokio::test]
async fn memory() {
    let cache = in_memory().await;
    scenario(&cache).await;
    let stats = cache.stats();
    assert_eq!((stats.remote_hits, stats.memory_hits), (0, stats.hits()), "{stats:?}");
}

#[tokio::test]
async fn redis() {
    let server = Server::start();
    let cache = in_redis(&server).await;
    scenario(&cache).await;
    let stats = cache.stats();
    assert_eq!((stats.memory_hits, stats.remote_hits), (0, stats.hits()), "{stats:?}");
    assert_eq!(stats.entries, 0);
}

#[tokio::test]
async fn memory_and_redis() {
    let server = Server::start();
    let cache = in_both(&server).await;
    scenario(&cache).await;
    let stats = cache.stats();
    assert_eq!((stats.remote_hits, stats.memory_hits), (0, stats.hits()), "{stats:?}");
    // Entries in memory are in Redis too.
    assert_eq!(in_redis(&server).await.get::<Jar>("jar:3").await.unwrap(), Some(jar(33)));
}

// --- the same through the attributes -----------------------------------------------------------

struct Pantry {
    cache: Cache,
    row: AtomicU64,
    loads: AtomicU64,
}

impl Pantry {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), row: 1.into(), loads: 0.into() }
    }

    #[cached(key = "pantry:{id}", tags = ["pantry"], ttl = "1m", cache = self.cache, skip(self))]
    async fn read(&self, id: u64) -> Result<Jar, String> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(Jar { id, ..jar(self.row.load(Ordering::Relaxed)) })
    }

    #[cache_evict(self.read(id))]
    async fn change(&self, id: u64) -> Result<u64, String> {
        Ok(self.row.fetch_add(1, Ordering::Relaxed) + id)
    }

    #[cache_evict(tags = ["pantry"], cache = self.cache)]
    async fn change_by_tag(&self) {
        self.row.fetch_add(1, Ordering::Relaxed);
    }

    #[cache_evict(pattern = "pantry:*", cache = self.cache)]
    async fn change_by_pattern(&self) -> Result<(), String> {
        self.row.fetch_add(1, Ordering::Relaxed);
        Err("failed, but it may have committed".into())
    }

    #[cache_evict(all, cache = self.cache)]
    async fn change_all(&self) {
        self.row.fetch_add(1, Ordering::Relaxed);
    }

    #[cache_put(self.read(id))]
    async fn save(&self, id: u64) -> Result<Jar, String> {
        Ok(Jar { id, ..jar(self.row.fetch_add(1, Ordering::Relaxed) + 1) })
    }

    /// Reads the row twice: it is loaded at most once.
    async fn check(&self, row: u64, loads: u64) {
        for _ in 0..2 {
            assert_eq!(self.read(7).await.unwrap(), Jar { id: 7, ..jar(row) });
        }
        assert_eq!(self.loads.load(Ordering::Relaxed), loads);
    }
}

async fn attributes(cache: &Cache, hit: Source) {
    let pantry = Pantry::new(cache);
    // A template is the whole key: the function finds an entry that was inserted under it with the function's tags.
    cache.entry("pantry:1").policy(Policy::new().tags(&["pantry"])).insert(jar(100)).await.unwrap();
    assert_eq!(pantry.read(1).await, Ok(jar(100)));
    assert!(cache.remove("pantry:1").await.unwrap());
    assert_eq!(pantry.read(1).peek().await.unwrap(), None);
    pantry.check(1, 1).await;
    assert_eq!(pantry.read(7).traced().await.source, hit);
    pantry.change(7).await.unwrap();
    pantry.check(2, 2).await;
    pantry.change(8).await.unwrap();
    pantry.check(2, 2).await;
    pantry.change_by_tag().await;
    pantry.check(4, 3).await;
    pantry.change_by_pattern().await.unwrap_err();
    pantry.check(5, 4).await;
    pantry.change_all().await;
    pantry.check(6, 5).await;
    pantry.save(7).await.unwrap();
    pantry.check(7, 5).await;

    // Directions of a single call.
    let call = || pantry.read(7);
    assert_eq!(call().peek().await.unwrap(), Some(Jar { id: 7, ..jar(7) }));
    pantry.row.store(8, Ordering::Relaxed);
    assert_eq!(call().bypass().await.unwrap(), Jar { id: 7, ..jar(8) });
    pantry.check(7, 6).await;
    assert_eq!(call().refresh().await.unwrap(), Jar { id: 7, ..jar(8) });
    pantry.check(8, 7).await;
    assert!(call().evict().await.unwrap());
    assert_eq!(call().peek().await.unwrap(), None);
    call().put(jar(70)).await.unwrap();
    assert_eq!(call().await.unwrap(), jar(70));
    assert_eq!(call().key("pantry:other").await.unwrap(), Jar { id: 7, ..jar(8) });
    assert_eq!(cache.keys("pantry:*").await.unwrap(), ["pantry:7", "pantry:other"]);
}

#[tokio::test]
async fn attributes_on_memory() {
    attributes(&in_memory().await, Source::Memory).await;
}

#[tokio::test]
async fn attributes_on_redis() {
    let server = Server::start();
    attributes(&in_redis(&server).await, Source::Remote).await;
}

#[tokio::test]
async fn attributes_on_memory_and_redis() {
    let server = Server::start();
    attributes(&in_both(&server).await, Source::Memory).await;
}

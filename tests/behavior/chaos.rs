//! Readers, a writer that evicts in every way, and a network that fails from time to time: a read after an eviction
//! returns the new value, or a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, Policy, backend::MemoryBackend, cache_evict, cached};

use crate::support::{Proxy, Server, eventually};

const LASTS: Duration = Duration::from_secs(1);
/// On a busy machine the test lasts until enough has happened.
const AT_MOST: Duration = Duration::from_secs(60);
/// The required number of reads per reader, of loads, and of hits.
const ENOUGH: u64 = 10;

#[derive(Clone, Default)]
struct Origin(Arc<Versions>);

#[derive(Default)]
struct Versions {
    /// The current value of the origin.
    current: AtomicU64,
    /// Evictions of all older values have returned, so no reader may read one.
    floor: AtomicU64,
    ended: AtomicBool,
    /// How often each reader has read so far.
    reads: [AtomicU64; READERS],
}

const READERS: usize = 6;

impl Origin {
    fn change(&self) -> u64 {
        self.0.current.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn ended(&self) -> bool {
        self.0.ended.load(Ordering::SeqCst)
    }
}

#[cached(key = "version", tags = ["versions"], ttl = "1h", cache = cache, skip(cache, origin))]
async fn version(cache: &Cache, origin: &Origin) -> u64 {
    let seen = origin.0.current.load(Ordering::SeqCst);
    // Evictions run between the read of the origin and the store.
    tokio::time::sleep(Duration::from_micros(seen % 5 * 200)).await;
    seen
}

#[cache_evict(version(cache, origin))]
async fn by_call(cache: &Cache, origin: &Origin) -> u64 {
    origin.change()
}

#[cache_evict(tags = ["versions"], cache = cache)]
async fn by_tag(cache: &Cache, origin: &Origin) -> u64 {
    origin.change()
}

#[cache_evict(pattern = "ver*", cache = cache)]
async fn by_pattern(cache: &Cache, origin: &Origin) -> u64 {
    origin.change()
}

#[cache_evict(all, cache = cache)]
async fn by_all(cache: &Cache, origin: &Origin) -> u64 {
    origin.change()
}

async fn write(cache: Cache, origin: Origin) {
    for turn in 0u64.. {
        let new = match turn % 4 {
            0 => by_call(&cache, &origin).await,
            1 => by_tag(&cache, &origin).await,
            2 => by_pattern(&cache, &origin).await,
            _ => by_all(&cache, &origin).await,
        };
        origin.0.floor.fetch_max(new, Ordering::SeqCst);
        if origin.ended() {
            return;
        }
        tokio::time::sleep(Duration::from_micros(turn % 7 * 300)).await;
    }
}

async fn read(cache: Cache, origin: Origin, reader: usize) {
    while !origin.ended() {
        let floor = origin.0.floor.load(Ordering::SeqCst);
        let found = version(&cache, &origin).await;
        assert!(found >= floor, "read {found} after the eviction of all before {floor}");
        origin.0.reads[reader].fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Runs readers and a writer while calling `disturb` again and again.
async fn run(cache: Cache, mut disturb: impl AsyncFnMut(u64)) {
    let origin = Origin::default();
    let readers: Vec<_> = (0..READERS)
        .map(|reader| tokio::spawn(read(cache.clone(), origin.clone(), reader)))
        .collect();
    let writer = tokio::spawn(write(cache.clone(), origin.clone()));
    // The cache has loads and hits all the time.
    let enough = || {
        let stats = cache.stats();
        let reads = origin.0.reads.iter().all(|reads| reads.load(Ordering::SeqCst) > ENOUGH);
        reads && stats.loads > ENOUGH && stats.hits() > ENOUGH
    };
    let (began, mut turn) = (Instant::now(), 0);
    while began.elapsed() < LASTS || !enough() {
        assert!(began.elapsed() < AT_MOST, "{:?}, {:?}", origin.0.reads, cache.stats());
        disturb(turn).await;
        turn += 1;
    }
    origin.0.ended.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    writer.await.unwrap();
    // The last value may still be on its way to the remote tier, because callers do not wait for that.
    eventually("nothing is under way", async || cache.stats().in_flight == 0).await;
}

async fn calm(_: u64) {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    run(Cache::builder().build().unwrap(), calm).await;
}

async fn in_redis(memory: bool, url: String) -> Cache {
    let redis = Redis::builder(url).operation_timeout(Duration::from_millis(50));
    let builder = Cache::builder().remote(redis.connect().await.unwrap());
    let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_redis_only() {
    let server = Server::start();
    run(in_redis(false, server.url()).await, calm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_and_redis() {
    let server = Server::start();
    run(in_redis(true, server.url()).await, calm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_connections_are_cut() {
    for memory in [true, false] {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let disturb = async |_| {
            calm(0).await;
            proxy.cut();
        };
        run(in_redis(memory, proxy.url()).await, disturb).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_comes_and_goes() {
    for memory in [true, false] {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let disturb = async |turn| {
            calm(0).await;
            match turn % 8 {
                0 => proxy.down(),
                1 => proxy.up(),
                _ => {}
            }
        };
        run(in_redis(memory, proxy.url()).await, disturb).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_stops_and_continues() {
    for memory in [true, false] {
        let server = Server::start();
        let disturb = async |turn| {
            calm(0).await;
            match turn % 8 {
                0 => server.stop(),
                2 => server.cont(),
                _ => {}
            }
        };
        run(in_redis(memory, server.url()).await, disturb).await;
        server.cont();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_loses_everything() {
    for memory in [true, false] {
        let server = Server::start();
        let disturb = async |_| {
            calm(0).await;
            server.cli(&["flushall"]);
        };
        run(in_redis(memory, server.url()).await, disturb).await;
    }
}

/// Many more threads than processors, so that threads are interrupted anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn while_threads_are_interrupted_anywhere() {
    const TAGGED: Policy = Policy::new().tags(&["versions"]);
    for memory in [true, false] {
        let builder = Cache::builder().remote(MemoryBackend::new());
        let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
        let origin = Origin::default();
        let readers: Vec<_> = (0..24)
            .map(|_| {
                let (cache, origin) = (cache.clone(), origin.clone());
                tokio::spawn(async move {
                    while !origin.ended() {
                        let floor = origin.0.floor.load(Ordering::SeqCst);
                        let load = async || Ok::<_, ()>(origin.0.current.load(Ordering::SeqCst));
                        let found =
                            cache.entry("version").policy(TAGGED).or_load(load).await.unwrap();
                        assert!(found >= floor, "read {found} after all before {floor}");
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let began = Instant::now();
        while began.elapsed() < LASTS {
            let new = origin.change();
            match new % 5 {
                0 => drop(cache.remove("version").await.unwrap()),
                1 => drop(cache.evict_pattern("ver*").await.unwrap()),
                2 => cache.evict_tag("versions").await.unwrap(),
                3 => cache.clear().await.unwrap(),
                _ => cache.entry("version").policy(TAGGED).insert(new).await.unwrap(),
            }
            origin.0.floor.store(new, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        origin.0.ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

//! P6, P2 and P7: a load does not wait for the write to the remote tier; evictions and the shutdown of the cache do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::testing::{Faulty, HoldPoint, Operation};
use larder::{Cache, Memory, Source, backend::MemoryBackend, cached, time::Clock};
use tokio::time::Instant;

const REQUEST: Duration = Duration::from_millis(50);

/// Virtual time, over a store whose requests take [`REQUEST`].
struct World {
    clock: Clock,
    backend: Faulty<MemoryBackend>,
    loads: AtomicU64,
}

impl World {
    fn new(leases: bool) -> Self {
        let clock = Clock::tokio();
        let store = MemoryBackend::with_clock(clock.clone());
        let backend = Faulty::with_clock(store, clock.clone());
        let backend = if leases { backend } else { backend.without_leases() };
        backend.faults().slow(REQUEST);
        Self { clock, backend, loads: AtomicU64::new(0) }
    }

    fn builder(&self) -> larder::Builder {
        Cache::builder().clock(self.clock.clone()).remote(self.backend.clone())
    }
}

#[cached(key = "row:{id}", cache = cache, skip(cache, loads))]
async fn row(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst) + 1
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}

/// Returns how long `work` takes, in requests, rounded up.
async fn requests<T>(work: impl Future<Output = T>) -> u128 {
    timed(work).await.1.as_millis() / REQUEST.as_millis()
}

#[tokio::test(start_paused = true)]
async fn a_cold_call_returns_when_memory_has_its_value() {
    for (leases, before) in [(true, 2), (false, 1)] {
        let world = World::new(leases);
        let cache = world.builder().build().unwrap();
        let took = requests(row(&cache, &world.loads, 1)).await;
        assert_eq!(took, before, "leases: {leases}: the write is not waited for");
        let again = row(&cache, &world.loads, 1).traced().await;
        assert_eq!(again.source, Source::Memory);
        cache.close().await.unwrap();
        let other = world.builder().build().unwrap();
        let found = row(&other, &world.loads, 1).traced().await;
        assert_eq!((found.source, found.value), (Source::Remote, 1), "and has arrived");
    }
}

#[tokio::test(start_paused = true)]
async fn an_eviction_waits_for_the_write() {
    let world = World::new(true);
    let cache = world.builder().build().unwrap();
    row(&cache, &world.loads, 1).await;
    cache.remove("row:1").await.unwrap();
    tokio::time::sleep(10 * REQUEST).await;
    let other = world.builder().build().unwrap();
    assert_eq!(other.get::<u64>("row:1").await.unwrap(), None, "nothing arrives after it");
}

/// Memory no longer has the value, or cannot be trusted: a read gets the value that is being written.
#[tokio::test(start_paused = true)]
async fn a_read_during_the_write_does_not_load_again() {
    let world = World::new(true);
    let unlinked = world.builder().build().unwrap();
    let small = world.builder().memory(Memory::max_entries(1)).build().unwrap();
    let bare = world.builder().no_memory().build().unwrap();
    for (id, cache) in [(1, &unlinked), (2, &small), (3, &bare)] {
        let commit = world.backend.faults().hold(HoldPoint::Before(Operation::Commit));
        // Without its bus a cache does not trust its memory.
        world.backend.faults().set_linked(id != 1);
        if id < 3 {
            row(cache, &world.loads, id).await;
            commit.arrived().await;
        }
        match id {
            1 => {}
            2 => {
                cache.insert("another", 1u64).await.unwrap();
                cache.insert("a third", 1u64).await.unwrap();
            }
            _ => commit.open(),
        }
        let loads = world.loads.load(Ordering::SeqCst);
        let calls = [row(cache, &world.loads, id), row(cache, &world.loads, id)];
        futures_util::future::join_all(calls).await;
        row(cache, &world.loads, id).await;
        let more = world.loads.load(Ordering::SeqCst) - loads;
        assert_eq!(more, u64::from(id == 3), "cache {id}");
        commit.open();
        world.backend.faults().set_linked(true);
        cache.close().await.unwrap();
    }
}

#[cached(key = "short:{id}", ttl = "10ms", cache = cache, skip(cache, loads))]
async fn short(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst) + 1
}

#[tokio::test(start_paused = true)]
async fn an_expired_value_under_way_is_not_served() {
    let world = World::new(true);
    let cache = world.builder().build().unwrap();
    assert_eq!(short(&cache, &world.loads, 1).await, 1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let again = short(&cache, &world.loads, 1).traced().await;
    assert_eq!((again.value, again.source), (2, Source::Loaded));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_returns_when_other_processes_can_read_it() {
    let world = World::new(true);
    let (cache, other) = (world.builder().build().unwrap(), world.builder().build().unwrap());
    row(&cache, &world.loads, 1).await;
    let refreshed = row(&cache, &world.loads, 1).refresh().await;
    assert_eq!(other.get::<u64>("row:1").await.unwrap(), Some(refreshed));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_counted() {
    let world = World::new(true);
    let cache = world.builder().build().unwrap();
    world.backend.faults().fail_next(Operation::Commit, 1);
    assert_eq!(row(&cache, &world.loads, 1).await, 1);
    tokio::time::sleep(2 * REQUEST).await;
    let stats = cache.stats();
    assert_eq!((stats.remote_errors, stats.remote_stores, stats.in_flight), (1, 0, 0));
}

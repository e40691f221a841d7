//! `trust_tags`: generations count as current for some time. Tests the saved requests, and that no evicted value is
//! served.

use std::time::Duration;

use larder::testing::{Faults, Faulty, Operation};
use larder::{Cache, Error, Policy, backend::MemoryBackend, time::Clock};

const SECOND: Duration = Duration::from_secs(1);
const TAGGED: Policy = Policy::new().tags(&["rows"]);

/// A cache without a memory tier, and the faults of its connection to a shared store.
struct Scene {
    clock: Clock,
    faults: Faults,
    cache: Cache,
    other: Cache,
}

impl Scene {
    async fn new(trusts: Duration) -> Self {
        let clock = Clock::manual();
        let store = MemoryBackend::with_clock(clock.clone());
        let backend = Faulty::with_clock(store.clone(), clock.clone());
        let faults = backend.faults();
        let builder = || Cache::builder().no_memory().clock(clock.clone());
        let cache = builder().remote(backend).trust_tags(trusts).build().unwrap();
        let other = builder().remote(store).build().unwrap();
        let scene = Self { clock, faults, cache, other };
        scene.other.entry("row").policy(TAGGED).insert(1u64).await.unwrap();
        assert_eq!(scene.read().await, 1);
        scene
    }

    /// Returns 1 from the store, or 9 from a load.
    async fn read(&self) -> u64 {
        let load = || async { Ok::<_, Error>(9u64) };
        self.cache.entry("row").policy(TAGGED).or_load(load).await.unwrap()
    }

    /// How often generations were read during this many reads of the value.
    async fn asked(&self, reads: usize) -> u64 {
        let before = self.faults.calls(Operation::Generations);
        for _ in 0..reads {
            assert_eq!(self.read().await, 1);
        }
        self.faults.calls(Operation::Generations) - before
    }
}

#[tokio::test]
async fn a_read_requests_only_its_value() {
    assert_eq!(Scene::new(Duration::ZERO).await.asked(3).await, 3, "as a rule each read asks");
    let scene = Scene::new(2 * SECOND).await;
    assert_eq!(scene.asked(3).await, 0);
    scene.clock.advance(2 * SECOND);
    assert_eq!(scene.asked(3).await, 1);
    // The next read may be a load.
    let before = scene.faults.calls(Operation::Generations);
    scene.other.remove("row").await.unwrap();
    assert_eq!(scene.read().await, 9);
    assert!(scene.faults.calls(Operation::Generations) > before);
}

#[tokio::test]
async fn reads_hit_while_generations_cannot_be_read() {
    for (trusts, found) in [(Duration::ZERO, 9), (2 * SECOND, 1)] {
        let scene = Scene::new(trusts).await;
        scene.faults.fail_every(Operation::Generations, 1);
        assert_eq!(scene.read().await, found);
    }
}

#[tokio::test]
async fn evictions_apply_despite_trust() {
    for all in [false, true] {
        let evict = async |cache: &Cache| match all {
            true => cache.clear().await,
            false => cache.evict_tag("rows").await,
        };
        let scene = Scene::new(3_600 * SECOND).await;
        evict(&scene.cache).await.unwrap();
        assert_eq!(scene.read().await, 9, "its own");

        let scene = Scene::new(3_600 * SECOND).await;
        evict(&scene.other).await.unwrap();
        assert_eq!(scene.read().await, 9, "another's, as the bus tells it");

        // The cache carries out pending evictions before it reads, and then reads the generation.
        let scene = Scene::new(3_600 * SECOND).await;
        scene.faults.set_down(true);
        evict(&scene.cache).await.unwrap_err();
        scene.faults.set_down(false);
        scene.clock.advance(SECOND);
        assert_eq!(scene.read().await, 9, "one that was pending");
    }
}

#[tokio::test]
async fn without_the_bus_each_read_requests_the_generations() {
    let scene = Scene::new(3_600 * SECOND).await;
    scene.faults.set_linked(false);
    assert_eq!(scene.asked(3).await, 3);
    scene.faults.set_linked(true);
    assert_eq!(scene.asked(3).await, 1, "one request detects missed evictions");
}

/// A message that the bus loses without notice is compensated when the time is over.
#[tokio::test]
async fn trust_ends_after_its_time() {
    let scene = Scene::new(2 * SECOND).await;
    scene.faults.drop_messages(true);
    scene.other.evict_tag("rows").await.unwrap();
    assert_eq!(scene.read().await, 1);
    scene.clock.advance(2 * SECOND);
    assert_eq!(scene.read().await, 9);
}

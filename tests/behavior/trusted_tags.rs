//! Generations that are taken for current for some time: what that saves, and that nothing is served by it which an
//! eviction has ended.

use std::time::Duration;

use larder::testing::{Faults, Faulty, Operation};
use larder::{Cache, Clock, Error, MemoryBackend, Policy};

const SECOND: Duration = Duration::from_secs(1);
const TAGGED: Policy = Policy::new().tags(&["rows"]);

/// A cache without memory, and what is wrong with its way to a store that others share.
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
        scene.other.insert_with("row", 1u64, TAGGED).await.unwrap();
        assert_eq!(scene.read().await, 1);
        scene
    }

    /// 1 is what is stored at the begin, 9 what is loaded.
    async fn read(&self) -> u64 {
        let load = || async { Ok::<_, Error>(9u64) };
        self.cache.get_or_load_with("row", TAGGED, load).await.unwrap()
    }

    /// How often generations were asked for while the value was read so often.
    async fn asked(&self, reads: usize) -> u64 {
        let before = self.faults.calls(Operation::Generations);
        for _ in 0..reads {
            assert_eq!(self.read().await, 1);
        }
        self.faults.calls(Operation::Generations) - before
    }
}

#[tokio::test]
async fn a_read_asks_for_its_value_alone() {
    assert_eq!(Scene::new(Duration::ZERO).await.asked(3).await, 3, "as a rule each read asks");
    let scene = Scene::new(2 * SECOND).await;
    assert_eq!(scene.asked(3).await, 0);
    scene.clock.advance(2 * SECOND);
    assert_eq!(scene.asked(3).await, 1);
    // What follows may be a load.
    let before = scene.faults.calls(Operation::Generations);
    scene.other.remove("row").await.unwrap();
    assert_eq!(scene.read().await, 9);
    assert!(scene.faults.calls(Operation::Generations) > before);
}

#[tokio::test]
async fn reads_go_on_while_generations_are_away() {
    for (trusts, found) in [(Duration::ZERO, 9), (2 * SECOND, 1)] {
        let scene = Scene::new(trusts).await;
        scene.faults.fail_every(Operation::Generations, 1);
        assert_eq!(scene.read().await, found);
    }
}

#[tokio::test]
async fn evictions_hold() {
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

        // It reads nothing before what it owes is done; then it asks.
        let scene = Scene::new(3_600 * SECOND).await;
        scene.faults.set_down(true);
        evict(&scene.cache).await.unwrap_err();
        scene.faults.set_down(false);
        scene.clock.advance(SECOND);
        assert_eq!(scene.read().await, 9, "one that was owed");
    }
}

#[tokio::test]
async fn without_the_bus_each_read_asks() {
    let scene = Scene::new(3_600 * SECOND).await;
    scene.faults.set_linked(false);
    assert_eq!(scene.asked(3).await, 3);
    scene.faults.set_linked(true);
    assert_eq!(scene.asked(3).await, 1, "what was missed has to be found out once");
}

/// What a bus loses without a trace is found out when the time is over.
#[tokio::test]
async fn the_time_is_a_bound() {
    let scene = Scene::new(2 * SECOND).await;
    scene.faults.drop_messages(true);
    scene.other.evict_tag("rows").await.unwrap();
    assert_eq!(scene.read().await, 1);
    scene.clock.advance(2 * SECOND);
    assert_eq!(scene.read().await, 9);
}

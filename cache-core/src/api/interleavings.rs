//! Tests promises P2, P4 and P5 under many thread interleavings, with shuttle.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p cache-core --lib interleavings`
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::{Config, Runner, thread};

use crate::base::{Clock, Policy};
use crate::engine::Cache;
use crate::registry::Builder;

const RUNS: usize = 1_000;

/// A cache over a source whose value only grows.
struct World {
    cache: Cache,
    current: AtomicU64,
    loading: AtomicU64,
    loads: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Remove,
    Pattern,
    Tag,
    Clear,
    Insert,
    StaleTag,
    StalePattern,
    StaleAll,
}

const EVERY: [How; 8] = [
    How::Remove,
    How::Pattern,
    How::Tag,
    How::Clear,
    How::Insert,
    How::StaleTag,
    How::StalePattern,
    How::StaleAll,
];

/// With a window, so that values that are marked stale stay.
const TAGGED: Policy = Policy::new()
    .ttl(Duration::from_secs(60))
    .stale_if_error(Duration::from_secs(60))
    .tags(&["rows"]);

impl World {
    fn new() -> Arc<Self> {
        // Timers in real time would wake the model checker's tasks from a thread that it does not know.
        let cache = Builder::at(Clock::manual()).build().unwrap();
        let zero = || AtomicU64::new(0);
        Arc::new(Self { cache, current: zero(), loading: zero(), loads: zero() })
    }

    async fn read(&self) -> u64 {
        let load = || async {
            self.loads.fetch_add(1, Ordering::SeqCst);
            let seen = self.current.load(Ordering::SeqCst);
            // Other threads continue between the read and the store.
            shuttle::future::yield_now().await;
            Ok::<_, ()>(seen)
        };
        self.cache.entry("row").policy(TAGGED).or_load(load).await.unwrap()
    }

    /// Changes the value, and evicts the old one.
    async fn change(&self, how: How) {
        let new = self.current.fetch_add(1, Ordering::SeqCst) + 1;
        match how {
            How::Remove => drop(self.cache.remove("row").await.unwrap()),
            How::Pattern => drop(self.cache.evict_pattern("r*").await.unwrap()),
            How::Tag => self.cache.evict_tag("rows").await.unwrap(),
            How::Clear => self.cache.clear().await.unwrap(),
            How::StaleTag => self.cache.mark_tag_stale("rows").await.unwrap(),
            How::StalePattern => drop(self.cache.mark_pattern_stale("r*").await.unwrap()),
            How::StaleAll => self.cache.mark_all_stale().await.unwrap(),
            How::Insert => self.cache.entry("row").policy(TAGGED).insert(new).await.unwrap(),
        }
    }
}

/// Runs `test` under many schedules: random ones, and ones with few thread switches (Burckhardt et al., "A
/// Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).
fn interleaved(test: impl Fn() + Clone + Send + Sync + 'static) {
    // The engine's stack frames are large without optimisation.
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    Runner::new(RandomScheduler::new(RUNS), config.clone()).run(test.clone());
    Runner::new(PctScheduler::new(3, RUNS), config).run(test);
}

/// Readers come and go while one thread changes the value. A read that begins after the eviction returned
/// gets the new value.
#[test]
fn no_old_value_after_an_eviction() {
    for how in EVERY {
        interleaved(move || {
            let world = World::new();
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        block_on(world.read());
                        block_on(world.read())
                    })
                })
                .collect();
            let changing = Arc::clone(&world);
            let changer = thread::spawn(move || {
                block_on(changing.change(how));
                let found = block_on(changing.read());
                assert_eq!(found, 1, "{how:?}");
            });
            changer.join().unwrap();
            assert_eq!(block_on(world.read()), 1, "{how:?}");
            for reader in readers {
                reader.join().unwrap();
            }
            assert_eq!(block_on(world.read()), 1, "{how:?}: when all is over");
            assert_eq!(world.cache.stats().in_flight, 0);
        });
    }
}

/// A scheduled refresh while the key is evicted: the key does not come back, whichever comes first. (The eviction of a pattern
/// revokes tickets first and then removes entries. A refresh that begins in between loads the new value, and may store it.)
#[test]
fn a_scheduled_refresh_does_not_bring_an_evicted_key_back() {
    const MINUTE: Duration = Duration::from_secs(60);
    for how in [How::Remove, How::Tag, How::Clear] {
        interleaved(move || {
            let world = World::new();
            let load = || async {
                shuttle::future::yield_now().await;
                Ok::<u64, ()>(7)
            };
            let entry = world.cache.entry("row").policy(TAGGED.ttl(5 * MINUTE));
            block_on(entry.or_refresh_every(MINUTE, load)).unwrap();
            let engine = Arc::clone(&world.cache.engine);
            engine.clock().advance(MINUTE);
            let key = engine.scheduled(|_, _| true).pop().unwrap();
            let refresher = thread::spawn(move || block_on(key.take_turn_now(&engine)));
            block_on(world.change(how));
            refresher.join().unwrap();
            let found = block_on(world.cache.entry("row").policy(TAGGED).get::<u64>());
            assert_eq!(found.unwrap(), None, "{how:?}");
        });
    }
}

/// Two concurrent evictions, each followed by a read.
#[test]
fn no_old_value_after_either_of_two_evictions() {
    for how in EVERY {
        interleaved(move || {
            let world = World::new();
            let changers: Vec<_> = [how, How::Remove]
                .into_iter()
                .map(|how| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        // An insert may write a value that is older than the other thread's change.
                        let how = if matches!(how, How::Insert) { How::Clear } else { how };
                        block_on(world.change(how));
                        let least = world.current.load(Ordering::SeqCst).min(1);
                        assert!(block_on(world.read()) >= least);
                    })
                })
                .collect();
            let reading = Arc::clone(&world);
            let reader = thread::spawn(move || block_on(reading.read()));
            for changer in changers {
                changer.join().unwrap();
            }
            assert_eq!(block_on(world.read()), 2, "{how:?}");
            reader.join().unwrap();
            assert_eq!(block_on(world.read()), 2, "{how:?}: when all is over");
        });
    }
}

/// Concurrent readers of a key without evictions share one load.
#[test]
fn concurrent_readers_share_one_load() {
    interleaved(|| {
        let world = World::new();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || block_on(world.read()))
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 0);
        }
        assert_eq!(world.loads.load(Ordering::SeqCst), 1);
    });
}

/// A leader that is dropped during its load leaves no waiter behind. (A waiter that missed the wake-up would
/// be a deadlock, which shuttle reports.)
#[test]
fn a_dropped_leader_leaves_no_waiter_behind() {
    interleaved(|| {
        let world = World::new();
        let dropped = Arc::clone(&world);
        let leader = thread::spawn(move || {
            let mut read = Box::pin(dropped.read());
            let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = read.as_mut().poll(&mut nobody);
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || {
                    world.loading.fetch_add(1, Ordering::SeqCst);
                    block_on(world.read())
                })
            })
            .collect();
        leader.join().unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 0);
        }
        assert_eq!(world.cache.stats().in_flight, 0);
    });
}

/// A load that began before a put returned, and saw the old value, does not replace the put value.
#[test]
fn a_put_value_is_not_replaced_by_an_older_load() {
    interleaved(|| {
        let world = World::new();
        let reading = Arc::clone(&world);
        let reader = thread::spawn(move || block_on(reading.read()));
        block_on(world.cache.entry("row").policy(TAGGED).insert(7u64)).unwrap();
        assert_eq!(block_on(world.read()), 7);
        reader.join().unwrap();
        assert_eq!(block_on(world.read()), 7, "when all is over");
    });
}

/// Every change of a value applies to the one before it, also while loads store theirs.
#[test]
fn no_update_is_lost() {
    interleaved(|| {
        let world = World::new();
        let count = |cache: &Cache| {
            let add = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
            block_on(cache.entry("count").update(add)).unwrap()
        };
        let counters: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || count(&world.cache))
            })
            .collect();
        let load = || async { Ok::<_, ()>(0_u64) };
        block_on(world.cache.get_or_load("count", load)).unwrap();
        let last = count(&world.cache);
        for counter in counters {
            counter.join().unwrap();
        }
        assert!(last >= Some(1));
        assert_eq!(block_on(world.cache.get::<u64>("count")).unwrap(), Some(3));
    });
}

/// An update that read the value before an eviction stores nothing that was made from it.
#[test]
fn an_eviction_wins_over_an_update() {
    interleaved(|| {
        let world = World::new();
        block_on(world.cache.insert("row", 1u64)).unwrap();
        let changing = Arc::clone(&world);
        let change = |old: Option<u64>| old.map(|old| old + 1);
        let changer =
            thread::spawn(move || block_on(changing.cache.entry("row").update(change)).unwrap());
        block_on(world.cache.remove("row")).unwrap();
        assert_eq!(block_on(world.cache.get::<u64>("row")).unwrap(), None);
        changer.join().unwrap();
        assert_eq!(block_on(world.cache.get::<u64>("row")).unwrap(), None, "when all is over");
    });
}

/// Of several callers one takes the value.
#[test]
fn one_caller_takes_the_value() {
    interleaved(|| {
        let world = World::new();
        block_on(world.cache.insert("row", 1u64)).unwrap();
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || block_on(world.cache.entry("row").take::<u64>()).unwrap())
            })
            .collect();
        let taken = takers.into_iter().filter_map(|taker| taker.join().unwrap()).count();
        assert_eq!(taken, 1);
    });
}

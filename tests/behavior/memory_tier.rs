//! The memory tier with each policy: which entry is removed first, what the bound is, and what is reclaimed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use larder::{Builder, Cache, Error, Eviction, Memory, Policy, cached, time::Clock};
use serde::{Deserialize, Serialize};

const ALL: [Eviction; 4] = [Eviction::Auto, Eviction::Lru, Eviction::Lfu, Eviction::Ttl];

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future without a runtime. A cache without a remote tier needs none, and in a `Drop` there may be none.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

fn build(memory: Memory) -> Cache {
    Cache::builder().memory(memory).build().unwrap()
}

fn insert(cache: &Cache, key: &str, value: u64) {
    now(cache.insert(key, value)).unwrap();
}

fn insert_for(cache: &Cache, key: &str, seconds: u64) {
    let policy = Policy::new().ttl(Duration::from_secs(seconds));
    now(cache.entry(key).policy(policy).insert(seconds)).unwrap();
}

fn get(cache: &Cache, key: &str) -> Option<u64> {
    now(cache.get(key)).unwrap()
}

fn keys(cache: &Cache) -> Vec<String> {
    now(cache.keys("*").collect()).unwrap()
}

/// A value whose size only a weigher knows.
#[derive(Clone, Serialize, Deserialize)]
struct Blob(Vec<u8>);

fn blobs(bytes: u64, eviction: Eviction) -> Cache {
    build(Memory::max_bytes(bytes).weigher(|blob: &Blob| blob.0.len() as u64).eviction(eviction))
}

fn insert_blob(cache: &Cache, key: &str, size: usize) {
    now(cache.insert(key, Blob(vec![0; size]))).unwrap();
}

#[cached(key = "{key}", skip(size), local)]
async fn blob(key: &str, size: usize) -> Blob {
    Blob(vec![0; size])
}

fn has_blob(cache: &Cache, key: &str) -> bool {
    now(cache.get::<Blob>(key)).unwrap().is_some()
}

#[test]
fn lru_evicts_the_least_recently_used() {
    let cache = build(Memory::max_entries(4).eviction(Eviction::Lru));
    for key in ["a", "b", "c", "d"] {
        insert(&cache, key, 1);
    }
    assert!(get(&cache, "a").is_some() && get(&cache, "c").is_some());
    insert(&cache, "e", 1);
    assert_eq!(keys(&cache), ["a", "c", "d", "e"]);
    insert(&cache, "f", 1);
    assert_eq!(keys(&cache), ["a", "c", "e", "f"]);
    // Replacing an entry counts as a use.
    insert(&cache, "a", 2);
    insert(&cache, "g", 1);
    insert(&cache, "h", 1);
    assert_eq!(keys(&cache), ["a", "f", "g", "h"]);
    assert_eq!(cache.stats().evicted_capacity, 4);
}

#[test]
fn lru_agrees_with_a_list() {
    let cache = build(Memory::max_entries(16).eviction(Eviction::Lru));
    let mut model: Vec<String> = Vec::new();
    let mut random = 1_u64;
    for _ in 0..5_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = format!("k{}", (random >> 33) % 40);
        let known = model.iter().position(|at| *at == key);
        let read = (random >> 60) < 8;
        if read {
            assert_eq!(get(&cache, &key).is_some(), known.is_some(), "{key}");
        } else {
            insert(&cache, &key, random);
        }
        if let Some(at) = known {
            model.remove(at);
        } else if read {
            continue;
        } else if model.len() == 16 {
            model.remove(0);
        }
        model.push(key);
    }
}

#[test]
fn lfu_keeps_the_frequently_used_over_a_scan() {
    let cache = build(Memory::max_entries(100).eviction(Eviction::Lfu));
    for id in 0..100 {
        insert(&cache, &format!("k{id}"), id);
    }
    for _ in 0..10 {
        (0..50).for_each(|id| assert!(get(&cache, &format!("k{id}")).is_some()));
    }
    (0..5_000).for_each(|id| insert(&cache, &format!("scan{id}"), id));
    let kept = (0..50).filter(|id| get(&cache, &format!("k{id}")).is_some()).count();
    assert!(kept >= 48, "{kept} of 50");
}

#[test]
fn ttl_keeps_the_entries_that_live_longest() {
    let cache = build(Memory::max_entries(3).eviction(Eviction::Ttl));
    insert_for(&cache, "minute", 60);
    insert(&cache, "forever", 1);
    insert_for(&cache, "hour", 3_600);
    // However often it is read.
    (0..100).for_each(|_| assert!(get(&cache, "minute").is_some()));
    insert_for(&cache, "day", 86_400);
    assert_eq!(keys(&cache), ["day", "forever", "hour"]);
    // A new entry is kept, even if it is the first to expire.
    insert_for(&cache, "second", 1);
    assert_eq!(keys(&cache), ["day", "forever", "second"]);
    insert(&cache, "forever 2", 1);
    insert(&cache, "forever 3", 1);
    assert_eq!(keys(&cache), ["forever", "forever 2", "forever 3"]);
    insert(&cache, "forever 4", 1);
    assert_eq!(keys(&cache), ["forever 2", "forever 3", "forever 4"]);
    assert_eq!(cache.stats().evicted_capacity, 5);
}

/// The sum of the weights never exceeds the bound, whatever the sizes are.
#[test]
fn a_bound_in_bytes_is_kept() {
    const BOUND: u64 = 64 * 1024;
    for eviction in ALL {
        let cache = blobs(BOUND, eviction);
        let mut fullest = 0;
        for id in 0..500_usize {
            insert_blob(&cache, &format!("k{}", id % 90), id * 37 % 5_000);
            let bytes = cache.stats().bytes;
            assert!(bytes <= BOUND, "{eviction:?}: {bytes}");
            fullest = fullest.max(bytes);
        }
        assert!(fullest > BOUND / 2, "{eviction:?}: {fullest}");
        assert!(cache.stats().evicted_capacity > 0, "{eviction:?}");
        now(cache.clear()).unwrap();
        assert_eq!((cache.stats().bytes, cache.stats().entries), (0, 0), "{eviction:?}");
    }
}

/// Also while several threads write.
#[test]
fn a_bound_in_bytes_is_kept_at_every_moment() {
    const BOUND: u64 = 64 * 1024;
    for eviction in ALL {
        let cache = blobs(BOUND, eviction);
        let writing = AtomicUsize::new(2);
        thread::scope(|scope| {
            for start in [0, 45] {
                let (cache, writing) = (&cache, &writing);
                scope.spawn(move || {
                    for id in start..start + 3_000_usize {
                        insert_blob(cache, &format!("k{}", id % 90), id * 37 % 5_000);
                    }
                    writing.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while writing.load(Ordering::Relaxed) > 0 {
                let bytes = cache.stats().bytes;
                assert!(bytes <= BOUND, "{eviction:?}: {bytes}");
            }
        });
    }
}

/// The shards of a large tier are not small.
#[test]
fn a_large_value_fits_into_a_larger_tier() {
    for eviction in ALL {
        let cache = blobs(64 << 20, eviction);
        insert_blob(&cache, "large", 3 << 20);
        assert!(has_blob(&cache, "large"), "{eviction:?}");
        assert!((3 << 20..4 << 20).contains(&cache.stats().bytes), "{eviction:?}");
    }
}

#[test]
fn a_value_heavier_than_the_bound_is_not_kept() {
    const BOUND: u64 = 64 * 1024;
    for eviction in ALL {
        let cache = blobs(BOUND, eviction);
        (0..10).for_each(|id| insert_blob(&cache, &format!("k{id}"), 1_000));
        insert_blob(&cache, "heavy", 70_000);
        assert!(!has_blob(&cache, "heavy"), "{eviction:?}");
        // A heavy value replaces a lighter one: the lighter one is outdated too.
        drop(now(blob("k0", 70_000).cache(&cache).refresh()));
        assert!(!has_blob(&cache, "k0"), "{eviction:?}");
        (1..10).for_each(|id| assert!(has_blob(&cache, &format!("k{id}")), "{eviction:?} {id}"));
        assert_eq!((cache.stats().entries, cache.stats().evicted_capacity), (9, 2), "{eviction:?}");
    }
}

/// The weight of an entry: the value, its key, its tags, and the result of the weigher.
#[test]
fn the_weight_of_an_entry() {
    for eviction in ALL {
        let weight = |key: &str, size: usize, policy: Policy| {
            let cache = blobs(1 << 20, eviction);
            now(cache.entry(key).policy(policy).insert(Blob(vec![0; size]))).unwrap();
            cache.stats().bytes
        };
        let base = weight("k", 0, Policy::new());
        assert!((150..500).contains(&base), "{eviction:?}: {base}");
        assert_eq!(weight("k", 1_000, Policy::new()), base + 1_000, "{eviction:?}");
        assert_eq!(weight(&"k".repeat(23), 0, Policy::new()), base, "{eviction:?}");
        assert_eq!(weight(&"k".repeat(101), 0, Policy::new()), base + 16 + 101, "{eviction:?}");
        let tagged = weight("k", 0, Policy::new().tags(&["a", "b"]));
        assert_eq!(tagged, base + 56 + 32, "{eviction:?}");
    }
}

#[test]
fn weighers_are_by_type() {
    let memory = Memory::max_bytes(1 << 20)
        .weigher(|_: &Blob| 1)
        .weigher(|blob: &Blob| blob.0.len() as u64)
        .weigher(|text: &String| text.len() as u64 * 10);
    let cache = build(memory);
    let added = |insert: &dyn Fn()| {
        let before = cache.stats().bytes;
        insert();
        cache.stats().bytes - before
    };
    let of_blob = added(&|| insert_blob(&cache, "a", 500));
    let of_text = added(&|| now(cache.insert("b", "x".repeat(50))).unwrap());
    let of_number = added(&|| now(cache.insert("c", [0_u64; 3])).unwrap());
    assert_eq!((of_blob - of_number, of_text - of_number), (500, 500));
}

#[test]
fn entries_and_bytes_are_reported() {
    for eviction in ALL {
        let memory = Memory::max_entries(100).weigher(|blob: &Blob| blob.0.len() as u64);
        let cache = build(memory.eviction(eviction));
        (0..10).for_each(|id| insert_blob(&cache, &format!("k{id}"), 1_000));
        let stats = cache.stats();
        assert_eq!(stats.entries, 10, "{eviction:?}");
        assert!((10_000..20_000).contains(&stats.bytes), "{eviction:?}: {}", stats.bytes);
        let each = stats.bytes / 10;
        insert_blob(&cache, "k0", 0);
        assert_eq!(cache.stats().bytes, 10 * each - 1_000, "{eviction:?}");
        now(cache.remove("k1")).unwrap();
        assert_eq!(cache.stats().bytes, 9 * each - 1_000, "{eviction:?}");
        (0..1_000).for_each(|id| insert_blob(&cache, &format!("n{id}"), 1_000));
        let stats = cache.stats();
        assert!(stats.entries <= 100, "{eviction:?}: {}", stats.entries);
        assert!(stats.bytes <= 100 * (each + 10), "{eviction:?}: {}", stats.bytes);
        now(cache.evict_pattern("*")).unwrap();
        assert_eq!((cache.stats().bytes, cache.stats().entries), (0, 0), "{eviction:?}");
    }
}

/// P8: many keys leave no more than the bound.
#[test]
fn many_keys_leave_no_more_than_the_bound() {
    let many = |eviction| {
        let keys = 50_000;
        let cache = build(Memory::max_entries(1_001).eviction(eviction));
        for id in 0..keys {
            insert(&cache, &id.to_string(), id);
            if id % 5_000 == 0 {
                assert!(cache.stats().entries <= 1_001, "{eviction:?}");
            }
        }
        let stats = cache.stats();
        assert!((900..=1_001).contains(&stats.entries), "{eviction:?}: {}", stats.entries);
        assert_eq!(stats.entries + stats.evicted_capacity, keys, "{eviction:?}");
    };
    thread::scope(|scope| ALL.iter().for_each(|eviction| drop(scope.spawn(|| many(*eviction)))));
}

fn on(clock: &Clock, memory: Memory) -> Builder {
    Cache::builder().memory(memory).clock(clock.clone())
}

#[test]
fn expired_entries_are_reclaimed_without_a_read() {
    for eviction in ALL {
        let clock = Clock::manual();
        let cache = on(&clock, Memory::max_entries(1_000).eviction(eviction)).build().unwrap();
        (0..200).for_each(|id| insert_for(&cache, &format!("short{id}"), 10));
        (0..100).for_each(|id| insert_for(&cache, &format!("long{id}"), 1_000));
        let tagged = Policy::new().tags(&["news"]);
        (0..50).for_each(|id| {
            now(cache.entry(format!("tagged{id}")).policy(tagged).insert(1_u64)).unwrap();
        });
        assert_eq!((cache.reclaim(), cache.stats().entries), (0, 350), "{eviction:?}");
        clock.advance(Duration::from_secs(10));
        assert_eq!((cache.reclaim(), cache.stats().entries), (200, 150), "{eviction:?}");
        now(cache.evict_tag("news")).unwrap();
        assert_eq!((cache.reclaim(), cache.stats().entries), (50, 100), "{eviction:?}");
        assert_eq!(cache.reclaim(), 0, "{eviction:?}");
        let stats = cache.stats();
        let left = (stats.expired, stats.evicted_tags, stats.evicted_capacity);
        assert_eq!(left, (200, 50, 0), "{eviction:?}");
        (0..100).for_each(|id| assert!(get(&cache, &format!("long{id}")).is_some()));
    }
}

/// An entry that may still be served stale is not dead.
#[test]
fn stale_entries_stay_as_long_as_they_are_of_use() {
    for eviction in ALL {
        let clock = Clock::manual();
        let cache = on(&clock, Memory::max_entries(10).eviction(eviction)).build().unwrap();
        let policy = Policy::new().ttl(Duration::from_secs(10)).stale(Duration::from_secs(5));
        now(cache.entry("k").policy(policy).insert(1_u64)).unwrap();
        clock.advance(Duration::from_secs(14));
        assert_eq!((cache.reclaim(), cache.stats().entries), (0, 1), "{eviction:?}");
        clock.advance(Duration::from_secs(1));
        assert_eq!((cache.reclaim(), cache.stats().entries), (1, 0), "{eviction:?}");
    }
}

#[track_caller]
fn comes_true(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_sweeper_reclaims_by_itself() {
    let caches = ALL.map(|eviction| {
        let memory = Memory::max_entries(1_000).eviction(eviction);
        build(memory.sweep_every(Duration::from_millis(20)))
    });
    // Twice: the first sweep must not be the last.
    for round in 1..=2 {
        for cache in &caches {
            let policy = Policy::new().ttl(Duration::from_millis(30));
            (0..100).for_each(|id| {
                now(cache.entry(format!("k{id}")).policy(policy).insert(1_u64)).unwrap();
            });
            insert(cache, "forever", 1);
        }
        for cache in &caches {
            // An entry is counted after it has left the tier.
            comes_true("expired entries go", || {
                let stats = cache.stats();
                stats.entries == 1 && stats.expired == 100 * round
            });
            assert_eq!(get(cache, "forever"), Some(1));
        }
    }
    for cache in &caches {
        now(cache.entry("tagged").policy(Policy::new().tags(&["news"])).insert(1_u64)).unwrap();
        now(cache.evict_tag("news")).unwrap();
        comes_true("entries of evicted tags go", || cache.stats().entries == 1);
    }
}

/// The sweeper holds no reference: a cache that is dropped is freed.
#[test]
fn the_sweeper_keeps_no_cache_alive() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    #[derive(Clone)]
    struct Witness;
    impl Drop for Witness {
        fn drop(&mut self) {
            DROPPED.store(true, Ordering::SeqCst);
        }
    }
    #[cached(key = "witness", ttl = "1h", local)]
    async fn witness() -> Arc<Witness> {
        Arc::new(Witness)
    }
    let cache = build(Memory::max_entries(10).sweep_every(Duration::from_millis(10)));
    drop(now(witness().cache(&cache)));
    thread::sleep(Duration::from_millis(50));
    assert!(!DROPPED.load(Ordering::SeqCst));
    drop(cache);
    comes_true("the entry went with its cache", || DROPPED.load(Ordering::SeqCst));
}

/// An entry that replaces a dead one stays, even while the dead one is reclaimed.
#[test]
fn reclaiming_never_takes_a_newer_entry() {
    for eviction in ALL {
        let clock = Clock::manual();
        let cache = on(&clock, Memory::max_entries(100).eviction(eviction)).build().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    cache.reclaim();
                }
            });
            let lost = (0..2_000).any(|round| {
                now(newest(round).cache(&cache).ttl(Duration::from_secs(1)).refresh());
                clock.advance(Duration::from_secs(1));
                now(newest(round).cache(&cache).refresh());
                now(newest(0).cache(&cache).peek()).unwrap() != Some(round)
            });
            done.store(true, Ordering::Relaxed);
            assert!(!lost, "{eviction:?}");
        });
        assert!(cache.stats().expired > 0, "{eviction:?}");
    }
}

#[cached(key = "newest", skip(round))]
async fn newest(round: u64) -> u64 {
    round
}

/// A value whose `Drop` uses the cache that contained it.
#[derive(Clone)]
struct Nosy {
    cache: Cache,
    id: u64,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        for id in self.id..self.id + 8 {
            let key = format!("plain:{}", id % 100);
            let _ = get(&self.cache, &key);
            let _ = now(self.cache.remove(key.as_str()));
            insert(&self.cache, &key, id);
        }
        let _ = self.cache.stats();
    }
}

#[cached(key = "nosy:{id}", skip(cache), ttl = "1s", local)]
async fn nosy(cache: &Cache, id: u64) -> Arc<Nosy> {
    Arc::new(Nosy { cache: cache.clone(), id })
}

/// The tier drops displaced, replaced, evicted and reclaimed values without a lock.
#[test]
fn a_value_whose_drop_uses_the_cache() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        for eviction in ALL {
            for capacity in [1, 2, 8] {
                for memory in [Memory::max_entries(capacity), Memory::max_bytes(capacity * 600)] {
                    let clock = Clock::manual();
                    let cache = on(&clock, memory.eviction(eviction)).build().unwrap();
                    thread::scope(|scope| {
                        for start in [0, 50] {
                            let (cache, clock) = (&cache, &clock);
                            scope.spawn(move || use_nosily(cache, clock, start));
                        }
                    });
                }
            }
        }
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(60)).expect("no deadlock, no panic");
}

fn use_nosily(cache: &Cache, clock: &Clock, start: u64) {
    let held = BTreeSet::from([3, 7]);
    for id in (start..start + 100).map(|id| id % 100) {
        drop(now(nosy(cache, id).cache(cache)));
        if held.contains(&(id % 10)) {
            drop(now(nosy(cache, id).cache(cache).refresh()));
        }
        match id % 25 {
            5 => drop(now(nosy(cache, id).cache(cache).evict())),
            10 => drop(now(cache.evict_pattern("nosy:*"))),
            15 => drop(now(cache.clear())),
            20 => {
                clock.advance(Duration::from_secs(1));
                cache.reclaim();
            }
            _ => {}
        }
    }
}

#[track_caller]
fn refused(memory: Memory, field: &str, pieces: &[&str]) {
    let error = Cache::builder().memory(memory).build().unwrap_err();
    assert!(matches!(&error, Error::Config { field: at, .. } if *at == field), "{error:?}");
    let text = error.to_string();
    pieces.iter().for_each(|piece| assert!(text.contains(piece), "`{piece}` is not in: {text}"));
}

#[test]
fn invalid_bounds_are_rejected() {
    for eviction in ALL {
        let fix = ["found zero", "1 at least", "no_memory()"];
        refused(Memory::max_entries(0).eviction(eviction), "max_entries", &fix);
        refused(Memory::max_bytes(0).eviction(eviction), "max_bytes", &fix);
        for too_often in [Duration::ZERO, Duration::from_micros(1)] {
            let memory = Memory::default().eviction(eviction).sweep_every(too_often);
            refused(memory, "sweep_every", &["1 ms at least", "leave it out"]);
        }
    }
}

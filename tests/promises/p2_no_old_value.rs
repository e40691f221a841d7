//! P2: if an eviction returns at time t, no read that starts after t returns a value whose load
//! began before t. Each cell: a load is started, something evicts, the load finishes; the next read
//! is the new value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Clock, MemoryBackend, Policy, Source, cached};
use tokio::sync::Notify;

/// An origin whose reads can be held between "read" and "return".
#[derive(Clone)]
struct Origin(Arc<Inner>);

struct Inner {
    value: AtomicU64,
    reads: AtomicU64,
    holding: AtomicU64,
    started: Notify,
    release: Notify,
}

impl Origin {
    fn new() -> Self {
        Self(Arc::new(Inner {
            value: AtomicU64::new(1),
            reads: AtomicU64::new(0),
            holding: AtomicU64::new(0),
            started: Notify::new(),
            release: Notify::new(),
        }))
    }

    /// The next read waits after it has seen the value.
    fn hold(&self) {
        self.0.holding.store(1, Ordering::SeqCst);
    }

    async fn read(&self) -> u64 {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let seen = self.0.value.load(Ordering::SeqCst);
        if self.0.holding.swap(0, Ordering::SeqCst) == 1 {
            self.0.started.notify_one();
            self.0.release.notified().await;
        }
        seen
    }

    fn set(&self, value: u64) {
        self.0.value.store(value, Ordering::SeqCst);
    }
}

#[cached(key = "row", tags = ["rows"], ttl = "1m", stale = "1h", skip(origin, cache), cache = cache)]
async fn row(origin: &Origin, cache: &Cache) -> u64 {
    origin.read().await
}

#[derive(Clone, Copy, Debug)]
enum How {
    Remove,
    Evict,
    Pattern,
    Tag,
    Clear,
    Put,
    Refresh,
}

const EVERY: [How; 7] =
    [How::Remove, How::Evict, How::Pattern, How::Tag, How::Clear, How::Put, How::Refresh];

async fn evict(how: How, origin: &Origin, cache: &Cache) {
    match how {
        How::Remove => drop(cache.remove("row").await.unwrap()),
        How::Evict => drop(row(origin, cache).evict().await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("r*w").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
        How::Put => row(origin, cache).put(2).await.unwrap(),
        How::Refresh => assert_eq!(row(origin, cache).refresh().await, 2),
    }
}

/// The tiers under test; the backend is kept, so that values can be put behind the cache's back.
fn caches(clock: &Clock) -> Vec<(&'static str, Cache)> {
    let builder = || Cache::builder().clock(clock.clone());
    let remote = || MemoryBackend::with_clock(clock.clone());
    vec![
        ("memory", builder().build().unwrap()),
        ("memory + remote", builder().remote(remote()).build().unwrap()),
        ("remote", builder().no_memory().remote(remote()).build().unwrap()),
        #[cfg(feature = "moka")]
        (
            "moka",
            builder()
                .memory(larder::Memory::max_entries(100).policy(larder::Eviction::Lru))
                .build()
                .unwrap(),
        ),
    ]
}

/// The cell's verdict: the load that was held is let go, and what is read next is new.
async fn verdict(
    what: &str,
    how: How,
    origin: &Origin,
    cache: &Cache,
    old: tokio::task::JoinHandle<u64>,
) {
    // A read that starts after the eviction, while the old load is still under way.
    let during = row(origin, cache).await;
    assert_eq!(during, 2, "{what}, {how:?}: read while the old load is under way");
    origin.0.release.notify_one();
    let _ = old.await.unwrap();
    assert_eq!(row(origin, cache).await, 2, "{what}, {how:?}: read after the old load ended");
}

#[tokio::test]
async fn a_foreground_load_stores_nothing_after_an_eviction() {
    for how in EVERY {
        for (tiers, cache) in caches(&Clock::manual()) {
            let origin = Origin::new();
            origin.hold();
            let old = tokio::spawn({
                let (origin, cache) = (origin.clone(), cache.clone());
                async move { row(&origin, &cache).await }
            });
            origin.0.started.notified().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            verdict(&format!("foreground, {tiers}"), how, &origin, &cache, old).await;
        }
    }
}

#[tokio::test]
async fn a_waiter_that_comes_after_an_eviction_does_not_join_the_old_load() {
    for how in EVERY {
        for (tiers, cache) in caches(&Clock::manual()) {
            let origin = Origin::new();
            origin.hold();
            let spawn_read = || {
                let (origin, cache) = (origin.clone(), cache.clone());
                tokio::spawn(async move { row(&origin, &cache).await })
            };
            let old = spawn_read();
            origin.0.started.notified().await;
            let early_waiter = spawn_read();
            tokio::task::yield_now().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            let late_waiter = spawn_read();
            assert_eq!(late_waiter.await.unwrap(), 2, "{tiers}, {how:?}");
            origin.0.release.notify_one();
            old.await.unwrap();
            early_waiter.await.unwrap();
            assert_eq!(row(&origin, &cache).await, 2, "{tiers}, {how:?}");
        }
    }
}

#[tokio::test]
async fn a_stale_refresh_stores_nothing_after_an_eviction() {
    for how in EVERY {
        let clock = Clock::manual();
        for (tiers, cache) in caches(&clock) {
            if tiers == "remote" {
                continue; // Stale values are served from memory.
            }
            let origin = Origin::new();
            assert_eq!(row(&origin, &cache).await, 1);
            clock.advance(Duration::from_secs(61));
            origin.hold();
            let stale = row(&origin, &cache).traced().await;
            assert_eq!(stale.source, Source::Stale, "{tiers}");
            origin.0.started.notified().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            let nothing = tokio::spawn(async { 0 });
            verdict(&format!("stale refresh, {tiers}"), how, &origin, &cache, nothing).await;
            // The refresh is over when nothing is in flight.
            while cache.stats().in_flight > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(row(&origin, &cache).await, 2, "{tiers}, {how:?}: after the refresh");
        }
    }
}

/// A load whose caller went away does not store either, and an eviction is not lost on it.
#[tokio::test]
async fn a_cancelled_load_stores_nothing() {
    for (tiers, cache) in caches(&Clock::manual()) {
        let origin = Origin::new();
        origin.hold();
        let old = tokio::spawn({
            let (origin, cache) = (origin.clone(), cache.clone());
            async move { row(&origin, &cache).await }
        });
        origin.0.started.notified().await;
        old.abort();
        let _ = old.await;
        origin.set(2);
        assert_eq!(row(&origin, &cache).await, 2, "{tiers}");
        assert_eq!(cache.stats().in_flight, 0, "{tiers}: no ticket is left");
    }
}

/// An older load does not store over a younger refresh.
#[tokio::test]
async fn a_refresh_beats_the_load_before_it() {
    for (tiers, cache) in caches(&Clock::manual()) {
        let origin = Origin::new();
        origin.hold();
        let old = tokio::spawn({
            let (origin, cache) = (origin.clone(), cache.clone());
            async move { row(&origin, &cache).await }
        });
        origin.0.started.notified().await;
        origin.set(2);
        assert_eq!(row(&origin, &cache).refresh().await, 2);
        origin.0.release.notify_one();
        old.await.unwrap();
        assert_eq!(row(&origin, &cache).await, 2, "{tiers}");
        assert!(cache.stats().fenced >= 1, "{tiers}: the old fill was refused");
    }
}

/// What another cache (as another process) wrote under an old generation is not promoted.
#[tokio::test]
async fn a_promotion_respects_generations() {
    let backend = MemoryBackend::new();
    let one = Cache::builder().remote(backend.clone()).build().unwrap();
    let two = Cache::builder().remote(backend).build().unwrap();
    let tagged = Policy::new().tags(&["rows"]);
    one.insert_with("row", 1u64, tagged).await.unwrap();
    assert_eq!(two.get::<u64>("row").await.unwrap(), Some(1));
    two.evict_tag("rows").await.unwrap();
    assert_eq!(one.get::<u64>("row").await.unwrap(), None);
    assert_eq!(two.get::<u64>("row").await.unwrap(), None);
    one.insert_with("row", 2u64, tagged).await.unwrap();
    assert_eq!(two.get::<u64>("row").await.unwrap(), Some(2));
    two.clear().await.unwrap();
    assert_eq!(one.get::<u64>("row").await.unwrap(), None);
}

/// Real threads: every value is stamped by the origin; a read never gives a stamp older than the
/// last eviction that returned before the read began.
#[test]
fn no_old_value_under_stress() {
    const KEYS: u64 = 8;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let cache = Cache::builder().build().unwrap();
    let origin: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let floor: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    runtime.unwrap().block_on(async {
        let mut tasks = Vec::new();
        for task in 0..8u64 {
            let (cache, origin, floor) = (cache.clone(), Arc::clone(&origin), Arc::clone(&floor));
            tasks.push(tokio::spawn(async move {
                let mut random = task.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
                for _ in 0..20_000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let index = random % KEYS;
                    let (slot, key) = (index as usize, format!("k:{index}"));
                    if random >> 32 & 7 == 0 {
                        let new = origin[slot].fetch_add(1, Ordering::SeqCst) + 1;
                        match random >> 40 & 3 {
                            0 => drop(cache.remove(&key).await.unwrap()),
                            1 => drop(cache.evict_pattern(format!("{key}*")).await.unwrap()),
                            2 => cache.evict_tag(&key).await.unwrap(),
                            _ => cache.clear().await.unwrap(),
                        }
                        floor[slot].fetch_max(new, Ordering::SeqCst);
                    } else {
                        let least = floor[slot].load(Ordering::SeqCst);
                        let origin = &origin;
                        let policy = Policy::new().tags(TAGS[slot]);
                        let load = || async move {
                            let seen = origin[slot].load(Ordering::SeqCst);
                            if seen % 3 == 0 {
                                tokio::task::yield_now().await;
                            }
                            Ok::<_, ()>(seen)
                        };
                        let seen = cache.get_or_load_with(&key, policy, load).await.unwrap();
                        assert!(seen >= least, "{key}: read {seen}, evicted up to {least}");
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(cache.stats().in_flight, 0);
}

static TAGS: [&[&str]; 8] =
    [&["k:0"], &["k:1"], &["k:2"], &["k:3"], &["k:4"], &["k:5"], &["k:6"], &["k:7"]];

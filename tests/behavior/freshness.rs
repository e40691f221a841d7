//! How long a value is fresh: idle time, jitter, changed lives of single entries, and invalid policies.

use std::time::Duration;

use larder::{Cache, Error, Policy, Source, backend::MemoryBackend, cached, time::Clock};

use crate::gated::Gated;
use crate::origin::{Origin, landed, soon, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const JUST: Duration = Duration::from_millis(1);

#[cached(key = "idle", ttl = "60s", tti = "10s", cache = cache, skip(cache, origin))]
async fn idle(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

#[tokio::test]
async fn a_read_extends_the_idle_time_but_never_the_ttl() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    idle(&cache, &origin).await;
    // Read every nine seconds, the value stays until the minute has passed.
    for _ in 0..6 {
        clock.advance(seconds(9));
        assert_eq!(idle(&cache, &origin).traced().await.source, Source::Memory);
    }
    clock.advance(seconds(6) - JUST);
    assert_eq!(idle(&cache, &origin).traced().await.source, Source::Memory);
    clock.advance(JUST);
    assert_eq!(idle(&cache, &origin).traced().await.source, Source::Loaded);
    // Without reads it expires after ten seconds.
    clock.advance(seconds(10) - JUST);
    assert_eq!(idle(&cache, &origin).traced().await.source, Source::Memory);
    clock.advance(seconds(10));
    assert_eq!(idle(&cache, &origin).peek().await.unwrap(), None);
    assert_eq!(idle(&cache, &origin).traced().await.source, Source::Loaded);
    assert_eq!(origin.reads(), 3);
}

#[tokio::test]
async fn get_and_peek_are_reads_too_and_listings_are_not() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let policy = Policy::new().tti(seconds(10));
    for key in ["got", "listed"] {
        cache.entry(key).policy(policy).insert(1u64).await.unwrap();
    }
    for _ in 0..3 {
        clock.advance(seconds(6));
        assert_eq!(cache.get::<u64>("got").await.unwrap(), Some(1));
        let _ = cache.keys("*").await.unwrap();
    }
    assert_eq!(cache.keys("*").await.unwrap(), ["got"]);
}

#[tokio::test]
async fn in_the_remote_tier_idle_time_counts_from_the_store() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, origin) = (build(), build(), Origin::at(&clock));
    idle(&one, &origin).await;
    clock.advance(seconds(9));
    // The read extends the idle time in this memory.
    assert_eq!(idle(&one, &origin).traced().await.source, Source::Memory);
    assert_eq!(idle(&two, &origin).traced().await.source, Source::Remote);
    clock.advance(seconds(1));
    assert_eq!(idle(&one, &origin).traced().await.source, Source::Memory);
    // Also in the other memory, which has had the value since its read.
    assert_eq!(idle(&two, &origin).traced().await.source, Source::Memory);
    let third = build();
    assert_eq!(idle(&third, &origin).peek().await.unwrap(), None);
}

/// When each of many entries that were stored together expires.
async fn ends(jitter: f64, seed: u64) -> Vec<u64> {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).seed(seed).build().unwrap();
    let policy = Policy::new().ttl(seconds(100)).jitter(jitter);
    for key in 0..200 {
        cache.entry(format!("{key}")).policy(policy).insert(1u64).await.unwrap();
    }
    let mut left = 200;
    let mut ends = Vec::new();
    for second in 1..=100 {
        clock.advance(seconds(1));
        let now = cache.keys("*").await.unwrap().len();
        ends.extend(std::iter::repeat_n(second, left - now));
        left = now;
    }
    assert_eq!(left, 0, "never longer than the ttl");
    ends
}

#[tokio::test]
async fn jitter_spreads_the_ends_of_entries_and_a_seed_repeats_them() {
    assert!(ends(0.0, 7).await.iter().all(|end| *end == 100));
    let spread = ends(0.2, 7).await;
    assert!(spread.iter().all(|end| (80..=100).contains(end)), "{spread:?}");
    let average = spread.iter().sum::<u64>() as f64 / 200.0;
    assert!((89.0..92.0).contains(&average), "{average}");
    let (first, last) = (spread[0], spread[199]);
    assert!(first < 83 && last > 97, "from {first} to {last}");
    assert_eq!(spread, ends(0.2, 7).await);
    assert_ne!(spread, ends(0.2, 8).await);
}

#[tokio::test]
async fn jitter_applies_to_loads_too() {
    #[cached(key = "{id}", ttl = "100s", jitter = 1.0, cache = cache, skip(cache))]
    async fn jittered(cache: &Cache, id: u64) -> u64 {
        id
    }
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).seed(1).build().unwrap();
    for id in 0..100 {
        jittered(&cache, id).await;
    }
    clock.advance(seconds(50));
    let left = cache.keys("*").await.unwrap().len();
    assert!((35..65).contains(&left), "{left} of 100 after half of the time");
}

#[tokio::test]
async fn an_entry_may_outlive_the_default_ttl() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).default_ttl(seconds(5)).build().unwrap();
    cache.insert("default", 1u64).await.unwrap();
    cache.entry("never").policy(Policy::new().no_expiry()).insert(1u64).await.unwrap();
    cache.entry("longer").policy(Policy::new().ttl(seconds(9))).insert(1u64).await.unwrap();
    cache.entry("shorter").policy(Policy::new().ttl(seconds(2))).insert(1u64).await.unwrap();
    let load = || async { Ok::<_, ()>(1u64) };
    cache.entry("loaded").policy(Policy::new().no_expiry()).or_load(load).await.unwrap();
    clock.advance(seconds(2));
    assert_eq!(cache.keys("*").await.unwrap(), ["default", "loaded", "longer", "never"]);
    clock.advance(seconds(3));
    assert_eq!(cache.keys("*").await.unwrap(), ["loaded", "longer", "never"]);
    clock.advance(seconds(1_000_000));
    assert_eq!(cache.keys("*").await.unwrap(), ["loaded", "never"]);
}

#[tokio::test]
async fn an_invalid_policy_is_rejected_by_field_and_loads_run_uncached() {
    let cache = Cache::builder().build().unwrap();
    let new = Policy::new;
    let impossible = [
        (new().ttl(Duration::ZERO), "ttl"),
        (new().tti(Duration::ZERO), "tti"),
        (new().jitter(0.5), "jitter"),
        (new().ttl(seconds(1)).jitter(2.0), "jitter"),
        (new().stale(seconds(1)), "stale"),
        (new().stale_if_error(seconds(1)), "stale_if_error"),
        (new().early_refresh(1.0), "early_refresh"),
        (new().ttl(seconds(1)).soft_timeout(seconds(1)), "soft_timeout"),
        (new().hard_timeout(Duration::ZERO), "hard_timeout"),
        (new().err_ttl(Duration::ZERO), "err_ttl"),
        (new().lease(Duration::ZERO), "lease"),
    ];
    for (policy, field) in impossible {
        match cache.entry("row").policy(policy).insert(1u64).await {
            Err(Error::Config { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
        for value in [1u64, 2] {
            let load = || async move { Ok::<_, ()>(value) };
            assert_eq!(cache.entry("row").policy(policy).or_load(load).await, Ok(value), "{field}");
        }
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.stores), (0, 0), "nothing was stored: {stats:?}");
}

/// A stale value from the remote tier: in another process, after a short loss of the bus (memory does not trust its
/// copy), and without a memory tier. No caller waits for the load.
#[tokio::test]
async fn a_stale_value_of_the_remote_tier_is_served_and_renewed() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let blinked = gated.cache(&clock);
    let caches = [gated.cache(&clock), gated.cache_without_memory(&clock), blinked.clone()];
    for cache in caches {
        let origin = Origin::at(&clock);
        assert_eq!(stale(&blinked, &origin).await, Ok(1));
        gated.set_linked(false);
        gated.set_linked(true);
        clock.advance(seconds(2));
        origin.set(2);
        origin.hold(1);
        let read = soon(stale(&cache, &origin).traced()).await;
        assert_eq!((read.value, read.source), (Ok(1), Source::Stale));
        origin.held().await;
        origin.release(1);
        landed(&cache).await;
        turns().await;
        assert_eq!(soon(stale(&cache, &origin)).await, Ok(2));
        assert_eq!(origin.reads(), 2);
        cache.clear().await.unwrap();
    }
}

#[cached(key = "row", ttl = "1s", stale = "60s", cache = cache, skip(cache, origin))]
async fn stale(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

/// `stampede = "off"` lets every caller load, but only one refresh runs.
#[tokio::test]
async fn one_refresh_runs_also_without_stampede_protection() {
    #[cached(key = "row", ttl = "1s", stale = "60s", stampede = "off", cache = cache, skip(cache, origin))]
    async fn row(cache: &Cache, origin: &Origin) -> u64 {
        origin.read().await
    }
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    row(&cache, &origin).await;
    clock.advance(seconds(2));
    origin.hold(u64::MAX);
    for _ in 0..100 {
        assert_eq!(soon(row(&cache, &origin).traced()).await.source, Source::Stale);
    }
    turns().await;
    assert_eq!(origin.reads(), 2);
}

/// This method cannot load in the background, so `stale` has no effect, for the first caller or for waiters.
#[tokio::test]
async fn or_load_serves_no_stale_value() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let policy = Policy::new().ttl(seconds(1)).stale(seconds(60));
    cache.entry("row").policy(policy).insert(1u64).await.unwrap();
    clock.advance(seconds(2));
    let origin = Origin::at(&clock);
    origin.set(2);
    origin.hold(1);
    let calls = [(); 2].map(|()| {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move {
            cache.entry("row").policy(policy).or_load(|| async { origin.try_read().await }).await
        })
    });
    origin.held().await;
    turns().await;
    origin.release(1);
    for call in calls {
        assert_eq!(soon(call).await.unwrap(), Ok(2));
    }
}

/// The idle time counts from the arrival of the value in memory.
#[tokio::test]
async fn a_promoted_value_lives_for_as_long_as_it_is_read() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (one, two) = (gated.cache(&clock), gated.cache(&clock));
    one.entry("row").policy(Policy::new().tti(seconds(10))).insert(1u64).await.unwrap();
    for _ in 0..5 {
        assert_eq!(two.get::<u64>("row").await.unwrap(), Some(1));
        clock.advance(seconds(5));
    }
}

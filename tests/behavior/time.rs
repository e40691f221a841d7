//! Time, advanced by hand: expiry, stale windows, and lives that a promotion does not extend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Policy, Source, backend::MemoryBackend, cached, time::Clock};

use crate::support::eventually;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const JUST: Duration = Duration::from_millis(1);

/// The three tierings with one clock.
fn caches(clock: &Clock, default_ttl: Option<Duration>) -> [Cache; 3] {
    let builder = || {
        let builder = Cache::builder().clock(clock.clone());
        default_ttl.into_iter().fold(builder, larder::Builder::default_ttl)
    };
    let backend = || MemoryBackend::with_clock(clock.clone());
    [
        builder().build().unwrap(),
        builder().no_memory().remote(backend()).build().unwrap(),
        builder().remote(backend()).build().unwrap(),
    ]
}

#[cached(key = "timed:{id}", ttl = "10s", cache = cache, skip(cache))]
async fn timed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "untimed", cache = cache, skip(cache))]
async fn untimed(cache: &Cache) -> u64 {
    7
}

#[tokio::test]
async fn a_value_expires_after_its_ttl_and_not_before() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        assert_eq!(timed(&cache, 1).traced().await.source, Source::Loaded);
        clock.advance(seconds(10) - JUST);
        let read = timed(&cache, 1).traced().await;
        assert!(matches!(read.source, Source::Memory | Source::Remote), "{read:?}");
        assert_eq!(read.age, seconds(10) - JUST);
        clock.advance(JUST);
        assert_eq!(timed(&cache, 1).peek().await.unwrap(), None);
        assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
        let read = timed(&cache, 1).traced().await;
        assert_eq!((read.source, read.age), (Source::Loaded, Duration::ZERO));
    }
}

#[tokio::test]
async fn the_default_ttl_applies_to_functions_without_a_ttl() {
    let clock = Clock::manual();
    for cache in caches(&clock, Some(seconds(5))) {
        cache.insert("default", 1u64).await.unwrap();
        let longer = Policy::new().ttl(seconds(20));
        cache.entry("own").policy(longer).insert(2u64).await.unwrap();
        untimed(&cache).await;
        timed(&cache, 1).await;
        clock.advance(seconds(5));
        assert_eq!(cache.keys("*").await.unwrap(), ["own", "timed:1"]);
        assert_eq!(cache.get::<u64>("default").await.unwrap(), None);
        clock.advance(seconds(5));
        assert_eq!(cache.keys("*").await.unwrap(), ["own"]);
        clock.advance(seconds(10));
        assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn without_any_ttl_a_value_stays() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        untimed(&cache).await;
        clock.advance(seconds(1_000_000_000));
        assert_eq!(untimed(&cache).peek().await.unwrap(), Some(7));
    }
}

#[tokio::test]
async fn a_call_may_have_a_ttl_of_its_own() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        timed(&cache, 1).ttl("1m").await;
        timed(&cache, 2).ttl(seconds(2)).await;
        timed(&cache, 3).ttl("1m 30s").await;
        timed(&cache, 4).ttl("no duration").await;
        timed(&cache, 5).ttl("5s").put(55).await.unwrap();
        let alive = async || {
            let keys = cache.keys("*").await.unwrap();
            keys.iter().map(|key| key[6..].to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(alive().await, "1 2 3 4 5");
        clock.advance(seconds(2));
        assert_eq!(alive().await, "1 3 4 5");
        clock.advance(seconds(3));
        assert_eq!(alive().await, "1 3 4");
        clock.advance(seconds(5));
        assert_eq!(alive().await, "1 3", "text that is no duration changes nothing");
        // A read does not change the life of an entry.
        timed(&cache, 1).ttl("1h").await;
        clock.advance(seconds(50));
        assert_eq!(alive().await, "3");
        clock.advance(seconds(30));
        assert_eq!(alive().await, "");
    }
}

/// The current value of the origin, and how often it was read.
#[derive(Clone, Default)]
struct Origin {
    loads: Arc<AtomicU64>,
    failing: Arc<AtomicU64>,
}

impl Origin {
    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

#[cached(key = "stale", ttl = "10s", stale = "60s", cache = cache, skip(cache, origin))]
async fn stale(cache: &Cache, origin: &Origin) -> Result<u64, String> {
    // Takes a moment, so that readers arrive while it runs.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let loads = origin.loads.fetch_add(1, Ordering::SeqCst) + 1;
    if origin.failing.load(Ordering::SeqCst) == 1 { Err("down".into()) } else { Ok(loads) }
}

#[tokio::test]
async fn a_stale_value_is_served_while_one_refresh_runs() {
    let clock = Clock::manual();
    let [memory, _, both] = caches(&clock, None);
    for cache in [memory, both] {
        let origin = Origin::default();
        assert_eq!(stale(&cache, &origin).await, Ok(1));
        clock.advance(seconds(69));
        for _ in 0..20 {
            let read = stale(&cache, &origin).traced().await;
            assert_eq!((read.value, read.source), (Ok(1), Source::Stale));
            assert_eq!(read.age, seconds(69));
        }
        eventually("one refresh", async || {
            stale(&cache, &origin).traced().await.source == Source::Memory
        })
        .await;
        assert_eq!(stale(&cache, &origin).await, Ok(2));
        assert_eq!(origin.loads(), 2);
        assert!(cache.stats().stale_hits >= 20);
        // The new value is as fresh as any.
        clock.advance(seconds(10) - JUST);
        assert_eq!(stale(&cache, &origin).traced().await.source, Source::Memory);
        clock.advance(JUST);
        assert_eq!(stale(&cache, &origin).traced().await.source, Source::Stale);
        eventually("another refresh", async || origin.loads() == 3).await;
    }
}

#[tokio::test]
async fn past_the_stale_window_it_is_loaded() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        let origin = Origin::default();
        assert_eq!(stale(&cache, &origin).await, Ok(1));
        clock.advance(seconds(70));
        let read = stale(&cache, &origin).traced().await;
        assert_eq!((read.value, read.source), (Ok(2), Source::Loaded));
    }
}

#[tokio::test]
async fn get_and_peek_do_not_return_a_stale_value() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        let origin = Origin::default();
        assert_eq!(stale(&cache, &origin).await, Ok(1));
        clock.advance(seconds(10));
        assert_eq!(stale(&cache, &origin).peek().await.unwrap(), None);
        assert_eq!(cache.get::<u64>("stale").await.unwrap(), None);
        assert_eq!(cache.get_many::<u64>(&["stale"]).await.unwrap(), [None]);
        assert!(!cache.contains::<u64>("stale").await.unwrap());
        assert_eq!(origin.loads(), 1);
    }
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_stale_value() {
    let clock = Clock::manual();
    let [memory, _, both] = caches(&clock, None);
    for cache in [memory, both] {
        let origin = Origin::default();
        assert_eq!(stale(&cache, &origin).await, Ok(1));
        origin.failing.store(1, Ordering::SeqCst);
        clock.advance(seconds(30));
        for loads in 2..4 {
            let read = stale(&cache, &origin).traced().await;
            assert_eq!((read.value, read.source), (Ok(1), Source::Stale));
            eventually("the refresh fails", async || {
                origin.loads() == loads && cache.stats().in_flight == 0
            })
            .await;
            // The origin is not called for a second.
            let again = stale(&cache, &origin).traced().await;
            assert_eq!((again.value, again.source), (Ok(1), Source::Stale));
            assert_eq!((origin.loads(), cache.stats().in_flight), (loads, 0));
            clock.advance(seconds(2));
        }
        // The window was not renewed: it ends at its original time.
        clock.advance(seconds(40));
        assert_eq!(stale(&cache, &origin).await, Err("down".to_owned()));
        assert_eq!(cache.stats().load_failures, 3);
    }
}

#[tokio::test]
async fn an_evicted_value_is_not_served_stale() {
    let clock = Clock::manual();
    for cache in caches(&clock, None) {
        let origin = Origin::default();
        assert_eq!(stale(&cache, &origin).await, Ok(1));
        clock.advance(seconds(20));
        stale(&cache, &origin).evict().await.unwrap();
        let read = stale(&cache, &origin).traced().await;
        assert_eq!((read.value, read.source), (Ok(2), Source::Loaded));
    }
}

/// Two caches over one backend. If `lasting`, the backend keeps entries for ever, so that only the entry's own expiry
/// ends it.
fn pair(clock: &Clock, lasting: bool) -> (Cache, Cache) {
    let backend = match lasting {
        true => MemoryBackend::with_clock(Clock::manual()),
        false => MemoryBackend::with_clock(clock.clone()),
    };
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    (build(), build())
}

#[tokio::test]
async fn a_promotion_does_not_extend_a_life() {
    for lasting in [false, true] {
        let clock = Clock::manual();
        let (one, two) = pair(&clock, lasting);
        assert_eq!(timed(&one, 1).await, 1);
        clock.advance(seconds(6));
        let read = timed(&two, 1).traced().await;
        assert_eq!((read.source, read.age), (Source::Remote, seconds(6)));
        clock.advance(seconds(4) - JUST);
        let read = timed(&two, 1).traced().await;
        assert_eq!((read.source, read.age), (Source::Memory, seconds(10) - JUST));
        clock.advance(JUST);
        assert_eq!(timed(&two, 1).peek().await.unwrap(), None);
        assert_eq!(timed(&one, 1).peek().await.unwrap(), None);
        assert_eq!(timed(&two, 1).traced().await.source, Source::Loaded);
    }
}

#[tokio::test]
async fn get_and_get_many_with_another_default_do_not_extend_a_life() {
    for lasting in [false, true] {
        let clock = Clock::manual();
        let backend = if lasting {
            MemoryBackend::with_clock(Clock::manual())
        } else {
            MemoryBackend::with_clock(clock.clone())
        };
        let build = |ttl| {
            let builder = Cache::builder().clock(clock.clone()).remote(backend.clone());
            builder.default_ttl(seconds(ttl)).build().unwrap()
        };
        let (short, long) = (build(10), build(1_000));
        short.insert_many([("a", 1u64), ("b", 2)]).await.unwrap();
        clock.advance(seconds(6));
        assert_eq!(long.get::<u64>("a").await.unwrap(), Some(1));
        assert_eq!(long.get_many::<u64>(&["a", "b"]).await.unwrap(), [Some(1), Some(2)]);
        clock.advance(seconds(4));
        assert_eq!(long.get::<u64>("a").await.unwrap(), None);
        assert_eq!(long.get_many::<u64>(&["a", "b"]).await.unwrap(), [None, None]);
    }
}

#[tokio::test]
async fn a_promoted_value_has_the_stale_window_that_is_left() {
    let clock = Clock::manual();
    let (one, two) = pair(&clock, true);
    let origin = Origin::default();
    assert_eq!(stale(&one, &origin).await, Ok(1));
    clock.advance(seconds(5));
    assert_eq!(stale(&two, &origin).traced().await.source, Source::Remote);
    clock.advance(seconds(65));
    let read = stale(&two, &origin).traced().await;
    assert_eq!((read.value, read.source), (Ok(2), Source::Loaded));
}

#[test]
fn a_manual_clock_stops_at_its_end() {
    let clock = Clock::manual();
    clock.advance(Duration::MAX);
    let end = clock.now();
    clock.advance(seconds(1));
    assert_eq!(clock.now(), end);
}

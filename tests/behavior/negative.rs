//! Absent values, failures, and values that are not cached: `none_ttl`, `err_ttl`, `cache_if`, `unless`, `skip_if`.

use std::time::Duration;

use larder::{Cache, Source, backend::MemoryBackend, cached, time::Clock};

use crate::gated::Gated;
use crate::origin::{Origin, soon, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn caches(clock: &Clock) -> [Cache; 3] {
    let builder = || Cache::builder().clock(clock.clone());
    let backend = || MemoryBackend::with_clock(clock.clone());
    [
        builder().build().unwrap(),
        builder().no_memory().remote(backend()).build().unwrap(),
        builder().remote(backend()).build().unwrap(),
    ]
}

/// Returns `None` for zero.
async fn some(origin: &Origin) -> Option<u64> {
    Some(origin.read().await).filter(|value| *value != 0)
}

#[tokio::test]
async fn none_is_a_value_unless_none_ttl_is_set() {
    #[cached(key = "plain", ttl = "60s", cache = cache, skip(cache, origin))]
    async fn plain(cache: &Cache, origin: &Origin) -> Option<u64> {
        some(origin).await
    }
    #[cached(key = "shorter", ttl = "60s", none_ttl = "5s", cache = cache, skip(cache, origin))]
    async fn shorter(cache: &Cache, origin: &Origin) -> Result<Option<u64>, String> {
        Ok(some(origin).await)
    }
    #[cached(key = "never", ttl = "60s", none_ttl = 0, cache = cache, skip(cache, origin))]
    async fn never(cache: &Cache, origin: &Origin) -> Option<u64> {
        some(origin).await
    }
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let read = async |origin: &Origin| {
            let three = (
                plain(&cache, origin).await,
                shorter(&cache, origin).await.unwrap(),
                never(&cache, origin).await,
            );
            turns().await;
            three
        };
        let origin = Origin::at(&clock);
        origin.set(0);
        assert_eq!(read(&origin).await, (None, None, None));
        assert_eq!(read(&origin).await, (None, None, None));
        assert_eq!(origin.reads(), 4, "only the last is asked again");
        clock.advance(seconds(5));
        origin.set(1);
        assert_eq!(read(&origin).await, (None, Some(1), Some(1)));
        clock.advance(seconds(55));
        assert_eq!(read(&origin).await, (Some(1), Some(1), Some(1)));
        // A present value lives for its ttl.
        let reads = origin.reads();
        clock.advance(seconds(4));
        assert_eq!(read(&origin).await, (Some(1), Some(1), Some(1)));
        assert_eq!(origin.reads(), reads);
    }
}

#[tokio::test]
async fn an_error_is_kept_for_its_ttl_in_memory() {
    #[cached(key = "row", ttl = "60s", err_ttl = "5s", cache = cache, skip(cache, origin))]
    async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
        origin.try_read().await
    }
    let clock = Clock::manual();
    let [memory, _, both] = caches(&clock);
    for cache in [memory, both] {
        let origin = Origin::at(&clock);
        origin.fail(true);
        assert_eq!(soon(row(&cache, &origin).traced()).await.source, Source::Loaded);
        turns().await;
        origin.fail(false);
        clock.advance(seconds(5) - Duration::from_millis(1));
        let read = row(&cache, &origin).traced().await;
        assert_eq!((read.value, read.source), (Err(1), Source::Memory));
        assert_eq!(read.age, seconds(5) - Duration::from_millis(1));
        // The kept error is not a value.
        assert_eq!(row(&cache, &origin).peek().await.unwrap(), None);
        assert_eq!(cache.get::<u64>("row").await.unwrap(), None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(soon(row(&cache, &origin)).await, Ok(1));
        assert_eq!(row(&cache, &origin).traced().await.source, Source::Memory);
        assert_eq!(origin.reads(), 2);
    }
}

#[tokio::test]
async fn a_refresh_does_not_return_a_kept_error() {
    #[cached(key = "row", err_ttl = "1h", cache = cache, skip(cache, origin))]
    async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
        origin.try_read().await
    }
    let cache = Cache::builder().build().unwrap();
    let origin = Origin::new();
    origin.fail(true);
    assert_eq!((row(&cache, &origin).await, row(&cache, &origin).await), (Err(1), Err(1)));
    origin.fail(false);
    assert_eq!(row(&cache, &origin).refresh().await, Ok(1));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    assert_eq!(origin.reads(), 2);
}

/// An old value is preferred to an error.
#[tokio::test]
async fn an_old_value_is_preferred_to_a_kept_error() {
    #[cached(key = "row", ttl = "10s", stale_if_error = "60s", err_ttl = "5s", throttle = "1s", cache = cache, skip(cache, origin))]
    async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
        origin.try_read().await
    }
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        assert_eq!(row(&cache, &origin).await, Ok(1));
        clock.advance(seconds(10));
        origin.fail(true);
        for _ in 0..3 {
            let read = soon(row(&cache, &origin).traced()).await;
            assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
            turns().await;
            clock.advance(seconds(1));
        }
        clock.advance(seconds(60));
        assert_eq!(soon(row(&cache, &origin)).await, Err(1));
    }
}

#[cached(key = "even", ttl = "60s", cache_if = |n| n % 2 == 0, cache = cache, skip(cache, origin))]
async fn even(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

#[cached(key = "even", ttl = "60s", unless = |n| n % 2 == 1, cache = cache, skip(cache, origin))]
async fn not_odd(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

/// A rejected value is newer than the cached one, so the cached one is evicted in every process.
#[tokio::test]
async fn a_refresh_whose_value_is_rejected_evicts_the_old_one() {
    let clock = Clock::manual();
    for refused_by_unless in [false, true] {
        for cache in caches(&clock) {
            let origin = Origin::at(&clock);
            origin.set(2);
            assert_eq!(even(&cache, &origin).await, 2);
            turns().await;
            origin.set(3);
            let refreshed = match refused_by_unless {
                true => soon(not_odd(&cache, &origin).refresh()).await,
                false => soon(even(&cache, &origin).refresh()).await,
            };
            assert_eq!(refreshed, 3);
            turns().await;
            assert_eq!(even(&cache, &origin).peek().await.unwrap(), None);
            assert_eq!(soon(even(&cache, &origin)).await, 3);
        }
    }
}

#[tokio::test]
async fn a_rejected_value_is_still_one_load_for_all_waiters() {
    let (cache, origin) = (Cache::builder().build().unwrap(), Origin::new());
    origin.hold(1);
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { even(&cache, &origin).await })
        })
        .collect();
    origin.held().await;
    turns().await;
    origin.release(1);
    for read in reads {
        assert_eq!(soon(read).await.unwrap(), 1);
    }
    assert_eq!(origin.reads(), 1);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn a_skipped_call_neither_reads_nor_writes() {
    #[cached(key = "row", skip_if = *skipped, cache = cache, skip(cache, origin, skipped))]
    async fn row(cache: &Cache, origin: &Origin, skipped: &bool) -> u64 {
        origin.read().await
    }
    let (cache, origin) = (Cache::builder().build().unwrap(), Origin::new());
    assert_eq!(row(&cache, &origin, &true).traced().await.source, Source::Bypassed);
    assert_eq!(cache.stats().entries, 0);
    assert_eq!(row(&cache, &origin, &false).await, 1);
    origin.set(2);
    assert_eq!(row(&cache, &origin, &true).await, 2);
    assert_eq!(row(&cache, &origin, &false).traced().await.source, Source::Memory);
    assert_eq!(row(&cache, &origin, &false).await, 1);
}

/// Memory keeps the error. During an outage of the remote tier, the cache cannot ask whether it was evicted.
#[tokio::test]
async fn an_error_is_kept_while_the_remote_tier_is_away() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    gated.set_down(true);
    gated.set_linked(false);
    origin.fail(true);
    for _ in 0..20 {
        assert_eq!(soon(number(&cache, &origin)).await, Err(1));
    }
    assert_eq!(origin.reads(), 1);
}

#[cached(key = "shared", err_ttl = "60s", cache = cache, skip(cache, origin))]
async fn number(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

/// Two functions that share a key but not a type have separate values and separate failures.
#[tokio::test]
async fn a_kept_error_of_another_type_is_not_returned() {
    #[cached(key = "shared", err_ttl = "60s", cache = cache, skip(cache))]
    async fn word(cache: &Cache) -> Result<String, u64> {
        Ok("word".to_owned())
    }
    let (cache, origin) = (Cache::builder().build().unwrap(), Origin::new());
    origin.fail(true);
    assert_eq!(number(&cache, &origin).await, Err(1));
    assert_eq!(word(&cache).await, Ok("word".to_owned()));
}

/// A put follows the same rules as a load.
#[tokio::test]
async fn a_put_that_a_load_would_not_store_is_not_stored() {
    #[cached(key = "none", none_ttl = 0, cache = cache, skip(cache, origin))]
    async fn never(cache: &Cache, origin: &Origin) -> Option<u64> {
        some(origin).await
    }
    let (cache, origin) = (Cache::builder().build().unwrap(), Origin::new());
    never(&cache, &origin).put(None).await.unwrap();
    assert_eq!(never(&cache, &origin).await, Some(1));
    even(&cache, &origin).put(1).await.unwrap();
    assert_eq!(cache.get::<u64>("even").await.unwrap(), None);
}

/// `none_ttl` and `err_ttl` are the whole life of such an entry: there is no window after it.
#[tokio::test]
async fn absent_values_and_errors_have_no_windows() {
    #[cached(key = "absent", ttl = "60s", none_ttl = "10s", stale = "60s", stale_if_error = "1h", tti = "5s", cache = cache, skip(cache, origin))]
    async fn absent(cache: &Cache, origin: &Origin) -> Result<Option<u64>, u64> {
        Ok(Some(origin.try_read().await?).filter(|value| *value != 0))
    }
    #[cached(key = "failed", ttl = "60s", err_ttl = "10s", stale = "60s", stale_if_error = "1h", cache = cache, skip(cache, origin))]
    async fn failed(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
        origin.try_read().await
    }
    #[cached(each = "id in ids", key = "each:{id}", ttl = "60s", none_ttl = "10s", stale = "60s", cache = cache, skip(cache, origin))]
    async fn each(cache: &Cache, origin: &Origin, ids: &[u64]) -> Vec<(u64, u64)> {
        let value = origin.read().await;
        if value == 0 { Vec::new() } else { ids.iter().map(|id| (*id, value)).collect() }
    }
    let clock = Clock::manual();
    for put in [false, true] {
        for cache in caches(&clock) {
            let origin = Origin::at(&clock);
            origin.set(0);
            match put {
                true => absent(&cache, &origin).put(None).await.unwrap(),
                false => assert_eq!(soon(absent(&cache, &origin)).await, Ok(None)),
            }
            assert_eq!(soon(each(&cache, &origin, &[1])).await, []);
            turns().await;
            clock.advance(seconds(10) - Duration::from_millis(1));
            origin.set(1);
            assert_eq!(soon(absent(&cache, &origin)).await, Ok(None));
            assert_eq!(soon(each(&cache, &origin, &[1])).await, []);
            clock.advance(Duration::from_millis(1));
            let read = soon(absent(&cache, &origin).traced()).await;
            assert_eq!((read.value, read.source), (Ok(Some(1)), Source::Loaded));
            assert_eq!(soon(each(&cache, &origin, &[1])).await, [(1, 1)]);
        }
    }
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        origin.set(0);
        assert_eq!(soon(absent(&cache, &origin)).await, Ok(None));
        turns().await;
        clock.advance(seconds(11));
        origin.fail(true);
        // There is no old value to fall back on.
        assert!(soon(absent(&cache, &origin)).await.is_err());
        assert!(soon(failed(&cache, &origin)).await.is_err());
        turns().await;
        clock.advance(seconds(10));
        origin.fail(false);
        origin.set(7);
        assert_eq!(soon(failed(&cache, &origin)).await, Ok(7));
    }
}

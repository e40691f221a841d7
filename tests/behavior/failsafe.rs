//! `stale_if_error`: the last good value while loads fail, until its window ends.

use std::time::Duration;

use larder::{Cache, Source, backend::MemoryBackend, cached, time::Clock};

use crate::gated::Gated;
use crate::origin::{Origin, pass, soon, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const JUST: Duration = Duration::from_millis(1);

#[cached(key = "row", ttl = "10s", stale_if_error = "60s", throttle = "5s", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

fn memory(clock: &Clock) -> Cache {
    Cache::builder().clock(clock.clone()).build().unwrap()
}

#[tokio::test]
async fn a_failing_load_returns_the_old_value_and_is_throttled() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    origin.fail(true);
    clock.advance(seconds(10));
    for load in 2..=5 {
        let read = row(&cache, &origin).traced().await;
        assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
        assert_eq!(origin.reads(), load);
        // No call retries before the throttle has passed.
        clock.advance(seconds(5) - JUST);
        for _ in 0..10 {
            assert_eq!(row(&cache, &origin).await, Ok(1));
        }
        assert_eq!(origin.reads(), load);
        clock.advance(JUST);
    }
    let stats = cache.stats();
    assert_eq!((stats.load_failures, stats.fail_safe_hits), (4, 44), "{stats:?}");
    // The origin works again: the next load that runs returns the new value.
    origin.fail(false);
    origin.set(2);
    let read = row(&cache, &origin).traced().await;
    assert_eq!((read.value, read.source), (Ok(2), Source::Loaded));
    assert_eq!(row(&cache, &origin).traced().await.source, Source::Memory);
}

#[tokio::test]
async fn the_window_of_an_old_value_is_not_renewed() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    origin.fail(true);
    clock.advance(seconds(10));
    for _ in 0..60 {
        assert_eq!(row(&cache, &origin).await, Ok(1));
        clock.advance(seconds(1));
    }
    // 70 seconds after its load the window has ended, however often the value was served.
    assert_eq!(row(&cache, &origin).await, Err(1));
    assert_eq!(row(&cache, &origin).await, Err(1), "and without it nothing is throttled");
    assert_eq!(origin.reads(), 1 + 12 + 2);
}

#[tokio::test]
async fn a_refresh_by_hand_says_that_it_failed() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    origin.fail(true);
    assert_eq!(row(&cache, &origin).refresh().await, Err(1));
    assert_eq!(row(&cache, &origin).traced().await.source, Source::Memory, "the old entry stays");
}

/// The old value does not return to the remote tier as a fresh one.
#[tokio::test]
async fn another_process_never_sees_the_old_value_as_fresh() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, origin) = (build(), build(), Origin::at(&clock));
    assert_eq!(row(&one, &origin).await, Ok(1));
    origin.fail(true);
    clock.advance(seconds(10));
    let read = soon(row(&one, &origin).traced()).await;
    assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
    turns().await;
    assert_eq!(row(&two, &origin).peek().await.unwrap(), None);
    // The other process loads, and falls back on the old value in the remote tier.
    let reads = origin.reads();
    let read = soon(row(&two, &origin).traced()).await;
    assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
    assert_eq!(origin.reads(), reads + 1);
    assert_eq!(read.age, seconds(10));
    // Its window ends at the same time.
    pass(&clock, seconds(60)).await;
    assert_eq!(soon(row(&two, &origin)).await, Err(1));
    turns().await;
    assert_eq!(soon(row(&one, &origin)).await, Err(1));
}

/// A new process has nothing in memory, and perhaps no memory tier.
#[tokio::test]
async fn a_fresh_process_falls_back_on_the_remote_tiers_old_value() {
    for memory in [true, false] {
        let clock = Clock::manual();
        let backend = MemoryBackend::with_clock(clock.clone());
        let build = || Cache::builder().clock(clock.clone()).remote(backend.clone());
        let origin = Origin::at(&clock);
        assert_eq!(row(&build().build().unwrap(), &origin).await, Ok(1));
        origin.fail(true);
        clock.advance(seconds(30));
        let cache = if memory { build() } else { build().no_memory() }.build().unwrap();
        for _ in 0..3 {
            let read = soon(row(&cache, &origin).traced()).await;
            assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe), "memory: {memory}");
            turns().await;
        }
        // If memory keeps the old value, its load is throttled.
        assert_eq!(origin.reads(), if memory { 2 } else { 4 }, "memory: {memory}");
    }
}

/// The waiters of a failed load get the old value too.
#[tokio::test]
async fn waiters_get_the_old_value_too() {
    let clock = Clock::manual();
    let (cache, origin) = (memory(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    clock.advance(seconds(10));
    origin.fail(true);
    origin.hold(1);
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { row(&cache, &origin).traced().await })
        })
        .collect();
    origin.held().await;
    turns().await;
    origin.release(1);
    for read in reads {
        let read = soon(read).await.unwrap();
        assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
    }
    assert_eq!(origin.reads(), 2);
}

/// A sync function has a fail-safe too.
#[test]
fn a_sync_function_serves_the_old_value_too() {
    #[cached(key = "row", ttl = "10s", stale_if_error = "60s", cache = cache, skip(cache, ok))]
    fn blocking(cache: &Cache, ok: bool) -> Result<u64, ()> {
        if ok { Ok(1) } else { Err(()) }
    }
    let clock = Clock::manual();
    let cache = memory(&clock);
    assert_eq!(blocking(&cache, true), Ok(1));
    clock.advance(seconds(10));
    assert_eq!(blocking(&cache, false), Ok(1));
    clock.advance(seconds(60));
    assert_eq!(blocking(&cache, false), Err(()));
}

/// Memory may have an older value than the one that was just read from the remote tier.
#[tokio::test]
async fn of_two_old_values_the_newer_one_is_served() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (one, two, origin) = (gated.cache(&clock), gated.cache(&clock), Origin::at(&clock));
    assert_eq!(row(&one, &origin).await, Ok(1));
    clock.advance(seconds(15));
    origin.set(2);
    assert_eq!(row(&two, &origin).await, Ok(2));
    clock.advance(seconds(15));
    origin.fail(true);
    assert_eq!(soon(row(&one, &origin)).await, Ok(2));
}

/// An outage affects the store and the bus together: the value in memory cannot be verified, but there is no other one.
#[tokio::test]
async fn the_throttle_applies_while_the_remote_tier_is_down() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    clock.advance(seconds(10));
    gated.set_down(true);
    gated.set_linked(false);
    origin.fail(true);
    for _ in 0..20 {
        assert_eq!(soon(row(&cache, &origin)).await, Ok(1));
    }
    assert_eq!(origin.reads(), 2);
}

/// After a short loss of the bus, memory does not trust its copy. The old value from the store is served, and throttles
/// loads.
#[tokio::test]
async fn the_throttle_applies_after_the_bus_was_down() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    assert_eq!(row(&cache, &origin).await, Ok(1));
    clock.advance(seconds(10));
    gated.set_linked(false);
    gated.set_linked(true);
    origin.fail(true);
    for _ in 0..20 {
        assert_eq!(soon(row(&cache, &origin)).await, Ok(1));
    }
    assert_eq!(origin.reads(), 2);
}

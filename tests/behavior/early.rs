//! `early_refresh`: one of the readers refreshes a value before it expires, and no reader waits.

use std::time::Duration;

use larder::{Cache, Policy, Source, cached, time::Clock};

use crate::origin::{Origin, landed, soon, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cached(key = "row:{id}", ttl = "100s", early_refresh = 1.0, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await
}

/// How many of a thousand entries, whose loads take ten seconds, are refreshed by a reader `left` before their expiry.
async fn refreshed(left: Duration, by_hand: bool) -> u64 {
    let clock = Clock::manual();
    let memory = larder::Memory::max_entries(10_000);
    let cache = Cache::builder().clock(clock.clone()).memory(memory).seed(7).build().unwrap();
    let origin = Origin::at(&clock);
    let policy = Policy::new().ttl(seconds(100)).early_refresh(1.0);
    for id in 0..1_000 {
        // Each entry has its own times: the clock advances with every load.
        origin.take(seconds(10));
        let read = async || match by_hand {
            true => {
                let load = origin.clone();
                let load = || async move { load.try_read().await };
                cache.entry(format!("row:{id}")).policy(policy).or_refresh(load).await.unwrap()
            }
            false => row(&cache, &origin, id).await,
        };
        read().await;
        origin.take(Duration::ZERO);
        clock.advance(seconds(100) - left);
        read().await;
        turns().await;
    }
    landed(&cache).await;
    assert_eq!(cache.stats().early_refreshes, origin.reads() - 1_000);
    cache.stats().early_refreshes
}

/// P = exp(-left / (cost * beta)).
#[tokio::test]
async fn readers_refresh_with_the_probability_of_the_paper() {
    for (left, expected) in [(5, 607), (10, 368), (20, 135)] {
        let found = refreshed(seconds(left), true).await;
        assert!(found.abs_diff(expected) < 50, "{left} s: {found} for {expected}");
    }
}

#[tokio::test]
async fn readers_of_attributed_functions_do_so_too() {
    for (left, expected) in [(5, 607), (10, 368), (20, 135)] {
        let found = refreshed(seconds(left), false).await;
        assert!(found.abs_diff(expected) < 50, "{left} s: {found} for {expected}");
    }
}

#[cached(key = "eager", ttl = "100s", early_refresh = 1000000000000.0, cache = cache, skip(cache, origin))]
async fn eager(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

#[tokio::test]
async fn no_reader_waits_and_one_refresh_runs() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.take(seconds(1));
    assert_eq!(eager(&cache, &origin).await, Ok(1));
    origin.take(Duration::ZERO);
    origin.set(2);
    origin.hold(1);
    for _ in 0..20 {
        let read = soon(eager(&cache, &origin).traced()).await;
        assert_eq!((read.value, read.source), (Ok(1), Source::Memory));
    }
    origin.held().await;
    origin.release(1);
    landed(&cache).await;
    assert_eq!((origin.reads(), cache.stats().early_refreshes), (2, 1));
    // The refresh cost nothing, so no reader refreshes early again.
    for _ in 0..20 {
        assert_eq!(soon(eager(&cache, &origin)).await, Ok(2));
    }
    turns().await;
    assert_eq!(origin.reads(), 2);
}

#[tokio::test]
async fn an_early_refresh_that_fails_keeps_the_value_and_is_throttled() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.take(seconds(1));
    assert_eq!(eager(&cache, &origin).await, Ok(1));
    origin.take(Duration::ZERO);
    origin.fail(true);
    for tries in 2..5 {
        for _ in 0..10 {
            assert_eq!(soon(eager(&cache, &origin)).await, Ok(1));
            turns().await;
        }
        assert_eq!(origin.reads(), tries);
        clock.advance(seconds(1));
    }
}

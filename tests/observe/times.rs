//! How long loads and reads take, by a clock that the tests advance.

use std::time::Duration;

use larder::{Cache, Policy, time::Clock};

use crate::origin::{Origin, landed, soon, turns};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn near(found: Option<Duration>, wanted: Duration) -> bool {
    let found = found.unwrap().as_secs_f64();
    (found - wanted.as_secs_f64()).abs() <= wanted.as_secs_f64() * 0.0625
}

#[tokio::test]
async fn percentiles_are_those_of_the_loads() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    for id in 0..100 {
        // 98 loads of 10 ms, and two of 4 s.
        origin.take(if id < 98 { ms(10) } else { ms(4_000) });
        let load = || async { origin.try_read().await };
        cache.get_or_load(format!("row:{id}"), load).await.unwrap();
        // Hits are not measured as loads.
        cache.get_or_load(format!("row:{id}"), load).await.unwrap();
    }
    let stats = cache.stats();
    for timing in [&stats.load_time, &stats.response_time] {
        assert_eq!(timing.count(), 100, "{stats:?}");
        assert_eq!(timing.total(), ms(98 * 10 + 2 * 4_000));
        assert_eq!(timing.average(), Some(timing.total() / 100));
        assert!(near(timing.p50(), ms(10)), "{:?}", timing.p50());
        assert!(near(timing.p99(), ms(4_000)), "{:?}", timing.p99());
        assert!(near(timing.quantile(0.98), ms(10)) && near(timing.quantile(0.0), ms(10)));
    }
    assert_eq!(Cache::builder().build().unwrap().stats().load_time.p99(), None);
}

#[tokio::test]
async fn failed_loads_take_time_too() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.fail(true);
    origin.take(ms(500));
    cache.get_or_load("row", || origin.try_read()).await.unwrap_err();
    let stats = cache.stats();
    assert_eq!((stats.load_time.count(), stats.load_failures), (1, 1));
    assert!(near(stats.load_time.p50(), ms(500)));
}

/// A caller that waits for another caller's load has waited; the load counts once.
#[tokio::test]
async fn the_response_time_is_the_wait_of_the_caller() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.hold(1);
    let read = || {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move {
            let load = move || async move { origin.try_read().await };
            cache.entry("row").policy(Policy::new()).or_refresh(load).await.unwrap()
        })
    };
    let first = read();
    origin.held().await;
    clock.advance(ms(300));
    let second = read();
    turns().await;
    clock.advance(ms(100));
    origin.release(1);
    soon(first).await.unwrap();
    soon(second).await.unwrap();
    landed(&cache).await;
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.misses, stats.coalesced), (1, 1, 1), "{stats:?}");
    assert!(near(stats.load_time.p50(), ms(400)), "{stats:?}");
    assert_eq!(stats.response_time.count(), 2);
    assert!(near(stats.response_time.quantile(0.5), ms(100)), "{stats:?}");
    assert!(near(stats.response_time.quantile(1.0), ms(400)), "{stats:?}");
}

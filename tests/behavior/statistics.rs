//! The meaning of the counters: each read is a hit or a miss, and only reads are counted.

use std::time::Duration;

use larder::{Cache, Policy, cached, time::Clock};

use crate::origin::{Origin, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One read that loads, and one after the ttl, while the origin is down.
async fn two_reads(policy: Policy) -> larder::stats::Stats {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    for _ in 0..2 {
        let read = origin.clone();
        let load = || async move { read.try_read().await };
        assert_eq!(cache.entry("row").policy(policy.ttl(seconds(1))).or_refresh(load).await, Ok(1));
        turns().await;
        origin.fail(true);
        clock.advance(seconds(2));
    }
    assert_eq!(origin.reads(), 2);
    cache.stats()
}

#[tokio::test]
async fn a_refresh_in_the_background_is_not_counted_as_a_read() {
    let stats = two_reads(Policy::new().stale(seconds(60))).await;
    assert_eq!((stats.misses, stats.stale_hits, stats.hits()), (1, 1, 1), "{stats:?}");
    assert_eq!(stats.load_failures, 1, "{stats:?}");
}

#[tokio::test]
async fn a_read_that_falls_back_on_an_old_value_is_a_hit_and_not_a_miss() {
    let stats = two_reads(Policy::new().stale_if_error(seconds(60))).await;
    assert_eq!((stats.misses, stats.fail_safe_hits, stats.hits()), (1, 1, 1), "{stats:?}");
}

#[tokio::test]
async fn a_kept_error_is_not_listed_as_a_key() {
    #[cached(key = "row", err_ttl = "1m", cache = cache, skip(cache))]
    async fn row(cache: &Cache) -> Result<u64, String> {
        Err("down".to_owned())
    }
    let cache = Cache::builder().build().unwrap();
    row(&cache).await.unwrap_err();
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
}

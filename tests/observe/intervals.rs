//! Intervals of `refresh_every` that have no effect are reported once, by hand and for functions.

use std::time::Duration;

use larder::{Cache, Error, Policies, Policy, Source, Tiers, cached, time::Clock};
use tracing::Level;

use crate::subscriber::Log;

const MINUTE: Duration = Duration::from_secs(60);

fn cache() -> Cache {
    Cache::builder().clock(Clock::manual()).build().unwrap()
}

async fn load() -> Result<u64, Error> {
    Ok(1)
}

#[tokio::test]
async fn an_interval_that_the_entry_excludes_is_refused() {
    let (log, _guard) = Log::listen();
    let cache = cache();
    let hour = Policy::new().ttl(60 * MINUTE);
    let with_policies = self::cache();
    with_policies.set_policies(Policies::new().all(hour)).unwrap();
    for cache in [&cache, &with_policies] {
        for _ in 0..2 {
            let late = cache.entry("late").policy(hour).ttl("1m");
            assert_eq!(late.or_refresh_every(MINUTE, load).await.unwrap(), 1);
            let elsewhere = cache.entry("elsewhere").ttl("1h").tiers(Tiers::Remote);
            assert_eq!(elsewhere.or_refresh_every(MINUTE, load).await.unwrap(), 1);
        }
        for key in ["late", "elsewhere"] {
            assert_eq!(cache.get::<u64>(key).await.unwrap(), None, "it ran uncached");
        }
    }
    let late = "refresh_every: must be shorter than `ttl`, because a value that has expired is not refreshed";
    assert_eq!(log.said(Level::ERROR, late), 1);
    assert_eq!(log.said(Level::ERROR, "needs a value that memory serves"), 1);

    let entry = cache.entry("good").policy(hour.refresh_every(90 * MINUTE)).ttl("1h");
    entry.or_refresh_every(MINUTE, load).await.unwrap();
    assert_eq!(cache.get::<u64>("good").await.unwrap(), Some(1));
}

#[tokio::test]
async fn an_interval_above_the_default_ttl_is_reported() {
    #[cached(key = "defaults", refresh_every = "7m", cache = cache, skip(cache))]
    async fn defaults(cache: &Cache) -> u64 {
        1
    }

    let (log, _guard) = Log::listen();
    let cache = cache();
    let reported =
        || log.said(Level::ERROR, "of the cache, 420s, because a value that has expired");
    cache.set_default_ttl(421 * MINUTE / 60).unwrap();
    defaults(&cache).await;
    cache.entry("k").or_refresh_every(7 * MINUTE, load).await.unwrap();
    assert_eq!(reported(), 0);

    cache.set_default_ttl(7 * MINUTE).unwrap();
    cache.clear().await.unwrap();
    for _ in 0..2 {
        defaults(&cache).refresh().await;
        cache.entry("k").refresh().or_refresh_every(7 * MINUTE, load).await.unwrap();
    }
    assert_eq!(log.said(Level::ERROR, "refresh_every: loads by hand: 420s must be shorter"), 1);
    assert_eq!(
        log.said(Level::ERROR, "::defaults`: 420s must be shorter than the `default_ttl`"),
        1
    );
    assert_eq!(reported(), 2);
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1), "it is cached");
    // A call with its own time to live knows what it does.
    defaults(&cache).refresh().ttl("1m").await;
    assert_eq!(reported(), 2);
}

#[tokio::test]
async fn a_policy_that_ends_a_schedule_is_reported() {
    #[cached(key = "short", ttl = "10m", refresh_every = "8m", cache = cache, skip(cache))]
    async fn short(cache: &Cache) -> u64 {
        1
    }

    let (log, _guard) = Log::listen();
    let cache = cache();
    let rule = |minutes| Policies::new().function("*::short", Policy::new().ttl(minutes * MINUTE));
    cache.set_policies(rule(9)).unwrap();
    short(&cache).await;
    assert_eq!(log.said(Level::ERROR, "::short`"), 0);
    cache.set_policies(rule(2)).unwrap();
    short(&cache).refresh().await;
    short(&cache).refresh().await;
    assert_eq!(short(&cache).traced().await.source, Source::Memory);
    let told = "::short`: 480s must be shorter than the `ttl` of the cache's policies, 120s";
    assert_eq!(log.said(Level::ERROR, told), 1);
}

#[tokio::test]
async fn a_policy_for_one_function_without_an_interval_is_reported() {
    #[cached(key = "plain", ttl = "10m", cache = cache, skip(cache))]
    async fn plain(cache: &Cache) -> u64 {
        1
    }

    let (log, _guard) = Log::listen();
    let cache = cache();
    let rule = |path: &str| Policies::new().function(path, Policy::new().refresh_every(MINUTE));
    cache.set_policies(rule("*")).unwrap();
    plain(&cache).await;
    assert_eq!(log.said(Level::ERROR, "::plain`"), 0, "a pattern is for those that have one");
    let functions = cache.stats_by_function();
    cache.set_policies(rule(functions[0].function.as_str())).unwrap();
    plain(&cache).refresh().await;
    plain(&cache).refresh().await;
    assert_eq!(log.said(Level::ERROR, "::plain`: its attribute has none"), 1);
    assert_eq!(plain(&cache).traced().await.source, Source::Memory, "it is cached");
}

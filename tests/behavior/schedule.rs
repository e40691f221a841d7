//! Scheduled evictions, by a clock that tests advance.

use std::time::Duration;

use larder::{Cache, Error, Invalidation, Policy, time::Clock};

use crate::support::eventually;

const MINUTE: Duration = Duration::from_secs(60);
const JUST: Duration = Duration::from_millis(1);

fn cache(clock: &Clock) -> Cache {
    Cache::builder().clock(clock.clone()).build().unwrap()
}

async fn fill(cache: &Cache) {
    cache.entry("tagged").policy(Policy::new().tags(&["reports"])).insert(1u64).await.unwrap();
    cache.insert("ranking:1", 1u64).await.unwrap();
    cache.insert("kept", 1u64).await.unwrap();
}

async fn keys(cache: &Cache) -> Vec<String> {
    cache.keys("*").await.unwrap()
}

/// Lets every task run as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn list() -> Invalidation {
    Invalidation::new().tag("reports").pattern("ranking:*")
}

#[tokio::test]
async fn it_evicts_after_each_interval_and_not_before() {
    let clock = Clock::manual();
    let cache = cache(&clock);
    let schedule = cache.every(MINUTE, list()).unwrap();
    assert_eq!(schedule.interval(), MINUTE);
    for _ in 0..3 {
        fill(&cache).await;
        clock.advance(MINUTE - JUST);
        settle().await;
        assert_eq!(keys(&cache).await.len(), 3);
        clock.advance(JUST);
        settle().await;
        assert_eq!(keys(&cache).await, ["kept"]);
    }
}

#[tokio::test]
async fn it_stops_with_its_handle() {
    let clock = Clock::manual();
    let cache = cache(&clock);
    fill(&cache).await;
    let schedule = cache.every(MINUTE, list()).unwrap();
    settle().await;
    clock.advance(MINUTE);
    // The next eviction is due, but the handle is dropped first.
    drop(schedule);
    settle().await;
    clock.advance(10 * MINUTE);
    settle().await;
    assert_eq!(keys(&cache).await.len(), 3);
}

#[tokio::test]
async fn a_kept_schedule_runs_until_the_cache_is_dropped() {
    let clock = Clock::manual();
    let (cache, other) = (cache(&clock), cache(&clock));
    let both = list().cache(&cache).key("own").cache(&other).key("other");
    cache.every(MINUTE, both).unwrap().keep();
    fill(&cache).await;
    for _ in 0..2 {
        cache.insert("own", 1u64).await.unwrap();
        other.insert("other", 1u64).await.unwrap();
        clock.advance(MINUTE);
        settle().await;
        assert_eq!((keys(&cache).await, keys(&other).await.len()), (vec!["kept".to_owned()], 0));
    }
    // A list that names its own cache does not keep it alive.
    drop(cache);
    other.insert("other", 1u64).await.unwrap();
    clock.advance(MINUTE);
    settle().await;
    clock.advance(MINUTE);
    settle().await;
    assert_eq!(keys(&other).await, ["other"]);
}

#[tokio::test]
async fn a_transaction_does_not_defer_it() {
    let clock = Clock::manual();
    let cache = cache(&clock);
    fill(&cache).await;
    let begun: Result<larder::future::ScheduleGuard, ()> = larder::transaction(async {
        let schedule = cache.every(MINUTE, list()).unwrap();
        settle().await;
        clock.advance(MINUTE);
        settle().await;
        Ok(schedule)
    })
    .await;
    assert_eq!(keys(&cache).await, ["kept"]);
    drop(begun);
}

#[tokio::test]
async fn invalid_schedules_are_rejected_with_the_field() {
    let cache = Cache::builder().build().unwrap();
    let refused = |interval, list| match cache.every(interval, list) {
        Err(Error::Config { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Duration::ZERO, list()), "interval");
    assert_eq!(refused(Duration::from_micros(1), list()), "interval");
    assert_eq!(refused(MINUTE, Invalidation::new()), "list");
}

#[tokio::test]
async fn by_the_real_clock_too() {
    let cache = Cache::builder().build().unwrap();
    fill(&cache).await;
    let _schedule = cache.every(Duration::from_millis(5), list()).unwrap();
    eventually("evicted", async || keys(&cache).await == ["kept"]).await;
}

//! P4 across processes: if an eviction runs while a caller waits for another process's load, the caller starts over. It
//! does not take the lease of a load that the other process begins after the eviction.

use std::time::Duration;

use larder::{Cache, Policy, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::After;
use crate::gated::Gated;
use crate::origin::{Origin, landed, soon, soon_at, turns};

const LONG: Policy = Policy::new().ttl(Duration::from_secs(3_600)).tags(&["rows"]);
const KEPT: Policy = Policy::new()
    .ttl(Duration::from_secs(1))
    .stale_if_error(Duration::from_secs(3_600))
    .tags(&["rows"]);

fn reader(cache: &Cache, origin: &Origin, policy: Policy) -> JoinHandle<Result<u64, u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    let load = || async move { origin.try_read().await };
    tokio::spawn(async move { cache.entry("row").policy(policy).or_load(load).await })
}

/// Advances the clock by more than any pause between two polls of another process's lease.
async fn look_again(clock: &Clock) {
    for _ in 0..40 {
        clock.advance(Duration::from_millis(10));
        turns().await;
    }
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

async fn evict(cache: &Cache, how: &str) {
    let done = async {
        match how {
            "key" => cache.remove("row").await.map(drop),
            "pattern" => cache.evict_pattern("r*").await.map(drop),
            "tag" => cache.evict_tag("rows").await,
            _ => cache.clear().await,
        }
    };
    soon(done).await.unwrap();
}

/// An eviction, by this process or another one, reaches a process that waits for another process's load. The value that
/// it then loads itself is stored; the value of the other process is not.
#[tokio::test]
async fn a_load_after_a_wait_with_an_eviction_is_stored() {
    for how in ["key", "pattern", "tag", "clear"] {
        for by_the_waiter in [false, true] {
            let what = format!("{how}, by the waiter: {by_the_waiter}");
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
            let third = gated.another().cache(&clock);
            let origin = Origin::at(&clock);
            origin.hold(1);
            let loads = reader(&one, &origin, LONG);
            origin.held().await;
            let waits = reader(&two, &origin, LONG);
            look_again(&clock).await;
            assert_eq!(origin.reads(), 1, "{what}: it waits");
            evict(if by_the_waiter { &two } else { &third }, how).await;
            origin.set(2);
            if how == "tag" {
                // This eviction does not end the lease: the caller still waits for the other process.
                origin.release(1);
                assert_eq!(soon(loads).await.unwrap(), Ok(1), "{what}");
                assert_eq!(soon_at(&clock, waits).await.unwrap(), Ok(2), "{what}");
            } else {
                assert_eq!(soon_at(&clock, waits).await.unwrap(), Ok(2), "{what}");
                origin.release(1);
                assert_eq!(soon(loads).await.unwrap(), Ok(1), "{what}");
            }
            landed(&one).await;
            turns().await;
            for cache in [&one, &two, &third] {
                assert_eq!(found(cache).await, Some(2), "{what}");
            }
            assert_eq!(origin.reads(), 2, "{what}");
        }
    }
}

/// Evictions invalidate each value that the other process stores while this one waits. The load that the other process
/// begins after the last eviction continues.
#[tokio::test]
async fn a_load_that_begins_after_an_eviction_is_waited_for() {
    for how in ["tag", "clear"] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        origin.hold(3);
        let mut loads = reader(&one, &origin, LONG);
        origin.held().await;
        let waits = reader(&two, &origin, LONG);
        look_again(&clock).await;
        for value in 2..=3 {
            evict(&two, how).await;
            origin.set(value);
            origin.release(1);
            assert_eq!(soon(loads).await.unwrap(), Ok(value - 1), "{how}");
            // The next load begins before the other process polls again.
            loads = reader(&one, &origin, LONG);
            origin.held().await;
            look_again(&clock).await;
            assert_eq!(origin.reads(), value, "{how}: it waits");
        }
        origin.release(1);
        assert_eq!(soon(loads).await.unwrap(), Ok(3), "{how}");
        assert_eq!(soon_at(&clock, waits).await.unwrap(), Ok(3), "{how}");
        assert_eq!((found(&one).await, found(&two).await), (Some(3), Some(3)), "{how}");
        assert_eq!(origin.reads(), 3, "{how}");
    }
}

/// The value is on its way when it is evicted: it is not kept.
#[tokio::test]
async fn a_value_that_was_sent_before_an_eviction_is_not_kept() {
    for how in ["key", "pattern", "tag", "clear"] {
        let clock = Clock::manual();
        let (gated, theirs) = {
            let gated = Gated::leased(&clock);
            (gated.another(), gated)
        };
        let (one, two) = (theirs.cache(&clock), gated.cache(&clock));
        let origin = Origin::at(&clock);
        origin.hold(1);
        let loads = reader(&one, &origin, LONG);
        origin.held().await;
        let waits = reader(&two, &origin, LONG);
        look_again(&clock).await;
        origin.release(1);
        assert_eq!(soon(loads).await.unwrap(), Ok(1), "{how}");
        landed(&one).await;
        turns().await;
        let answer = gated.hold(After("acquire"));
        soon_at(&clock, answer.arrived()).await;
        evict(&two, how).await;
        origin.set(2);
        answer.open();
        let waited = soon_at(&clock, waits).await.unwrap();
        assert_eq!((found(&two).await, waited), (Some(2), Ok(2)), "{how}");
    }
}

/// An old value that was found before an eviction is not served if a load after it fails.
#[tokio::test]
async fn an_old_value_from_before_an_eviction_is_not_served_after_a_wait() {
    for how in ["key", "pattern", "tag", "clear"] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let one = gated.cache(&clock);
        // This cache finds the old value only in the store.
        let two = gated.another().cache_without_memory(&clock);
        let origin = Origin::at(&clock);
        soon(one.entry("row").policy(KEPT).insert(1u64)).await.unwrap();
        clock.advance(Duration::from_secs(2));
        origin.hold(1);
        let loads = reader(&one, &origin, KEPT);
        origin.held().await;
        origin.fail(true);
        origin.set(2);
        let waits = reader(&two, &origin, KEPT);
        look_again(&clock).await;
        assert_eq!(origin.reads(), 1, "{how}: it waits");
        evict(&two, how).await;
        if how == "tag" {
            loads.abort();
        }
        assert_eq!(soon_at(&clock, waits).await.unwrap(), Err(2), "{how}");
    }
}

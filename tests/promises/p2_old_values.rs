//! Reads that take old values, and loads that get them: what was evicted is neither served nor given to a load.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::{Cache, Policy, Source, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::After;
use crate::gated::Gated;
use crate::origin::{Origin, soon, soon_at};
use crate::tiers::every;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const KEPT: Policy = Policy::new().ttl(MINUTE).stale_if_error(MINUTE).tags(&["rows"]);
const REFRESHED: Policy = KEPT.stale(SECOND);

#[cached(key = "row", policy = REFRESHED, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

/// The previous values that loads got.
type Seen = Arc<Mutex<Vec<Option<u64>>>>;

#[cached(key = "row", policy = REFRESHED, cache = cache, skip(cache, origin, seen), previous = old)]
async fn again(cache: &Cache, origin: &Origin, seen: &Seen) -> Result<u64, u64> {
    seen.lock().unwrap().push(old);
    match origin.try_read().await {
        Ok(0) => Ok(old.unwrap_or(0)),
        other => other,
    }
}

fn seen(seen: &Seen) -> Vec<Option<u64>> {
    std::mem::take(&mut *seen.lock().unwrap())
}

async fn put(cache: &Cache, value: u64) {
    cache.entry("row").policy(KEPT).insert(value).await.unwrap();
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

async fn stale(cache: &Cache) -> Option<u64> {
    soon(cache.entry("row").policy(KEPT).accept_stale().get()).await.unwrap()
}

#[tokio::test]
async fn a_read_by_hand_can_take_old_values() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (name, cache) = (tiers.name, &tiers.cache);
        assert_eq!(stale(cache).await, None, "{name}: there is none");
        put(cache, 1).await;
        assert_eq!(stale(cache).await, Some(1), "{name}: fresh");
        clock.advance(MINUTE + SECOND);
        assert_eq!((found(cache).await, stale(cache).await), (None, Some(1)), "{name}: old");
        let accepting = || cache.entry("row").policy(KEPT).accept_stale();
        let load = || async { Ok::<u64, ()>(2) };
        let read = accepting().traced().or_load(load).await;
        assert_eq!((read.value, read.source), (Ok(1), Source::Stale), "{name}: nothing is loaded");
        clock.advance(MINUTE);
        assert_eq!(stale(cache).await, None, "{name}: too old");
        assert_eq!(accepting().or_load(load).await, Ok(2), "{name}: then it loads");
        assert_eq!(
            accepting().refresh().or_load(|| async { Ok::<u64, ()>(3) }).await,
            Ok(3),
            "{name}"
        );

        cache.mark_stale("row").await.unwrap();
        assert_eq!((found(cache).await, stale(cache).await), (None, Some(3)), "{name}: marked");
        cache.mark_tag_stale("rows").await.unwrap();
        assert_eq!(stale(cache).await, Some(3), "{name}: its tag, too");
        cache.evict_tag("rows").await.unwrap();
        assert_eq!(stale(cache).await, None, "{name}: evicted");
        assert_eq!(accepting().or_load(load).await, Ok(2), "{name}: evicted");
        cache.remove("row").await.unwrap();
    }
}

/// The call gets the old value at once, and the value is refreshed once in the background.
#[tokio::test]
async fn a_call_can_take_old_values_and_refreshes_them() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        origin.set(1);
        assert_eq!(soon(row(cache, &origin)).await, Ok(1), "{name}");
        cache.mark_tag_stale("rows").await.unwrap();
        origin.set(2);
        origin.hold(1);
        for place in 0..2 {
            let read = soon(row(cache, &origin).accept_stale().traced()).await;
            assert_eq!((read.value, read.source), (Ok(1), Source::Stale), "{name}");
            if place == 0 {
                origin.held().await;
            }
        }
        origin.release(1);
        let fresh = async || {
            while found(cache).await != Some(2) {
                tokio::task::yield_now().await
            }
        };
        soon(fresh()).await;
        assert_eq!(origin.reads(), 2, "{name}: one refresh");
        cache.remove("row").await.unwrap();
        assert_eq!(soon(row(cache, &origin).accept_stale()).await, Ok(2), "{name}: loads");
        cache.remove("row").await.unwrap();
    }
}

/// While the store is away, and while it brings back an old value only.
#[tokio::test]
async fn old_values_of_the_store_are_taken() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, strict) = (gated.cache(&clock), gated.another().cache_without_memory(&clock));
    put(&cache, 1).await;
    clock.advance(MINUTE + SECOND);
    let reader = gated.another().cache(&clock);
    let load = || async { Err::<u64, ()>(()) };
    for (name, reader) in [("memory", &reader), ("strict", &strict)] {
        let read = reader.entry("row").policy(KEPT).accept_stale().or_load(load).await;
        assert_eq!(read, Ok(1), "{name}");
    }
    gated.set_down(true);
    assert_eq!(cache.entry("row").policy(KEPT).accept_stale().or_load(load).await, Ok(1));
    assert_eq!(stale(&cache).await, Some(1));
}

/// A caller without a memory tier does not wait for a load of its process either.
#[tokio::test]
async fn a_strict_read_of_an_old_value_waits_for_no_load() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let strict = gated.cache_without_memory(&clock);
    let origin = Origin::at(&clock);
    put(&strict, 1).await;
    clock.advance(MINUTE + 2 * SECOND);
    origin.set(2);
    origin.hold(1);
    let (loading, origin_) = (strict.clone(), origin.clone());
    let load: JoinHandle<_> = tokio::spawn(async move { row(&loading, &origin_).await });
    origin.held().await;
    assert_eq!(soon(row(&strict, &origin).accept_stale()).await, Ok(1));
    origin.release(1);
    assert_eq!(soon(load).await.unwrap(), Ok(2));
}

#[tokio::test]
async fn a_load_gets_the_previous_value_and_can_renew_it() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        let log = Seen::default();
        origin.set(1);
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(1), "{name}");
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(1), "{name}: a hit");
        assert_eq!(seen(&log), [None], "{name}: nothing was there");
        origin.set(0);
        clock.advance(MINUTE + 2 * SECOND);
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(1), "{name}: not modified");
        assert_eq!(seen(&log), [Some(1)], "{name}: the old one");
        clock.advance(MINUTE - SECOND);
        assert_eq!(found(cache).await, Some(1), "{name}: renewed for a whole ttl");
        origin.set(2);
        assert_eq!(soon(again(cache, &origin, &log).refresh()).await, Ok(2), "{name}");
        assert_eq!(seen(&log), [Some(1)], "{name}: the fresh one that a refresh replaces");
        cache.mark_all_stale().await.unwrap();
        origin.set(0);
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(2), "{name}: marked");
        assert_eq!(seen(&log), [Some(2)], "{name}");
        assert_eq!(found(cache).await, Some(2), "{name}: fresh again");
        for evicted in 0..3 {
            match evicted {
                0 => drop(cache.remove("row").await.unwrap()),
                1 => cache.evict_tag("rows").await.unwrap(),
                _ => cache.clear().await.unwrap(),
            }
            assert_eq!(soon(again(cache, &origin, &log).refresh()).await, Ok(0), "{name}");
            assert_eq!(seen(&log), [None], "{name}: an evicted value is given to no load");
        }
        assert_eq!(soon(again(cache, &origin, &log).bypass()).await, Ok(0), "{name}");
        assert_eq!(seen(&log), [None], "{name}: nor anything to a load beside the cache");
        let by_hand = cache.entry("row").policy(KEPT).refresh();
        let load = |old: Option<u64>| async move { Ok::<u64, ()>(old.unwrap() + 5) };
        assert_eq!(by_hand.or_load_with(load).await, Ok(5), "{name}: by hand");
        let by_hand = cache.entry("row").policy(KEPT).refresh();
        assert_eq!(by_hand.or_refresh_with(load).await, Ok(10), "{name}: by hand");
        cache.remove("row").await.unwrap();
    }
}

/// A stale value is served, and its refresh in the background gets it.
#[tokio::test]
async fn a_refresh_in_the_background_gets_the_value_that_it_replaces() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        let log = Seen::default();
        origin.set(1);
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(1), "{name}");
        clock.advance(MINUTE + SECOND / 2);
        origin.set(0);
        assert_eq!(soon(again(cache, &origin, &log)).await, Ok(1), "{name}: stale");
        let fresh = async || {
            while found(cache).await != Some(1) {
                tokio::task::yield_now().await
            }
        };
        soon(fresh()).await;
        assert_eq!(seen(&log), [None, Some(1)], "{name}");
        cache.remove("row").await.unwrap();
    }
}

/// The previous value was read before an eviction; the load returns it after that.
#[tokio::test]
async fn an_eviction_during_a_load_wins_over_its_previous_value() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        let log = Seen::default();
        put(cache, 1).await;
        clock.advance(MINUTE + 2 * SECOND);
        origin.set(0);
        origin.hold(1);
        let (cache_, origin_, log_) = (cache.clone(), origin.clone(), Arc::clone(&log));
        let load = tokio::spawn(async move { again(&cache_, &origin_, &log_).await });
        origin.held().await;
        soon_at(&clock, {
            let cache = cache.clone();
            async move { cache.remove("row").await }
        })
        .await
        .unwrap();
        origin.release(1);
        assert_eq!(soon_at(&clock, load).await.unwrap(), Ok(1), "{name}: its own caller");
        assert_eq!((found(cache).await, stale(cache).await), (None, None), "{name}");
    }
}

/// Another process evicts between the read of the previous value and the load.
#[tokio::test]
async fn a_previous_value_that_another_process_evicts_is_not_stored() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    let (origin, log) = (Origin::at(&clock), Seen::default());
    put(&other, 1).await;
    origin.set(0);
    let read = gated.hold(After("get"));
    let (cache_, origin_, log_) = (cache.clone(), origin.clone(), Arc::clone(&log));
    let load = tokio::spawn(async move { again(&cache_, &origin_, &log_).refresh().await });
    read.arrived().await;
    other.remove("row").await.unwrap();
    read.open();
    let loaded = soon(load).await.unwrap();
    assert_ne!(found(&cache).await, Some(1), "{loaded:?}, {:?}", seen(&log));
    assert_ne!(found(&gated.another().cache_without_memory(&clock)).await, Some(1));
}

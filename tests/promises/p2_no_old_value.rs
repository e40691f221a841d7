//! P2: if an eviction returns at time t, no read that starts after t returns a value whose load began before t. In each
//! case a load starts, an eviction runs, and the load finishes; the next read returns the new value.

use std::time::Duration;

use larder::{Cache, Policy, Source, backend::MemoryBackend, cached, time::Clock};

use crate::origin::{Origin, landed};
use crate::tiers::{self, Tiers};

#[cached(key = "row", tags = ["rows"], ttl = "1m", stale = "1h", skip(origin, cache), cache = cache)]
async fn row(origin: &Origin, cache: &Cache) -> u64 {
    origin.read().await
}

#[derive(Clone, Copy, Debug)]
enum How {
    Remove,
    Evict,
    Pattern,
    Tag,
    Clear,
    Put,
    Refresh,
}

const EVERY: [How; 7] =
    [How::Remove, How::Evict, How::Pattern, How::Tag, How::Clear, How::Put, How::Refresh];

async fn evict(how: How, origin: &Origin, cache: &Cache) {
    match how {
        How::Remove => drop(cache.remove("row").await.unwrap()),
        How::Evict => drop(row(origin, cache).evict().await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("r*w").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
        How::Put => row(origin, cache).put(2).await.unwrap(),
        How::Refresh => assert_eq!(row(origin, cache).refresh().await, 2),
    }
}

/// Releases the held load. Reads before and after its end return the new value.
async fn verdict(
    what: &str,
    how: How,
    origin: &Origin,
    cache: &Cache,
    old: tokio::task::JoinHandle<u64>,
) {
    // A read that starts after the eviction, while the old load is still under way.
    let during = row(origin, cache).await;
    assert_eq!(during, 2, "{what}, {how:?}: read while the old load is under way");
    origin.release(1);
    let _ = old.await.unwrap();
    assert_eq!(row(origin, cache).await, 2, "{what}, {how:?}: read after the old load ended");
}

#[tokio::test]
async fn a_foreground_load_stores_nothing_after_an_eviction() {
    for how in EVERY {
        for Tiers { name: tiers, cache, .. } in tiers::every(&Clock::manual()) {
            let origin = Origin::new();
            origin.hold(1);
            let old = tokio::spawn({
                let (origin, cache) = (origin.clone(), cache.clone());
                async move { row(&origin, &cache).await }
            });
            origin.held().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            verdict(&format!("foreground, {tiers}"), how, &origin, &cache, old).await;
        }
    }
}

#[tokio::test]
async fn a_waiter_that_comes_after_an_eviction_does_not_join_the_old_load() {
    for how in EVERY {
        for Tiers { name: tiers, cache, .. } in tiers::every(&Clock::manual()) {
            let origin = Origin::new();
            origin.hold(1);
            let spawn_read = || {
                let (origin, cache) = (origin.clone(), cache.clone());
                tokio::spawn(async move { row(&origin, &cache).await })
            };
            let old = spawn_read();
            origin.held().await;
            let early_waiter = spawn_read();
            tokio::task::yield_now().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            let late_waiter = spawn_read();
            assert_eq!(late_waiter.await.unwrap(), 2, "{tiers}, {how:?}");
            origin.release(1);
            old.await.unwrap();
            early_waiter.await.unwrap();
            assert_eq!(row(&origin, &cache).await, 2, "{tiers}, {how:?}");
        }
    }
}

#[tokio::test]
async fn a_stale_refresh_stores_nothing_after_an_eviction() {
    for how in EVERY {
        let clock = Clock::manual();
        for Tiers { name: tiers, cache, .. } in tiers::every(&clock) {
            if tiers == "remote" {
                continue; // Stale values are served from memory.
            }
            let origin = Origin::new();
            assert_eq!(row(&origin, &cache).await, 1);
            clock.advance(Duration::from_secs(61));
            origin.hold(1);
            let stale = row(&origin, &cache).traced().await;
            assert_eq!(stale.source, Source::Stale, "{tiers}");
            origin.held().await;
            origin.set(2);
            evict(how, &origin, &cache).await;
            let nothing = tokio::spawn(async { 0 });
            verdict(&format!("stale refresh, {tiers}"), how, &origin, &cache, nothing).await;
            // The refresh has ended when no load is in flight.
            landed(&cache).await;
            assert_eq!(row(&origin, &cache).await, 2, "{tiers}, {how:?}: after the refresh");
        }
    }
}

/// A load whose caller was dropped stores nothing either, and the eviction takes effect.
#[tokio::test]
async fn a_cancelled_load_stores_nothing() {
    for Tiers { name: tiers, cache, .. } in tiers::every(&Clock::manual()) {
        let origin = Origin::new();
        origin.hold(1);
        let old = tokio::spawn({
            let (origin, cache) = (origin.clone(), cache.clone());
            async move { row(&origin, &cache).await }
        });
        origin.held().await;
        old.abort();
        let _ = old.await;
        origin.set(2);
        assert_eq!(row(&origin, &cache).await, 2, "{tiers}");
        assert_eq!(cache.stats().in_flight, 0, "{tiers}: no ticket is left");
    }
}

/// An older load does not store over a newer refresh.
#[tokio::test]
async fn a_refresh_beats_the_load_before_it() {
    for Tiers { name: tiers, cache, .. } in tiers::every(&Clock::manual()) {
        let origin = Origin::new();
        origin.hold(1);
        let old = tokio::spawn({
            let (origin, cache) = (origin.clone(), cache.clone());
            async move { row(&origin, &cache).await }
        });
        origin.held().await;
        origin.set(2);
        assert_eq!(row(&origin, &cache).refresh().await, 2);
        origin.release(1);
        old.await.unwrap();
        assert_eq!(row(&origin, &cache).await, 2, "{tiers}");
        assert!(cache.stats().fenced >= 1, "{tiers}: the old fill was refused");
    }
}

/// A value that another cache (as another process) wrote with an old generation is not promoted.
#[tokio::test]
async fn a_promotion_respects_generations() {
    let backend = MemoryBackend::new();
    let one = Cache::builder().remote(backend.clone()).build().unwrap();
    let two = Cache::builder().remote(backend).build().unwrap();
    let tagged = Policy::new().tags(&["rows"]);
    one.entry("row").policy(tagged).insert(1u64).await.unwrap();
    assert_eq!(two.get::<u64>("row").await.unwrap(), Some(1));
    two.evict_tag("rows").await.unwrap();
    assert_eq!(one.get::<u64>("row").await.unwrap(), None);
    assert_eq!(two.get::<u64>("row").await.unwrap(), None);
    one.entry("row").policy(tagged).insert(2u64).await.unwrap();
    assert_eq!(two.get::<u64>("row").await.unwrap(), Some(2));
    two.clear().await.unwrap();
    assert_eq!(one.get::<u64>("row").await.unwrap(), None);
}

//! P2 and P4 for scheduled refreshes: an evicted key does not come back, a refresh under way stores nothing after an
//! eviction, and one process refreshes for all.

use std::time::Duration;

use larder::{Cache, Error, Source, cached, time::Clock};

use crate::origin::{Origin, landed, soon, soon_at, turns};
use crate::tiers::every;

const MINUTE: Duration = Duration::from_secs(60);

#[cached(key = "row:{id}", ttl = "10m", refresh_every = "1m", tags = ["rows"], cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    origin.try_read().await
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    Key,
    Tag,
    Pattern,
    All,
}

const REACHES: [Reach; 4] = [Reach::Key, Reach::Tag, Reach::Pattern, Reach::All];

async fn evict(cache: &Cache, reach: Reach) -> Result<(), Error> {
    match reach {
        Reach::Key => cache.remove("row:1").await.map(drop),
        Reach::Tag => cache.evict_tag("rows").await,
        Reach::Pattern => cache.evict_pattern("ro*").await.map(drop),
        Reach::All => cache.clear().await,
    }
}

/// Lets the next turns of all keys come and end.
async fn pass(clock: &Clock, cache: &Cache) {
    clock.advance(MINUTE);
    turns().await;
    landed(cache).await;
    turns().await;
}

#[tokio::test]
async fn an_evicted_key_does_not_come_back() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| REACHES.map(|reach| (tiers, reach)))
    {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        assert_eq!(row(cache, &origin, 1).await, Ok(1));
        landed(cache).await;
        evict(cache, reach).await.unwrap();
        pass(&clock, cache).await;
        assert_eq!(origin.reads(), 1, "{name} {reach:?}: nothing is refreshed");
        let found = soon(row(cache, &origin, 1).peek()).await.unwrap();
        assert_eq!(found, None, "{name} {reach:?}");
        // The next reader begins another schedule.
        origin.set(2);
        assert_eq!(row(cache, &origin, 1).await, Ok(2), "{name} {reach:?}");
        origin.set(3);
        pass(&clock, cache).await;
        assert_eq!(row(cache, &origin, 1).await, Ok(3), "{name} {reach:?}");
        assert_eq!(origin.reads(), 3, "{name} {reach:?}");
        cache.clear().await.unwrap();
    }
}

#[tokio::test]
async fn an_eviction_ends_a_refresh_that_is_under_way() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| REACHES.map(|reach| (tiers, reach)))
    {
        let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
        assert_eq!(row(cache, &origin, 1).await, Ok(1));
        landed(cache).await;
        origin.hold(1);
        clock.advance(MINUTE);
        origin.held().await;
        origin.set(2);
        soon_at(&clock, evict(cache, reach)).await.unwrap();
        origin.release(1);
        landed(cache).await;
        turns().await;
        let found = soon(row(cache, &origin, 1).peek()).await.unwrap();
        assert_eq!(found, None, "{name} {reach:?}: the refresh has read the old row");
        pass(&clock, cache).await;
        assert_eq!(origin.reads(), 2, "{name} {reach:?}: the schedule has ended");
        assert_eq!(row(cache, &origin, 1).await, Ok(2), "{name} {reach:?}");
        evict(cache, Reach::All).await.unwrap();
    }
}

#[tokio::test]
async fn an_eviction_elsewhere_counts_as_well() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let Some(store) = &tiers.store else { continue };
        let other = Cache::builder().clock(clock.clone()).remote(store.clone()).build().unwrap();
        for reach in REACHES {
            let (name, cache, origin) = (tiers.name, &tiers.cache, Origin::new());
            assert_eq!(row(cache, &origin, 1).await, Ok(1));
            landed(cache).await;
            evict(&other, reach).await.unwrap();
            turns().await;
            pass(&clock, cache).await;
            assert_eq!(origin.reads(), 1, "{name} {reach:?}");
            cache.clear().await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_process_refreshes_for_all() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let Some(store) = &tiers.store else { continue };
        let (name, origin) = (tiers.name, Origin::new());
        let other = Cache::builder().clock(clock.clone()).remote(store.clone()).build().unwrap();
        assert_eq!(row(&tiers.cache, &origin, 1).await, Ok(1));
        landed(&tiers.cache).await;
        assert_eq!(row(&other, &origin, 1).await, Ok(1));
        for value in 2..5 {
            origin.set(value);
            clock.advance(MINUTE);
            turns().await;
            landed(&tiers.cache).await;
            landed(&other).await;
            for cache in [&tiers.cache, &other] {
                let read = row(cache, &origin, 1).traced().await;
                assert_eq!(read.value, Ok(value), "{name}");
                assert_ne!(read.source, Source::Loaded, "{name}");
            }
            assert_eq!(origin.reads(), value, "{name}: one load for both");
        }
        // No one reads any more, and the two do not keep each other going.
        pass(&clock, &other).await;
        let reads = origin.reads();
        pass(&clock, &other).await;
        pass(&clock, &other).await;
        assert_eq!(origin.reads(), reads, "{name}");
    }
}

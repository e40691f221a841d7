//! P4: callers that request a refresh while one runs share the next one.

use larder::{Cache, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::origin::{Origin, landed, soon, soon_at, turns};
use crate::tiers::{self, Tiers};

#[cached(key = "row", ttl = "1h", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

fn refreshes(count: usize, cache: &Cache, origin: &Origin) -> Vec<JoinHandle<u64>> {
    let refresh = |_| {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move { row(&cache, &origin).refresh().await })
    };
    (0..count).map(refresh).collect()
}

#[tokio::test]
async fn fifty_refreshes_are_two_loads() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let first = refreshes(1, &cache, &origin);
        origin.held().await;
        let others = refreshes(49, &cache, &origin);
        turns().await;
        assert_eq!(origin.reads(), 1, "{name}: the others wait for the end of the first");
        origin.set(2);
        origin.release(1);
        for refresh in first {
            assert_eq!(soon(refresh).await.unwrap(), 1, "{name}");
        }
        for refresh in others {
            assert_eq!(soon(refresh).await.unwrap(), 2, "{name}: loaded after it was asked for");
        }
        assert_eq!(origin.reads(), 2, "{name}");
        assert_eq!(row(&cache, &origin).await, 2, "{name}");
        landed(&cache).await;
    }
}

/// Callers that arrive during the second refresh share the third: no caller gets a load that began before its call.
#[tokio::test]
async fn each_refresh_is_answered_by_a_load_that_began_after_it() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        let mut waves = Vec::new();
        for wave in 1..=4 {
            origin.hold(1);
            waves.push((wave, refreshes(10, &cache, &origin)));
            if wave > 1 {
                turns().await;
                assert_eq!(origin.reads(), wave - 1, "{name}");
                // The load of this wave reads a newer value.
                origin.set(wave);
                origin.release(1);
            }
            origin.held().await;
        }
        origin.release(1);
        for (wave, refreshes) in waves {
            for refresh in refreshes {
                let value = soon(refresh).await.unwrap();
                assert!(value >= wave, "{name}: {value} for one that was asked for in wave {wave}");
            }
        }
        assert!(origin.reads() <= 5, "{name}: {} loads", origin.reads());
        landed(&cache).await;
    }
}

#[tokio::test]
async fn a_refresh_does_not_wait_for_a_plain_load() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let load = {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { row(&cache, &origin).await })
        };
        origin.held().await;
        origin.set(2);
        for refresh in refreshes(1, &cache, &origin) {
            assert_eq!(soon(refresh).await.unwrap(), 2, "{name}");
        }
        origin.release(1);
        assert_eq!(soon(load).await.unwrap(), 1, "{name}");
        assert_eq!(row(&cache, &origin).await, 2, "{name}: the newer one is kept");
        landed(&cache).await;
    }
}

#[cached(key = "failing", cache = cache, skip(cache, origin))]
async fn failing(cache: &Cache, origin: &Origin) -> Result<u64, String> {
    origin.try_read().await.map_err(|_| "down".to_owned())
}

#[tokio::test]
async fn fifty_refreshes_that_fail_are_two_loads() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.fail(true);
        origin.hold(1);
        let refresh = |_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { failing(&cache, &origin).refresh().await })
        };
        let refreshes: Vec<_> = (0..50).map(refresh).collect();
        origin.held().await;
        turns().await;
        origin.release(1);
        for refresh in refreshes {
            assert_eq!(soon(refresh).await.unwrap(), Err("down".to_owned()), "{name}");
        }
        assert_eq!(origin.reads(), 2, "{name}");
        landed(&cache).await;
    }
}

/// The first refresh hangs; after its lease one of the queued callers leads.
#[tokio::test]
async fn refreshes_behind_one_that_hangs() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let first = refreshes(1, &cache, &origin);
        origin.held().await;
        let others = refreshes(10, &cache, &origin);
        turns().await;
        origin.set(2);
        clock.advance(std::time::Duration::from_secs(10));
        for refresh in others {
            assert_eq!(soon_at(&clock, refresh).await.unwrap(), 2, "{name}");
        }
        assert_eq!(origin.reads(), 2, "{name}");
        origin.release(1);
        for refresh in first {
            assert_eq!(soon(refresh).await.unwrap(), 1, "{name}");
        }
        assert_eq!(row(&cache, &origin).await, 2, "{name}: the late value is not kept");
        landed(&cache).await;
    }
}

/// The first refresh is dropped half-way; one of the queued callers leads.
#[tokio::test]
async fn refreshes_behind_one_that_is_dropped() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let first = refreshes(1, &cache, &origin);
        origin.held().await;
        let others = refreshes(10, &cache, &origin);
        turns().await;
        origin.set(2);
        first.into_iter().for_each(|first| first.abort());
        for refresh in others {
            assert_eq!(soon(refresh).await.unwrap(), 2, "{name}");
        }
        assert_eq!(origin.reads(), 2, "{name}");
        landed(&cache).await;
    }
}

/// An eviction runs during a refresh; a refresh requested after it does not wait.
#[tokio::test]
async fn a_refresh_after_an_eviction_does_not_queue() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let first = refreshes(1, &cache, &origin);
        origin.held().await;
        cache.remove("row").await.unwrap();
        origin.set(2);
        for refresh in refreshes(1, &cache, &origin) {
            assert_eq!(soon(refresh).await.unwrap(), 2, "{name}");
        }
        origin.release(1);
        for refresh in first {
            soon(refresh).await.unwrap();
        }
        assert_eq!(row(&cache, &origin).await, 2, "{name}");
        landed(&cache).await;
    }
}

//! `refresh_tag`, `refresh_pattern`, and `refresh` of a function's handle: keys in use are loaded again, the rest is stale.

use std::time::Duration;

use larder::{Cache, Error, Source, cached, function, time::Clock};

use crate::origin::{Origin, landed, turns};
use crate::refresh_every::three;

const MINUTE: Duration = Duration::from_secs(60);

#[cached(key = "row:{id}", ttl = "10m", refresh_every = "1m", tags = ["rows"], stale_if_error = "1m", cache = cache,
    skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    origin.try_read().await
}

/// Of the same tag, and not in use here.
#[cached(key = "row:of:{id}", ttl = "10m", tags = ["rows"], cache = cache, skip(cache, origin))]
async fn plain(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    origin.try_read().await
}

async fn filled(clock: &Clock) -> Vec<(&'static str, Cache, Origin)> {
    let mut all = Vec::new();
    for (name, cache) in three(clock) {
        let origin = Origin::new();
        for id in 0..3 {
            row(&cache, &origin, id).await.unwrap();
            plain(&cache, &origin, id).await.unwrap();
        }
        landed(&cache).await;
        cache.insert("other", 7u64).await.unwrap();
        origin.set(2);
        all.push((name, cache, origin));
    }
    all
}

#[derive(Clone, Copy, Debug)]
enum What {
    Tag,
    Pattern,
    Function,
}

fn reload<'a>(cache: &Cache, what: What) -> larder::future::Reload<'a> {
    match what {
        What::Tag => cache.refresh_tag("rows"),
        What::Pattern => cache.refresh_pattern("row:*"),
        What::Function => function(row).cache(cache).refresh().unwrap(),
    }
}

const ALL: [What; 3] = [What::Tag, What::Pattern, What::Function];

#[tokio::test]
async fn keys_in_use_are_loaded_again_and_the_rest_is_stale() {
    let clock = Clock::manual();
    for what in ALL {
        for (name, cache, origin) in filled(&clock).await {
            let mut progress = Vec::new();
            let told = |it: &larder::future::WarmProgress| progress.push((it.done, it.total));
            let report = reload(&cache, what).on_progress(told).run().await.unwrap();
            assert_eq!((report.loaded, report.hits, report.failures), (3, 0, 0), "{name} {what:?}");
            assert_eq!(progress, [(1, Some(3)), (2, Some(3)), (3, Some(3))], "{name} {what:?}");
            assert_eq!(origin.reads(), 9, "{name} {what:?}");
            landed(&cache).await;
            for id in 0..3 {
                let read = row(&cache, &origin, id).traced().await;
                assert_eq!(read.value, Ok(2), "{name} {what:?}");
                assert_ne!(read.source, Source::Loaded, "{name} {what:?}");
                assert_eq!(
                    plain(&cache, &origin, id).await,
                    Ok(2),
                    "{name} {what:?}: it was stale"
                );
            }
            assert_eq!(cache.get::<u64>("other").await.unwrap(), Some(7), "{name} {what:?}");
        }
    }
}

#[tokio::test]
async fn loads_that_fail_are_in_the_report() {
    let clock = Clock::manual();
    for (name, cache, origin) in filled(&clock).await {
        origin.fail(true);
        let report = cache.refresh_tag("rows").run().await.unwrap();
        assert_eq!((report.loaded, report.failures), (0, 3), "{name}");
        let keys: Vec<_> = report.failed.iter().map(|(key, _)| key.starts_with("row:")).collect();
        assert_eq!(keys, [true; 3], "{name}");
        // The old values are kept for this.
        assert_eq!(row(&cache, &origin, 1).traced().await.value, Ok(1), "{name}");
        assert_eq!(cache.entry("row:1").get::<u64>().await.unwrap(), None, "{name}: not fresh");
    }
}

#[tokio::test]
async fn the_number_of_loads_at_a_time_is_bounded() {
    let clock = Clock::manual();
    let (cache, origin) = (three(&clock)[0].1.clone(), Origin::new());
    for id in 0..10 {
        row(&cache, &origin, id).await.unwrap();
    }
    origin.hold(10);
    let reload = tokio::spawn(cache.refresh_tag("rows").concurrency(3).run());
    turns().await;
    assert_eq!(origin.reads(), 13);
    origin.release(10);
    assert_eq!(reload.await.unwrap().unwrap().loaded, 10);
    let none = cache.refresh_tag("rows").concurrency(0).run().await;
    assert!(matches!(none, Err(Error::Config { .. })));
    assert_eq!(row(&cache, &origin, 1).traced().await.source, Source::Memory, "nothing is done");
}

#[tokio::test]
async fn what_was_evicted_or_has_expired_is_not_loaded() {
    let clock = Clock::manual();
    let (cache, origin) = (three(&clock)[0].1.clone(), Origin::new());
    for id in 0..3 {
        row(&cache, &origin, id).await.unwrap();
    }
    cache.remove("row:0").await.unwrap();
    assert_eq!(cache.refresh_tag("rows").run().await.unwrap().loaded, 2);
    cache.clear().await.unwrap();
    assert_eq!(cache.refresh_tag("rows").run().await.unwrap().loaded, 0);
}

#[tokio::test]
async fn the_schedule_goes_on_after_it() {
    let clock = Clock::manual();
    for (name, cache, origin) in filled(&clock).await {
        cache.refresh_tag("rows").run().await.unwrap();
        landed(&cache).await;
        row(&cache, &origin, 1).await.unwrap();
        let reads = origin.reads();
        origin.set(3);
        clock.advance(MINUTE);
        turns().await;
        landed(&cache).await;
        assert!(origin.reads() > reads, "{name}");
        assert_eq!(row(&cache, &origin, 1).await, Ok(3), "{name}");
    }
}

#[tokio::test]
async fn a_transaction_only_marks() {
    let clock = Clock::manual();
    let (cache, origin) = (three(&clock)[0].1.clone(), Origin::new());
    row(&cache, &origin, 1).await.unwrap();
    let report = larder::transaction(async { cache.refresh_tag("rows").run().await }).await;
    assert_eq!((report.unwrap().loaded, origin.reads()), (0, 1));
    assert_eq!(row(&cache, &origin, 1).traced().await.source, Source::Loaded);
}

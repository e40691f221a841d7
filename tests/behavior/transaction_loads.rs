//! A value that is loaded inside a transaction stays private to it until it commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, Error, Policy, Source, Transaction, backend::MemoryBackend, cached,
    scope::TransactionScope, time::Clock, transaction,
};

use crate::origin::{Origin, soon, turns};

fn caches(clock: &Clock) -> [Cache; 3] {
    let builder = || Cache::builder().clock(clock.clone());
    let backend = || MemoryBackend::with_clock(clock.clone());
    [
        builder().build().unwrap(),
        builder().no_memory().remote(backend()).build().unwrap(),
        builder().remote(backend()).build().unwrap(),
    ]
}

#[cached(key = "row:{id}", tags = ["rows"], ttl = "60s", stale = "60s", err_ttl = "60s", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    let _ = id;
    origin.try_read().await
}

#[cached(key = "outer:{id}", cache = cache, skip(cache, origin))]
async fn nested(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    Ok(row(cache, origin, id).await? * 10)
}

#[cached(each = "id in ids", key = "row:{id}", tags = ["rows"], cache = cache, skip(cache, origin))]
async fn rows(cache: &Cache, origin: &Origin, ids: &[u64]) -> Vec<(u64, u64)> {
    let value = origin.read().await;
    ids.iter().map(|id| (*id, value)).collect()
}

/// Reads the key from outside the scope.
async fn outside(cache: &Cache, key: &'static str) -> Option<u64> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.get(key).await }).await.unwrap().unwrap()
}

#[derive(Debug)]
struct Fail;

impl From<Error> for Fail {
    fn from(_: Error) -> Self {
        Self
    }
}

/// Loads row 7 in one of several ways; the value is 5.
async fn load(how: usize, cache: &Cache, origin: &Origin) -> u64 {
    let plain = || async { Ok::<_, Error>(origin.read().await) };
    let policy = Policy::new().ttl(Duration::from_secs(60)).tags(&["rows"]);
    match how {
        0 => row(cache, origin, 7).await.unwrap(),
        1 => cache.entry("row:7").policy(policy).or_load(plain).await.unwrap(),
        2 => rows(cache, origin, &[7, 8]).await[0].1,
        3 => nested(cache, origin, 7).await.unwrap() / 10,
        4 => {
            let load = |keys: Vec<String>| async move {
                let value = origin.read().await;
                Ok::<_, Error>(keys.into_iter().map(|key| (key, value)).collect())
            };
            cache.get_or_load_many_with(["row:7"], policy, load).await.unwrap()["row:7"]
        }
        _ => panic!("no such way"),
    }
}

const WAYS: usize = 5;

#[tokio::test]
async fn a_load_is_private_and_does_not_survive_a_rollback() {
    let clock = Clock::manual();
    for how in 0..WAYS {
        for cache in caches(&clock) {
            let origin = Origin::at(&clock);
            origin.set(5);
            let failed: Result<(), &str> = transaction(async {
                assert_eq!(soon(load(how, &cache, &origin)).await, 5);
                turns().await;
                assert_eq!(outside(&cache, "row:7").await, None, "{how}");
                // Its own reads get the value without another load.
                assert_eq!(soon(load(how, &cache, &origin)).await, 5);
                assert_eq!(cache.get::<u64>("row:7").await.unwrap(), Some(5));
                assert!(cache.contains::<u64>("row:7").await.unwrap());
                assert!(how == 2 || cache.ttl("row:7").await.unwrap().is_some());
                assert_eq!(cache.get_many::<u64>(["row:7"]).await.unwrap(), [Some(5)]);
                assert_eq!(origin.reads(), 1, "{how}");
                Err("rolled back")
            })
            .await;
            assert!(failed.is_err());
            turns().await;
            origin.set(1);
            assert_eq!(outside(&cache, "row:7").await, None, "{how}");
            assert_eq!(soon(load(how, &cache, &origin)).await, 1);
        }
    }
}

#[tokio::test]
async fn a_commit_publishes_loads_that_were_not_evicted() {
    let clock = Clock::manual();
    for how in 0..WAYS {
        for (index, cache) in caches(&clock).into_iter().enumerate() {
            let origin = Origin::at(&clock);
            origin.set(5);
            transaction(async {
                assert_eq!(soon(load(how, &cache, &origin)).await, 5);
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
            // Without a memory tier the value cannot be published.
            let published = (index != 1).then_some(5);
            assert_eq!(outside(&cache, "row:7").await, published, "{how}");
        }
    }
}

#[tokio::test]
async fn a_commit_publishes_nothing_that_was_evicted_meanwhile() {
    let clock = Clock::manual();
    for how in 0..5 {
        for before in [true, false] {
            for cache in caches(&clock) {
                let origin = Origin::at(&clock);
                let evict = async || {
                    let cache = cache.clone();
                    let evicting = async move {
                        match how {
                            0 => drop(cache.remove("row:7").await.unwrap()),
                            1 => cache.evict_tag("rows").await.unwrap(),
                            2 => drop(cache.evict_pattern("row:*").await.unwrap()),
                            3 => cache.clear().await.unwrap(),
                            _ => cache.insert("row:7", 100u64).await.unwrap(),
                        }
                    };
                    tokio::spawn(evicting).await.unwrap();
                };
                transaction(async {
                    // The database shows the transaction the state at its start.
                    if before {
                        evict().await;
                    }
                    let _ = soon(row(&cache, &origin, 7)).await;
                    if !before {
                        evict().await;
                    }
                    Ok::<_, Error>(())
                })
                .await
                .unwrap();
                origin.set(2);
                let read = soon(row(&cache, &origin, 7)).await;
                assert_eq!(read, Ok(2), "{how} {before}");
            }
        }
    }
}

#[tokio::test]
async fn loads_that_the_transaction_evicts_are_not_published() {
    let clock = Clock::manual();
    for how in 0..4 {
        for cache in caches(&clock) {
            let origin = Origin::at(&clock);
            transaction(async {
                let _ = soon(row(&cache, &origin, 7)).await;
                match how {
                    0 => drop(cache.remove("row:7").await?),
                    1 => cache.evict_tag("rows").await?,
                    2 => drop(cache.evict_pattern("row:*").await?),
                    _ => cache.clear().await?,
                }
                assert_eq!(cache.get::<u64>("row:7").await?, None);
                origin.set(2);
                // After its own eviction each read loads.
                assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(2));
                origin.set(3);
                assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(3));
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
            turns().await;
            assert_eq!(outside(&cache, "row:7").await, None, "{how}");
        }
    }
}

#[tokio::test]
async fn a_read_after_a_put_returns_the_put_value() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        cache.insert("row:7", 1u64).await.unwrap();
        let failed: Result<(), Fail> = transaction(async {
            cache.insert("row:7", 2u64).await?;
            assert_eq!(cache.get::<u64>("row:7").await?, Some(2));
            assert_eq!(cache.get_many::<u64>(["row:7"]).await?, [Some(2)]);
            let load = || async { Ok::<_, Error>(9u64) };
            assert_eq!(cache.get_or_load("row:7", load).await?, 2);
            // As another type the entry is a miss, as usual.
            assert_eq!(cache.get::<String>("row:7").await?, None);
            assert_eq!(outside(&cache, "row:7").await, Some(1));
            row(&cache, &origin, 7).put(3).await?;
            let read = row(&cache, &origin, 7).traced().await;
            assert_eq!((read.value, read.source), (Ok(3), Source::Memory));
            assert_eq!(row(&cache, &origin, 7).peek().await?, Some(3));
            cache.insert_many([("row:7", 4u64), ("row:8", 5)]).await?;
            assert_eq!(cache.get_many::<u64>(["row:7", "row:8"]).await?, [Some(4), Some(5)]);
            cache.remove("row:7").await?;
            assert_eq!(cache.get::<u64>("row:7").await?, None);
            cache.insert("row:7", 6u64).await?;
            let acme = cache.tenant("acme")?;
            acme.insert("row:7", 8u64).await?;
            assert_eq!(acme.get::<u64>("row:7").await?, Some(8));
            assert_eq!(cache.get::<u64>("row:7").await?, Some(6));
            acme.clear().await?;
            assert_eq!(acme.get::<u64>("row:7").await?, None);
            Err(Fail)
        })
        .await;
        assert!(failed.is_err());
        assert_eq!(outside(&cache, "row:7").await, Some(1));
    }
}

#[tokio::test]
async fn an_entry_from_before_is_served_and_not_refreshed() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(1));
        turns().await;
        origin.set(2);
        let failed: Result<(), ()> = transaction(async {
            assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(1));
            assert_eq!(origin.reads(), 1);
            clock.advance(Duration::from_secs(61));
            // The entry is stale, but a refresh in the background could see and store uncommitted data.
            assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(2));
            turns().await;
            assert_eq!(origin.reads(), 2);
            Err(())
        })
        .await;
        assert!(failed.is_err());
        origin.set(3);
        // Outside, the old value is served once more while the refresh runs.
        assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(1));
        turns().await;
        assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(3));
    }
}

#[tokio::test]
async fn a_load_inside_is_not_joined_from_outside_nor_the_other_way_round() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        origin.set(5);
        origin.hold(1);
        let transaction = Transaction::new();
        let inside = {
            let (cache, origin) = (cache.clone(), origin.clone());
            let scope = transaction.scope();
            tokio::spawn(scope.run(async move { row(&cache, &origin, 7).await }))
        };
        origin.held().await;
        origin.set(1);
        assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(1), "committed data");
        turns().await;
        origin.release(1);
        assert_eq!(soon(inside).await.unwrap(), Ok(5));
        transaction.commit().await.unwrap();
        turns().await;
        assert_eq!(outside(&cache, "row:7").await, Some(1), "what others have stays");

        origin.hold(1);
        let outside = {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { row(&cache, &origin, 8).await })
        };
        origin.held().await;
        origin.set(6);
        // The transaction may hold the lock that the other load waits for.
        let own = Transaction::new().run(row(&cache, &origin, 8)).await;
        assert_eq!(own, Ok(6));
        origin.release(1);
        assert_eq!(soon(outside).await.unwrap(), Ok(1));
    }
}

#[tokio::test]
async fn a_failure_inside_is_not_kept_for_others() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        origin.fail(true);
        let failed: Result<u64, u64> = transaction(row(&cache, &origin, 7)).await;
        assert!(failed.is_err());
        origin.fail(false);
        assert_eq!(soon(row(&cache, &origin, 7)).await, Ok(1));
    }
}

#[tokio::test]
async fn nested_transactions_pass_on_their_loads() {
    let clock = Clock::manual();
    let origin = Origin::at(&clock);
    for (inner_commits, outer_commits) in [(true, true), (true, false), (false, true)] {
        let [cache, ..] = caches(&clock);
        origin.set(5);
        let _: Result<(), ()> = transaction(async {
            let _: Result<(), ()> = transaction(async {
                assert_eq!(row(&cache, &origin, 7).await, Ok(5));
                if inner_commits { Ok(()) } else { Err(()) }
            })
            .await;
            assert_eq!(outside(&cache, "row:7").await, None);
            let seen = cache.get::<u64>("row:7").await.unwrap();
            assert_eq!(seen, inner_commits.then_some(5));
            if outer_commits { Ok(()) } else { Err(()) }
        })
        .await;
        let published = (inner_commits && outer_commits).then_some(5);
        assert_eq!(outside(&cache, "row:7").await, published);
    }
}

/// A load that continues without its caller still sees the transaction's data, as do the calls in its body.
#[tokio::test]
async fn a_load_that_continues_in_the_background_stays_inside() {
    #[cached(key = "slow", ttl = "1s", stale_if_error = "1h", soft_timeout = "10ms", cache = cache, skip(cache, origin, reads))]
    async fn slow(cache: Cache, origin: Origin, reads: Arc<AtomicU64>) -> Result<u64, u64> {
        reads.fetch_add(1, Ordering::SeqCst);
        origin.try_read().await?;
        row(&cache, &origin, 9).await
    }
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    let reads = Arc::new(AtomicU64::new(0));
    assert_eq!(slow(cache.clone(), origin.clone(), Arc::clone(&reads)).await, Ok(1));
    cache.remove("row:9").await.unwrap();
    clock.advance(Duration::from_secs(2));
    origin.set(5);
    origin.hold(1);
    let transaction = Transaction::new();
    let read = {
        let (cache, origin, reads) = (cache.clone(), origin.clone(), Arc::clone(&reads));
        tokio::spawn(transaction.scope().run(async move {
            assert!(TransactionScope::current().is_some());
            slow(cache, origin, reads).await
        }))
    };
    origin.held().await;
    clock.advance(Duration::from_millis(20));
    assert_eq!(soon(read).await.unwrap(), Ok(1), "the old value");
    origin.release(1);
    turns().await;
    assert_eq!(outside(&cache, "row:9").await, None);
    transaction.rollback();
    turns().await;
    assert_eq!(outside(&cache, "row:9").await, None);
    assert_eq!(reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_dropped_transaction_publishes_nothing() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        let transaction = Transaction::new();
        assert_eq!(transaction.run(row(&cache, &origin, 7)).await, Ok(1));
        drop(transaction);
        turns().await;
        assert_eq!(outside(&cache, "row:7").await, None);
    }
}

//! The eviction of a pattern reports its progress.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt;
use larder::redis::Redis;
use larder::{Cache, Pattern, future::EvictionProgress, transaction};

use crate::management::tierings;
use crate::support::{Server, eventually};

async fn fill(cache: &Cache, count: u64) {
    cache.insert_many((0..count).map(|id| (format!("user:{id}"), id))).await.unwrap();
    cache.insert("other", 1u64).await.unwrap();
}

/// Returns the reported progress and the result.
async fn told(cache: &Cache, pattern: impl Into<Pattern>) -> (Vec<EvictionProgress>, u64) {
    let mut told = Vec::new();
    let eviction = cache.evict_pattern(pattern).on_progress(|progress| told.push(*progress));
    let removed = eviction.await.unwrap();
    (told, removed)
}

#[tokio::test]
async fn progress_is_reported_in_small_steps() {
    for (name, cache) in tierings().await.caches {
        fill(&cache, 3_000).await;
        let (told, removed) = told(&cache, "user:*").await;
        assert_eq!(removed, 3_000, "{name}");
        assert_eq!(told.last().map(|last| last.removed), Some(3_000), "{name}: {told:?}");
        let steps = || told.windows(2).map(|pair| (pair[0], pair[1]));
        assert!(steps().all(|(one, next)| one.removed <= next.removed), "{name}: {told:?}");
        assert!(steps().all(|(one, next)| next.pages - one.pages <= 1), "{name}: {told:?}");
        if name == "redis" {
            let largest = steps().map(|(one, next)| next.removed - one.removed).max();
            assert!(largest.is_some_and(|largest| largest <= 500), "{told:?}");
            assert!(told.len() >= 12, "leases and values, 1,000 keys at a time: {told:?}");
        }
        assert_eq!(cache.keys("*").await.unwrap(), ["other"], "{name}");
    }
}

#[tokio::test]
async fn patterns_are_given_in_the_usual_forms() {
    for (name, cache) in tierings().await.caches {
        for key in ["a*b:1", "a-b:1", "a*b:2"] {
            cache.insert(key, 1u64).await.unwrap();
        }
        assert_eq!(told(&cache, Pattern::prefix("a*b:")).await.1, 2, "{name}");
        assert_eq!(cache.keys("*").await.unwrap(), ["a-b:1"], "{name}");

        let users = cache.typed::<u64, u64>("users").unwrap();
        users.insert_many([(1, 1), (2, 2)]).await.unwrap();
        assert_eq!(told(&cache, users.pattern()).await.1, 2, "{name}");

        let acme = cache.tenant("acme").unwrap();
        acme.insert("a-b:1", 1u64).await.unwrap();
        let mut steps = 0;
        assert_eq!(acme.evict_pattern("a*").on_progress(|_| steps += 1).await.unwrap(), 1);
        assert!(steps > 0, "{name}");
        assert_eq!(cache.keys("*").await.unwrap(), ["a-b:1"], "{name}: only the tenant's own");
    }
}

/// The callback may use the cache, and runs in the task that polls the eviction.
#[tokio::test]
async fn the_callback_runs_without_a_lock() {
    for (name, cache) in tierings().await.caches {
        fill(&cache, 1_200).await;
        let (inside, held) = (AtomicU64::new(0), cache.info().await.memory.is_some());
        let eviction = cache.evict_pattern("user:*").on_progress(|_| {
            cache.stats();
            let found = cache.get::<u64>("other").now_or_never();
            if held {
                assert_eq!(found.unwrap().unwrap(), Some(1), "{name}");
            }
            inside.fetch_add(1, Ordering::Relaxed);
        });
        eviction.await.unwrap();
        assert!(inside.into_inner() > 0, "{name}");
    }
}

#[tokio::test]
async fn a_panic_ends_the_reports_and_not_the_eviction() {
    for (name, cache) in tierings().await.caches {
        fill(&cache, 1_200).await;
        let calls = AtomicU64::new(0);
        let eviction = cache.evict_pattern("user:*").on_progress(|_| {
            calls.fetch_add(1, Ordering::Relaxed);
            panic!("as it is meant to");
        });
        assert_eq!(eviction.await.unwrap(), 1_200, "{name}");
        assert_eq!(calls.into_inner(), 1, "{name}: it is not called again");
        assert_eq!(cache.keys("*").await.unwrap(), ["other"], "{name}");
    }
}

/// Dropped at its first step, the eviction is still completed.
#[tokio::test]
async fn an_eviction_dropped_half_way_is_not_lost() {
    let server = Server::start();
    let redis = async || Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().remote(redis().await).build().unwrap();
    let other = Cache::builder().no_memory().remote(redis().await).build().unwrap();
    fill(&cache, 5_000).await;
    let stop = tokio::sync::Notify::new();
    let dropped = AtomicBool::new(false);
    let eviction = cache.evict_pattern("user:*").on_progress(|progress| {
        assert!(!dropped.load(Ordering::Relaxed), "the callback is not called after the drop");
        if progress.removed > 0 && progress.pages > 0 {
            stop.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = stop.notified() => {}
        removed = eviction => panic!("it had 5,000 to go through: {removed:?}"),
    }
    dropped.store(true, Ordering::Relaxed);
    assert_ne!(server.cli(&["dbsize"]), "2", "it was half-way");
    assert_eq!(cache.get::<u64>("user:4999").await.unwrap(), None, "it applies here immediately");
    eventually("it is done for the others", async || other.keys("*").await.unwrap() == ["other"])
        .await;
}

/// A transaction defers the eviction until the commit, when there is no caller to report to.
#[tokio::test]
async fn in_a_transaction_no_progress_is_reported() {
    for (name, cache) in tierings().await.caches {
        fill(&cache, 10).await;
        transaction(async {
            let (told, removed) = told(&cache, "user:*").await;
            assert_eq!((told, removed), (Vec::new(), 0), "{name}");
            Ok::<_, larder::Error>(())
        })
        .await
        .unwrap();
        assert_eq!(cache.keys("*").await.unwrap(), ["other"], "{name}");
    }
}

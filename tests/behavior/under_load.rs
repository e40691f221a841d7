//! Management while many tasks use the cache: closing it, a listener that uses it, listings, cancelled callers.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use larder::testing::{FaultRates, Faulty};
use larder::{
    Cache, Memory,
    backend::MemoryBackend,
    health::Status,
    stats::{CacheEvent, RemovalCause},
};

use crate::origin::soon;
use crate::support::eventually;

/// Four tasks that read, load, store and evict.
async fn use_it(cache: &Cache, turns: u64) {
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for turn in 0..turns {
                    let key = format!("row:{}", (turn * 7 + task) % 90);
                    match turn % 6 {
                        0 => cache.insert(&key, turn).await.unwrap(),
                        1 => drop(cache.remove(&key).await.unwrap()),
                        2 => {
                            let load = async || {
                                tokio::task::yield_now().await;
                                Ok::<_, ()>(turn)
                            };
                            cache.get_or_load(&key, load).await.unwrap();
                        }
                        3 => drop(cache.evict_pattern("row:1*").await.unwrap()),
                        4 => drop(cache.expire(&key, Duration::from_secs(9)).await.unwrap()),
                        _ => drop(cache.get::<u64>(&key).await.unwrap()),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        soon(task).await.unwrap();
    }
}

async fn at_rest(cache: &Cache) {
    eventually("nothing is under way", async || cache.stats().in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cache_is_closed_while_it_is_used() {
    for store in [None, Some(MemoryBackend::new())] {
        let builder = Cache::builder();
        let cache = match store {
            Some(store) => builder.remote(store).build().unwrap(),
            None => builder.build().unwrap(),
        };
        let using = tokio::spawn({
            let cache = cache.clone();
            async move { use_it(&cache, 2_000).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        soon(cache.close()).await.unwrap();
        assert_eq!(cache.stats().entries, 0);
        using.await.unwrap();
        at_rest(&cache).await;
        assert_eq!(cache.stats().entries, 0, "loads under way have stored nothing");

        // The cache then works as if it were switched off, permanently.
        cache.enable();
        cache.insert("row:1", 1u64).await.unwrap();
        assert_eq!(cache.get::<u64>("row:1").await.unwrap(), None);
        assert_eq!(cache.health().status, Status::Down);
        soon(cache.close()).await.unwrap();
    }
}

/// Returns the future's value if it is ready on the first poll.
fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listener_uses_the_cache_that_it_listens_to() {
    let own: Arc<OnceLock<Cache>> = Arc::default();
    let listener = {
        let own = Arc::clone(&own);
        move |signal: &CacheEvent<'_>| {
            let Some(cache) = own.get() else { return };
            let _ = (cache.health(), cache.stats(), cache.stats_by_function(), cache.reclaim());
            let _ = at_once(cache.keys("*").next());
            // (Reading an entry again that was removed for room would remove the next one, without end.)
            if let CacheEvent::Removed { key, cause, .. } = signal
                && *cause != RemovalCause::Capacity
            {
                let _ = at_once(cache.get::<u64>(*key));
                let _ = at_once(cache.remove(format!("of:{key}")));
            }
        }
    };
    let (bound, store) = (Memory::max_entries(50), MemoryBackend::new());
    let cache = Cache::builder().memory(bound).remote(store).listener(listener).build().unwrap();
    own.set(cache.clone()).unwrap();
    use_it(&cache, 300).await;
    at_rest(&cache).await;
    assert!(cache.stats().evictions() > 0, "it was called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listing_contains_every_key_that_stays() {
    for builder in [Cache::builder(), Cache::builder().remote(MemoryBackend::new())] {
        let cache = builder.build().unwrap();
        cache.insert_many((0..2_000).map(|n| (format!("stays:{n}"), n))).await.unwrap();
        let using = tokio::spawn({
            let cache = cache.clone();
            async move { use_it(&cache, 500).await }
        });
        let (mut keys, mut found) = (cache.keys("stays:*"), HashSet::new());
        while let Some(key) = keys.next().await.transpose().unwrap() {
            assert!(found.insert(key), "each once");
        }
        assert_eq!(found.len(), 2_000);
        assert!(keys.next().await.is_none(), "the end is the end");
        using.await.unwrap();
    }
}

/// Any operation may be dropped half-way, over a store that fails at random.
#[tokio::test]
async fn a_cancelled_caller_leaves_nothing_behind() {
    type Work = Pin<Box<dyn Future<Output = ()>>>;
    fn work(cache: Cache, kind: u64, key: String) -> Work {
        const SECOND: Duration = Duration::from_secs(1);
        Box::pin(async move {
            match kind {
                0 => drop(cache.get::<u64>(key).await),
                1 => drop(cache.insert(key, kind).await),
                2 => drop(cache.remove(key).await),
                3 => drop(cache.expire(key, SECOND).await),
                4 => drop(cache.persist(key).await),
                5 => drop(cache.mark_stale(key).await),
                6 => drop(cache.get_many::<u64>(["0", "1"]).await),
                7 => drop(cache.insert_many([("0", kind), ("1", kind)]).await),
                8 => drop(cache.remove_many(["0", "2"]).await),
                9 => drop(cache.evict_pattern("*").await),
                10 => drop(cache.evict_tag("tag").await),
                11 => drop(cache.clear().await),
                12 => drop(cache.keys("*").collect().await),
                13 => drop(cache.info().await),
                14 => drop(cache.probe(SECOND).await),
                _ => {
                    let load = async || {
                        tokio::task::yield_now().await;
                        Ok::<_, ()>(kind)
                    };
                    let _ = cache.get_or_load(key, load).await;
                }
            }
        })
    }
    for seed in 0..30 {
        let backend = Faulty::new(MemoryBackend::new());
        let faults = backend.faults();
        faults.chaos(
            seed,
            FaultRates { down: 0.1, lost: 0.1, damaged: 0.05, ..FaultRates::default() },
        );
        let cache = Cache::builder().remote(backend).breaker_threshold(1_000).build().unwrap();
        for turn in 0..64 {
            let mut work = work(cache.clone(), (seed + turn * 7) % 16, format!("{}", turn % 3));
            for _ in 0..(seed * 3 + turn) % 5 {
                if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        faults.heal();
        at_rest(&cache).await;
        for key in ["0", "1", "2"] {
            cache.remove(key).await.unwrap();
            cache.insert(key, 77u64).await.unwrap();
            assert_eq!(cache.get::<u64>(key).await.unwrap(), Some(77), "seed {seed}");
        }
        soon(cache.close()).await.unwrap();
    }
}

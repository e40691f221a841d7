//! P5: a load that requests its own key, directly or through other loads, does not wait for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Source, Transaction, cached, scope::TransactionScope, time::Clock};
use tokio::sync::Barrier;

use crate::origin::{landed, soon};
use crate::tiers::{self, Tiers};

/// Counts the runs of bodies. All functions of one test share the counter.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn run(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The clock stands still, so a caller that waits for a lease hangs.
async fn in_all_tiers<F: Future<Output = ()>>(test: impl Fn(Cache, Runs) -> F) {
    let clock = Clock::manual();
    for Tiers { cache, .. } in tiers::every(&clock) {
        let runs = Runs::default();
        soon(test(cache.clone(), runs)).await;
        landed(&cache).await;
    }
}

#[cached(key = "own:{id}", cache = cache, skip(cache, runs))]
async fn own(cache: &Cache, runs: &Runs, id: u64) -> u64 {
    if runs.run() < 3 { Box::pin(own(cache, runs, id)).await + 1 } else { 10 }
}

#[tokio::test]
async fn a_load_that_calls_its_own_function() {
    in_all_tiers(async |cache, runs| {
        assert_eq!(own(&cache, &runs, 1).await, 13);
        assert_eq!(runs.count(), 4, "each inner call ran its body");
        assert_eq!(own(&cache, &runs, 1).traced().await.value, 13, "the outer value is kept");
        assert_eq!(runs.count(), 4);
    })
    .await;
}

#[cached(key = "ping", cache = cache, skip(cache, runs))]
async fn ping(cache: &Cache, runs: &Runs) -> u64 {
    if runs.run() < 2 { Box::pin(pong(cache, runs)).await + 1 } else { 0 }
}

#[cached(key = "pong", cache = cache, skip(cache, runs))]
async fn pong(cache: &Cache, runs: &Runs) -> u64 {
    Box::pin(ping(cache, runs)).await + 1
}

#[tokio::test]
async fn two_functions_that_call_each_other() {
    in_all_tiers(async |cache, runs| {
        assert_eq!(ping(&cache, &runs).await, 4);
        assert_eq!(runs.count(), 3);
    })
    .await;
}

#[tokio::test]
async fn nested_loads_by_hand() {
    in_all_tiers(async |cache, _| {
        let inner = || cache.get_or_load("k", async || Ok::<_, String>(1u64));
        let outer = cache.get_or_load("k", async || inner().await.map(|value| value + 1)).await;
        assert_eq!(outer, Ok(2));
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(2), "the inner one is not stored");
    })
    .await;
}

/// With leases, the outer load holds the key's lease, whatever the types are.
#[tokio::test]
async fn nested_loads_of_one_key_and_two_types() {
    in_all_tiers(async |cache, _| {
        let inner = || cache.get_or_load("k", async || Ok::<_, String>("inner".to_owned()));
        let outer = cache.get_or_load("k", async || {
            let inner = inner().await?;
            Ok::<_, String>(inner.len())
        });
        assert_eq!(outer.await, Ok(5));
    })
    .await;
}

#[cached(key = "sync:{id}", cache = cache, skip(cache, runs))]
fn own_sync(cache: &Cache, runs: &Runs, id: u64) -> u64 {
    if runs.run() < 3 { own_sync(cache, runs, id) + 1 } else { 10 }
}

#[test]
fn a_sync_load_that_calls_its_own_function() {
    let cache = Cache::builder().clock(Clock::manual()).build().unwrap();
    let runs = Runs::default();
    assert_eq!(own_sync(&cache, &runs, 1), 13);
    assert_eq!((own_sync(&cache, &runs, 1), runs.count()), (13, 4));
}

#[cached(each = "id in ids", key = "row:{id}", cache = cache, skip(cache, runs))]
async fn rows(cache: &Cache, runs: &Runs, ids: &[u64]) -> HashMap<u64, u64> {
    if runs.run() < 2 {
        let inner = Box::pin(rows(cache, runs, ids)).await;
        return inner.into_iter().map(|(id, row)| (id, row + 1)).collect();
    }
    ids.iter().map(|id| (*id, *id)).collect()
}

#[tokio::test]
async fn a_batch_that_asks_for_its_own_ids() {
    in_all_tiers(async |cache, runs| {
        let rows = rows(&cache, &runs, &[10, 20, 30]).await;
        assert_eq!(rows, HashMap::from([(10, 12), (20, 22), (30, 32)]));
        assert_eq!(runs.count(), 3);
    })
    .await;
}

#[cached(key = "row:{id}", cache = cache, skip(cache, runs))]
async fn row(cache: &Cache, runs: &Runs, id: u64) -> u64 {
    runs.run();
    Box::pin(rows(cache, runs, &[id, id + 1])).await.len() as u64
}

#[tokio::test]
async fn a_load_that_asks_for_its_own_key_in_a_batch() {
    in_all_tiers(async |cache, runs| {
        assert_eq!(row(&cache, &runs, 1).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_task_that_carries_the_scope_belongs_to_the_load() {
    in_all_tiers(async |cache, _| {
        let inner = cache.clone();
        let transaction = Transaction::new();
        let outer = transaction.run(cache.get_or_load("k", async || {
            let scope = TransactionScope::current().unwrap();
            let inner = async move { inner.get_or_load("k", async || Ok::<_, String>(1u64)).await };
            tokio::spawn(scope.run(inner)).await.unwrap().map(|value| value + 1)
        }));
        assert_eq!(outer.await, Ok(2));
        transaction.commit().await.unwrap();
    })
    .await;
}

/// Two loads, each of which requests the other's key once both have begun.
async fn crossed(cache: Cache, runs: Runs, both: Arc<Barrier>, own: &str, other: &str) -> u64 {
    let inner = async || Ok::<_, String>(runs.run());
    let outer = cache.get_or_load(own, async || {
        runs.run();
        both.wait().await;
        cache.get_or_load(other, inner).await
    });
    outer.await.unwrap()
}

#[tokio::test]
async fn two_tasks_that_wait_for_each_other() {
    in_all_tiers(async |cache, runs| {
        let both = Arc::new(Barrier::new(2));
        let call = |own, other| crossed(cache.clone(), runs.clone(), Arc::clone(&both), own, other);
        let (one, two) = (tokio::spawn(call("a", "b")), tokio::spawn(call("b", "a")));
        let values = (one.await.unwrap(), two.await.unwrap());
        assert_eq!(values, (2, 2), "one ran the other's load, and the other waited for it");
        assert_eq!(runs.count(), 3);
    })
    .await;
}

/// The inner call refreshes the value that is being refreshed.
#[cached(key = "refreshed", cache = cache, skip(cache, runs))]
async fn refreshed(cache: &Cache, runs: &Runs) -> u64 {
    if runs.run() == 0 { Box::pin(refreshed(cache, runs).refresh()).await + 1 } else { 1 }
}

#[tokio::test]
async fn a_refresh_that_refreshes_itself() {
    in_all_tiers(async |cache, runs| {
        assert_eq!(refreshed(&cache, &runs).refresh().await, 2);
        assert_eq!(runs.count(), 2);
    })
    .await;
}

/// A call next to the load, in the same task, is not part of the load.
#[tokio::test]
async fn neighbours_in_one_task_share_the_load() {
    in_all_tiers(async |cache, runs| {
        let load = || {
            cache.get_or_load("k", async || {
                tokio::task::yield_now().await;
                Ok::<_, String>(runs.run())
            })
        };
        let (one, two) = tokio::join!(load(), load());
        assert_eq!((one, two, runs.count()), (Ok(0), Ok(0), 1));
    })
    .await;
}

#[cached(key = "slow:{id}", soft_timeout = "1s", stale = "1m", ttl = "1s", cache = cache, skip(cache, runs))]
async fn bounded(cache: Cache, runs: Runs, id: u64) -> u64 {
    if runs.run() == 0 {
        Box::pin(async { bounded(cache.clone(), runs.clone(), id).await }).await + 1
    } else {
        1
    }
}

#[tokio::test]
async fn a_load_that_may_go_on_without_its_caller() {
    in_all_tiers(async |cache, runs| {
        let call = bounded(cache.clone(), runs.clone(), 1).traced().await;
        assert_eq!((call.value, call.source, runs.count()), (2, Source::Loaded, 2));
    })
    .await;
}

#[tokio::test]
async fn the_inner_call_reports_a_bypass() {
    let cache = Cache::builder().clock(Clock::manual()).build().unwrap();
    let runs = Runs::default();
    let inner = async || own(&cache, &runs, 1).traced().await.source;
    let outer = cache.get_or_load("own:1", async || {
        assert_eq!(inner().await, Source::Bypassed);
        Ok::<_, String>(1u64)
    });
    let outer = tokio::time::timeout(Duration::from_secs(10), outer).await.unwrap();
    assert_eq!(outer, Ok(1));
}

//! P4: one load per key and process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, cached};

#[cached(key = "slow:{id}", cache = cache, skip(cache, loads))]
async fn slow(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    id
}

#[cached(key = "failing:{id}", cache = cache, skip(cache, loads))]
async fn failing(cache: &Cache, loads: &AtomicU64, id: u64) -> Result<u64, String> {
    loads.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(20)).await;
    Err(format!("no {id}"))
}

/// An error that can't be cloned, so each waiter needs one of its own.
#[derive(Debug)]
struct Unshared;

#[cached(key = "unshared:{id}", cache = cache, skip(cache, now, most))]
async fn unshared(
    cache: &Cache,
    now: &AtomicU64,
    most: &AtomicU64,
    id: u64,
) -> Result<u64, Unshared> {
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1)).await;
    now.fetch_sub(1, Ordering::SeqCst);
    if id == 0 { Ok(id) } else { Err(Unshared) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_on_a_cold_key_are_one_load() {
    let cache = Cache::builder().build().unwrap();
    let loads = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move { slow(&cache, &loads, 7).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(cache.stats().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_shared_with_those_who_wait_and_not_cached() {
    let cache = Cache::builder().build().unwrap();
    let loads = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move { failing(&cache, &loads, 7).await })
        })
        .collect();
    // All of them are polled within the 20 ms of the load, or a second one begins: never many.
    for call in calls {
        assert_eq!(call.await.unwrap(), Err("no 7".to_owned()));
    }
    let shared = loads.load(Ordering::SeqCst);
    assert!(shared <= 10, "{shared} loads for 10,000 callers");
    failing(&cache, &loads, 7).await.unwrap_err();
    assert_eq!(loads.load(Ordering::SeqCst), shared + 1, "a retry after the failure loads anew");
}

#[tokio::test]
async fn a_failure_that_cannot_be_shared_is_not_hammered() {
    let cache = Cache::builder().build().unwrap();
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (cache, now, most) = (cache.clone(), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move { unshared(&cache, &now, &most, 1).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 9, "{most} loads at once");
}

#[tokio::test]
async fn different_keys_do_not_wait_for_each_other() {
    let cache = Cache::builder().build().unwrap();
    let loads = Arc::new(AtomicU64::new(0));
    let start = std::time::Instant::now();
    let calls: Vec<_> = (0..500)
        .map(|id| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move { slow(&cache, &loads, id).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    // 500 loads of 50 ms one after the other would take 25 s.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(loads.load(Ordering::SeqCst), 500);
}

#[cached]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// Recursion of a sync function: exponential without a cache.
#[test]
fn a_sync_function_is_cached_without_a_runtime() {
    assert_eq!(fib(45), 1_134_903_170);
}

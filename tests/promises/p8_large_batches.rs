//! P6 and P8: a batch of any size sends a bounded number of requests to the store at a time. More requests would take
//! longer than the operation timeout, and the breaker would open for all callers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::testing::{Faults, Faulty, HoldPoint, Operation, OperationLog, Recording};
use larder::{Cache, Clock, Invalidation, backend::MemoryBackend, cache_evict, cache_put, cached};

use crate::origin::{landed, soon, turns};

const IDS: u64 = 5_000;
/// Concurrent requests of one batch, for requests that take one item each.
const AT_ONCE: u64 = 128;
/// Keys in one request.
const TOGETHER: usize = 1_000;

#[cached(each = "id in ids", key = "row:{id}", cache = cache, skip(cache, runs))]
async fn rows(cache: &Cache, runs: &AtomicU64, ids: &[u64]) -> HashMap<u64, u64> {
    runs.fetch_add(1, Ordering::SeqCst);
    ids.iter().map(|id| (*id, *id)).collect()
}

fn world(leases: bool) -> (Cache, OperationLog, Faults) {
    let clock = Clock::manual();
    let backend = Faulty::with_clock(MemoryBackend::with_clock(clock.clone()), clock.clone());
    let backend = if leases { backend } else { backend.without_leases() };
    let faults = backend.faults();
    let backend = Recording::new(backend);
    let log = backend.log();
    let cache = Cache::builder().clock(clock).remote(backend).build().unwrap();
    (cache, log, faults)
}

fn most_keys(log: &OperationLog, operation: Operation) -> usize {
    log.of(operation).iter().map(|done| done.keys.len()).max().unwrap_or_default()
}

/// Runs a batch whose `operation` is held, and checks how much it requested before the first answer.
async fn held(refresh: bool, operation: Operation) {
    let (cache, log, faults) = world(true);
    let runs = AtomicU64::new(0);
    let ids: Vec<u64> = (0..IDS).collect();
    let gate = faults.hold(HoldPoint::Before(operation));
    let batch = async {
        let batch = rows(&cache, &runs, &ids);
        let batch = if refresh { batch.refresh() } else { batch };
        assert_eq!(batch.await.len() as u64, IDS);
    };
    let opened = async {
        gate.arrived().await;
        turns().await;
        let begun = faults.calls(operation);
        assert!(begun <= AT_ONCE, "{begun} concurrent requests");
        gate.open();
    };
    soon(async { tokio::join!(batch, opened) }).await;
    landed(&cache).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the body still runs once");
    assert!(most_keys(&log, Operation::Get) <= TOGETHER);
    let stats = cache.stats();
    assert_eq!((stats.remote_stores, stats.remote_errors), (IDS, 0));
}

#[tokio::test]
async fn leases_are_requested_in_parts() {
    held(false, Operation::Acquire).await;
    held(true, Operation::Acquire).await;
}

#[tokio::test]
async fn values_under_leases_are_written_in_parts() {
    held(false, Operation::Commit).await;
    held(true, Operation::Commit).await;
}

#[tokio::test]
async fn generations_are_requested_in_parts() {
    held(true, Operation::Generations).await;
}

#[tokio::test]
async fn values_are_read_and_written_a_thousand_at_a_time() {
    let (cache, log, _) = world(false);
    let runs = AtomicU64::new(0);
    let ids: Vec<u64> = (0..IDS).collect();
    assert_eq!(soon(rows(&cache, &runs, &ids)).await.len() as u64, IDS);
    landed(&cache).await;
    for operation in [Operation::Get, Operation::Set] {
        let most = most_keys(&log, operation);
        assert!(most > 100 && most <= TOGETHER, "{operation:?}: {most} keys in one request");
    }
    assert_eq!(cache.stats().remote_stores, IDS);
}

#[cache_evict(rows(cache, runs, ids))]
async fn change(cache: &Cache, runs: &AtomicU64, ids: &[u64]) {
    let _ = (cache, runs, ids);
}

#[cache_put(rows(cache, runs, ids))]
async fn save(cache: &Cache, runs: &AtomicU64, ids: &[u64]) -> HashMap<u64, u64> {
    let _ = (cache, runs);
    ids.iter().map(|id| (*id, id * 2)).collect()
}

/// The directions and the evictions of a batch send one request for all of its ids.
#[tokio::test]
async fn directions_of_a_batch_are_one_request() {
    let (cache, log, _) = world(false);
    let runs = AtomicU64::new(0);
    let ids: Vec<u64> = (0..100).collect();
    let count = |wanted: Operation| {
        let done = log.take();
        let of: Vec<_> = done.iter().filter(|done| done.operation == wanted).collect();
        assert!(of.iter().all(|done| done.keys.len() == 100), "{wanted:?}");
        let others = [Operation::Get, Operation::Set, Operation::Remove, Operation::Generations];
        let others = done.iter().filter(|done| others.contains(&done.operation)).count();
        (of.len(), others - of.len())
    };
    let values = |factor: u64| ids.iter().map(|id| (*id, id * factor)).collect::<HashMap<_, _>>();
    rows(&cache, &runs, &ids).put(values(1)).await.unwrap();
    assert_eq!(count(Operation::Set), (1, 1), "with the generations of all");
    save(&cache, &runs, &ids).await;
    assert_eq!(count(Operation::Set), (1, 1));

    assert_eq!(rows(&cache, &runs, &ids).evict().await.unwrap(), 100);
    assert_eq!(count(Operation::Remove), (1, 0));
    assert_eq!(rows(&cache, &runs, &ids).peek().await.unwrap(), HashMap::new());
    assert_eq!(count(Operation::Get), (1, 1));

    for round in 0..2 {
        rows(&cache, &runs, &ids).put(values(3)).await.unwrap();
        log.take();
        match round {
            0 => change(&cache, &runs, &ids).await,
            _ => Invalidation::new().call(rows(&cache, &runs, &ids)).run().await.unwrap(),
        }
        assert_eq!(count(Operation::Remove), (1, 0));
        assert_eq!(rows(&cache, &runs, &ids).peek().await.unwrap(), HashMap::new());
        log.take();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

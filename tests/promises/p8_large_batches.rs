//! P6 and P8: a batch of any size sends a bounded number of requests to the store at a time. More requests would take
//! longer than the operation timeout, and the breaker would open for all callers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::backend::{
    Backend, BackendError, BackendResult, LeaseOutcome, LeaseRequest, Leases, MemoryBackend,
    Message, MessageHandler, RevokePage, ScanPage, SetEntry, StoredValue, Subscription,
};
use larder::testing::{Faults, Faulty, HoldPoint, Operation, OperationLog, Recording};
use larder::{Cache, Invalidation, Pattern, cache_evict, cache_put, cached, time::Clock};

use crate::origin::{landed, soon, turns};

const IDS: u64 = 5_000;
/// Concurrent requests of the default operations on many leases.
const AT_ONCE: u64 = 128;
/// Keys in one request.
const TOGETHER: usize = 1_000;

#[cached(each = "id in ids", key = "row:{id}", cache = cache, skip(cache, runs))]
async fn rows(cache: &Cache, runs: &AtomicU64, ids: &[u64]) -> HashMap<u64, u64> {
    runs.fetch_add(1, Ordering::SeqCst);
    ids.iter().map(|id| (*id, *id)).collect()
}

/// The remote tier of a test.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Store {
    Plain,
    Leased,
    /// One with leases that has only the operations on one lease.
    OneByOne,
}

fn world(store: Store) -> (Cache, OperationLog, Faults) {
    let clock = Clock::manual();
    let backend = Faulty::with_clock(MemoryBackend::with_clock(clock.clone()), clock.clone());
    let backend = if store == Store::Plain { backend.without_leases() } else { backend };
    let faults = backend.faults();
    let builder = Cache::builder().clock(clock);
    if store == Store::OneByOne {
        let backend = Recording::new(OneByOne(backend));
        return (builder.remote(backend.clone()).build().unwrap(), backend.log(), faults);
    }
    let backend = Recording::new(backend);
    let log = backend.log();
    (builder.remote(backend).build().unwrap(), log, faults)
}

fn most_keys(log: &OperationLog, operation: Operation) -> usize {
    log.of(operation).iter().map(|done| done.keys.len()).max().unwrap_or_default()
}

/// Runs a batch whose `operation` is held, and checks how much it requested before the first answer.
async fn held(store: Store, refresh: bool, operation: Operation) {
    let (cache, log, faults) = world(store);
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
        let most = if store == Store::OneByOne { AT_ONCE } else { TOGETHER as u64 };
        assert!(begun <= most, "{begun} items at once: {store:?}");
        gate.open();
    };
    soon(async { tokio::join!(batch, opened) }).await;
    landed(&cache).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the body still runs once");
    assert!(most_keys(&log, Operation::Get) <= TOGETHER);
    assert!(most_keys(&log, operation) <= TOGETHER);
    let stats = cache.stats();
    assert_eq!((stats.remote_stores, stats.remote_errors), (IDS, 0));
}

#[tokio::test]
async fn leases_are_requested_a_thousand_at_a_time() {
    held(Store::Leased, false, Operation::Acquire).await;
    held(Store::Leased, true, Operation::Acquire).await;
}

#[tokio::test]
async fn values_are_written_under_leases_a_thousand_at_a_time() {
    held(Store::Leased, false, Operation::Commit).await;
    held(Store::Leased, true, Operation::Commit).await;
}

/// The default operations on many leases send some requests at a time.
#[tokio::test]
async fn a_store_that_leases_one_by_one_is_asked_in_turns() {
    for operation in [Operation::Acquire, Operation::Commit] {
        held(Store::OneByOne, false, operation).await;
        held(Store::OneByOne, true, operation).await;
    }
}

#[tokio::test]
async fn generations_are_asked_for_in_one_request() {
    held(Store::Leased, true, Operation::Generations).await;
}

#[tokio::test]
async fn values_are_read_and_written_a_thousand_at_a_time() {
    let (cache, log, _) = world(Store::Plain);
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

/// In a turn, a task of Tokio may do 128 pieces of work. A batch ends its turn after as many results, so that other tasks have theirs. If
/// the items used the same budget, each turn would poll most of them in vain.
#[tokio::test]
async fn a_large_batch_takes_a_turn_for_128_results() {
    let (cache, ..) = world(Store::Leased);
    let runs = AtomicU64::new(0);
    let ids: Vec<u64> = (0..IDS).collect();
    let mut turns = 0;
    let mut batch = std::pin::pin!(rows(&cache, &runs, &ids));
    let values = std::future::poll_fn(|cx| {
        turns += 1;
        batch.as_mut().poll(cx)
    });
    assert_eq!(soon(values).await.len() as u64, IDS);
    assert!((IDS / 128..IDS / 100).contains(&turns), "{turns} turns");
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
async fn directions_of_a_batch_ask_the_store_once() {
    let (cache, log, _) = world(Store::Plain);
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

/// Forwards everything but the operations on many leases.
#[derive(Clone)]
struct OneByOne(Faulty<MemoryBackend>);

impl OneByOne {
    fn lessor(&self) -> &dyn Leases {
        self.0.leases().unwrap()
    }
}

impl Backend for OneByOne {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        self.0.get_many(keys, most)
    }
    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        self.0.set(entries, notice)
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        self.0.remove(keys, notice)
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        self.0.generations(keys, keep)
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.0.bump(key)
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        self.0.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        self.0.publish(notice)
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        self.0.subscribe(channel, listener)
    }
    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.0.ping()
    }
}

impl Leases for OneByOne {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        self.lessor().acquire(request)
    }
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        self.lessor().commit(token, write, notice)
    }
    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        self.lessor().renew(key, token, ttl)
    }
    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        self.lessor().abort(key, token)
    }
    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        self.lessor().revoke(pattern, cursor)
    }
}

//! P8 (and P4, P5 on the way): the items of a batch send their requests to the remote tier together. A lease that another process
//! holds makes only its own item wait.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::testing::{
    Faults, Faulty, HoldPoint, Operation, OperationLog, OperationOutcome, Recorded, Recording,
};
use larder::{Cache, TimedOut, cached, time::Clock};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::origin::{landed, pass, soon, turns};

const SECOND: Duration = Duration::from_secs(1);

/// The origin of one process: what its body was asked for, and what it answers.
#[derive(Clone)]
struct Rows(Arc<RowsState>);

struct RowsState {
    runs: Mutex<Vec<Vec<u64>>>,
    /// Ids that have no value.
    absent: Mutex<Vec<u64>>,
    factor: AtomicU64,
    fails: AtomicU64,
    open: Semaphore,
}

impl Rows {
    fn new() -> Self {
        let state = RowsState {
            runs: Mutex::default(),
            absent: Mutex::default(),
            factor: AtomicU64::new(1),
            fails: AtomicU64::new(0),
            open: Semaphore::new(1_000),
        };
        Self(Arc::new(state))
    }

    fn held() -> Self {
        let rows = Self::new();
        rows.hold();
        rows
    }

    fn hold(&self) {
        self.0.open.forget_permits(1_000);
    }

    fn release(&self) {
        self.0.open.add_permits(1);
    }

    /// Waits until the body runs for the `nth` time.
    async fn began(&self, nth: usize) {
        while self.runs().len() < nth {
            tokio::task::yield_now().await;
        }
    }

    fn runs(&self) -> Vec<Vec<u64>> {
        self.0.runs.lock().unwrap().clone()
    }

    async fn read(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        self.0.runs.lock().unwrap().push(ids.to_vec());
        self.0.open.acquire().await.unwrap().forget();
        if self.0.fails.load(Ordering::SeqCst) > 0 {
            return Err("down".to_owned());
        }
        let absent = self.0.absent.lock().unwrap().clone();
        let factor = self.0.factor.load(Ordering::SeqCst);
        let there = ids.iter().filter(|id| !absent.contains(id));
        Ok(there.map(|id| (*id, id * factor)).collect())
    }
}

#[cached(
    each = "id in ids", key = "row:{id}", ttl = "1h", stale = "1h", lease = "30s",
    cache = cache, skip(cache, rows)
)]
async fn rows(cache: &Cache, rows: &Rows, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    rows.read(ids).await
}

/// Whether a process has a memory tier.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Memory {
    With,
    Without,
}

use Memory::{With, Without};

/// One process over a store that several share.
struct Process {
    cache: Cache,
    log: OperationLog,
    faults: Faults,
}

fn process(store: &MemoryBackend, clock: &Clock, memory: Memory) -> Process {
    let backend = Faulty::with_clock(store.clone(), clock.clone());
    let faults = backend.faults();
    let backend = Recording::new(backend);
    let log = backend.log();
    let builder = Cache::builder().clock(clock.clone()).remote(backend);
    let builder = if memory == Without { builder.no_memory() } else { builder };
    Process { cache: builder.build().unwrap(), log, faults }
}

fn world() -> (Clock, MemoryBackend) {
    let clock = Clock::manual();
    (clock.clone(), MemoryBackend::with_clock(clock))
}

fn ids(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

impl Process {
    fn start(&self, rows: &Rows, ids: Vec<u64>) -> JoinHandle<Result<HashMap<u64, u64>, String>> {
        let (cache, rows) = (self.cache.clone(), rows.clone());
        tokio::spawn(async move { self::rows(&cache, &rows, &ids).await })
    }

    /// The requests of a kind, each with the number of its keys, in their order; then the log is empty.
    fn sent(&self) -> Vec<(Operation, usize)> {
        let about_rows = |operation| {
            !matches!(operation, Operation::Subscribe | Operation::Prolong | Operation::Publish)
        };
        let sent = self.log.take().into_iter().filter(|sent| about_rows(sent.operation));
        sent.map(|Recorded { operation, keys, .. }| (operation, keys.len())).collect()
    }

    async fn settled(&self) {
        landed(&self.cache).await;
        turns().await;
    }
}

/// What a batch sends whose `cold` ids of `all` are loaded.
fn cold(all: usize, cold: usize) -> Vec<(Operation, usize)> {
    // The generation of the namespace, and the values.
    let read = [(Operation::Generations, 1), (Operation::Get, all)];
    read.into_iter().chain([(Operation::Acquire, cold), (Operation::Commit, cold)]).collect()
}

#[tokio::test]
async fn a_cold_batch_is_one_read_one_lease_request_and_one_commit() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, rows) = (process(&store, &clock, memory), Rows::new());
        let loaded = soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
        one.settled().await;
        assert_eq!((loaded.len(), rows.runs().len()), (100, 1));
        assert_eq!(one.sent(), cold(100, 100), "{memory:?}");
        let other = process(&store, &clock, With);
        assert_eq!(soon(other.start(&rows, ids(0..100))).await.unwrap().unwrap(), loaded);
        assert_eq!(other.sent(), cold(100, 100)[..2], "all were stored");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_over_several_threads() {
    for round in 0..20 {
        let (clock, store) = world();
        let (one, rows) = (process(&store, &clock, With), Rows::new());
        soon(one.start(&rows, ids(0..300))).await.unwrap().unwrap();
        one.settled().await;
        assert_eq!(one.cache.stats().remote_stores, 300);
        assert_eq!(one.sent(), cold(300, 300), "round {round}");
    }
}

#[tokio::test]
async fn of_a_warm_half_only_the_rest_is_leased_and_stored() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let rows = Rows::new();
        let other = process(&store, &clock, With);
        soon(other.start(&rows, ids(0..50))).await.unwrap().unwrap();
        other.settled().await;
        let one = process(&store, &clock, memory);
        soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
        one.settled().await;
        assert_eq!(one.sent(), cold(100, 50), "{memory:?}");
        assert_eq!(rows.runs()[1], ids(50..100));
    }
}

#[tokio::test]
async fn an_id_that_another_process_loads_keeps_no_other_waiting() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, memory), process(&store, &clock, With));
        let (mine, theirs) = (Rows::new(), Rows::held());
        let other = two.start(&theirs, vec![7]);
        soon(theirs.began(1)).await;
        let mut batch = pin!(one.start(&mine, ids(0..100)));
        turns().await;
        // The other ids are loaded and stored while the batch waits for that one.
        assert_eq!(mine.runs().len(), 1, "{memory:?}");
        assert_eq!(mine.runs()[0].len(), 99);
        assert_eq!(one.sent(), cold(100, 100).map_last(99), "{memory:?}");
        pass(&clock, SECOND).await;
        let polls = one.sent();
        assert!(
            !polls.is_empty() && polls.iter().all(|sent| *sent == (Operation::Acquire, 1)),
            "{polls:?}"
        );
        assert!(poll_once(&mut batch).await.is_none(), "it waits for the other process");
        theirs.release();
        soon(other).await.unwrap().unwrap();
        two.settled().await;
        pass(&clock, SECOND).await;
        assert_eq!(soon(batch).await.unwrap().unwrap().len(), 100);
        assert_eq!(mine.runs().len(), 1, "the id of the other process is not loaded here");
    }
}

trait MapLast {
    fn map_last(self, keys: usize) -> Self;
}

impl MapLast for Vec<(Operation, usize)> {
    fn map_last(mut self, keys: usize) -> Self {
        if let Some(last) = self.last_mut() {
            last.1 = keys;
        }
        self
    }
}

async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Two processes load the same ids: the second polls for all of them in one request, and takes all values from one.
#[tokio::test]
async fn a_batch_that_another_process_loads_is_waited_for_in_one_request_at_a_time() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, With), process(&store, &clock, memory));
        let (mine, theirs) = (Rows::held(), Rows::new());
        let first = one.start(&mine, ids(0..100));
        soon(mine.began(1)).await;
        let second = two.start(&theirs, ids(0..100));
        for _ in 0..80 {
            pass(&clock, SECOND / 40).await;
        }
        let sent = two.sent();
        let polls = sent[2..].iter().filter(|sent| **sent == (Operation::Acquire, 100)).count();
        assert_eq!(polls, sent.len() - 2, "{memory:?}: {sent:?}");
        // After 10 milliseconds, then ever more rarely, then each 125 to 375.
        assert!((5..=30).contains(&polls), "{polls}");
        mine.release();
        soon(first).await.unwrap().unwrap();
        one.settled().await;
        pass(&clock, SECOND).await;
        assert_eq!(soon(second).await.unwrap().unwrap().len(), 100);
        two.settled().await;
        let sent = two.sent();
        let last = [(Operation::Acquire, 100), (Operation::Generations, 1)];
        assert!(sent.ends_with(&last), "{memory:?}: {sent:?}");
        assert!(theirs.runs().is_empty(), "each row is loaded once in the fleet");
    }
}

/// Each of two processes has half of the leases that the other one wants: each loads its half and waits for the rest.
#[tokio::test]
async fn batches_that_overlap_do_not_wait_in_a_circle() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, memory), process(&store, &clock, memory));
        let (mine, theirs) = (Rows::held(), Rows::held());
        let held = [one.start(&mine, ids(0..30)), two.start(&theirs, ids(30..60))];
        soon(async { tokio::join!(mine.began(1), theirs.began(1)) }).await;
        let all = [
            one.start(&mine, ids(0..70)),
            two.start(&theirs, ids(0..70).into_iter().rev().collect()),
        ];
        turns().await;
        let wide = |rows: &Rows| rows.runs().len() - 1;
        assert_eq!(wide(&mine) + wide(&theirs), 1, "one of them has the rest: {memory:?}");
        for _ in 0..3 {
            mine.release();
            theirs.release();
        }
        for batch in held {
            soon(batch).await.unwrap().unwrap();
        }
        pass(&clock, 2 * SECOND).await;
        for batch in all {
            assert_eq!(soon(batch).await.unwrap().unwrap().len(), 70);
        }
        let loaded = mine.runs().concat().len() + theirs.runs().concat().len();
        assert_eq!(loaded, 70, "each row once: {memory:?}");
    }
}

#[tokio::test]
async fn ids_without_a_value_give_their_leases_back_in_one_request() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, rows) = (process(&store, &clock, memory), Rows::new());
        *rows.0.absent.lock().unwrap() = ids(20..50);
        let loaded = soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
        one.settled().await;
        assert_eq!(loaded.len(), 70);
        let expected = [cold(100, 100).map_last(70), vec![(Operation::Abort, 30)]].concat();
        assert_eq!(one.sent(), expected, "{memory:?}");
        // No one waits for the leases of the others.
        let two = process(&store, &clock, With);
        soon(two.start(&Rows::new(), ids(0..100))).await.unwrap().unwrap();
        assert_eq!(two.sent()[2], (Operation::Acquire, 30));
    }
}

#[tokio::test]
async fn a_batch_that_fails_gives_its_leases_back_in_one_request() {
    let (clock, store) = world();
    let (one, rows) = (process(&store, &clock, With), Rows::new());
    rows.0.fails.store(1, Ordering::SeqCst);
    assert_eq!(soon(one.start(&rows, ids(0..100))).await.unwrap(), Err("down".to_owned()));
    one.settled().await;
    assert_eq!(one.sent()[2..], [(Operation::Acquire, 100), (Operation::Abort, 100)]);
    rows.0.fails.store(0, Ordering::SeqCst);
    soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
    assert_eq!(one.sent()[2], (Operation::Acquire, 100), "granted at once");
}

/// The caller goes away before its leases are granted, while they are, while it loads, or while it waits for others.
#[tokio::test]
async fn a_batch_that_is_dropped_leaves_no_lease() {
    for stage in ["asked", "granted", "loading", "waiting"] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, With), process(&store, &clock, With));
        let (rows, theirs) = (Rows::held(), Rows::held());
        let gate = match stage {
            "asked" => Some(one.faults.hold(HoldPoint::Before(Operation::Acquire))),
            "granted" => Some(one.faults.hold(HoldPoint::After(Operation::Acquire))),
            _ => None,
        };
        let holder = (stage == "waiting").then(|| two.start(&theirs, ids(0..100)));
        if holder.is_some() {
            soon(theirs.began(1)).await;
        }
        let batch = one.start(&rows, ids(0..100));
        match &gate {
            Some(gate) => soon(gate.arrived()).await,
            None => pass(&clock, SECOND).await,
        }
        batch.abort();
        assert!(soon(batch).await.unwrap_err().is_cancelled());
        if let Some(gate) = gate {
            gate.open();
        }
        turns().await;
        one.log.take();
        pass(&clock, SECOND).await;
        assert_eq!(one.sent(), [], "{stage}: nothing is asked for any more");
        if let Some(holder) = holder {
            theirs.release();
            assert_eq!(soon(holder).await.unwrap().unwrap().len(), 100, "{stage}");
            continue;
        }
        // No lease is left: no one has to wait until its time is over.
        let free = Rows::new();
        assert_eq!(soon(two.start(&free, ids(0..100))).await.unwrap().unwrap().len(), 100);
        assert_eq!(free.runs().len(), 1, "{stage}");
    }
}

/// Counts the loads that are under way.
struct Alive(Arc<AtomicU64>);

impl Alive {
    fn new(alive: Arc<AtomicU64>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An error that a timeout can become.
#[derive(Clone, Debug)]
struct Failed;

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

impl From<String> for Failed {
    fn from(_: String) -> Self {
        Self
    }
}

#[cached(
    each = "id in ids", key = "patient:{id}", ttl = "1h", hard_timeout = "1h", cache = cache,
    skip(cache, rows, alive)
)]
async fn patient(
    cache: &Cache,
    rows: Rows,
    alive: Arc<AtomicU64>,
    ids: &[u64],
) -> Result<HashMap<u64, u64>, Failed> {
    let (_alive, _) = (Alive::new(alive), cache);
    Ok(rows.read(ids).await?)
}

/// The load of a batch with a timeout runs in a task of its own. It does not outlive the batch, whose flights are abandoned: the next
/// caller loads, and no id is loaded twice at the same time.
#[tokio::test]
async fn the_load_of_a_batch_with_a_timeout_is_dropped_with_it() {
    let (clock, store) = world();
    let (one, rows) = (process(&store, &clock, With), Rows::held());
    let alive = Arc::<AtomicU64>::default();
    let start = || {
        let (cache, rows, alive) = (one.cache.clone(), rows.clone(), Arc::clone(&alive));
        tokio::spawn(async move { patient(&cache, rows, alive, &ids(0..100)).await })
    };
    let batch = start();
    soon(rows.began(1)).await;
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    batch.abort();
    assert!(soon(batch).await.unwrap_err().is_cancelled());
    turns().await;
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    let batch = start();
    soon(rows.began(2)).await;
    rows.release();
    assert_eq!(soon(batch).await.unwrap().unwrap().len(), 100);
}

#[cached(
    each = "id in ids", key = "kept:{id}", ttl = "10s", stale = "10s", stale_if_error = "1h", soft_timeout = "10s",
    hard_timeout = "1h", lease = "30s", cache = cache, skip(cache, rows, alive)
)]
async fn kept(
    cache: &Cache,
    rows: Rows,
    alive: Arc<AtomicU64>,
    ids: &[u64],
) -> Result<HashMap<u64, u64>, Failed> {
    let (_alive, _) = (Alive::new(alive), cache);
    Ok(rows.read(ids).await?)
}

/// Ids whose loads go on when the batch is dropped do not share a load with the others, whose flights end: their next callers load.
#[tokio::test]
async fn a_load_that_goes_on_without_the_batch_is_not_that_of_the_others() {
    let (clock, store) = world();
    let (one, rows) = (process(&store, &clock, With), Rows::new());
    let alive = Arc::<AtomicU64>::default();
    let start = |ids: Vec<u64>| {
        let (cache, rows, alive) = (one.cache.clone(), rows.clone(), Arc::clone(&alive));
        tokio::spawn(async move { kept(&cache, rows, alive, &ids).await })
    };
    // Of two ids the value is too old to be served at once, of two it is stale, and two have none.
    soon(start(vec![0, 1])).await.unwrap().unwrap();
    clock.advance(15 * SECOND);
    soon(start(vec![2, 3])).await.unwrap().unwrap();
    one.settled().await;
    clock.advance(15 * SECOND);
    rows.hold();
    let batch = start(ids(0..6));
    soon(rows.began(5)).await;
    let mut loads = rows.runs().split_off(2);
    loads.iter_mut().for_each(|ids| ids.sort_unstable());
    loads.sort_unstable();
    assert_eq!(loads, [[0, 1], [2, 3], [4, 5]]);
    // The first two get their old values, and their load goes on. That of the last two ends with the batch, although there is a
    // value of one of them now.
    let put = kept(&one.cache, rows.clone(), Arc::default(), &[4]);
    soon(put.put(HashMap::from([(4, 4)]))).await.unwrap();
    clock.advance(11 * SECOND);
    turns().await;
    batch.abort();
    assert!(soon(batch).await.unwrap_err().is_cancelled());
    turns().await;
    assert_eq!(alive.load(Ordering::SeqCst), 2);
    let again = start(ids(0..6));
    soon(rows.began(7)).await;
    let mut last = rows.runs().split_off(5);
    last.sort_unstable();
    assert_eq!(last, [[4], [5]], "the value that was put is stale by now");
    (0..4).for_each(|_| rows.release());
    assert_eq!(soon(again).await.unwrap().unwrap().len(), 6);
}

/// A batch is dropped before its load begins, because one item reads generations again. The load does not begin when that item goes on:
/// the leases of the others were given back.
#[tokio::test]
async fn the_load_of_a_batch_that_was_dropped_does_not_begin() {
    let (clock, store) = world();
    let (one, two) = (process(&store, &clock, With), process(&store, &clock, With));
    let (mine, theirs) = (Rows::new(), Rows::new());
    let leases = one.faults.hold(HoldPoint::Before(Operation::Acquire));
    let start = |process: &Process, rows: &Rows, ids: Vec<u64>| {
        let (cache, rows) = (process.cache.clone(), rows.clone());
        tokio::spawn(async move { patient(&cache, rows, Arc::default(), &ids).await })
    };
    let batch = start(&one, &mine, ids(0..100));
    soon(leases.arrived()).await;
    soon(start(&two, &theirs, vec![7])).await.unwrap().unwrap();
    two.settled().await;
    let generations = one.faults.hold(HoldPoint::Before(Operation::Generations));
    leases.open();
    soon(generations.arrived()).await;
    batch.abort();
    assert!(soon(batch).await.unwrap_err().is_cancelled());
    soon(start(&two, &theirs, ids(0..100))).await.unwrap().unwrap();
    generations.open();
    turns().await;
    assert_eq!(mine.runs(), Vec::<Vec<u64>>::new());
    assert_eq!(theirs.runs().len(), 2);
}

#[tokio::test]
async fn the_leases_of_a_batch_are_renewed_in_one_request() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, rows) = (process(&store, &clock, memory), Rows::held());
        let batch = one.start(&rows, ids(0..100));
        soon(rows.began(1)).await;
        one.log.take();
        for _ in 0..4 {
            pass(&clock, SECOND).await;
        }
        assert_eq!(one.sent(), [(Operation::Renew, 100); 4], "{memory:?}");
        // After so long no other process has taken one of them.
        let two = process(&store, &clock, With);
        let theirs = Rows::new();
        let second = two.start(&theirs, ids(0..100));
        pass(&clock, SECOND).await;
        rows.release();
        soon(batch).await.unwrap().unwrap();
        pass(&clock, SECOND).await;
        assert_eq!(soon(second).await.unwrap().unwrap().len(), 100);
        assert!(theirs.runs().is_empty());
    }
}

#[tokio::test]
async fn a_stale_batch_is_refreshed_with_one_request_of_each_kind() {
    let (clock, store) = world();
    let (one, rows) = (process(&store, &clock, With), Rows::new());
    soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
    one.settled().await;
    one.log.take();
    rows.0.factor.store(2, Ordering::SeqCst);
    clock.advance(3_700 * SECOND);
    let stale = soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
    assert_eq!(stale[&7], 7, "the old values are served");
    one.settled().await;
    assert_eq!(one.sent(), cold(100, 100));
    let fresh = soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
    assert_eq!((fresh[&7], rows.runs().len()), (14, 2));
}

#[tokio::test]
async fn a_refresh_is_one_request_of_each_kind() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, memory), process(&store, &clock, With));
        let source = Rows::new();
        for process in [&one, &two] {
            soon(process.start(&source, ids(0..100))).await.unwrap().unwrap();
            process.settled().await;
            process.log.take();
        }
        source.0.factor.store(2, Ordering::SeqCst);
        soon(rows(&one.cache, &source, &ids(0..100)).refresh()).await.unwrap();
        one.settled().await;
        let expected =
            [(Operation::Generations, 1), (Operation::Acquire, 100), (Operation::Commit, 100)];
        assert_eq!(one.sent(), expected, "{memory:?}");
        let other = soon(two.start(&source, ids(0..100))).await.unwrap().unwrap();
        assert_eq!(other[&7], 14, "the other process has heard of each");
    }
}

/// An eviction of one id while the batch reads wins over the value that the request brings, and over no other.
#[tokio::test]
async fn an_eviction_while_a_batch_reads_wins() {
    let (clock, store) = world();
    let (one, two) = (process(&store, &clock, With), process(&store, &clock, With));
    let rows = Rows::new();
    soon(two.start(&rows, ids(0..100))).await.unwrap().unwrap();
    two.settled().await;
    let gate = one.faults.hold(HoldPoint::After(Operation::Get));
    let batch = one.start(&rows, ids(0..100));
    soon(gate.arrived()).await;
    soon(one.cache.remove("row:7")).await.unwrap();
    gate.open();
    assert_eq!(soon(batch).await.unwrap().unwrap().len(), 100);
    let stats = one.cache.stats();
    assert_eq!((stats.remote_hits, rows.runs().len()), (100, 1));
    one.log.take();
    assert_eq!(one.cache.get::<u64>("row:8").await.unwrap(), Some(8));
    assert_eq!(one.sent(), [], "memory has the others");
    assert_eq!(one.cache.get::<u64>("row:7").await.unwrap(), None);
}

/// A caller that comes while a batch reads waits for the value of its id, and reads for itself if the batch is dropped.
#[tokio::test]
async fn a_caller_shares_the_read_of_a_batch() {
    for dropped in [false, true] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, With), process(&store, &clock, With));
        let rows = Rows::new();
        soon(two.start(&rows, ids(0..100))).await.unwrap().unwrap();
        two.settled().await;
        let gate = one.faults.hold(HoldPoint::Before(Operation::Get));
        let batch = one.start(&rows, ids(0..100));
        soon(gate.arrived()).await;
        let caller = one.start(&rows, vec![7]);
        turns().await;
        if dropped {
            batch.abort();
            turns().await;
        }
        gate.open();
        assert_eq!(soon(caller).await.unwrap().unwrap(), HashMap::from([(7, 7)]));
        assert_eq!(soon(batch).await.is_ok(), !dropped);
        let gets = one.log.of(Operation::Get).len();
        assert_eq!((gets, one.cache.stats().coalesced), if dropped { (2, 0) } else { (1, 1) });
        assert_eq!(rows.runs().len(), 1);
    }
}

/// An eviction of one id while the batch loads ends that one's lease, and no other.
#[tokio::test]
async fn an_eviction_of_one_id_refuses_that_one_only() {
    for memory in [With, Without] {
        let (clock, store) = world();
        let (one, two) = (process(&store, &clock, memory), process(&store, &clock, With));
        let rows = Rows::held();
        let batch = one.start(&rows, ids(0..100));
        soon(rows.began(1)).await;
        one.faults.drop_messages(true);
        soon(two.cache.remove("row:7")).await.unwrap();
        rows.release();
        assert_eq!(soon(batch).await.unwrap().unwrap().len(), 100);
        one.settled().await;
        let commit = one.log.of(Operation::Commit).remove(0);
        let refused = commit.keys.iter().position(|key| key == "larder:row:7").unwrap();
        let OperationOutcome::Each(stored) = commit.outcome else { panic!("{commit}") };
        for (place, stored) in stored.into_iter().enumerate() {
            assert_eq!(stored, OperationOutcome::Held(place != refused), "{memory:?}");
        }
        assert_eq!(two.cache.get::<u64>("row:7").await.unwrap(), None);
        assert_eq!(two.cache.get::<u64>("row:8").await.unwrap(), Some(8));
        assert_eq!(one.cache.get::<u64>("row:7").await.unwrap(), None, "nor has its own memory");
    }
}

/// Where the store fails for some of the items, these are loaded and not stored.
#[tokio::test]
async fn a_failure_for_one_id_stays_with_it() {
    for (operation, stored) in [(Operation::Acquire, 90), (Operation::Commit, 90)] {
        let (clock, store) = world();
        let (one, rows) = (process(&store, &clock, With), Rows::new());
        one.faults.fail_every(operation, 10);
        let loaded = soon(one.start(&rows, ids(0..100))).await.unwrap().unwrap();
        one.settled().await;
        assert_eq!((loaded.len(), rows.runs().len()), (100, 1), "{operation}");
        let stats = one.cache.stats();
        assert_eq!((stats.remote_stores, stats.remote_errors), (stored, 10), "{operation}");
        one.faults.heal();
        let two = process(&store, &clock, Without);
        soon(two.start(&Rows::new(), ids(0..100))).await.unwrap().unwrap();
        assert_eq!(two.sent()[2], (Operation::Acquire, 10), "{operation}");
    }
}

/// An item that another process kept waiting reads the generations again before it goes on. The writes of the others, which have
/// their values, do not wait for that.
#[tokio::test]
async fn writes_do_not_wait_for_an_item_that_comes_later() {
    let (clock, store) = world();
    let (one, two) = (process(&store, &clock, With), process(&store, &clock, With));
    let (mine, theirs) = (Rows::held(), Rows::held());
    let other = two.start(&theirs, vec![7]);
    soon(theirs.began(1)).await;
    let batch = one.start(&mine, ids(0..100));
    soon(mine.began(1)).await;
    let gate = one.faults.hold(HoldPoint::Before(Operation::Generations));
    theirs.release();
    soon(other).await.unwrap().unwrap();
    two.settled().await;
    clock.advance(SECOND);
    soon(gate.arrived()).await;
    mine.release();
    turns().await;
    assert_eq!(one.log.keys(Operation::Commit).len(), 99);
    gate.open();
    assert_eq!(soon(batch).await.unwrap().unwrap().len(), 100);
}

/// The items of a batch that is not polled any more do not register their writes. The others' writes do not wait for them
/// for long: they have their turn to write, and evictions wait for them.
#[tokio::test]
async fn a_batch_that_is_not_polled_holds_no_write_up() {
    let (clock, store) = world();
    let (one, rows) = (process(&store, &clock, With), Rows::held());
    let all = ids(0..1_000);
    let mut batch = Box::pin(self::rows(&one.cache, &rows, &all));
    let poll = async |batch: &mut std::pin::Pin<Box<_>>| poll_once(batch).await.is_some();
    while rows.runs().is_empty() {
        assert!(!poll(&mut batch).await);
        turns().await;
    }
    rows.release();
    // A runtime does not poll so many items at once.
    assert!(!poll(&mut batch).await, "there are items that have not seen their value");
    turns().await;
    assert_eq!(one.log.count(Operation::Commit), 0, "the writes wait for the others");
    pass(&clock, SECOND).await;
    let first = one.log.keys(Operation::Commit).len();
    assert!(first > 0 && first < 1_000, "{first} of 1000 were written");
    soon(one.cache.remove("row:0")).await.unwrap();
    assert_eq!(soon(batch).await.unwrap().len(), 1_000);
    one.settled().await;
    assert_eq!(one.log.keys(Operation::Commit).len(), 1_000);
}

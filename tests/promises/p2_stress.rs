//! P2 on real threads: the origin numbers every value, and a read never returns a lower number than the last eviction
//! that returned before the read began.
//!
//! Half a million operations, on a runtime and on plain threads, for each memory engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, Memory, cached, call};

const KEYS: u64 = 64;
/// Fewer than the number of keys, so that memory also removes entries to make room.
const ROOM: u64 = 48;
const WORKERS: u64 = 8;
/// Operations per engine, on a runtime and again on threads. moka is slower.
const OWN: u64 = 180_000;
#[cfg(feature = "moka")]
const MOKA: u64 = 70_000;

struct Row {
    /// The current value of the origin.
    current: AtomicU64,
    /// Evictions of all older values have returned.
    floor: AtomicU64,
}

struct Stress {
    cache: Cache,
    rows: Vec<Row>,
}

impl Stress {
    fn new(memory: Memory) -> Arc<Self> {
        let row = |_| Row { current: AtomicU64::new(0), floor: AtomicU64::new(0) };
        let cache = Cache::builder().memory(memory).build().unwrap();
        Arc::new(Self { cache, rows: (0..KEYS).map(row).collect() })
    }

    fn row(&self, id: u64) -> &Row {
        &self.rows[id as usize]
    }

    /// Checks a read value against the evictions that returned before the read.
    fn judge(&self, id: u64, floor: u64, found: u64) {
        assert!(found >= floor, "row {id}: read {found}, evicted up to {floor}");
        assert!(found <= self.row(id).current.load(Ordering::SeqCst), "row {id}: from the future");
    }

    fn done(&self) {
        let stats = self.cache.stats();
        assert_eq!(stats.in_flight, 0, "{stats:?}");
        assert!(stats.entries <= ROOM, "{stats:?}");
        // The cache had hits, and evictions ran during loads.
        assert!(stats.memory_hits > 10_000 && stats.loads > 10_000, "{stats:?}");
        assert!(stats.fenced > 0, "{stats:?}");
    }
}

#[cached(key = "row:{id}:x", tags = ["rows", "row:{id}"], cache = stress.cache, skip(stress))]
async fn row(stress: &Stress, id: u64) -> u64 {
    let seen = stress.row(id).current.load(Ordering::SeqCst);
    // Some loads yield between the read of the origin and the return.
    if seen.is_multiple_of(3) {
        tokio::task::yield_now().await;
    }
    seen
}

#[cached(key = "row:{id}:x", tags = ["rows", "row:{id}"], cache = stress.cache, skip(stress))]
fn row_blocking(stress: &Stress, id: u64) -> u64 {
    let seen = stress.row(id).current.load(Ordering::SeqCst);
    if seen.is_multiple_of(3) {
        std::thread::yield_now();
    }
    seen
}

/// Xorshift (Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn new(worker: u64) -> Self {
        Self((worker + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Changes a row and evicts it, or evicts everything. Each row has one writer: the order of concurrent puts is
/// undefined.
async fn change(stress: &Stress, how: u64, id: u64, blocking: bool) {
    let cache = &stress.cache;
    if how < 2 {
        let current = |row: &Row| row.current.load(Ordering::SeqCst);
        let seen: Vec<u64> = stress.rows.iter().map(current).collect();
        match how {
            0 => cache.clear().await.unwrap(),
            _ => cache.evict_tag("rows").await.unwrap(),
        }
        for (row, seen) in stress.rows.iter().zip(seen) {
            row.floor.fetch_max(seen, Ordering::SeqCst);
        }
        return;
    }
    let new = stress.row(id).current.fetch_add(1, Ordering::SeqCst) + 1;
    match how % 5 {
        0 => drop(cache.remove(format!("row:{id}:x")).await.unwrap()),
        1 => drop(cache.evict_pattern(format!("row:{id}:*")).await.unwrap()),
        2 => cache.evict_tag(&format!("row:{id}")).await.unwrap(),
        3 if blocking => call!(row_blocking(stress, id)).put(new).await.unwrap(),
        3 => row(stress, id).put(new).await.unwrap(),
        _ if blocking => drop(call!(row_blocking(stress, id)).evict().await.unwrap()),
        _ => drop(row(stress, id).evict().await.unwrap()),
    }
    stress.row(id).floor.fetch_max(new, Ordering::SeqCst);
}

async fn work(stress: Arc<Stress>, worker: u64, turns: u64) {
    let mut random = Random::new(worker);
    for _ in 0..turns {
        let (number, id) = (random.next(), random.next() % KEYS);
        if number.is_multiple_of(8) {
            change(&stress, (number >> 8) % 100, id - id % WORKERS + worker, false).await;
        } else {
            let floor = stress.row(id).floor.load(Ordering::SeqCst);
            stress.judge(id, floor, row(&stress, id).await);
        }
    }
}

fn work_blocking(stress: &Stress, worker: u64, turns: u64) {
    let mut random = Random::new(worker);
    for _ in 0..turns {
        let (number, id) = (random.next(), random.next() % KEYS);
        if number.is_multiple_of(8) {
            wait(change(stress, (number >> 8) % 100, id - id % WORKERS + worker, true));
        } else {
            let floor = stress.row(id).floor.load(Ordering::SeqCst);
            stress.judge(id, floor, row_blocking(stress, id));
        }
    }
}

/// Evictions from memory alone do not wait.
fn wait<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        std::thread::yield_now();
    }
}

fn on_a_runtime(memory: Memory, operations: u64) {
    let stress = Stress::new(memory);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let work = |worker| work(Arc::clone(&stress), worker, operations / WORKERS);
        let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(worker))).collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
    stress.done();
}

fn on_threads(memory: Memory, operations: u64) {
    let stress = Stress::new(memory);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let stress = &stress;
            scope.spawn(move || work_blocking(stress, worker, operations / WORKERS));
        }
    });
    stress.done();
}

#[test]
fn no_old_value_on_a_runtime() {
    on_a_runtime(Memory::max_entries(ROOM), OWN);
}

#[test]
fn no_old_value_on_threads() {
    on_threads(Memory::max_entries(ROOM), OWN);
}

#[cfg(feature = "moka")]
#[test]
fn no_old_value_on_a_runtime_over_moka() {
    on_a_runtime(Memory::max_entries(ROOM).eviction(larder::Eviction::Lfu), MOKA);
}

#[cfg(feature = "moka")]
#[test]
fn no_old_value_on_threads_over_moka() {
    on_threads(Memory::max_entries(ROOM).eviction(larder::Eviction::Lru), MOKA);
}

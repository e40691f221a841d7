//! The engines of the memory tier, moka and quick_cache in one run: the time of a hit, and the
//! bytes of an entry.
//!
//! `cargo run --release -p benches --bin memory`. Each one holds `u64` values under texts such as
//! `user:123`, without a ttl. Bytes are the requests to the allocator, without its rounding. Tables
//! double as they grow, so the figure is an average over a doubling. "counted" is larder's own
//! count for an entry of a tier that is bounded by bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use larder::{Cache, Eviction, Memory, cached};

struct Counting;

static LIVE: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed to the system allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 15;
const CALLS: u64 = 200_000;
/// The number of entries while hits are measured.
const ENTRIES: u64 = 10_000;
/// The number of entries while bytes are measured: from this to its double, in steps.
const FROM: u64 = 60_000;
const STEPS: u64 = 10;
/// A capacity that needs no evictions, and leaves no engine less than a third full.
const ROOM: u64 = 150_000;

#[cached(key = "user:{id}", cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> u64 {
    id
}

trait Engine: Sync {
    fn read(&self, id: u64) -> u64;
    fn store(&self, id: u64);
    /// Finishes the engine's background work.
    fn settle(&self) {}
    fn counted(&self) -> Option<u64> {
        None
    }
}

impl Engine for Cache {
    fn read(&self, id: u64) -> u64 {
        pollster::block_on(user(self, id))
    }
    fn store(&self, id: u64) {
        self.read(id);
    }
    fn settle(&self) {
        self.stats();
    }
    fn counted(&self) -> Option<u64> {
        Some(self.stats().bytes)
    }
}

impl Engine for moka::sync::Cache<String, u64> {
    fn read(&self, id: u64) -> u64 {
        written(id, |key| self.get(key)).unwrap_or_default()
    }
    fn store(&self, id: u64) {
        self.insert(format!("user:{id}"), id);
    }
    fn settle(&self) {
        self.run_pending_tasks();
    }
}

impl Engine for quick_cache::sync::Cache<String, u64> {
    fn read(&self, id: u64) -> u64 {
        written(id, |key| self.get(key)).unwrap_or_default()
    }
    fn store(&self, id: u64) {
        self.insert(format!("user:{id}"), id);
    }
}

/// Looks up a key that is written without an allocation, like larder's keys.
fn written<R>(id: u64, look: impl FnOnce(&str) -> R) -> R {
    thread_local!(static KEY: std::cell::Cell<String> = const { std::cell::Cell::new(String::new()) });
    let mut key = KEY.take();
    key.clear();
    let _ = write!(key, "user:{id}");
    let result = look(&key);
    KEY.set(key);
    result
}

type Make = Box<dyn Fn() -> Box<dyn Engine>>;

fn engines() -> Vec<(&'static str, Make)> {
    let larder = |eviction: Eviction| -> Make {
        Box::new(move || {
            let memory = Memory::max_entries(ROOM).policy(eviction);
            match Cache::builder().memory(memory).build() {
                Ok(cache) => Box::new(cache),
                Err(error) => panic!("{error}"),
            }
        })
    };
    vec![
        ("larder: Auto", larder(Eviction::Auto)),
        ("larder: Lru", larder(Eviction::Lru)),
        ("larder: Lfu", larder(Eviction::Lfu)),
        ("larder: Ttl", larder(Eviction::Ttl)),
        ("moka", Box::new(|| Box::new(moka::sync::Cache::<String, u64>::new(ROOM)))),
        (
            "quick_cache",
            Box::new(|| Box::new(quick_cache::sync::Cache::<String, u64>::new(ROOM as usize))),
        ),
    ]
}

/// Nanoseconds for a call on each of `threads`.
#[allow(clippy::cast_precision_loss)]
fn round(engine: &dyn Engine, threads: u64) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for call in 0..CALLS {
                    // A step that the processor cannot predict.
                    let id = (call + thread).wrapping_mul(7919) % ENTRIES;
                    black_box(engine.read(black_box(id)));
                }
            });
        }
    });
    start.elapsed().as_nanos() as f64 / CALLS as f64
}

fn hits(threads: u64) -> Vec<f64> {
    let engines: Vec<Box<dyn Engine>> = engines().iter().map(|(_, make)| make()).collect();
    for engine in &engines {
        (0..ENTRIES).for_each(|id| engine.store(id));
        engine.settle();
    }
    let mut times = vec![Vec::new(); engines.len()];
    for _ in 0..ROUNDS {
        for (engine, times) in engines.iter().zip(&mut times) {
            times.push(round(engine.as_ref(), threads));
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

/// The bytes of each entry: allocated bytes, and larder's count.
fn bytes(make: &Make) -> (u64, Option<u64>) {
    let before = LIVE.load(Ordering::Relaxed);
    let engine = make();
    let (mut allocated, mut counted, mut held) = (0, 0, 0);
    for step in 0..STEPS {
        let entries = FROM + FROM * step / STEPS;
        (held..entries).for_each(|id| engine.store(id));
        held = entries;
        engine.settle();
        allocated += (LIVE.load(Ordering::Relaxed) - before) / entries;
        counted += engine.counted().unwrap_or_default() / entries;
    }
    (allocated / STEPS, engine.counted().map(|_| counted / STEPS))
}

fn main() {
    let (one, two) = (hits(1), hits(2));
    println!(
        "{:<14} {:>16} {:>16} {:>14} {:>10}",
        "", "ns, 1 thread", "ns, 2 threads", "bytes/entry", "counted"
    );
    for (index, (name, make)) in engines().iter().enumerate() {
        let (allocated, counted) = bytes(make);
        let counted = counted.map_or_else(String::new, |counted| counted.to_string());
        println!(
            "{name:<14} {:>16.0} {:>16.0} {allocated:>14} {counted:>10}",
            one[index], two[index]
        );
    }
}

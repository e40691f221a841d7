//! Pieces of work for `scripts/instructions.sh`, which counts their instructions under callgrind.
//!
//! `instructions NAME` prepares a cache, and then calls `measured` once for each unit of work; callgrind counts inside
//! that function only. `instructions` without a name prints the names and the numbers of units.

mod now;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::task::{Context, Poll, Waker};

use larder::{Cache, Memory, cached};
use now::now;

/// The system's allocator, except that memory that grows always moves. The system's `realloc` moves it or not,
/// depending on its neighbours on the heap, which differ from run to run.
struct Moving;

#[global_allocator]
static ALLOCATOR: Moving = Moving;

// SAFETY: both calls are passed to the system allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Moving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cached(key = "user:{id}", ttl = "1h")]
async fn templated(id: u64) -> u64 {
    id
}

#[cached(ttl = "1h")]
async fn automatic(id: u64) -> u64 {
    id
}

#[cached(key = "sync:{id}", ttl = "1h")]
fn templated_sync(id: u64) -> u64 {
    id
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["users"])]
async fn tagged(id: u64) -> u64 {
    id
}

#[cached(key = "row:{id}", each = "id in ids", ttl = "1h")]
async fn rows(ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(key = "shared:{id}", ttl = "1h")]
async fn shared(id: u64) -> u64 {
    let mut began = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut began, true) {
        true => Poll::Ready(id),
        false => Poll::Pending,
    })
    .await
}

/// One call loads, and 99 wait for it.
fn stampede(id: u64) {
    let mut context = Context::from_waker(Waker::noop());
    let mut calls: Vec<_> = (0..100).map(|_| Box::pin(async move { shared(id).await })).collect();
    while !calls.is_empty() {
        calls.retain_mut(|call| call.as_mut().poll(&mut context).is_pending());
    }
}

/// What one unit does.
type Work = fn(u64);

struct Subject {
    name: &'static str,
    work: Work,
    /// The units that are counted.
    units: u64,
    /// The units before; their keys are read again if `is_hit`.
    before: u64,
    is_hit: bool,
}

const KEYS: u64 = 1_000;
const CAPACITY: u64 = 10_000;

const SUBJECTS: [Subject; 7] = [
    hit(
        "hit",
        |id| {
            black_box(now(templated(id)));
        },
        KEYS,
    ),
    hit(
        "hit-automatic",
        |id| {
            black_box(now(automatic(id)));
        },
        KEYS,
    ),
    hit(
        "hit-sync",
        |id| {
            black_box(templated_sync(id));
        },
        KEYS,
    ),
    hit(
        "hit-tagged",
        |id| {
            black_box(now(tagged(id)));
        },
        KEYS,
    ),
    hit(
        "batch-100",
        |at| {
            black_box(now(rows(&ids(at))));
        },
        KEYS / 100,
    ),
    // Twice the capacity: then every insertion evicts.
    Subject {
        name: "miss",
        work: |id| {
            black_box(now(templated(id)));
        },
        units: 4 * KEYS,
        before: 2 * CAPACITY,
        is_hit: false,
    },
    Subject { name: "stampede-100", work: stampede, units: 100, before: 10, is_hit: false },
];

const fn hit(name: &'static str, work: Work, keys: u64) -> Subject {
    Subject { name, work, units: 10 * keys, before: keys, is_hit: true }
}

/// A hundred neighbours.
fn ids(at: u64) -> [u64; 100] {
    std::array::from_fn(|index| at * 100 + index as u64)
}

#[inline(never)]
fn measured(work: Work, id: u64) {
    work(black_box(id));
    // Not a tail call, so that the work runs inside this function.
    black_box(());
}

fn main() {
    let memory = Memory::max_entries(CAPACITY);
    match Cache::builder().memory(memory).build() {
        Ok(cache) => cache.install(),
        Err(error) => panic!("{error}"),
    }
    let name = std::env::args().nth(1);
    for subject in SUBJECTS {
        match &name {
            None => println!("{} {}", subject.name, subject.units),
            Some(name) if name == subject.name => run(&subject),
            Some(_) => {}
        }
    }
}

fn run(subject: &Subject) {
    (0..subject.before).for_each(subject.work);
    for unit in 0..subject.units {
        let id = if subject.is_hit { unit % subject.before } else { subject.before + unit };
        measured(subject.work, id);
    }
}

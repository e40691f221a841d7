//! An allocator that counts while somebody asks, and costs a relaxed load otherwise.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static MADE: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed to the system allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Relaxed) {
            LIVE.fetch_add(layout.size() as i64, Relaxed);
            MADE.fetch_add(1, Relaxed);
        }
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTS.load(Relaxed) {
            LIVE.fetch_sub(layout.size() as i64, Relaxed);
        }
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The allocations of the whole process during a piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocations {
    /// The requested bytes that are still allocated, without the rounding of the allocator.
    pub(crate) live: i64,
    pub(crate) number: u64,
}

pub(crate) fn during<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    let (live, number) = (LIVE.load(Relaxed), MADE.load(Relaxed));
    COUNTS.store(true, Relaxed);
    let result = work();
    COUNTS.store(false, Relaxed);
    let allocations =
        Allocations { live: LIVE.load(Relaxed) - live, number: MADE.load(Relaxed) - number };
    (result, allocations)
}

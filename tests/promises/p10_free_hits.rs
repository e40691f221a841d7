//! P10: a memory hit allocates nothing beyond what the value's own `Clone` does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use larder::{Cache, CachedCell, Eviction, Memory, cached, cached_property};

struct Counting;

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

// SAFETY: every call goes to the system allocator unchanged; counting touches only a thread-local
// cell without a destructor.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[cached(key = "user:{id}", ttl = "1h", stale = "1m", tags = ["users"])]
async fn templated(id: u64) -> u64 {
    id
}

#[cached]
async fn automatic(id: u64, flag: bool, text: &str) -> u64 {
    id + u64::from(flag) + text.len() as u64
}

#[cached(key = "tenant:{tenant}:{id}", tags = ["tenant:{tenant}"])]
async fn tagged(tenant: &str, id: u64) -> Option<u64> {
    Some(id + tenant.len() as u64)
}

#[cached]
fn sync(id: u64) -> Result<u64, String> {
    Ok(id)
}

struct Renamed;

#[cached(model = "user", op = "name", invalidate_on = [Renamed])]
async fn of_a_model(id: u64) -> u64 {
    id
}

#[derive(Default)]
struct Person {
    cell: CachedCell,
}

impl Person {
    #[cached_property(cell = self.cell, ttl = "1h", tags = ["ages"])]
    async fn age(&self) -> u64 {
        40
    }

    #[cached_property(cell = self.cell)]
    fn height(&self) -> u64 {
        180
    }
}

/// Polls a ready future without an executor, which might allocate.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a hit is ready at once"),
    }
}

#[test]
fn a_hit_allocates_nothing() {
    let person = Person::default();
    let all = || {
        assert_eq!(now(templated(7)), 7);
        assert_eq!(now(automatic(7, true, "text")), 12);
        assert_eq!(now(tagged("acme", 7)), Some(11));
        assert_eq!(sync(7), Ok(7));
        assert_eq!(now(of_a_model(7)), 7);
        assert_eq!((now(person.age()), person.height()), (40, 180));
    };
    all();
    all();
    assert_eq!(allocations(all), 0);
}

#[test]
fn a_hit_allocates_nothing_on_a_handle() {
    for eviction in [Eviction::Auto, Eviction::Ttl] {
        for memory in [Memory::max_entries(1_000), Memory::max_bytes(1 << 20)] {
            let cache = Cache::builder().memory(memory.policy(eviction)).build().unwrap();
            let call = || assert_eq!(now(templated(8).cache(&cache)), 8);
            call();
            call();
            assert_eq!(allocations(call), 0, "{eviction:?}");
        }
    }
}

//! P10: a memory hit allocates nothing beyond the value's own `Clone`. These tests count the exceptions, which
//! ARCHITECTURE.md lists ("What a hit allocates").
//!
//! In a program of their own, because tests of scopes would disturb them: while a scope is active anywhere in the process,
//! every call asks whether it is in one, and some allocate.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use std::time::Duration;

use larder::{Cache, CachedCell, Eviction, Memory, Policy, cached, cached_property, call};

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
        std::task::Poll::Pending => panic!("a hit is ready on its first poll"),
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
            let cache = Cache::builder().memory(memory.eviction(eviction)).build().unwrap();
            let call = || assert_eq!(now(templated(8).cache(&cache)), 8);
            call();
            call();
            assert_eq!(allocations(call), 0, "{eviction:?}");
        }
    }
}

/// Every read that may load starts with the same lookup: by hand, through a model's view, for a tenant, with
/// directions.
#[test]
fn a_hit_by_hand_allocates_nothing() {
    let cache = Cache::builder().build().unwrap();
    let policy = Policy::new().ttl(Duration::from_secs(3600)).stale(Duration::from_secs(60));
    let users = cache.typed::<u64, u64>("user").unwrap().policy(policy);
    let tenant = cache.tenant("acme").unwrap();
    let accounts = tenant.typed::<u64, u64>("account").unwrap();
    let local = cache.local();
    let load = || async { Ok::<_, String>(7u64) };
    let all = || {
        assert_eq!(now(cache.get_or_load("k", load)), Ok(7));
        assert_eq!(now(cache.entry("k").policy(policy).or_load(load)), Ok(7));
        assert_eq!(now(cache.entry("t").ttl("1m").tag("users").or_load(load)), Ok(7));
        assert_eq!(now(cache.entry("t").tag("users").get::<u64>()).unwrap(), Some(7));
        assert_eq!(now(cache.entry("t").tenant("acme").or_load(load)), Ok(7));
        assert_eq!(now(local.get_or_load("l", load)), Ok(7));
        assert_eq!(now(local.get::<u64>("l")).unwrap(), Some(7));
        assert_eq!(now(cache.entry("k").policy(policy).or_refresh(load)), Ok(7));
        assert_eq!(now(cache.get::<u64>("k")).unwrap(), Some(7));
        assert_eq!(now(users.get_or_load(&7, load)), Ok(7));
        assert_eq!(now(users.get_or_refresh(&7, load)), Ok(7));
        assert_eq!(now(users.get(&7)).unwrap(), Some(7));
        assert_eq!(now(tenant.get_or_load("k", load)), Ok(7));
        assert_eq!(now(tenant.get::<u64>("k")).unwrap(), Some(7));
        assert_eq!(now(accounts.get_or_load(&7, load)), Ok(7));
        assert_eq!(now(accounts.get(&7)).unwrap(), Some(7));
        assert_eq!(now(templated(9).cache(&tenant)), 9);
        assert_eq!(now(templated(9).cache(&cache)), 9);
    };
    assert_eq!(of_a_hit(all), 0);
}

/// No other test uses this id: a call that waits for the load of another test is not ready.
#[test]
fn a_direction_with_a_value_allocates_once() {
    let tenant = || assert_eq!(now(templated(17).tenant("acme")), 17);
    assert_eq!(of_a_hit(tenant), 1);
    let ttl = || assert_eq!(now(templated(17).ttl("1m")), 17);
    assert_eq!(of_a_hit(ttl), 1);
    let key = || assert_eq!(now(templated(17).key("other")), 17);
    assert_eq!(of_a_hit(key), 1);
    let all = || assert_eq!(now(templated(17).key("other").tenant("acme").ttl("1m")), 17);
    assert_eq!(of_a_hit(all), 1);
}

#[cached(key_with = format!("{id}"))]
async fn worded(id: u64) -> u64 {
    id
}

#[cached(key = "shared:{id}")]
async fn by_reference(id: &u64) -> Result<u64, String> {
    Ok(*id)
}

/// A call is built, moved and dropped for each hit.
#[test]
fn a_call_holds_its_arguments_and_a_few_words() {
    let person = Person::default();
    let words = |size: usize, arguments: usize| (size - arguments) / size_of::<usize>();
    let sizes = [
        words(size_of_val(&templated(7)), 8),
        words(size_of_val(&automatic(7, true, "text")), 32),
        words(size_of_val(&tagged("acme", 7)), 24),
        words(size_of_val(&by_reference(&7)), 8),
        words(size_of_val(&call!(sync(7))), 8),
        words(size_of_val(&person.age()), 8),
    ];
    println!("{sizes:?} {}", size_of_val(&worded(7)));
    assert!(sizes.iter().all(|size| *size < 12), "{sizes:?}");
}

#[cached(key = "documents:{section}:{id}", tags = ["section:{section}"])]
async fn document(section: &str, id: u64) -> u64 {
    id + section.len() as u64
}

#[cached]
async fn searched(text: &str) -> u64 {
    text.len() as u64
}

/// Counts the allocations of a call that hits, after a first call has filled the buffers of the thread.
fn of_a_hit(call: impl Fn()) -> u64 {
    call();
    call();
    allocations(call)
}

#[test]
fn a_long_key_allocates_nothing() {
    let section = "handbook-".repeat(20);
    // Above 120 bytes, and above the 256 bytes at which a key is cut.
    for section in [&section[..50], &section[..110], &section] {
        let all = || {
            assert_eq!(now(document(section, 7)), 7 + section.len() as u64);
            assert_eq!(now(searched(section)), section.len() as u64);
        };
        assert_eq!(of_a_hit(all), 0, "{}", section.len());
    }
    let text = "a text with blanks".repeat(100);
    assert_eq!(of_a_hit(|| assert_eq!(now(searched(&text)), 1800)), 0);
    // The thread keeps one buffer per call, if the calls are not dropped in between.
    let several = || {
        let calls = [0; 8].map(|_| searched(&text));
        calls.into_iter().for_each(|call| assert_eq!(now(call), 1800));
    };
    assert_eq!(of_a_hit(several), 0);
}

#[test]
fn a_tag_that_is_cut_allocates() {
    let section = "handbook-".repeat(30);
    assert_eq!(of_a_hit(|| assert_eq!(now(document(&section, 7)), 277)), 1);
}

#[test]
fn a_very_long_argument_keeps_no_buffer() {
    let text = "a".repeat(5000);
    // One allocation for a buffer and one for its growth.
    assert_eq!(of_a_hit(|| assert_eq!(now(searched(&text)), 5000)), 2);
}

type Sets = HashMap<&'static str, HashSet<u64>>;

#[cached]
async fn filtered(filter: &HashMap<String, u64>, sets: &Sets, sorted: &BTreeMap<u8, u8>) -> u64 {
    (filter.len() + sets.len() + sorted.len()) as u64
}

fn names(count: u64) -> HashMap<String, u64> {
    (0..count).map(|n| (format!("name {n}"), n)).collect()
}

#[test]
fn a_map_in_the_key_allocates_nothing() {
    let filter = names(8);
    let sets = Sets::from([("a", HashSet::from([1, 2, 3])), ("b", (0..8).collect())]);
    let sorted = BTreeMap::from([(9, 1), (10, 2), (11, 3)]);
    let call = || assert_eq!(now(filtered(&filter, &sets, &sorted)), 8 + 2 + 3);
    assert_eq!(of_a_hit(call), 0);
    // A map with more than eight entries also allocates the list of its entries.
    let (filter, sets, sorted) = (names(9), Sets::new(), BTreeMap::new());
    let call = || assert_eq!(now(filtered(&filter, &sets, &sorted)), 9);
    assert_eq!(of_a_hit(call), 1);
}

#[cached(key = "row:{id}", each = "id in ids")]
async fn rows(ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, id * 2)).collect()
}

#[cached(key = "team:{team}:{id}", each = "id in ids", tags = ["team:{team}", "member:{id}"], none_ttl = "1m")]
async fn members(team: &str, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    let there = ids.iter().filter(|id| **id < 100);
    Ok(there.map(|id| (*id, id + team.len() as u64)).collect())
}

#[test]
fn a_batch_allocates_its_output() {
    let none: [u64; 0] = [];
    assert_eq!(of_a_hit(|| assert_eq!(now(rows(&none)).len(), 0)), 0);
    assert_eq!(of_a_hit(|| assert_eq!(now(rows(&[1, 2, 3])).len(), 3)), 1);
    assert_eq!(of_a_hit(|| assert_eq!(now(rows(&[1, 2, 2, 3, 4, 1])).len(), 4)), 1);
    // Long keys, and ids without a value.
    let team = "a team with blanks ".repeat(4);
    let call = || assert_eq!(now(members(&team, &[1, 2, 100, 3])).unwrap().len(), 3);
    assert_eq!(of_a_hit(call), 1);
    // More than four ids also allocate the lists of ids and of values.
    assert_eq!(of_a_hit(|| assert_eq!(now(rows(&[1, 2, 3, 4, 5])).len(), 5)), 3);
    // And the set of the known ids; the list of the sources; the list of more keys than a thread keeps.
    for (count, allocations) in [(16, 4), (17, 5), (64, 5), (65, 6)] {
        let ids: Vec<u64> = (0..count).collect();
        assert_eq!(of_a_hit(|| assert_eq!(now(rows(&ids)).len(), ids.len())), allocations);
    }
}

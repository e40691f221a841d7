//! Every future of the public API, dropped at each of its await points: no caller hangs, nothing leaks, every eviction
//! takes effect, and no key is loaded twice at the same time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use larder::{
    Cache, Policy, Source, backend::MemoryBackend, cache_evict, cache_put, cached, time::Clock,
};

use crate::origin::{landed, soon, soon_at, turns};
use crate::yielding::Yielding;

const TAGGED: Policy = Policy::new().tags(&["rows"]);

/// The cache under test, for one run.
#[derive(Clone)]
struct World {
    cache: Cache,
    store: Option<MemoryBackend>,
    clock: Clock,
    value: Arc<AtomicU64>,
    loading: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
enum Tiering {
    Memory,
    Both,
    Remote,
}

const TIERINGS: [Tiering; 3] = [Tiering::Memory, Tiering::Both, Tiering::Remote];

impl World {
    fn new(tiering: Tiering) -> Self {
        let clock = Clock::manual();
        let builder = Cache::builder().clock(clock.clone());
        let store = MemoryBackend::with_clock(clock.clone());
        let slow = || Yielding(store.clone());
        let (builder, shared) = match tiering {
            Tiering::Memory => (builder, false),
            Tiering::Both => (builder.remote(slow()), true),
            Tiering::Remote => (builder.no_memory().remote(slow()), true),
        };
        Self {
            cache: builder.build().unwrap(),
            store: shared.then_some(store),
            clock,
            value: Arc::new(AtomicU64::new(1)),
            loading: Arc::default(),
            most: Arc::default(),
        }
    }

    fn set(&self, value: u64) {
        self.value.store(value, Ordering::SeqCst);
    }

    async fn load(self) -> u64 {
        struct Loading(Arc<AtomicU64>);
        impl Drop for Loading {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.loading.fetch_add(1, Ordering::SeqCst) + 1;
        let _loading = Loading(Arc::clone(&self.loading));
        self.most.fetch_max(now, Ordering::SeqCst);
        let seen = self.value.load(Ordering::SeqCst);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        seen
    }

    async fn get_or_load(&self) -> u64 {
        let load = || async { Ok::<_, ()>(self.clone().load().await) };
        self.cache.entry("row").policy(TAGGED).or_load(load).await.unwrap()
    }

    /// Returns a cache that shares only the remote tier, as another process would.
    fn other(&self) -> Option<Cache> {
        let store = self.store.clone()?;
        let builder = Cache::builder().clock(self.clock.clone()).no_memory().remote(store);
        Some(builder.build().unwrap())
    }
}

#[cached(key = "row", tags = ["rows"], cache = world.cache, skip(world))]
async fn row(world: &World) -> u64 {
    world.clone().load().await
}

/// Without its own ttl the stale window never opens. Here it is open after one second.
#[cached(key = "row", tags = ["rows"], ttl = "1s", stale = "1h", cache = world.cache, skip(world))]
async fn renewed(world: &World) -> u64 {
    world.clone().load().await
}

#[cached(key = "row", tags = ["rows"], hard_timeout = "1h", cache = world.cache, skip(world))]
async fn patient(world: &World) -> Result<u64, Late> {
    Ok(world.clone().load().await)
}

#[derive(Clone, Debug)]
struct Late;

impl From<larder::TimedOut> for Late {
    fn from(_: larder::TimedOut) -> Self {
        Self
    }
}

#[cache_evict(row(&world))]
async fn change_evicting(world: World) {
    world.set(2);
    tokio::task::yield_now().await;
}

#[cache_evict(tags = ["rows"], pattern = "nothing:*", cache = world.cache)]
async fn change_evicting_tag(world: World) {
    world.set(2);
    tokio::task::yield_now().await;
}

#[cache_put(row(&world))]
async fn change_putting(world: World) -> u64 {
    world.set(2);
    tokio::task::yield_now().await;
    2
}

/// Like `drop`, but also for `Copy` types.
fn ignore<T>(_: T) {}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls `work` this many times, lets other tasks run in between, and drops it. Returns whether it completed before.
async fn drop_after(polls: usize, mut work: Work) -> bool {
    for _ in 0..polls {
        let mut context = Context::from_waker(Waker::noop());
        if work.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

async fn elsewhere(what: &str, world: &World, least: u64) {
    let Some(other) = world.other() else { return };
    let load = || async { Ok::<_, ()>(world.value.load(Ordering::SeqCst)) };
    let found = soon(other.entry("row").policy(TAGGED).or_load(load)).await.unwrap();
    assert!(found >= least, "{what}: another process finds {found}");
}

/// Checks what must hold wherever a future was dropped.
async fn in_order(what: &str, world: &World, least: u64) {
    turns().await;
    let cache = &world.cache;
    soon(async {
        while cache.stats().in_flight > 0 {
            turns().await;
        }
    })
    .await;
    if least < 2 {
        // A dropped load has freed its lease, so other processes do not wait.
        elsewhere(what, world, least).await;
    }
    for again in 0..2 {
        let found = soon(world.get_or_load()).await;
        assert!(found >= least, "{what}: read {found}, time {again}");
    }
    // Callers do not wait for the write of a loaded value; until it ends, other processes wait for its lease.
    landed(cache).await;
    // Pending evictions are carried out before this process reads from the remote tier again.
    elsewhere(what, world, least).await;
    // Callers still share one load.
    world.cache.remove("row").await.unwrap();
    world.most.store(0, Ordering::SeqCst);
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { row(&world).await })
        })
        .collect();
    for read in reads {
        soon_at(&world.clock, read).await.unwrap();
    }
    assert_eq!(world.most.load(Ordering::SeqCst), 1, "{what}: concurrent loads");
    landed(cache).await;
}

/// Drops the future after 0, 1, 2, ... polls until it completes. A value of 1 is cached before; `least` returns the
/// lowest value that a read may return after `polls` polls.
async fn everywhere(name: &str, make: impl Fn(World) -> Work, least: impl Fn(usize, bool) -> u64) {
    for tiering in TIERINGS {
        for cold in [false, true] {
            let mut polls = 0;
            loop {
                let what = format!("{name}, {tiering:?}, cold: {cold}, {polls} polls");
                let world = World::new(tiering);
                if !cold {
                    assert_eq!(row(&world).await, 1, "{what}");
                }
                let done = drop_after(polls, make(world.clone())).await;
                in_order(&what, &world, least(polls, done)).await;
                polls += 1;
                if done {
                    break;
                }
                assert!(polls < 500, "{what}: no end");
            }
        }
    }
}

/// The operation changes nothing: a read may return any value.
fn anything(_: usize, _: bool) -> u64 {
    1
}

/// The operation takes effect once it is polled.
fn new_once_polled(polls: usize, _: bool) -> u64 {
    if polls > 0 { 2 } else { 1 }
}

/// The operation takes effect only when it has returned.
fn new_when_done(_: usize, done: bool) -> u64 {
    if done { 2 } else { 1 }
}

macro_rules! dropped {
    ($($name:ident: $least:expr, |$world:ident| $work:expr;)*) => { $(
        #[tokio::test]
        async fn $name() {
            let make = |$world: World| -> Work { Box::pin(async move { $work }) };
            everywhere(stringify!($name), make, $least).await;
        }
    )* };
}

dropped! {
    a_call: anything, |world| ignore(row(&world).await);
    a_call_that_may_go_on: anything, |world| ignore(patient(&world).await);
    a_call_that_refreshes: new_when_done, |world| { world.set(2); ignore(row(&world).refresh().await) };
    a_call_that_bypasses: anything, |world| ignore(row(&world).bypass().await);
    a_call_that_peeks: anything, |world| ignore(row(&world).peek().await.unwrap());
    a_call_that_puts: new_when_done, |world| { world.set(2); row(&world).put(2).await.unwrap() };
    a_call_that_evicts: new_once_polled, |world| { world.set(2); ignore(row(&world).evict().await.unwrap()) };
    a_stale_call: anything, |world| {
        ignore(renewed(&world).refresh().await);
        world.clock.advance(std::time::Duration::from_secs(2));
        ignore(renewed(&world).await)
    };
    a_get: anything, |world| ignore(world.cache.get::<u64>("row").await.unwrap());
    a_batch: anything, |world| ignore(world.cache.get_many::<u64>(&["a", "row"]).await.unwrap());
    an_insert: new_when_done, |world| { world.set(2); world.cache.entry("row").policy(TAGGED).insert(2u64).await.unwrap() };
    many_inserts: new_when_done, |world| { world.set(2); world.cache.insert_many([("a", 2u64), ("row", 2)]).await.unwrap() };
    a_get_or_load: anything, |world| ignore(world.get_or_load().await);
    a_get_or_refresh: anything, |world| {
        let load = world.clone();
        let load = || async move { Ok::<_, ()>(load.load().await) };
        ignore(world.cache.entry("row").policy(TAGGED).or_refresh(load).await)
    };
    a_removal: new_once_polled, |world| { world.set(2); ignore(world.cache.remove("row").await.unwrap()) };
    a_listing: anything, |world| ignore(world.cache.keys("*").await.unwrap());
    a_pattern: new_once_polled, |world| { world.set(2); ignore(world.cache.evict_pattern("r*").await.unwrap()) };
    a_tag: new_once_polled, |world| { world.set(2); world.cache.evict_tag("rows").await.unwrap() };
    a_clear: new_once_polled, |world| { world.set(2); world.cache.clear().await.unwrap() };
    a_ping: anything, |world| world.cache.ping().await.unwrap();
    a_mutator_that_evicts: new_once_polled, |world| change_evicting(world).await;
    a_mutator_that_evicts_a_tag: new_once_polled, |world| change_evicting_tag(world).await;
    a_mutator_that_puts: new_once_polled, |world| ignore(change_putting(world).await);
}

/// Waiters get a value if the caller whose load they wait for is dropped at any point.
#[tokio::test]
async fn the_waiters_of_a_dropped_call_get_a_value() {
    for tiering in TIERINGS {
        for polls in 1..60 {
            let world = World::new(tiering);
            let mut call: Work = Box::pin({
                let world = world.clone();
                async move { ignore(row(&world).await) }
            });
            let mut context = Context::from_waker(Waker::noop());
            let _ = call.as_mut().poll(&mut context);
            let waiters: Vec<_> = (0..5)
                .map(|_| {
                    let world = world.clone();
                    tokio::spawn(async move { row(&world).traced().await })
                })
                .collect();
            tokio::task::yield_now().await;
            drop_after(polls, call).await;
            for waiter in waiters {
                let read = soon_at(&world.clock, waiter).await.unwrap();
                assert_eq!(read.value, 1, "{tiering:?}, {polls} polls");
                assert_ne!(read.source, Source::TimedOut);
            }
            in_order(&format!("waiters, {tiering:?}, {polls} polls"), &world, 1).await;
        }
    }
}

/// An eviction is dropped while an older value is on its way to the remote tier.
#[tokio::test]
async fn an_eviction_dropped_while_a_write_is_under_way_is_not_lost() {
    for (tiering, put) in [
        (Tiering::Both, false),
        (Tiering::Both, true),
        (Tiering::Remote, false),
        (Tiering::Remote, true),
    ] {
        for (start, polls) in (0..40).flat_map(|start| (1..20).map(move |polls| (start, polls))) {
            let what = format!("{tiering:?}, put: {put}, after {start} turns, {polls} polls");
            let world = World::new(tiering);
            let writing = tokio::spawn({
                let world = world.clone();
                async move {
                    match put {
                        true => row(&world).put(1).await.unwrap(),
                        false => ignore(row(&world).await),
                    }
                }
            });
            for _ in 0..start {
                tokio::task::yield_now().await;
            }
            world.set(2);
            let evicting = world.cache.clone();
            drop_after(
                polls,
                Box::pin(async move { ignore(evicting.remove("row").await.unwrap()) }),
            )
            .await;
            // Later reads return the new value, whatever happens to the write. Exception: a load or put that has not
            // taken its ticket yet counts as later than the eviction.
            if start > 0 {
                for _ in 0..30 {
                    let found = soon_at(&world.clock, world.cache.get::<u64>("row")).await.unwrap();
                    assert_ne!(found, Some(1), "{what}");
                }
            }
            soon_at(&world.clock, writing).await.unwrap();
            if start > 0 {
                assert_eq!(soon_at(&world.clock, world.get_or_load()).await, 2, "{what}");
            }
        }
    }
}

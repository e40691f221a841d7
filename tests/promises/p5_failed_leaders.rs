//! P5: one of the waiters replaces a leader that is cancelled, panics or hangs. Waiters share a failed load, and
//! retries run one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Policy, Source, backend::MemoryBackend, cached, time::Clock};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::gated::Gated;
use crate::origin::{Origin, landed, last, pass, soon, soon_at, turns};
use crate::tiers::{self, Tiers};

/// The first load never ends (or panics); later loads return values.
#[derive(Default)]
struct First {
    loads: AtomicU64,
    started: Notify,
}

#[cached(key = "row", cache = cache, skip(cache, first, panics))]
async fn first_fails(cache: &Cache, first: &First, panics: bool) -> u64 {
    let load = first.loads.fetch_add(1, Ordering::SeqCst);
    if load == 0 {
        first.started.notify_one();
        if panics {
            // Lets the other calls start and wait.
            turns().await;
            panic!("the leader panics");
        }
        std::future::pending::<()>().await;
    }
    load
}

async fn takeover(panics: bool) {
    let clock = Clock::manual();
    for Tiers { cache, .. } in tiers::every(&clock) {
        let first = Arc::new(First::default());
        let read = || {
            let (cache, first) = (cache.clone(), Arc::clone(&first));
            tokio::spawn(async move { first_fails(&cache, &first, panics).await })
        };
        let leader = read();
        soon(first.started.notified()).await;
        let waiters: Vec<_> = (0..100).map(|_| read()).collect();
        tokio::task::yield_now().await;
        if !panics {
            leader.abort();
        }
        leader.await.unwrap_err();
        for waiter in waiters {
            assert_eq!(soon_at(&clock, waiter).await.unwrap(), 1);
        }
        assert_eq!(first.loads.load(Ordering::SeqCst), 2, "one waiter took over");
        landed(&cache).await;
    }
}

#[tokio::test]
async fn a_waiter_takes_over_from_a_cancelled_leader() {
    takeover(false).await;
}

#[tokio::test]
async fn a_waiter_takes_over_from_a_panicking_leader() {
    takeover(true).await;
}

const LEASE: Duration = Duration::from_secs(10);
const JUST: Duration = Duration::from_millis(1);

#[cached(key = "row", lease = "10s", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

fn reader(cache: &Cache, origin: &Origin) -> JoinHandle<larder::Cached<u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).traced().await })
}

fn readers(count: usize, cache: &Cache, origin: &Origin) -> Vec<JoinHandle<larder::Cached<u64>>> {
    (0..count).map(|_| reader(cache, origin)).collect()
}

#[tokio::test]
async fn a_hung_leader_is_replaced_after_its_lease_and_not_before() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let hung = reader(&cache, &origin);
        origin.held().await;
        let waiters = readers(100, &cache, &origin);
        turns().await;
        clock.advance(LEASE - JUST);
        turns().await;
        assert_eq!(origin.reads(), 1, "{name}: within the lease all callers wait");
        origin.set(2);
        clock.advance(JUST);
        let mut loaded = 0;
        for waiter in waiters {
            let read = soon_at(&clock, waiter).await.unwrap();
            assert_eq!(read.value, 2, "{name}");
            loaded += usize::from(read.source == Source::Loaded);
        }
        assert_eq!((loaded, origin.reads()), (1, 2), "{name}: one of them led");
        // The first caller gets the late value; no other caller does.
        let fenced = cache.stats().fenced;
        origin.release(1);
        assert_eq!(soon(hung).await.unwrap().value, 1, "{name}");
        landed(&cache).await;
        assert_eq!(cache.stats().fenced, fenced + 1, "{name}");
        assert_eq!(row(&cache, &origin).await, 2, "{name}");
        assert_eq!(origin.reads(), 2, "{name}: and what the other one brought is kept");
    }
}

/// One waiter watches the clock for all of them. If it is dropped, in any order, another one notices that the leader hangs.
#[tokio::test]
async fn a_hung_leader_is_replaced_although_waiters_are_dropped() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let hung = reader(&cache, &origin);
        origin.held().await;
        let mut waiters = readers(10, &cache, &origin);
        turns().await;
        // The first one alone, so that the next one is woken; then some at once, woken or not.
        for dropped in [0..1, 0..1, 0..3, 2..4] {
            waiters.drain(dropped).for_each(|waiter| waiter.abort());
            turns().await;
        }
        waiters.remove(0).abort();
        waiters.extend(readers(1, &cache, &origin));
        turns().await;
        assert_eq!(origin.reads(), 1, "{name}");
        origin.set(2);
        clock.advance(LEASE);
        for waiter in waiters {
            assert_eq!(soon_at(&clock, waiter).await.unwrap().value, 2, "{name}");
        }
        assert_eq!(origin.reads(), 2, "{name}");
        origin.release(1);
        assert_eq!(soon(hung).await.unwrap().value, 1, "{name}");
        landed(&cache).await;
    }
}

/// The link to the bus returns while a leader hangs, so later callers do not join its load. A caller after its lease
/// does not wait, and the late value is still not kept.
#[tokio::test]
async fn a_hung_leader_that_cannot_be_joined_is_replaced_too() {
    let clock = Clock::manual();
    for gated in [Gated::new(), Gated::leased(&clock)] {
        let cache = gated.cache(&clock);
        let origin = Origin::at(&clock);
        gated.set_linked(false);
        origin.hold(1);
        let hung = reader(&cache, &origin);
        origin.held().await;
        gated.set_linked(true);
        clock.advance(LEASE);
        turns().await;
        origin.set(2);
        assert_eq!(soon_at(&clock, reader(&cache, &origin)).await.unwrap().value, 2);
        turns().await;
        origin.release(1);
        assert_eq!(soon(hung).await.unwrap().value, 1);
        landed(&cache).await;
        turns().await;
        assert_eq!(soon(gated.another().cache(&clock).get("row")).await.unwrap(), Some(2u64));
        assert_eq!(row(&cache, &origin).await, 2);
        assert_eq!(origin.reads(), 2);
    }
}

#[tokio::test]
async fn each_takeover_has_twice_the_time() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(3);
        let mut waiting = vec![reader(&cache, &origin)];
        origin.held().await;
        waiting.extend(readers(20, &cache, &origin));
        turns().await;
        for (loads, lease) in [(1, LEASE), (2, LEASE * 2)] {
            pass(&clock, lease - JUST).await;
            assert_eq!(origin.reads(), loads, "{name}: within {lease:?}");
            clock.advance(JUST);
            origin.held().await;
            turns().await;
            assert_eq!(origin.reads(), loads + 1, "{name}: after {lease:?}");
        }
        // The third leader has forty seconds, and ends within them.
        pass(&clock, LEASE * 4 - JUST).await;
        assert_eq!(origin.reads(), 3, "{name}");
        origin.release(3);
        for waiting in waiting {
            assert_eq!(soon(waiting).await.unwrap().value, 1, "{name}");
        }
        landed(&cache).await;
        assert_eq!(row(&cache, &origin).peek().await.unwrap(), Some(1), "{name}");
    }
}

/// No caller waited, so the end of the lease does not matter.
#[tokio::test]
async fn a_load_longer_than_its_lease_is_stored_if_no_call_waits() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let slow = reader(&cache, &origin);
        origin.held().await;
        pass(&clock, LEASE * 3).await;
        origin.release(1);
        assert_eq!(soon(slow).await.unwrap().value, 1);
        landed(&cache).await;
        assert_eq!(row(&cache, &origin).await, 1);
        assert_eq!(origin.reads(), 1, "{name}");
    }
}

/// The load blocked its thread, so the lease could not be renewed.
#[tokio::test]
async fn a_load_that_holds_its_thread_for_a_leases_term_is_stored() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.take(Duration::from_millis(3_300));
        assert_eq!(soon(row(&cache, &origin)).await, 1, "{name}");
        assert_eq!(soon(row(&cache, &origin)).await, 1, "{name}");
        assert_eq!(origin.reads(), 1, "{name}");
    }
}

/// A load that cannot be detached replaces a hung refresh. Its time grows as with any other takeover, so a load that is
/// only slow completes.
#[tokio::test]
async fn takeovers_with_a_stale_value_have_more_time_too() {
    const POLICY: Policy =
        Policy::new().ttl(Duration::from_secs(600)).stale(Duration::from_secs(36_000));
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    cache.entry("row").policy(POLICY).insert(1u64).await.unwrap();
    clock.advance(Duration::from_secs(601));
    for value in 2..8u64 {
        let (cache, clock_of_load) = (cache.clone(), clock.clone());
        tokio::spawn(async move {
            let load = || async {
                last(&clock_of_load, LEASE + LEASE / 2).await;
                Ok::<_, ()>(value)
            };
            cache.entry("row").policy(POLICY).or_load(load).await
        });
        pass(&clock, LEASE + JUST).await;
    }
    assert!(cache.get::<u64>("row").await.unwrap().is_some(), "{:?}", cache.stats());
}

/// The lease is free before the caller gets the error. Neither its next call nor another process waits, on a clock that
/// stands still.
#[tokio::test]
async fn a_failed_load_frees_its_lease_before_it_returns() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, origin) = (build(), build(), Origin::at(&clock));
    origin.fail(true);
    assert!(soon(unshared(&one, &origin)).await.is_err());
    assert!(soon(unshared(&one, &origin)).await.is_err());
    origin.fail(false);
    assert!(soon(unshared(&two, &origin)).await.is_ok());
}

/// A leader that hangs in another process frees the key when its lease ends.
#[tokio::test]
async fn a_hung_leader_of_another_process_loses_its_lease() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, origin) = (build(), build(), Origin::at(&clock));
    origin.hold(1);
    let hung = reader(&one, &origin);
    origin.held().await;
    origin.set(2);
    pass(&clock, LEASE + LEASE / 2).await;
    assert_eq!(soon(row(&two, &origin)).await, 2, "it leads immediately");
    turns().await;
    origin.release(1);
    assert_eq!(soon(hung).await.unwrap().value, 1);
    landed(&one).await;
    assert_eq!(one.stats().fenced, 1);
    assert_eq!(row(&one, &origin).await, 2, "the late result is not stored");
    assert_eq!(row(&two, &origin).await, 2);
    assert_eq!(origin.reads(), 2);
}

/// A load that takes longer than one lease completes in the second process, even if other callers wait there or in a
/// third process.
#[tokio::test]
async fn a_takeover_from_another_process_has_twice_the_time() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, three, origin) = (build(), build(), build(), Origin::at(&clock));
    origin.hold(2);
    let hung = reader(&one, &origin);
    origin.held().await;
    pass(&clock, LEASE + LEASE / 2).await;
    let slow = reader(&two, &origin);
    origin.held().await;
    let mut waiting = readers(5, &two, &origin);
    pass(&clock, LEASE / 2).await;
    waiting.extend(readers(5, &three, &origin));
    turns().await;
    pass(&clock, LEASE * 3 / 4).await;
    assert_eq!(origin.reads(), 2);
    origin.release(2);
    assert_eq!(soon(slow).await.unwrap().value, 1);
    // The third process polls the store from time to time.
    pass(&clock, LEASE / 5).await;
    for waiting in waiting {
        assert_eq!(soon(waiting).await.unwrap().value, 1);
    }
    soon(hung).await.unwrap();
    assert_eq!(origin.reads(), 2, "the late load of the second is what all the others have");
}

/// Callers do not wait for it any longer than that: one of the waiters takes over, and the late value of the hung load
/// is fenced.
#[tokio::test]
async fn callers_wait_for_another_process_for_one_lease_at_most() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let build = || Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    let (one, two, origin) = (build(), build(), Origin::at(&clock));
    origin.hold(1);
    let hung = reader(&one, &origin);
    origin.held().await;
    let waiters = readers(10, &two, &origin);
    turns().await;
    pass(&clock, LEASE - JUST).await;
    assert_eq!(origin.reads(), 1);
    pass(&clock, JUST).await;
    for waiter in waiters {
        assert_eq!(soon(waiter).await.unwrap().value, 1);
    }
    // The call that led here loads, and does not count as hung right away.
    assert_eq!(origin.reads(), 2);
    origin.release(1);
    soon(hung).await.unwrap();
    landed(&one).await;
    assert_eq!(one.stats().fenced, 1);
}

/// A thread that hangs in a sync function holds up other threads for the term of the lease at most.
#[test]
fn a_sync_leader_that_hangs_is_replaced() {
    use std::sync::mpsc;

    static GATE: Semaphore = Semaphore::const_new(0);
    static LOADS: AtomicU64 = AtomicU64::new(0);

    #[cached(key = "row", lease = "500ms", cache = cache, skip(cache, started))]
    fn blocking(cache: &Cache, started: mpsc::Sender<()>) -> u64 {
        let load = LOADS.fetch_add(1, Ordering::SeqCst);
        if load == 0 {
            started.send(()).unwrap();
            while GATE.try_acquire().is_err() {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        load
    }

    let cache = Cache::builder().build().unwrap();
    let (started, first) = mpsc::channel();
    std::thread::scope(|threads| {
        let hung = threads.spawn(|| blocking(&cache, started.clone()));
        first.recv().unwrap();
        let waiters: Vec<_> =
            (0..8).map(|_| threads.spawn(|| blocking(&cache, started.clone()))).collect();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 1);
        }
        GATE.add_permits(1);
        assert_eq!(hung.join().unwrap(), 0);
    });
    assert_eq!((blocking(&cache, started), LOADS.load(Ordering::SeqCst)), (1, 2));
    let stats = cache.stats();
    assert_eq!((stats.fenced, stats.in_flight), (1, 0), "{stats:?}");
}

/// An error that cannot be cloned, so each waiter needs one of its own.
#[derive(Debug)]
struct Unshared;

#[cached(key = "row", lease = "10s", cache = cache, skip(cache, origin))]
async fn unshared(cache: &Cache, origin: &Origin) -> Result<u64, Unshared> {
    origin.try_read().await.map_err(|_| Unshared)
}

/// After a failure that cannot be shared, the waiters load one at a time. If such a load hangs, the waiters behind it
/// do not wait for ever.
#[tokio::test]
async fn retries_that_hang_do_not_strand_those_behind_them() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    let read = || {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move { unshared(&cache, &origin).await.is_ok() })
    };
    origin.fail(true);
    origin.hold(1);
    let leader = read();
    origin.held().await;
    let waiters: Vec<_> = (0..20).map(|_| read()).collect();
    turns().await;
    // The first failure ends the flight for all waiters, but its error cannot be shared: one of them loads, and hangs.
    origin.hold(1);
    origin.release(1);
    assert!(!soon(leader).await.unwrap());
    origin.held().await;
    turns().await;
    assert_eq!(origin.reads(), 2, "one at a time");
    origin.fail(false);
    clock.advance(LEASE);
    turns().await;
    let done = waiters.iter().filter(|waiter| waiter.is_finished()).count();
    assert_eq!(done, 19, "those behind went on");
    origin.release(1);
    for waiter in waiters {
        soon(waiter).await.unwrap();
    }
}

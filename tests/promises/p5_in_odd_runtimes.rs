//! P5 for futures that are no longer polled, for runtimes that end or stand still, and without a runtime: no other
//! caller is held up.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use larder::{Cache, Policy, cached, time::Clock};
use tokio::runtime::{Builder, Runtime};

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, pass, soon, turns};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Removes the row while the clock advances.
fn remove(cache: &Cache, clock: &Clock) {
    let wait = async { tokio::join!(soon(cache.remove("row")), pass(clock, seconds(3))) };
    runtime().block_on(wait).0.unwrap();
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn load(cache: &Cache, value: u64) -> u64 {
    cache.get_or_load("row", || async { Ok::<_, ()>(value) }).await.unwrap()
}

/// A reader carries out pending evictions and is no longer polled half-way.
#[tokio::test]
async fn a_pending_eviction_does_not_wait_for_a_reader_that_is_not_polled() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    gated.set_down(true);
    cache.remove("row").await.unwrap_err();
    gated.set_down(false);
    let removal = gated.hold(Before("remove"));
    let mut idle = pin!(cache.get::<u64>("another"));
    tokio::select! {
        biased;
        _ = &mut idle => unreachable!("the removal is held"),
        () = removal.arrived() => {}
    }
    removal.open();
    assert_eq!(soon(load(&cache, 1)).await, 1);
}

/// The write of a load runs in a task of its caller's runtime, which no thread drives any more.
#[test]
fn an_eviction_does_not_wait_for_a_write_in_a_runtime_that_stands_still() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    let commit = gated.hold(Before("commit"));
    let still = runtime();
    still.block_on(async {
        load(&cache, 1).await;
        commit.arrived().await;
    });
    commit.open();
    remove(&cache, &clock);
}

/// An eviction also does not wait for a put that was polled without a runtime.
#[test]
fn an_eviction_does_not_wait_for_a_put_that_is_not_polled() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    let write = gated.hold(Before("set"));
    let mut put = pin!(cache.insert("row", 1u64));
    assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    write.open();
    remove(&cache, &clock);
}

/// A runtime ends with its loads, leases and writes. The next caller waits for one lease at most.
#[test]
fn the_end_of_a_runtime_does_not_block_calls_in_the_next_one() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    let commit = gated.hold(Before("commit"));
    let first = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for _ in 0..3 {
        let cache = cache.clone();
        first.spawn(async move { load(&cache, 1).await });
    }
    first.block_on(commit.arrived());
    first.shutdown_timeout(seconds(1));
    commit.open();
    clock.advance(seconds(4));
    runtime().block_on(async {
        soon(load(&cache, 2)).await;
        soon(cache.remove("row")).await.unwrap();
    });
}

/// Polls on this thread, without a runtime.
fn by_hand<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn neither_a_runtime_nor_its_timers_are_needed() {
    const POLICY: Policy =
        Policy::new().ttl(Duration::from_millis(20)).stale(seconds(60)).soft_timeout(seconds(60));
    let cache = Cache::builder().build().unwrap();
    let read = async || {
        let load = || async { Ok::<_, ()>(1u64) };
        assert_eq!(cache.entry("row").policy(POLICY).or_refresh(load).await, Ok(1));
    };
    let life = || async {
        read().await;
        thread::sleep(Duration::from_millis(40));
        read().await;
        cache.remove("row").await.unwrap();
    };
    Builder::new_current_thread().build().unwrap().block_on(life());
    by_hand(life());
}

/// Threads of a recursive function wait for each other's values, but never in a circle.
#[test]
fn threads_of_a_recursive_function_complete() {
    #[cached(key = "fib:{n}", cache = cache, skip(cache))]
    fn fib(cache: &Cache, n: u64) -> u64 {
        if n < 2 { n } else { fib(cache, n - 1) + fib(cache, n - 2) }
    }
    let cache = Cache::builder().build().unwrap();
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| assert_eq!(fib(&cache, 60), 1_548_008_755_920));
        }
    });
}

/// A call that waits (for a leader, for another process, for its timeout) does not poll in a loop while the clock
/// stands.
#[tokio::test]
async fn no_call_polls_in_a_loop_while_the_clock_stands() {
    const POLICY: Policy = Policy::new().hard_timeout(seconds(1));
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
    let origin = Origin::at(&clock);
    origin.hold(u64::MAX);
    let polls = Arc::new(AtomicU64::new(0));
    for cache in [one.clone(), one, two] {
        let (polls, origin) = (Arc::clone(&polls), origin.clone());
        tokio::spawn(async move {
            let load = || async move { origin.try_read().await };
            let mut call = pin!(cache.entry("row").policy(POLICY).or_refresh(load));
            std::future::poll_fn(|context| {
                polls.fetch_add(1, Ordering::SeqCst);
                call.as_mut().poll(context)
            })
            .await
        });
    }
    origin.held().await;
    turns().await;
    let before = polls.load(Ordering::SeqCst);
    turns().await;
    assert_eq!(polls.load(Ordering::SeqCst), before);
}

/// A value whose `Clone` panics once.
struct Fragile(Arc<AtomicBool>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the clone panics");
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn a_clone_that_panics_leaves_the_cache_usable() {
    #[cached(key = "row", local, cache = cache, skip(cache, armed))]
    async fn fragile(cache: &Cache, armed: &Arc<AtomicBool>) -> Fragile {
        Fragile(Arc::clone(armed))
    }
    let cache = Cache::builder().build().unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let read = || {
        let (cache, armed) = (cache.clone(), Arc::clone(&armed));
        tokio::spawn(async move { drop(fragile(&cache, &armed).await) })
    };
    read().await.unwrap();
    armed.store(true, Ordering::SeqCst);
    assert!(read().await.unwrap_err().is_panic());
    soon(read()).await.unwrap();
    assert!(soon(cache.remove("row")).await.unwrap());
    soon(read()).await.unwrap();
    assert_eq!(cache.stats().in_flight, 0);
}

//! How long a caller waits: `soft_timeout` if there is an old value, `hard_timeout` in any case. The load continues in
//! the background.

use std::time::Duration;

use larder::{Cache, Cached, Source, TimedOut, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, landed, soon, turns};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const JUST: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, PartialEq)]
enum Failed {
    Late,
    Down(u64),
}

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self::Late
    }
}

type Row = Result<u64, Failed>;

#[cached(
    key = "row",
    ttl = "60s",
    stale_if_error = "1h",
    soft_timeout = "2s",
    hard_timeout = "5s",
    throttle = "1s",
    cache = cache,
    skip(cache, origin)
)]
async fn row(cache: &Cache, origin: &Origin) -> Row {
    origin.try_read().await.map_err(Failed::Down)
}

struct World {
    clock: Clock,
    cache: Cache,
    origin: Origin,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual();
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        Self { cache, origin: Origin::at(&clock), clock }
    }

    fn read(&self) -> JoinHandle<Cached<Row>> {
        let (cache, origin) = (self.cache.clone(), self.origin.clone());
        tokio::spawn(async move { row(&cache, &origin).traced().await })
    }

    async fn advance(&self, span: Duration) {
        turns().await;
        self.clock.advance(span);
        turns().await;
    }
}

#[tokio::test]
async fn after_the_soft_timeout_the_old_value_is_served_and_the_late_load_fills() {
    let world = World::new();
    assert_eq!(soon(world.read()).await.unwrap().value, Ok(1));
    world.advance(seconds(60)).await;
    world.origin.set(2);
    world.origin.hold(1);
    let (leader, waiter) = (world.read(), world.read());
    world.advance(seconds(2) - JUST).await;
    assert!(!leader.is_finished() && !waiter.is_finished());
    world.advance(JUST).await;
    for read in [leader, waiter] {
        let read = soon(read).await.unwrap();
        assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
    }
    // During the throttle no call waits; later calls wait for the same load.
    let read = soon(world.read()).await.unwrap();
    assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
    world.advance(seconds(1)).await;
    let waiter = world.read();
    turns().await;
    assert_eq!(world.origin.reads(), 2, "one load, still");
    world.origin.release(1);
    let read = soon(waiter).await.unwrap();
    assert_eq!((read.value, read.source), (Ok(2), Source::Coalesced));
    landed(&world.cache).await;
    let read = soon(world.read()).await.unwrap();
    assert_eq!((read.value, read.source), (Ok(2), Source::Memory), "the late load filled");
    assert_eq!(world.cache.stats().fail_safe_hits, 3);
}

#[tokio::test]
async fn without_an_old_value_only_the_hard_timeout_counts() {
    let world = World::new();
    world.origin.hold(1);
    let (leader, waiter) = (world.read(), world.read());
    world.advance(seconds(5) - JUST).await;
    assert!(!leader.is_finished() && !waiter.is_finished());
    world.advance(JUST).await;
    for read in [leader, waiter] {
        let read = soon(read).await.unwrap();
        assert_eq!((read.value, read.source), (Err(Failed::Late), Source::TimedOut));
    }
    assert_eq!(world.cache.stats().timed_out, 2);
    world.origin.release(1);
    landed(&world.cache).await;
    assert_eq!(soon(world.read()).await.unwrap().source, Source::Memory, "the late load filled");
    assert_eq!(world.origin.reads(), 1);
}

/// The answer counts once, in time or not, and the late end of a load does not count as an answer.
#[tokio::test]
async fn loads_with_a_timeout_are_counted_once() {
    for (waits, source) in [(1, Source::Loaded), (5, Source::TimedOut)] {
        let world = World::new();
        world.origin.hold(1);
        let read = world.read();
        world.advance(seconds(waits)).await;
        if source == Source::Loaded {
            world.origin.release(1);
        }
        assert_eq!(soon(read).await.unwrap().source, source);
        world.origin.release(1);
        landed(&world.cache).await;
        let stats = world.cache.stats();
        assert_eq!((stats.misses, stats.loads), (1, 1), "{source:?}");
        assert_eq!(stats.response_time.count(), 1, "{source:?}");
        assert_eq!(stats.response_time.total(), seconds(waits), "{source:?}");
    }
}

/// The timeout counts from the start of the call, not from the start of the load that it joins.
#[tokio::test]
async fn the_timeouts_count_from_the_start_of_each_call() {
    let world = World::new();
    world.origin.hold(1);
    let early = world.read();
    world.advance(seconds(3)).await;
    let late = world.read();
    world.advance(seconds(2)).await;
    assert_eq!(soon(early).await.unwrap().value, Err(Failed::Late));
    assert!(!late.is_finished());
    world.advance(seconds(3) - JUST).await;
    assert!(!late.is_finished());
    world.advance(JUST).await;
    assert_eq!(soon(late).await.unwrap().value, Err(Failed::Late));
    world.origin.release(1);
    landed(&world.cache).await;
}

#[tokio::test]
async fn a_late_failure_stays_in_the_background() {
    let world = World::new();
    assert_eq!(soon(world.read()).await.unwrap().value, Ok(1));
    world.advance(seconds(60)).await;
    world.origin.fail(true);
    world.origin.hold(1);
    let read = world.read();
    world.advance(seconds(2)).await;
    assert_eq!(soon(read).await.unwrap().value, Ok(1));
    world.origin.release(1);
    landed(&world.cache).await;
    world.advance(seconds(1)).await;
    assert_eq!(soon(world.read()).await.unwrap().value, Ok(1), "the old value is still there");
    assert_eq!(world.cache.stats().load_failures, 2);
}

/// `or_refresh` cannot construct the caller's error: without an old value it waits on.
#[tokio::test]
async fn get_or_refresh_has_a_soft_timeout() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    let policy = larder::Policy::new()
        .ttl(seconds(60))
        .stale_if_error(seconds(600))
        .soft_timeout(seconds(2))
        .hard_timeout(seconds(5));
    let read = || {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move {
            let load = || async move { origin.try_read().await };
            cache.entry("row").policy(policy).or_refresh(load).await
        })
    };
    origin.hold(1);
    let cold = read();
    turns().await;
    clock.advance(seconds(10));
    turns().await;
    assert!(!cold.is_finished());
    origin.release(1);
    assert_eq!(soon(cold).await.unwrap(), Ok(1));
    clock.advance(seconds(60));
    origin.set(2);
    origin.hold(1);
    let old = read();
    turns().await;
    clock.advance(seconds(2));
    assert_eq!(soon(old).await.unwrap(), Ok(1));
    origin.release(1);
    landed(&cache).await;
    assert_eq!(soon(read()).await.unwrap(), Ok(2));
}

/// The request to the remote tier counts towards the timeout.
#[tokio::test]
async fn the_hard_timeout_covers_a_slow_answer_of_the_remote_tier() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    let _answer = gated.hold(Before("get"));
    let world = World { clock, cache, origin };
    let read = world.read();
    world.advance(seconds(5)).await;
    assert_eq!(soon(read).await.unwrap().value, Err(Failed::Late));
}

/// The load has ended and only the store hangs: the loaded value is returned.
#[tokio::test]
async fn a_load_that_is_done_is_served_though_its_store_hangs() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache_without_memory(&clock), Origin::at(&clock));
    let commit = gated.hold(Before("commit"));
    let world = World { clock, cache, origin };
    let read = world.read();
    commit.arrived().await;
    world.advance(seconds(5)).await;
    assert_eq!(soon(read).await.unwrap().value, Ok(1));
}

/// The time runs out while the load computes, so nothing polls the timeout before the store.
#[tokio::test]
async fn a_load_that_is_done_late_does_not_wait_for_its_store() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache_without_memory(&clock), Origin::at(&clock));
    let commit = gated.hold(Before("commit"));
    origin.take(seconds(5));
    let world = World { clock, cache, origin };
    let read = world.read();
    commit.arrived().await;
    assert_eq!(soon(read).await.unwrap().value, Ok(1));
}

/// A late load returns the same old value as a failing load would, although the cache cannot ask whether it was
/// evicted.
#[tokio::test]
async fn the_soft_timeout_applies_while_the_remote_tier_is_down() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    let world = World { clock, cache, origin };
    assert_eq!(soon(world.read()).await.unwrap().value, Ok(1));
    world.advance(seconds(60)).await;
    gated.set_down(true);
    gated.set_linked(false);
    world.origin.hold(1);
    let read = world.read();
    world.advance(seconds(2)).await;
    let read = soon(read).await.unwrap();
    assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
}

/// An error that cannot be cloned: waiters load one after the other, each within its own timeout.
#[tokio::test]
async fn the_hard_timeout_applies_to_waiters_that_retry() {
    #[derive(Debug, PartialEq)]
    enum Unshared {
        Late,
        Down,
    }
    impl From<TimedOut> for Unshared {
        fn from(_: TimedOut) -> Self {
            Self::Late
        }
    }
    #[cached(key = "row", ttl = "60s", hard_timeout = "2s", lease = "1h", cache = cache, skip(cache, origin))]
    async fn row(cache: &Cache, origin: &Origin) -> Result<u64, Unshared> {
        origin.try_read().await.map_err(|_| Unshared::Down)
    }
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.fail(true);
    origin.hold(u64::MAX);
    let mut reads = (0..30).map(|_| {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move { row(&cache, &origin).await })
    });
    let leader = reads.next().unwrap();
    let waiters: Vec<_> = reads.collect();
    origin.held().await;
    turns().await;
    origin.release(1);
    assert_eq!(soon(leader).await.unwrap(), Err(Unshared::Down));
    origin.held().await;
    clock.advance(seconds(2));
    for waiter in waiters {
        assert_eq!(soon(waiter).await.unwrap(), Err(Unshared::Late));
    }
}

//! P6: during an outage of the remote tier, a memory hit neither waits for the tier nor carries out pending evictions.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use larder::testing::Operation;
use larder::{Cache, Source, cached, health::BreakerState, time::Clock};

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{pass, soon, turns};

const SECOND: Duration = Duration::from_secs(1);

#[cached(key = "row:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

/// Reads a row, which must hit on the first poll.
fn hit(cache: &Cache, id: u64) {
    let mut call = pin!(row(cache, id).traced());
    let Poll::Ready(read) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("row {id} waits");
    };
    assert_eq!((read.value, read.source), (id, Source::Memory));
    let mut get = pin!(cache.get::<u64>(format!("row:{id}")));
    let Poll::Ready(read) = get.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("row {id} waits when it is read by key");
    };
    assert_eq!(read.unwrap(), Some(id));
}

fn requests(store: &Gated) -> u64 {
    Operation::ALL.iter().map(|operation| store.calls(operation.name())).sum()
}

/// Rows 0 to 9 are in memory, the link is lost, and the breaker has just opened.
async fn outage(store: &Gated, clock: &Clock) -> Cache {
    let cache = store.cache(clock);
    for id in 0..10 {
        row(&cache, id).await;
    }
    store.set_down(true);
    store.set_linked(false);
    for _ in 0..3 {
        cache.get::<u64>("absent").await.unwrap_err();
    }
    assert_eq!(cache.stats().breaker, BreakerState::Open);
    cache
}

#[tokio::test]
async fn a_hit_sends_no_request_while_evictions_are_pending() {
    let clock = Clock::manual();
    let store = Gated::leased(&clock);
    let cache = outage(&store, &clock).await;
    for pending in 0..5_000 {
        cache.remove(&format!("pending:{pending}")).await.unwrap_err();
    }
    cache.evict_pattern("pending:*").await.unwrap_err();
    let before = requests(&store);
    for id in 0..10 {
        hit(&cache, id);
    }
    assert_eq!(requests(&store), before);
    assert_eq!(cache.health().remote.unwrap().pending_evictions, 5_001);
}

/// The breaker allows a probe again and again, but the tier does not answer.
#[tokio::test]
async fn a_hit_does_not_probe() {
    let clock = Clock::manual();
    let store = Gated::leased(&clock);
    let cache = outage(&store, &clock).await;
    let holes = ["ping", "get", "generations", "remove"].map(|name| store.hold(Before(name)));
    // From here on the tier does not fail: it does not answer.
    store.set_down(false);
    for second in 1..=10 {
        clock.advance(SECOND);
        hit(&cache, second % 10);
        turns().await;
        hit(&cache, second % 10);
    }
    assert!(store.calls("ping") > 0, "the background task does not probe");
    drop(holes);
}

/// No call asks the tier. The background task detects that it is up again and carries out pending evictions; then
/// memory is verified again.
#[tokio::test]
async fn the_background_task_ends_the_outage() {
    let clock = Clock::manual();
    let store = Gated::leased(&clock);
    let cache = outage(&store, &clock).await;
    let other = store.another().cache_without_memory(&clock);
    assert_eq!(other.get::<u64>("row:1").await.unwrap(), Some(1));
    cache.remove("row:1").await.unwrap_err();
    other.insert("row:2", 20u64).await.unwrap();
    hit(&cache, 2);
    store.set_down(false);
    pass(&clock, 2 * SECOND).await;
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
    assert_eq!(cache.health().remote.unwrap().pending_evictions, 0);
    assert_eq!(other.get::<u64>("row:1").await.unwrap(), None);
    assert_eq!(row(&cache, 2).await, 20, "memory missed the news");
}

/// The background task ended with its runtime, or stands still with it: then hits probe the tier again.
#[test]
fn hits_probe_again_without_a_background_task() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for ended in [true, false] {
        let clock = Clock::manual();
        let store = Gated::leased(&clock);
        let other = store.another().cache_without_memory(&clock);
        let still = runtime();
        let cache = still.block_on(outage(&store, &clock));
        let _still = (!ended).then_some(still);
        hit(&cache, 2);
        clock.advance(SECOND);
        hit(&cache, 2);
        runtime().block_on(async {
            other.insert("row:2", 20u64).await.unwrap();
            store.set_down(false);
            pass(&clock, 4 * SECOND).await;
            assert_eq!(soon(row(&cache, 2)).await, 20, "ended: {ended}");
        });
    }
}

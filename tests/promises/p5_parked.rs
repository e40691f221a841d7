//! P5: a leader that its task does not poll does not hold up its waiters.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use larder::{Cache, Policy, cached, time::Clock};
use tokio::time::Instant;

const LOAD: Duration = Duration::from_millis(50);
/// Covers the first load, the time until its leader counts as parked, and a second load. The lease is ten seconds.
const BOUND: Duration = Duration::from_millis(1200);

fn cache() -> Cache {
    Cache::builder().clock(Clock::tokio()).build().unwrap()
}

#[cached(key = "row:{id}", cache = cache, skip(cache, loads))]
async fn row(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    let load = loads.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(LOAD).await;
    load
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    let took = began.elapsed();
    assert!(took < BOUND, "took {took:?}");
    done
}

#[tokio::test(start_paused = true)]
async fn a_pinned_call_next_to_a_second_one() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let mut first = pin!(row(&cache, &loads, 1));
    assert!(first.as_mut().now_or_never().is_none());
    let second = bounded(row(&cache, &loads, 1)).await;
    assert_eq!((second, loads.load(Ordering::SeqCst)), (1, 2), "the second call has loaded");
    assert_eq!(first.await, 0, "and the first one has its own value");
    assert_eq!(row(&cache, &loads, 1).await, 1, "the first value does not replace the newer one");
}

#[tokio::test(start_paused = true)]
async fn a_select_that_goes_on_with_another_call() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let mut first = pin!(row(&cache, &loads, 1));
    let done = tokio::select! {
        biased;
        _ = &mut first => unreachable!("it takes longer"),
        () = tokio::time::sleep(Duration::from_millis(1)) => bounded(row(&cache, &loads, 1)).await,
    };
    assert_eq!(done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_poll_its_calls() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let calls = futures_util::stream::iter([7, 1, 2]).map(|id| row(&cache, &loads, id)).buffered(3);
    let mut calls = pin!(calls);
    let mut seen = 0;
    while let Some(value) = calls.next().await {
        // The stream does not poll its calls meanwhile.
        bounded(row(&cache, &loads, 1)).await;
        bounded(row(&cache, &loads, 2)).await;
        seen += usize::from(value < 3);
    }
    assert_eq!(seen, 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_polled() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let load = async |ids: Vec<String>| {
        loads.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(LOAD).await;
        Ok::<_, String>(ids.into_iter().map(|id| (id, 1u64)).collect())
    };
    let mut first = pin!(cache.get_or_load_many(["row:1", "row:2"], load));
    assert!(first.as_mut().now_or_never().is_none());
    bounded(row(&cache, &loads, 1)).await;
    bounded(row(&cache, &loads, 2)).await;
    assert_eq!(first.await.unwrap().len(), 2);
}

/// A load that waits and has not been woken is not parked, however long it takes.
#[tokio::test(start_paused = true)]
async fn a_slow_load_is_waited_for() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let load = || {
        cache.entry("slow").policy(Policy::new()).or_load(async || {
            tokio::time::sleep(Duration::from_secs(9)).await;
            Ok::<_, String>(loads.fetch_add(1, Ordering::SeqCst))
        })
    };
    let (one, two) = tokio::join!(load(), load());
    assert_eq!((one, two), (Ok(0), Ok(0)));
}

/// A thread that waits for a processor polls its leader late. That leader is not parked.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_polled_late_is_waited_for() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let mut first = pin!(row(&cache, &loads, 1));
    assert!(first.as_mut().now_or_never().is_none());
    let late = async {
        tokio::time::sleep(LOAD + Duration::from_millis(900)).await;
        first.await
    };
    assert_eq!(tokio::join!(late, row(&cache, &loads, 1)), (0, 0));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

/// A load that is woken and polled all the time is not parked either.
#[tokio::test(start_paused = true)]
async fn a_busy_load_is_waited_for() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let load = || {
        cache.entry("busy").policy(Policy::new()).or_load(async || {
            for _ in 0..500 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                tokio::task::yield_now().await;
            }
            Ok::<_, String>(loads.fetch_add(1, Ordering::SeqCst))
        })
    };
    let (one, two) = tokio::join!(load(), load());
    assert_eq!((one, two), (Ok(0), Ok(0)));
}

/// All waiters of a parked leader share one load.
#[tokio::test(start_paused = true)]
async fn many_waiters_of_a_parked_leader() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let mut first = pin!(row(&cache, &loads, 1));
    assert!(first.as_mut().now_or_never().is_none());
    let others = (0..100).map(|_| row(&cache, &loads, 1));
    let others = bounded(futures_util::future::join_all(others)).await;
    assert!(others.iter().all(|other| *other == 1));
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

//! P5: a leader that is cancelled or panics is replaced by one of those who wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, cached};
use tokio::sync::Notify;

#[derive(Default)]
struct Origin {
    loads: AtomicU64,
    started: Notify,
}

/// The first load never ends (or panics); the others do their work.
#[cached(key = "row", cache = cache, skip(cache, origin, panics))]
async fn row(cache: &Cache, origin: &Origin, panics: bool) -> u64 {
    let load = origin.loads.fetch_add(1, Ordering::SeqCst);
    if load == 0 {
        origin.started.notify_one();
        if panics {
            // Let the others come and wait first.
            tokio::time::sleep(Duration::from_millis(20)).await;
            panic!("the leader panics");
        }
        std::future::pending::<()>().await;
    }
    load
}

async fn takeover(panics: bool) {
    let cache = Cache::builder().build().unwrap();
    let origin = Arc::new(Origin::default());
    let read = || {
        let (cache, origin) = (cache.clone(), Arc::clone(&origin));
        tokio::spawn(async move { row(&cache, &origin, panics).await })
    };
    let leader = read();
    origin.started.notified().await;
    let waiters: Vec<_> = (0..100).map(|_| read()).collect();
    tokio::task::yield_now().await;
    if !panics {
        leader.abort();
    }
    leader.await.unwrap_err();
    for waiter in waiters {
        let value = tokio::time::timeout(Duration::from_secs(5), waiter).await;
        assert_eq!(value.expect("nobody is stranded").unwrap(), 1);
    }
    assert_eq!(origin.loads.load(Ordering::SeqCst), 2, "one waiter took over");
    assert_eq!(cache.stats().in_flight, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_waiter_takes_over_from_a_cancelled_leader() {
    takeover(false).await;
}

#[tokio::test]
async fn a_waiter_takes_over_from_a_panicking_leader() {
    takeover(true).await;
}

/// A call dropped at each of its await points leaves the cache in order.
#[tokio::test]
async fn a_call_dropped_at_any_point_leaves_nothing_behind() {
    let cache = Cache::builder().remote(larder::MemoryBackend::new()).build().unwrap();
    for polls in 0..12 {
        cache.clear().await.unwrap();
        let load = || async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok::<u64, ()>(1)
        };
        let mut call = Box::pin(cache.get_or_load("row", load));
        for _ in 0..polls {
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            if call.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
        drop(call);
        // A write to the remote tier that has begun ends by itself.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.stats().in_flight, 0, "after {polls} polls");
        let value = cache.get_or_load("row", || async { Ok::<u64, ()>(1) });
        let value = tokio::time::timeout(Duration::from_secs(5), value).await;
        assert_eq!(value.expect("nobody is stranded"), Ok(1));
    }
}

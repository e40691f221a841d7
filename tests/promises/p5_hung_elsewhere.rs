//! P5 across processes: if a load hangs in one process, or the process is killed, one load of the other processes
//! replaces it, and the late value of the hung load is not stored anywhere.

use std::time::Duration;

use larder::{Cache, Policy, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::{Origin, landed, last, soon, turns};

/// Terms below and above the three seconds after which a lease without renewal is free.
const LEASES: [Duration; 5] = [
    Duration::from_millis(30),
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

fn reader(cache: &Cache, origin: &Origin, lease: Duration) -> JoinHandle<u64> {
    let (cache, origin) = (cache.clone(), origin.clone());
    let policy = Policy::new().ttl(Duration::from_secs(3_600)).lease(lease);
    tokio::spawn(async move {
        let load = || async move { Ok::<_, ()>(origin.read().await) };
        cache.entry("row").policy(policy).or_load(load).await.unwrap()
    })
}

/// Advances the clock by `span`, in steps of a millisecond or a hundredth of `span`, whichever is more.
async fn pass(clock: &Clock, span: Duration) {
    let (until, step) = (clock.now().after(span), (span / 100).max(Duration::from_millis(1)));
    while clock.now() < until {
        clock.advance(step.min(until.since(clock.now()).unwrap_or(step)));
        turns().await;
    }
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

/// The second process reads while the lease of the first one lasts, early or late. It takes over when the time of the
/// first load has passed, and both processes end up with its value.
#[tokio::test]
async fn the_late_value_of_a_hung_load_in_another_process_is_fenced() {
    for lease in LEASES {
        for (asks_at, memory) in [(0, true), (1, true), (10, false), (50, true), (95, false)] {
            let what = format!("lease {lease:?}, asked after {asks_at} %, memory: {memory}");
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let build = |gated: &Gated| match memory {
                true => gated.cache(&clock),
                false => gated.cache_without_memory(&clock),
            };
            let (one, two, origin) = (build(&gated), build(&gated.another()), Origin::at(&clock));
            origin.hold(1);
            let hung = reader(&one, &origin, lease);
            origin.held().await;
            origin.set(2);
            pass(&clock, lease * asks_at / 100).await;
            let second = reader(&two, &origin, lease);
            turns().await;
            assert_eq!(origin.reads(), 1, "{what}: it waits");
            // The second process may notice the end of the lease only after a pause between two polls of the store.
            pass(&clock, lease * (100 - asks_at) / 100 + Duration::from_millis(380)).await;
            assert_eq!(soon(second).await.unwrap(), 2, "{what}");
            pass(&clock, lease * 6).await;
            origin.release(1);
            assert_eq!(soon(hung).await.unwrap(), 1, "{what}: it is its caller's");
            landed(&one).await;
            turns().await;
            assert_eq!(one.stats().fenced, 1, "{what}");
            assert_eq!((found(&one).await, found(&two).await), (Some(2), Some(2)), "{what}");
            assert_eq!(origin.reads(), 2, "{what}");
        }
    }
}

/// The same if the late value arrives before the successor ends.
#[tokio::test]
async fn the_late_value_of_a_hung_load_is_fenced_before_its_successor_ends() {
    for lease in LEASES {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        origin.hold(2);
        let hung = reader(&one, &origin, lease);
        origin.held().await;
        origin.set(2);
        let second = reader(&two, &origin, lease);
        pass(&clock, lease + Duration::from_millis(380)).await;
        origin.held().await;
        // Releases the first reader first.
        origin.release(1);
        assert_eq!(soon(hung).await.unwrap(), 1, "{lease:?}");
        turns().await;
        assert_eq!(found(&one).await, None, "{lease:?}: the late result is stored nowhere");
        origin.release(1);
        assert_eq!(soon(second).await.unwrap(), 2, "{lease:?}");
        turns().await;
        assert_eq!((found(&one).await, found(&two).await), (Some(2), Some(2)), "{lease:?}");
    }
}

/// Memory does not keep the late value either if the store does not confirm the write.
#[tokio::test]
async fn a_late_result_whose_store_fails_is_not_kept() {
    let lease = Duration::from_millis(200);
    for (late, kept) in [(true, None), (false, Some(1))] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        origin.hold(1);
        let hung = reader(&one, &origin, lease);
        origin.held().await;
        origin.set(2);
        if late {
            let second = reader(&two, &origin, lease);
            pass(&clock, lease * 3).await;
            assert_eq!(soon(second).await.unwrap(), 2);
        }
        gated.set_down(true);
        origin.release(1);
        assert_eq!(soon(hung).await.unwrap(), 1);
        landed(&one).await;
        turns().await;
        gated.set_down(false);
        clock.advance(Duration::from_secs(2));
        let expected = if late { Some(2) } else { kept };
        assert_eq!(found(&one).await, expected, "late: {late}");
    }
}

/// The loading process is killed. Exactly one of the waiting processes takes over, whenever each of them began to wait
/// and however long its load takes within its time.
#[tokio::test]
async fn one_process_takes_over_from_one_that_was_killed() {
    for lease in LEASES {
        // In tenths of a lease: the time of the kill, and the duration of the next load.
        for (killed, takes) in [(0, 0), (4, 5), (9, 0), (9, 9), (9, 15)] {
            let what = format!("lease {lease:?}, killed at {killed}, the next takes {takes}");
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let origin = Origin::at(&clock);
            let others: Vec<_> = (0..3).map(|_| gated.another().cache(&clock)).collect();
            origin.hold(1);
            let leader = reader(&gated.cache(&clock), &origin, lease);
            origin.held().await;
            let slow = |cache: &Cache| {
                let (cache, origin, clock) = (cache.clone(), origin.clone(), clock.clone());
                let policy = Policy::new().ttl(Duration::from_secs(3_600)).lease(lease);
                tokio::spawn(async move {
                    let load = || async move {
                        let read = origin.read().await;
                        last(&clock, lease * takes / 10).await;
                        Ok::<_, ()>(read)
                    };
                    cache.entry("row").policy(policy).or_load(load).await.unwrap()
                })
            };
            let mut waiting = vec![slow(&others[0])];
            pass(&clock, lease * killed / 10).await;
            waiting.push(slow(&others[1]));
            // From here on no request of the killed process reaches the store: neither a renewal nor the release of its
            // lease.
            let (_renewals, _end) = (gated.hold(Before("renew")), gated.hold(Before("abort")));
            let _stored = gated.hold(Before("commit"));
            pass(&clock, lease / 20).await;
            waiting.push(slow(&others[2]));
            pass(&clock, lease * 3 + Duration::from_millis(800)).await;
            for (number, waiting) in waiting.into_iter().enumerate() {
                assert!(waiting.is_finished(), "{what}: {number} waits");
                assert_eq!(waiting.await.unwrap(), 1, "{what}: {number}");
            }
            assert_eq!(origin.reads(), 2, "{what}");
            leader.abort();
        }
    }
}

/// A caller that begins to wait before the answer that grants the lease arrives is also within the time of this lease.
#[tokio::test]
async fn a_slow_answer_does_not_extend_a_lease() {
    let lease = Duration::from_secs(2);
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (one, two) = (gated.cache(&clock), gated.another().cache(&clock));
    let origin = Origin::at(&clock);
    origin.hold(1);
    let granted = gated.hold(After("acquire"));
    let hung = reader(&one, &origin, lease);
    granted.arrived().await;
    let second = reader(&two, &origin, lease);
    pass(&clock, Duration::from_millis(100)).await;
    granted.open();
    origin.held().await;
    origin.set(2);
    pass(&clock, lease + Duration::from_millis(380)).await;
    assert_eq!(soon(second).await.unwrap(), 2);
    origin.release(1);
    soon(hung).await.unwrap();
    turns().await;
    assert_eq!((found(&one).await, found(&two).await), (Some(2), Some(2)));
    assert_eq!(origin.reads(), 2);
}

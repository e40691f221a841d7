//! P4: one load per key and process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Policy, backend::MemoryBackend, cached, time::Clock};

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, landed, last, pass, soon, turns};

#[cached(key = "slow:{id}", cache = cache, skip(cache, loads))]
async fn slow(cache: &Cache, loads: &AtomicU64, id: u64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    id
}

/// An error that cannot be cloned, so each waiter needs one of its own.
#[derive(Debug)]
struct Unshared;

#[cached(key = "unshared:{id}", cache = cache, skip(cache, now, most))]
async fn unshared(
    cache: &Cache,
    now: &AtomicU64,
    most: &AtomicU64,
    id: u64,
) -> Result<u64, Unshared> {
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1)).await;
    now.fetch_sub(1, Ordering::SeqCst);
    if id == 0 { Ok(id) } else { Err(Unshared) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_on_a_cold_key_are_one_load() {
    let cache = Cache::builder().build().unwrap();
    let loads = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move { slow(&cache, &loads, 7).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(cache.stats().in_flight, 0);
}

/// Ten thousand callers wait for a load that fails: they all get the failure, which is not kept.
#[tokio::test]
async fn ten_thousand_callers_of_a_failing_load_are_one_load() {
    let cache = Cache::builder().build().unwrap();
    let origin = Origin::new();
    origin.fail(true);
    origin.hold(1);
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { failing(&cache, &origin).await })
        })
        .collect();
    origin.held().await;
    turns().await;
    origin.release(1);
    for call in calls {
        assert_eq!(soon(call).await.unwrap(), Err("down".to_owned()));
    }
    assert_eq!(origin.reads(), 1);
    failing(&cache, &origin).await.unwrap_err();
    assert_eq!(origin.reads(), 2, "a retry after the failure loads again");
}

#[cached(key = "failing", cache = cache, skip(cache, origin))]
async fn failing(cache: &Cache, origin: &Origin) -> Result<u64, String> {
    origin.try_read().await.map_err(|_| "down".to_owned())
}

#[tokio::test]
async fn a_failure_that_cannot_be_shared_is_not_hammered() {
    let cache = Cache::builder().build().unwrap();
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (cache, now, most) = (cache.clone(), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move { unshared(&cache, &now, &most, 1).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    let most = most.load(Ordering::SeqCst);
    assert_eq!(most, 1, "one load at a time");
}

#[cached(key = "fleet:{id}", cache = cache, skip(cache, origin))]
async fn fleet(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await + id
}

#[cached(key = "process:{id}", stampede = "process", cache = cache, skip(cache, origin))]
async fn process(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await + id
}

#[cached(key = "off:{id}", stampede = "off", cache = cache, skip(cache, origin))]
async fn off(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await + id
}

/// Counts the loads of 4 caches (as 4 processes over one store) with 250 concurrent calls each.
macro_rules! stampede {
    ($function:ident) => {{
        let clock = Clock::manual();
        let (backend, origin) = (MemoryBackend::with_clock(clock.clone()), Origin::at(&clock));
        let build = |_| {
            let builder = Cache::builder().clock(clock.clone()).remote(backend.clone());
            builder.build().unwrap()
        };
        let caches: Vec<Cache> = (0..4).map(build).collect();
        origin.hold(u64::MAX);
        let calls: Vec<_> = (0..1_000)
            .map(|call| {
                let (cache, origin) = (caches[call % 4].clone(), origin.clone());
                tokio::spawn(async move { $function(&cache, &origin, 1).await })
            })
            .collect();
        origin.held().await;
        turns().await;
        origin.hold(0);
        origin.release(1_000);
        // Other processes poll the store from time to time.
        while calls.iter().any(|call| !call.is_finished()) {
            turns().await;
            clock.advance(Duration::from_millis(50));
        }
        for call in calls {
            assert_eq!(soon(call).await.unwrap(), 2);
        }
        for cache in &caches {
            landed(cache).await;
        }
        origin.reads()
    }};
}

#[tokio::test]
async fn a_thousand_callers_in_four_processes_are_one_load() {
    assert_eq!(stampede!(fleet), 1);
}

#[tokio::test]
async fn with_process_wide_protection_each_process_loads_once() {
    assert_eq!(stampede!(process), 4);
}

#[tokio::test]
async fn without_protection_every_caller_loads() {
    assert_eq!(stampede!(off), 1_000);
}

/// The first call to end has lost its lease to a later one, and does not take a lease back.
#[tokio::test]
async fn without_protection_a_value_is_still_cached() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone());
    let cache = cache.remote(MemoryBackend::with_clock(clock.clone())).build().unwrap();
    let origins: Vec<_> = (0..3).map(|_| Origin::at(&clock)).collect();
    let mut calls = Vec::new();
    for origin in &origins {
        origin.hold(1);
        let (cache, held) = (cache.clone(), origin.clone());
        calls.push(tokio::spawn(async move { off(&cache, &held, 1).await }));
        origin.held().await;
    }
    for (origin, call) in origins.iter().zip(calls) {
        origin.release(1);
        assert_eq!(soon(call).await.unwrap(), 2);
        turns().await;
    }
    assert_eq!(cache.get::<u64>("off:1").await.unwrap(), Some(2));
}

/// Two processes load the same key at the same time, each on its own. Neither takes the lease from the other, nor
/// removes its own value because the store rejected it.
#[tokio::test]
async fn processes_that_load_separately_still_have_hits() {
    let clock = Clock::manual();
    let (backend, origin) = (MemoryBackend::with_clock(clock.clone()), Origin::at(&clock));
    let reader = |delay: Duration| {
        let cache = Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
        let (clock, origin) = (clock.clone(), origin.clone());
        tokio::spawn(async move {
            last(&clock, delay).await;
            for _ in 0..20 {
                assert_eq!(lasting(&cache, &origin, &clock).await, 1);
            }
        })
    };
    let readers = [reader(Duration::ZERO), reader(Duration::from_millis(500))];
    pass(&clock, Duration::from_secs(10)).await;
    for reader in readers {
        soon(reader).await.unwrap();
    }
    assert!(origin.reads() <= 4, "{} loads for 40 calls", origin.reads());
}

#[cached(key = "lasting", stampede = "process", cache = cache, skip(cache, origin, clock))]
async fn lasting(cache: &Cache, origin: &Origin, clock: &Clock) -> u64 {
    last(clock, Duration::from_secs(1)).await;
    origin.read().await
}

/// The seed makes random decisions repeatable, but lease tokens do not depend on it.
#[tokio::test]
async fn caches_with_the_same_seed_have_different_lease_tokens() {
    let clock = Clock::manual();
    let (backend, origin) = (MemoryBackend::with_clock(clock.clone()), Origin::at(&clock));
    origin.hold(u64::MAX);
    for _ in 0..2 {
        let builder = Cache::builder().clock(clock.clone()).remote(backend.clone()).seed(7);
        let (cache, origin) = (builder.build().unwrap(), origin.clone());
        tokio::spawn(async move { fleet(&cache, &origin, 1).await });
    }
    origin.held().await;
    turns().await;
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn different_keys_do_not_wait_for_each_other() {
    let cache = Cache::builder().build().unwrap();
    let loads = Arc::new(AtomicU64::new(0));
    let start = std::time::Instant::now();
    let calls: Vec<_> = (0..500)
        .map(|id| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tokio::spawn(async move { slow(&cache, &loads, id).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    // 500 sequential loads of 50 ms would take 25 s.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(loads.load(Ordering::SeqCst), 500);
}

#[cached]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// A recursive sync function, which is exponential without a cache.
#[test]
fn a_sync_function_is_cached_without_a_runtime() {
    assert_eq!(fib(45), 1_134_903_170);
}

/// The leader learns of a `clear` from the store before its notice arrives: its load counts as begun after the `clear`.
#[tokio::test]
async fn a_load_that_knows_of_a_clear_is_joined() {
    let clock = Clock::manual();
    let gated = Gated::new();
    let theirs = gated.another();
    let (cache, other) = (gated.cache(&clock), theirs.cache(&clock));
    assert_eq!(cache.get::<u64>("another").await.unwrap(), None, "it knows the generation");
    let notice = theirs.hold(Before("publish"));
    let clearing = tokio::spawn(async move { other.clear().await });
    notice.arrived().await;
    let origin = Origin::at(&clock);
    origin.hold(1);
    let read = || {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move { process(&cache, &origin, 7).await })
    };
    let leader = read();
    origin.held().await;
    let waiter = read();
    turns().await;
    assert_eq!(origin.reads(), 1);
    origin.release(1);
    soon(leader).await.unwrap();
    soon(waiter).await.unwrap();
    notice.open();
    soon(clearing).await.unwrap().unwrap();
}

const TAGGED: Policy = Policy::new().tags(&["rows"]);

/// The increment of a generation fails and is carried out later in the background. From then on this process knows the
/// new generation, and callers join a load that begins after it, even if a read of another key asks the store for the
/// generation meanwhile.
#[tokio::test]
async fn a_load_that_begins_after_a_pending_eviction_is_joined() {
    for (clear, policy) in
        [(false, TAGGED), (true, TAGGED), (false, TAGGED.local()), (true, TAGGED.local())]
    {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let cache = gated.cache(&clock);
        cache.entry("another").policy(TAGGED).insert(1u64).await.unwrap();
        gated.set_down(true);
        match clear {
            false => soon(cache.evict_tag("rows")).await.unwrap_err(),
            true => soon(cache.clear()).await.unwrap_err(),
        };
        gated.set_down(false);
        soon(async {
            while gated.calls("bump") < 2 {
                clock.advance(Duration::from_secs(1));
                turns().await;
            }
        })
        .await;
        turns().await;
        let origin = Origin::at(&clock);
        origin.hold(1);
        // The store does not answer before the other read has asked for the generation.
        let told = gated.hold(Before("generations"));
        let read = || {
            let (cache, origin) = (cache.clone(), origin.clone());
            let load = || async move { Ok::<_, ()>(origin.read().await) };
            tokio::spawn(async move { cache.entry("row").policy(policy).or_load(load).await })
        };
        let leader = read();
        turns().await;
        let other = tokio::spawn({
            let cache = cache.clone();
            async move { cache.entry("another").policy(TAGGED).insert(2u64).await }
        });
        told.arrived().await;
        told.open();
        origin.held().await;
        soon(other).await.unwrap().unwrap();
        let waiter = read();
        turns().await;
        assert_eq!(origin.reads(), 1, "clear: {clear}, {policy:?}");
        origin.release(1);
        soon(leader).await.unwrap().unwrap();
        soon(waiter).await.unwrap().unwrap();
        assert_eq!(origin.reads(), 1, "clear: {clear}, {policy:?}");
    }
}

//! P2 with a remote tier: an eviction runs while answers and writes of the remote tier are held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, backend::MemoryBackend, time::Clock};

use crate::gated::At::{After, Before};
use crate::gated::{Gate, Gated};
use crate::origin::soon;

async fn load(cache: &Cache, value: u64) -> u64 {
    cache.get_or_load("row", || async { Ok::<_, ()>(value) }).await.unwrap()
}

#[derive(Clone, Copy, Debug)]
enum How {
    Key,
    Pattern,
    Tag,
    Clear,
    Insert,
}

const EVERY: [How; 5] = [How::Key, How::Pattern, How::Tag, How::Clear, How::Insert];

async fn evict(how: How, cache: &Cache) {
    match how {
        How::Key => drop(cache.remove("row").await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("ro*").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
        How::Insert => cache.insert("row", 2u64).await.unwrap(),
    }
}

/// A value read from the remote tier before an eviction is not promoted after it.
#[tokio::test]
async fn a_promotion_that_was_overtaken_does_not_fill_memory() {
    for how in EVERY {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
        let tagged = larder::Policy::new().tags(&["rows"]);
        // Filled as by another process.
        let other = Cache::builder().remote(gated.store.clone()).build().unwrap();
        other.entry("row").policy(tagged).insert(1u64).await.unwrap();
        let answer = gated.hold(After("get"));
        let old = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get::<u64>("row").await.unwrap() }
        });
        answer.arrived().await;
        evict(how, &cache).await;
        answer.open();
        let _ = old.await.unwrap();
        assert_eq!(load(&cache, 2).await, 2, "{how:?}");
        assert_eq!(load(&cache, 2).await, 2, "{how:?}: again");
    }
}

/// The same for a batch, and for a read that would load.
#[tokio::test]
async fn an_overtaken_promotion_of_a_batch_or_a_load_does_not_fill_memory() {
    for (how, batch) in EVERY.into_iter().flat_map(|how| [(how, true), (how, false)]) {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
        let tagged = larder::Policy::new().tags(&["rows"]);
        let other = Cache::builder().remote(gated.store.clone()).build().unwrap();
        other.entry("row").policy(tagged).insert(1u64).await.unwrap();
        other.entry("another").policy(tagged).insert(1u64).await.unwrap();
        let answer = gated.hold(After("get"));
        let old = tokio::spawn({
            let cache = cache.clone();
            async move {
                match batch {
                    true => drop(cache.get_many::<u64>(&["another", "row"]).await.unwrap()),
                    // A read that loads does so after the eviction.
                    false => drop(load(&cache, 2).await),
                }
            }
        });
        answer.arrived().await;
        evict(how, &cache).await;
        answer.open();
        soon(old).await.unwrap();
        assert_eq!(load(&cache, 2).await, 2, "{how:?}, batch: {batch}");
        assert_eq!(cache.get_many::<u64>(&["row"]).await.unwrap(), [Some(2)], "{how:?}");
        assert_eq!(load(&cache, 2).await, 2, "{how:?}, batch: {batch}: again");
    }
}

/// An eviction removes the value of a remote write that is under way when it begins.
#[tokio::test]
async fn a_remote_write_that_was_overtaken_is_removed() {
    for how in [How::Key, How::Pattern, How::Clear, How::Insert] {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
        let write = gated.hold(Before("set"));
        let old = tokio::spawn({
            let cache = cache.clone();
            async move { load(&cache, 1).await }
        });
        write.arrived().await;
        let evicting = tokio::spawn({
            let cache = cache.clone();
            async move { evict(how, &cache).await }
        });
        // Lets the eviction run as far as it can, then releases the write.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        write.open();
        old.await.unwrap();
        evicting.await.unwrap();
        assert_eq!(load(&cache, 2).await, 2, "{how:?}");
        // A cache without this memory reads the remote tier.
        let fresh = Cache::builder().remote(gated.store.clone()).build().unwrap();
        assert_eq!(load(&fresh, 2).await, 2, "{how:?}: in the remote tier");
    }
}

/// P7: an eviction that failed in the remote tier is carried out before this process reads from it again.
#[tokio::test]
async fn an_eviction_made_during_an_outage_is_not_lost() {
    for how in [How::Key, How::Pattern, How::Tag, How::Clear] {
        let gated = Gated::new();
        let clock = Clock::manual();
        let cache = gated.cache_without_memory(&clock);
        let tagged = larder::Policy::new().tags(&["rows"]);
        cache.entry("row").policy(tagged).insert(1u64).await.unwrap();
        gated.set_down(true);
        match how {
            How::Key => drop(cache.remove("row").await.unwrap_err()),
            How::Pattern => match cache.evict_pattern("ro*").await {
                // Scanning works, removing does not.
                Err(_) => {}
                Ok(_) => panic!("removal reported although the store is down"),
            },
            How::Tag => drop(cache.evict_tag("rows").await.unwrap_err()),
            How::Clear => drop(cache.clear().await.unwrap_err()),
            How::Insert => unreachable!(),
        }
        assert_eq!(load(&cache, 2).await, 2, "{how:?}: during the outage the function answers");
        gated.set_down(false);
        // The breaker pauses requests for a second. The first read that reaches the tier must not return the old value.
        let read = loop {
            match cache.get::<u64>("row").await {
                Ok(read) => break read,
                Err(_) => clock.advance(Duration::from_millis(20)),
            }
        };
        assert_eq!(read, None, "{how:?}: after it");
    }
}

/// P7: a put whose remote write fails leaves no old value.
#[tokio::test]
async fn a_put_made_during_an_outage_leaves_no_old_value() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
    cache.insert("row", 1u64).await.unwrap();
    gated.set_down(true);
    cache.insert("row", 2u64).await.unwrap_err();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(2), "memory has it");
    gated.set_down(false);
    cache.get::<u64>("another").await.unwrap();
    let fresh = Cache::builder().remote(gated.store.clone()).build().unwrap();
    assert_ne!(fresh.get::<u64>("row").await.unwrap(), Some(1), "the old value is gone");
}

/// P7: an eviction whose caller is dropped half-way is carried out before the next read of the tier.
#[tokio::test]
async fn a_cancelled_eviction_is_not_lost() {
    let gated = Gated::new();
    let cache = Cache::builder().no_memory().remote(gated.backend.clone()).build().unwrap();
    cache.insert("row", 1u64).await.unwrap();
    // A write of the key is under way, so the eviction waits; then its caller is dropped.
    let write = gated.hold(Before("set"));
    let writing = tokio::spawn({
        let cache = cache.clone();
        async move { load_forced(&cache).await }
    });
    write.arrived().await;
    let gave_up = tokio::time::timeout(Duration::from_millis(20), cache.remove("row")).await;
    assert!(gave_up.is_err(), "the eviction waits for the write");
    write.open();
    writing.await.unwrap();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), None);
}

/// The same if the store has the value but its answer has not arrived. Readers also wait for the write, and then for
/// the eviction.
#[tokio::test]
async fn a_pending_eviction_waits_for_the_write() {
    for put in [false, true] {
        let gated = Gated::new();
        let cache = Cache::builder().no_memory().remote(gated.backend.clone()).build().unwrap();
        let (write, answer) = (gated.hold(Before("set")), gated.hold(After("set")));
        let writing = spawn({
            let cache = cache.clone();
            async move { load(&cache, 1).await }
        });
        write.arrived().await;
        let generations = gated.hold(Before("generations"));
        let evicting = spawn({
            let cache = cache.clone();
            async move {
                match put {
                    true => cache.insert("row", 2u64).await,
                    false => cache.remove("row").await.map(drop),
                }
            }
        });
        settle().await;
        evicting.abort();
        assert!(evicting.await.unwrap_err().is_cancelled(), "put: {put}");
        generations.open();
        let reading = || {
            let cache = cache.clone();
            spawn(async move { cache.get::<u64>("row").await.unwrap() })
        };
        let first = reading();
        settle().await;
        write.open();
        answer.arrived().await;
        let second = reading();
        settle().await;
        answer.open();
        for read in [first, second] {
            assert_eq!(soon(read).await.unwrap(), None, "put: {put}");
        }
        writing.await.unwrap();
    }
}

async fn load_forced(cache: &Cache) {
    cache.clear().await.unwrap();
    load(cache, 1).await;
}

fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[larder::cached(key = "row", skip(cache, value), cache = cache)]
async fn row(cache: &Cache, value: u64) -> u64 {
    value
}

/// Starts a load whose remote write is held, on a cache with or without a memory tier.
async fn writing(memory: bool) -> (Gated, Gate, Cache, tokio::task::JoinHandle<u64>) {
    let gated = Gated::new();
    let builder = Cache::builder().remote(gated.backend.clone());
    let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
    let write = gated.hold(Before("set"));
    let old = spawn({
        let cache = cache.clone();
        async move { load(&cache, 1).await }
    });
    write.arrived().await;
    (gated, write, cache, old)
}

/// Of several operations that overtake a write under way, the last one decides what the tiers contain.
#[tokio::test]
async fn every_overtaker_waits_for_the_write_that_it_overtakes() {
    for memory in [true, false] {
        let (_, write, cache, old) = writing(memory).await;
        let refresh = spawn({
            let cache = cache.clone();
            async move { row(&cache, 2).refresh().await }
        });
        settle().await;
        write.open();
        assert_eq!(refresh.await.unwrap(), 2);
        old.await.unwrap();
        assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(2), "refresh, memory: {memory}");

        let (_, write, cache, old) = writing(memory).await;
        let removing = |cache: &Cache| {
            let cache = cache.clone();
            spawn(async move { cache.remove("row").await.unwrap() })
        };
        let (one, two) = (removing(&cache), removing(&cache));
        settle().await;
        assert!(!one.is_finished() && !two.is_finished(), "both wait for the write");
        write.open();
        let _ = (one.await.unwrap(), two.await.unwrap(), old.await.unwrap());
        assert_eq!(cache.get::<u64>("row").await.unwrap(), None, "removes, memory: {memory}");

        let (_, write, cache, old) = writing(memory).await;
        let putting = |value: u64| {
            let cache = cache.clone();
            spawn(async move { cache.insert("row", value).await.unwrap() })
        };
        let one = putting(2);
        settle().await;
        let two = putting(3);
        settle().await;
        write.open();
        let _ = (one.await.unwrap(), two.await.unwrap(), old.await.unwrap());
        assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(3), "puts, memory: {memory}");
    }
}

/// An eviction waits for a write whose caller is no longer polled, and still ends.
#[tokio::test]
async fn an_eviction_does_not_wait_for_a_call_that_is_not_polled() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
    let write = gated.hold(Before("set"));
    load(&cache, 1).await;
    write.arrived().await;
    write.open();
    let removed = tokio::time::timeout(Duration::from_secs(5), cache.remove("row")).await;
    removed.expect("the eviction ends").unwrap();
}

/// A load that begins while a newer value is being put does not store over it.
#[tokio::test]
async fn a_load_that_begins_during_a_put_does_not_replace_it() {
    let gated = Gated::new();
    let cache = Cache::builder().no_memory().remote(gated.backend.clone()).build().unwrap();
    let write = gated.hold(Before("set"));
    let putting = spawn({
        let cache = cache.clone();
        async move { cache.insert("row", 2u64).await.unwrap() }
    });
    write.arrived().await;
    let old = spawn({
        let cache = cache.clone();
        async move { load(&cache, 1).await }
    });
    settle().await;
    write.open();
    putting.await.unwrap();
    old.await.unwrap();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(2));
}

/// A read may promote the old value while the eviction is on its way to the remote tier. Memory removes the value
/// again, even if the eviction's caller is dropped there.
#[tokio::test]
async fn memory_removes_a_value_promoted_during_an_eviction() {
    for (cancelled, pattern) in [(false, false), (true, false), (false, true), (true, true)] {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
        cache.insert("row", 1u64).await.unwrap();
        let removal = gated.hold(Before("remove"));
        let evicting = spawn({
            let cache = cache.clone();
            async move {
                if pattern {
                    let _ = cache.evict_pattern("ro*").await;
                } else {
                    let _ = cache.remove("row").await;
                }
            }
        });
        removal.arrived().await;
        assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(1), "not yet evicted");
        if cancelled {
            evicting.abort();
            let _ = evicting.await;
            removal.open();
        } else {
            removal.open();
            let _ = evicting.await;
        }
        let read = cache.get::<u64>("row").await.unwrap();
        assert_eq!(read, None, "cancelled: {cancelled}, pattern: {pattern}");
    }
}

/// The same for a tag that is new to this process.
#[tokio::test]
async fn memory_removes_a_value_promoted_during_the_eviction_of_a_tag() {
    for cancelled in [false, true] {
        let gated = Gated::new();
        let tagged = larder::Policy::new().tags(&["rows"]);
        let other = Cache::builder().remote(gated.store.clone()).build().unwrap();
        other.evict_tag("rows").await.unwrap();
        other.entry("row").policy(tagged).insert(1u64).await.unwrap();
        let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
        let bump = gated.hold(Before("bump"));
        let evicting = spawn({
            let cache = cache.clone();
            async move { cache.evict_tag("rows").await }
        });
        bump.arrived().await;
        let _ = cache.get::<u64>("row").await.unwrap();
        if cancelled {
            evicting.abort();
            let _ = evicting.await;
            bump.open();
        } else {
            bump.open();
            let _ = evicting.await;
        }
        let read = cache.get::<u64>("row").await.unwrap();
        assert_eq!(read, None, "cancelled: {cancelled}");
    }
}

/// Another process evicts while this process writes: this process removes what it wrote.
#[tokio::test]
async fn a_write_overtaken_by_another_process_is_removed() {
    let (gated, write, cache, old) = writing(true).await;
    let other = Cache::builder().remote(gated.store.clone()).build().unwrap();
    other.remove("row").await.unwrap();
    write.open();
    old.await.unwrap();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), None);
    assert_eq!(other.get::<u64>("row").await.unwrap(), None);
}

/// Callers after an eviction do not get, through its flight, a value that was read from the remote tier before. The
/// test uses many threads, because the window is a few instructions.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_landing_promotion_is_not_joined_after_an_eviction() {
    let builder = || Cache::builder().remote(MemoryBackend::new());
    let caches = [builder().no_memory().build().unwrap(), builder().build().unwrap()];
    let origins: Vec<_> =
        (0..2).map(|_| Arc::new([AtomicU64::new(0), AtomicU64::new(0)])).collect();
    let mut tasks = Vec::new();
    for task in 0..16 {
        let (cache, origin) = (caches[task % 2].clone(), Arc::clone(&origins[task % 2]));
        tasks.push(spawn(async move {
            let [origin, floor] = &*origin;
            for turn in 0..10_000 {
                if task < 4 && turn % 4 == 0 {
                    let new = origin.fetch_add(1, Ordering::SeqCst) + 1;
                    cache.remove("row").await.unwrap();
                    floor.fetch_max(new, Ordering::SeqCst);
                } else {
                    let least = floor.load(Ordering::SeqCst);
                    let seen = || async { Ok::<_, ()>(origin.load(Ordering::SeqCst)) };
                    let seen = cache.get_or_load("row", seen).await.unwrap();
                    assert!(seen >= least, "read {seen}, evicted up to {least}");
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Long keys are cut and end in a hash. A pattern that matches the cut part still evicts them.
#[tokio::test]
async fn a_pattern_reaches_keys_that_were_cut() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    let key = format!("doc:{}:meta", "x".repeat(300));
    cache.insert(&key, 1u64).await.unwrap();
    cache.insert("other", 1u64).await.unwrap();
    cache.evict_pattern("doc:*:meta").await.unwrap();
    assert_eq!(cache.get::<u64>(&key).await.unwrap(), None);
    assert_eq!(cache.get::<u64>("other").await.unwrap(), Some(1));
}

#[larder::cached(key = "local", local, skip(cache, loads), cache = cache)]
async fn local(cache: &Cache, loads: &AtomicU64) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst) + 1
}

/// While the bus is down, no other process can invalidate values that are only in memory, so they are served. After it
/// returns, they are loaded again, because an eviction may have been missed.
#[tokio::test]
async fn values_only_in_memory_are_served_without_a_bus_and_loaded_again_after() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
    let loads = AtomicU64::new(0);
    assert_eq!(local(&cache, &loads).await, 1);
    gated.set_linked(false);
    assert_eq!(local(&cache, &loads).await, 1, "served while the bus is down");
    gated.set_linked(true);
    assert_eq!(local(&cache, &loads).await, 2, "an eviction may have been missed");
    assert_eq!(local(&cache, &loads).await, 2);
}

//! P2 for changes that depend on the old value (`update`, `insert_if_absent`, `take`): an eviction, a put or a load that
//! comes after the old value was read wins.

use larder::{Cache, Error, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::{After, Before};
use crate::gated::{At, Gated};
use crate::origin::soon;

fn doubling(cache: &Cache) -> JoinHandle<Result<Option<u64>, Error>> {
    let cache = cache.clone();
    // What was made from an old value is even.
    tokio::spawn(
        async move { cache.entry("row").update(|old: Option<u64>| old.map(|n| n * 2)).await },
    )
}

fn adding(cache: &Cache) -> JoinHandle<Result<bool, Error>> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.entry("row").insert_if_absent(2_u64).await })
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

#[derive(Clone, Copy, Debug)]
enum How {
    Key,
    Pattern,
    Tag,
    Clear,
}

const EVERY: [How; 4] = [How::Key, How::Pattern, How::Tag, How::Clear];

async fn evict(how: How, cache: &Cache) {
    match how {
        How::Key => drop(cache.remove("row").await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("ro*").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
    }
}

/// In memory nothing can come between, except from within.
#[tokio::test]
async fn in_memory_a_change_is_decided_again() {
    let cache = Cache::builder().build().unwrap();
    for how in EVERY {
        let tagged = || cache.entry("row").tag("rows");
        tagged().insert(1_u64).await.unwrap();
        let mut seen = Vec::new();
        let updated = tagged().update(|old: Option<u64>| {
            seen.push(old);
            if seen.len() == 1 {
                larder::block_on(evict(how, &cache));
            }
            old.map(|old| old * 2)
        });
        let updated = updated.await.unwrap();
        assert_eq!(tagged().get::<u64>().await.unwrap(), None, "{how:?}");
        if !matches!(how, How::Tag | How::Clear) {
            assert_eq!((updated, seen), (None, vec![Some(1), None]), "{how:?}");
        }
    }
}

/// A load stores a value between the look and the change.
#[tokio::test]
async fn in_memory_a_loaded_value_is_not_overwritten() {
    let cache = Cache::builder().build().unwrap();
    let mut seen = Vec::new();
    let count = |old: Option<u64>| {
        seen.push(old);
        if seen.len() == 1 {
            larder::block_on(cache.get_or_load("n", || async { Ok::<_, Error>(10_u64) })).unwrap();
        }
        Some(old.unwrap_or(0) + 1)
    };
    assert_eq!(cache.entry("n").update(count).await.unwrap(), Some(11));
    assert_eq!(seen, [None, Some(10)]);
}

/// The store's steps of a change of an existing value.
const REPLACING: [At; 4] = [Before("get"), After("get"), Before("replace"), After("replace")];

#[tokio::test]
async fn an_eviction_ends_a_change_that_is_under_way() {
    for how in [How::Key, How::Pattern, How::Clear] {
        for at in REPLACING {
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
            cache.insert("row", 1_u64).await.unwrap();
            let gate = gated.hold(at);
            let update = doubling(&cache);
            gate.arrived().await;
            soon(evict(how, &cache)).await;
            gate.open();
            soon(update).await.unwrap().unwrap();
            assert_eq!(found(&other).await, None, "{how:?} {at:?}, in another process");
            assert_eq!(found(&cache).await, None, "{how:?} {at:?}");
        }
    }
}

#[tokio::test]
async fn an_eviction_elsewhere_ends_a_change_that_is_under_way() {
    for at in REPLACING {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        cache.insert("row", 1_u64).await.unwrap();
        let gate = gated.hold(at);
        let update = doubling(&cache);
        gate.arrived().await;
        soon(evict(How::Key, &other)).await;
        gate.open();
        soon(update).await.unwrap().unwrap();
        assert_eq!(found(&other).await, None, "{at:?}, in another process");
        assert_eq!(found(&cache).await, None, "{at:?}");
    }
}

#[tokio::test]
async fn a_put_wins_over_a_change_that_is_under_way() {
    for elsewhere in [false, true] {
        for at in REPLACING {
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
            cache.insert("row", 1_u64).await.unwrap();
            let gate = gated.hold(at);
            let update = doubling(&cache);
            gate.arrived().await;
            let putter = if elsewhere { &other } else { &cache };
            soon(putter.insert("row", 7_u64)).await.unwrap();
            gate.open();
            soon(update).await.unwrap().unwrap();
            // The put, or what was made of it.
            let (here, there) = (found(&cache).await, found(&other).await);
            assert!(matches!(there, Some(7 | 14)), "{at:?} {elsewhere}: {there:?}");
            assert_eq!(here, there, "{at:?} {elsewhere}");
        }
    }
}

#[tokio::test]
async fn an_eviction_ends_an_addition_that_is_under_way() {
    for how in [How::Key, How::Pattern, How::Clear] {
        for at in [Before("commit"), After("commit")] {
            let clock = Clock::manual();
            let gated = Gated::leased(&clock);
            let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
            let gate = gated.hold(at);
            let add = adding(&cache);
            gate.arrived().await;
            soon(evict(how, &cache)).await;
            gate.open();
            let added = soon(add).await.unwrap().unwrap();
            assert!(added, "{how:?} {at:?}: there was no other value");
            let (here, there) = (found(&cache).await, found(&other).await);
            assert_eq!(here, there, "{how:?} {at:?}");
            if at == After("commit") {
                assert_eq!(there, None, "{how:?} {at:?}");
            }
        }
    }
}

/// A value that another process adds meanwhile is kept.
#[tokio::test]
async fn of_two_additions_one_is_stored() {
    for at in [After("get"), Before("acquire"), Before("commit")] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let gate = gated.hold(at);
        let add = adding(&cache);
        gate.arrived().await;
        // Ends a lease, as an addition may not.
        soon(other.insert("row", 7_u64)).await.unwrap();
        gate.open();
        assert!(!soon(add).await.unwrap().unwrap(), "{at:?}");
        assert_eq!((found(&cache).await, found(&other).await), (Some(7), Some(7)), "{at:?}");
    }
}

/// A change whose caller goes away in the middle leaves no value of which no one knows.
#[tokio::test]
async fn a_change_that_is_dropped_leaves_nothing() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    cache.insert("row", 1_u64).await.unwrap();
    let gate = gated.hold(After("replace"));
    let update = doubling(&cache);
    gate.arrived().await;
    update.abort();
    assert!(update.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!(found(&cache).await, None);
    assert_eq!(found(&other).await, None);
}

/// The store does not answer: the change fails, and the value is evicted when it does again.
#[tokio::test]
async fn a_change_without_an_answer_is_an_error() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    cache.insert("row", 1_u64).await.unwrap();
    let gate = gated.hold(Before("replace"));
    let update = doubling(&cache);
    gate.arrived().await;
    gated.lose_answers();
    gate.open();
    assert!(soon(update).await.unwrap().is_err());
    gated.answers_again();
    assert_eq!(found(&cache).await, None);
    assert_eq!(found(&other).await, None);
}

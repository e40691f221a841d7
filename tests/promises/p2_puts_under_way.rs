//! P2 for puts under way: an eviction of the same process ends them; older events do not.

use std::time::Duration;

use larder::{Cache, Error, Memory, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, soon, soon_at, turns};

const LEASE: Duration = Duration::from_secs(10);

#[cached(key = "row", cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

fn reading(cache: &Cache, origin: &Origin) -> JoinHandle<u64> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).await })
}

fn putting(cache: &Cache, value: u64) -> JoinHandle<Result<(), Error>> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.insert("row", value).await })
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

#[derive(Clone, Copy, Debug)]
enum How {
    Key,
    Pattern,
    Clear,
}

async fn evict(how: How, cache: &Cache) {
    match how {
        How::Key => drop(cache.remove("row").await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("ro*").await.unwrap()),
        How::Clear => cache.clear().await.unwrap(),
    }
}

/// An eviction begins and returns while the put reads generations. The put stores nothing, in memory or in the remote
/// tier.
#[tokio::test]
async fn an_eviction_ends_a_put_that_is_under_way() {
    for how in [How::Key, How::Pattern, How::Clear] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let generations = gated.hold(Before("generations"));
        let put = putting(&cache, 1);
        generations.arrived().await;
        soon(evict(how, &cache)).await;
        generations.open();
        soon(put).await.unwrap().unwrap();
        assert_eq!(found(&other).await, None, "{how:?}, in another process");
        assert_eq!(found(&cache).await, None, "{how:?}");
    }
}

/// An eviction ends the put before it reaches the store. The put does not return until the old value is gone.
#[tokio::test]
async fn a_put_that_gave_way_returns_when_the_older_value_is_gone() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache_without_memory(&clock));
    cache.insert("row", 1u64).await.unwrap();
    let generations = gated.hold(Before("generations"));
    let put = putting(&cache, 2);
    generations.arrived().await;
    let removal = gated.hold(Before("remove"));
    let evicting = tokio::spawn(async move { evict(How::Key, &cache).await });
    removal.arrived().await;
    generations.open();
    turns().await;
    assert_eq!(found(&other).await, Some(1));
    assert!(!put.is_finished(), "others still read the older value");
    removal.open();
    soon(put).await.unwrap().unwrap();
    soon(evicting).await.unwrap();
    assert_eq!(found(&other).await, None);
}

/// The eviction has reached the store when the put begins, and returns before the put does.
#[tokio::test]
async fn a_put_survives_the_end_of_an_older_eviction() {
    for how in [How::Key, How::Pattern] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let cache = gated.cache(&clock);
        cache.insert("row", 1u64).await.unwrap();
        let removal = gated.hold(Before("remove"));
        let evicting = tokio::spawn({
            let cache = cache.clone();
            async move { evict(how, &cache).await }
        });
        removal.arrived().await;
        let generations = gated.hold(Before("generations"));
        let put = putting(&cache, 2);
        generations.arrived().await;
        removal.open();
        soon(evicting).await.unwrap();
        generations.open();
        soon(put).await.unwrap().unwrap();
        assert_eq!(found(&cache).await, Some(2), "{how:?}");
    }
}

/// Another process has evicted a pattern; its notice arrives while the put reads generations.
#[tokio::test]
async fn a_put_survives_the_notice_of_an_older_eviction() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, other) = (gated.cache(&clock), theirs.cache(&clock));
    let notice = theirs.hold(Before("publish"));
    let evicting = tokio::spawn(async move { evict(How::Pattern, &other).await });
    notice.arrived().await;
    let generations = gated.hold(Before("generations"));
    let put = putting(&cache, 2);
    generations.arrived().await;
    notice.open();
    soon(evicting).await.unwrap();
    generations.open();
    soon(put).await.unwrap().unwrap();
    assert_eq!(found(&cache).await, Some(2));
}

/// A load hangs, and one of its waiters takes over while the put is under way.
#[tokio::test]
async fn a_put_survives_a_takeover() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    origin.hold(2);
    let hung = reading(&cache, &origin);
    origin.held().await;
    let waiter = reading(&cache, &origin);
    turns().await;
    let generations = gated.hold(Before("generations"));
    let put = putting(&cache, 5);
    generations.arrived().await;
    clock.advance(LEASE);
    // The takeover reads generations too.
    generations.arrived().await;
    generations.open();
    soon_at(&clock, put).await.unwrap().unwrap();
    origin.release(2);
    for load in [hung, waiter] {
        soon_at(&clock, load).await.unwrap();
    }
    assert_eq!(found(&cache).await, Some(5));
}

/// The user's weigher runs inside the put and may panic.
#[tokio::test]
async fn a_put_whose_weigher_panics_leaves_no_older_value() {
    let weigher = |value: &u64| if *value > 1 { panic!("too heavy to weigh") } else { 1 };
    let builder = || Cache::builder().memory(Memory::max_bytes(1 << 20).weigher(weigher));
    let remote = Gated::new().backend;
    for cache in [builder(), builder().remote(remote)].map(|builder| builder.build().unwrap()) {
        cache.insert("row", 1u64).await.unwrap();
        assert_eq!(found(&cache).await, Some(1));
        assert!(soon(putting(&cache, 2)).await.unwrap_err().is_panic());
        assert_eq!(found(&cache).await, None);
    }
}

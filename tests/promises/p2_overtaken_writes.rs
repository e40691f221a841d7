//! P2 for overtaken writes: after a put has returned `Ok`, or a refresh has returned its value, no read returns an
//! older value.

use std::time::Duration;

use larder::{Cache, Error, Policy, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::{Origin, soon, turns};

/// Zero is not cached.
#[cached(key = "row", cache_if = |value| *value > 0, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

fn reading(cache: &Cache, origin: &Origin) -> JoinHandle<Result<u64, u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).await })
}

fn refreshing(cache: &Cache, origin: &Origin) -> JoinHandle<Result<u64, u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).refresh().await })
}

fn putting(cache: &Cache, value: u64) -> JoinHandle<Result<(), Error>> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.insert("row", value).await })
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

/// Returns an origin that fails.
fn failing() -> Origin {
    let origin = Origin::new();
    origin.fail(true);
    origin
}

/// The process pauses for longer than the term of its lease. If another process takes the lease meanwhile, the store
/// rejects the refreshed value; the old value must not stay either.
#[tokio::test]
async fn a_refresh_that_lost_its_lease_leaves_no_older_value() {
    for taken in [false, true] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        cache.insert("row", 1u64).await.unwrap();
        origin.set(2);
        origin.hold(1);
        let refresh = refreshing(&cache, &origin);
        origin.held().await;
        clock.advance(Duration::from_secs(4));
        if taken {
            row(&other, &failing()).refresh().await.unwrap_err();
        }
        turns().await;
        origin.release(1);
        assert_eq!(soon(refresh).await.unwrap(), Ok(2));
        assert_ne!(found(&cache).await, Some(1), "taken: {taken}");
        assert_ne!(found(&other).await, Some(1), "taken: {taken}");
    }
}

/// The same while another call reads the old value during its removal. Memory keeps the value only until the refresh
/// returns.
#[tokio::test]
async fn a_value_read_during_the_cleanup_of_a_rejected_refresh_does_not_stay() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    let origin = Origin::at(&clock);
    cache.insert("row", 1u64).await.unwrap();
    origin.set(2);
    origin.hold(1);
    let refresh = refreshing(&cache, &origin);
    origin.held().await;
    clock.advance(Duration::from_secs(4));
    row(&other, &failing()).refresh().await.unwrap_err();
    turns().await;
    let removal = gated.hold(Before("remove"));
    origin.release(1);
    removal.arrived().await;
    assert_eq!(found(&cache).await, Some(1), "the refresh has not returned yet");
    removal.open();
    assert_eq!(soon(refresh).await.unwrap(), Ok(2));
    assert_ne!(found(&cache).await, Some(1));
}

/// The notice of an eviction from before the put removes the put's value from memory, and a call reads the old value
/// before the new one is in the store.
#[tokio::test]
async fn an_old_value_read_during_a_put_does_not_stay() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, evicting) = (gated.cache(&clock), theirs.cache(&clock));
    let notice = theirs.hold(Before("publish"));
    let eviction = tokio::spawn(async move { evicting.evict_pattern("ro*").await });
    notice.arrived().await;
    gated.another().cache(&clock).insert("row", 1u64).await.unwrap();
    turns().await;
    let write = gated.hold(Before("set"));
    let put = putting(&cache, 2);
    write.arrived().await;
    notice.open();
    soon(eviction).await.unwrap().unwrap();
    turns().await;
    assert_eq!(found(&cache).await, Some(1), "the put has not returned yet");
    write.open();
    soon(put).await.unwrap().unwrap();
    assert_eq!(found(&cache).await, Some(2));
}

/// The notice of an eviction from before the refresh ends its load, so the refresh stores nothing. The old value is
/// still gone when the refresh returns.
#[tokio::test]
async fn a_refresh_that_an_older_notice_ends_leaves_no_older_value() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, evicting) = (gated.cache(&clock), theirs.cache(&clock));
    let origin = Origin::at(&clock);
    let notice = theirs.hold(Before("publish"));
    let eviction = tokio::spawn(async move { evicting.evict_pattern("ro*").await });
    notice.arrived().await;
    gated.another().cache(&clock).insert("row", 1u64).await.unwrap();
    turns().await;
    origin.set(2);
    origin.hold(1);
    let refresh = refreshing(&cache, &origin);
    origin.held().await;
    notice.open();
    soon(eviction).await.unwrap().unwrap();
    turns().await;
    origin.release(1);
    assert_eq!(soon(refresh).await.unwrap(), Ok(2));
    assert_ne!(found(&cache).await, Some(1));
}

/// The store is down when the refresh requests the lease. The old value stays in the store, and this process removes it
/// before it reads from the store again.
#[tokio::test]
async fn a_refresh_during_an_outage_leaves_no_older_value() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, fresh) = (gated.cache(&clock), gated.another().cache_without_memory(&clock));
    let origin = Origin::at(&clock);
    cache.insert("row", 1u64).await.unwrap();
    origin.set(2);
    gated.set_down(true);
    assert_eq!(soon(row(&cache, &origin).refresh()).await, Ok(2));
    gated.set_down(false);
    clock.advance(Duration::from_secs(60));
    let _: Option<u64> = soon(cache.get("another")).await.unwrap();
    assert_ne!(found(&fresh).await, Some(1));
}

/// The refresh runs while the put reads generations: it ends loads, but not the put's ticket.
#[tokio::test]
async fn a_put_survives_a_refresh_that_fails() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    cache.insert("row", 1u64).await.unwrap();
    let generations = gated.hold(Before("generations"));
    let put = putting(&cache, 2);
    generations.arrived().await;
    let refresh = refreshing(&cache, &failing());
    turns().await;
    generations.open();
    soon(put).await.unwrap().unwrap();
    soon(refresh).await.unwrap().unwrap_err();
    assert_eq!(found(&cache).await, Some(2));
}

/// The refresh runs between the put's write to memory and its write to the remote tier, which waits for another put's
/// write.
#[tokio::test]
async fn a_put_reaches_the_store_though_a_refresh_fails_meanwhile() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    cache.insert("row", 1u64).await.unwrap();
    assert_eq!(found(&other).await, Some(1));
    let write = gated.hold(After("set"));
    let first = putting(&cache, 2);
    write.arrived().await;
    let second = putting(&cache, 3);
    turns().await;
    row(&cache, &failing()).refresh().await.unwrap_err();
    write.open();
    soon(first).await.unwrap().unwrap();
    soon(second).await.unwrap().unwrap();
    assert_eq!(found(&other).await, Some(3), "the last put, in another process");
}

/// The second put ends the ticket of the first one and is dropped before it stores anything. Neither value is stored,
/// and the value from before both must not come back.
#[tokio::test]
async fn a_put_that_gave_way_to_a_cancelled_one_leaves_no_older_value() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    cache.insert("row", 1u64).await.unwrap();
    let generations = gated.hold(Before("generations"));
    let first = putting(&cache, 2);
    generations.arrived().await;
    let second = putting(&cache, 3);
    generations.arrived().await;
    second.abort();
    let _ = second.await;
    generations.open();
    soon(first).await.unwrap().unwrap();
    assert_ne!(found(&cache).await, Some(1), "the value before both");
}

/// A load of this process loses its lease to the refresh of another process, and the store rejects its value after the
/// put began. The cache removes the value of the load, not of the put.
#[tokio::test]
async fn a_put_survives_a_load_whose_store_is_refused() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    let (ours, theirs) = (Origin::at(&clock), Origin::at(&clock));
    let commit = gated.hold(Before("commit"));
    let load = reading(&cache, &ours);
    commit.arrived().await;
    theirs.hold(1);
    let refresh = refreshing(&other, &theirs);
    theirs.held().await;
    let put = putting(&cache, 2);
    turns().await;
    commit.open();
    soon(load).await.unwrap().unwrap();
    soon(put).await.unwrap().unwrap();
    assert_eq!(found(&cache).await, Some(2), "the put");
    theirs.release(1);
    soon(refresh).await.unwrap().unwrap();
    turns().await;
    // The refresh cannot know which of the two came first. It makes sure that the value that it replaces is gone, which
    // at worst also removes the value of the put.
    assert_ne!(found(&cache).await, Some(1), "the refresh began before the put");
}

/// Another process's refresh began before the put; its notice arrives while the put reads generations.
#[tokio::test]
async fn a_put_survives_the_notice_of_an_older_refresh() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    let origin = Origin::at(&clock);
    origin.hold(1);
    let refresh = refreshing(&other, &origin);
    origin.held().await;
    let generations = gated.hold(Before("generations"));
    let put = putting(&cache, 2);
    generations.arrived().await;
    origin.release(1);
    soon(refresh).await.unwrap().unwrap();
    generations.open();
    soon(put).await.unwrap().unwrap();
    assert_eq!(found(&cache).await, Some(2));
}

/// A load whose value is not cached evicts older values, but not the value of a put since.
#[tokio::test]
async fn a_put_survives_an_older_load_whose_value_is_not_kept() {
    let clock = Clock::manual();
    let (cache, origin) = (Gated::leased(&clock).cache(&clock), Origin::at(&clock));
    origin.set(0);
    origin.hold(1);
    let older = reading(&cache, &origin);
    origin.held().await;
    cache.insert("row", 5u64).await.unwrap();
    origin.release(1);
    assert_eq!(soon(older).await.unwrap(), Ok(0));
    assert_eq!(found(&cache).await, Some(5));
}

/// `get` has read the old value from the store; the answer arrives while the refresh writes the new value.
#[tokio::test]
async fn a_value_read_before_a_refresh_is_not_promoted_over_it() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    gated.another().cache(&clock).insert("row", 1u64).await.unwrap();
    origin.set(2);
    origin.hold(1);
    let refresh = refreshing(&cache, &origin);
    origin.held().await;
    let answer = gated.hold(After("get"));
    let get = tokio::spawn({
        let cache = cache.clone();
        async move { found(&cache).await }
    });
    answer.arrived().await;
    let commit = gated.hold(Before("commit"));
    origin.release(1);
    commit.arrived().await;
    answer.open();
    assert_eq!(soon(get).await.unwrap(), Some(1));
    commit.open();
    assert_eq!(soon(refresh).await.unwrap(), Ok(2));
    assert_eq!(found(&cache).await, Some(2));
}

/// A reader knows the generations from before a `clear`, and takes the lease after another process has stored a value.
/// The stored value is newer than these generations.
#[tokio::test]
async fn a_load_from_before_a_clear_leaves_a_value_from_after_it() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let slow = gated.another();
    let (cache, late) = (gated.cache(&clock), slow.cache(&clock));
    let (old, new) = (Origin::at(&clock), Origin::at(&clock));
    let lease = slow.hold(Before("acquire"));
    let reader = reading(&late, &old);
    lease.arrived().await;
    cache.clear().await.unwrap();
    new.set(2);
    assert_eq!(row(&cache, &new).await, Ok(2));
    lease.open();
    soon(reader).await.unwrap().unwrap();
    turns().await;
    assert_eq!(soon(row(&late, &new)).await, Ok(2));
    assert_eq!(new.reads(), 1, "the fleet's value is still there");
}

/// Loads for memory alone carry the generations that this process knows. A tag or a namespace that the process has
/// never seen does not match every generation.
#[tokio::test]
async fn a_load_for_memory_alone_is_not_joined_after_another_process_evicted_it() {
    const LOCAL: Policy = Policy::new().local().tags(&["rows"]);
    for clear in [false, true] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        let read = || {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move {
                cache
                    .entry("row")
                    .policy(LOCAL)
                    .or_refresh(|| async move { origin.try_read().await })
                    .await
            })
        };
        origin.hold(1);
        let before = read();
        origin.held().await;
        origin.set(2);
        match clear {
            true => other.clear().await.unwrap(),
            false => other.evict_tag("rows").await.unwrap(),
        }
        turns().await;
        let after = read();
        turns().await;
        origin.release(1);
        soon(before).await.unwrap().unwrap();
        assert_eq!(soon(after).await.unwrap(), Ok(2), "clear: {clear}");
    }
}

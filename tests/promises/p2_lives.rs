//! P2 and P3 for changes of an entry's life. `expire` and `mark_stale` write the stored entry again; this must not
//! restore an entry that was evicted meanwhile, nor replace a newer one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder::{Cache, Error, Expiry, Policy, cached, time::Clock};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::{Origin, soon, soon_at, turns};
use crate::tiers::every;

const SECOND: Duration = Duration::from_secs(1);
const KEPT: Policy =
    Policy::new().ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(60));

#[cached(key = "row", policy = KEPT, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

fn reading(cache: &Cache, origin: &Origin) -> JoinHandle<Result<u64, u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).await })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Expire,
    MarkStale,
}

const BOTH: [How; 2] = [How::Expire, How::MarkStale];

/// Calls `expire` with one second, or `mark_stale`.
fn changing(how: How, cache: &Cache) -> JoinHandle<Result<bool, Error>> {
    let cache = cache.clone();
    tokio::spawn(async move {
        match how {
            How::Expire => cache.expire("row", SECOND).await,
            How::MarkStale => cache.mark_stale("row").await,
        }
    })
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

/// Reads as a process that has read nothing before.
async fn in_store(gated: &Gated, clock: &Clock) -> Option<u64> {
    found(&gated.another().cache_without_memory(clock)).await
}

/// A store with leases and one without.
fn stores(clock: &Clock) -> [Gated; 2] {
    [Gated::leased(clock), Gated::new()]
}

#[tokio::test]
async fn an_entry_evicted_meanwhile_does_not_come_back() {
    let clock = Clock::manual();
    for (how, gated) in BOTH.into_iter().flat_map(|how| stores(&clock).map(|gated| (how, gated))) {
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let read = gated.hold(After("get"));
        let change = changing(how, &cache);
        read.arrived().await;
        other.remove("row").await.unwrap();
        read.open();
        assert_eq!(soon(change).await.unwrap().unwrap(), how == How::MarkStale, "{how:?}");
        assert_eq!((found(&cache).await, in_store(&gated, &clock).await), (None, None), "{how:?}");
        let fails = cache.entry("row").policy(KEPT).or_load(|| async { Err::<u64, _>(()) }).await;
        assert_eq!(fails, Err(()), "{how:?}: nor as an old value");
    }
}

#[tokio::test]
async fn a_newer_entry_stays() {
    let clock = Clock::manual();
    for gated in stores(&clock) {
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let read = gated.hold(After("get"));
        let change = changing(How::Expire, &cache);
        read.arrived().await;
        other.entry("row").policy(KEPT).insert(2u64).await.unwrap();
        read.open();
        soon(change).await.unwrap().unwrap();
        assert_eq!((found(&cache).await, in_store(&gated, &clock).await), (Some(2), Some(2)));
    }
}

/// A load that began before `mark_stale` may have read the value that is now marked.
#[tokio::test]
async fn a_load_from_before_mark_stale_stores_nothing() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (origin, cache) = (Origin::new(), &tiers.cache);
        for stored in [false, true] {
            cache.remove("row").await.unwrap();
            if stored {
                cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
            }
            origin.set(1);
            origin.hold(1);
            let (refreshed, origin_) = (cache.clone(), origin.clone());
            let old = tokio::spawn(async move { row(&refreshed, &origin_).refresh().await });
            origin.held().await;
            origin.set(2);
            let marked = soon_at(&clock, cache.mark_stale("row")).await.unwrap();
            assert_eq!(marked, stored, "{}", tiers.name);
            // Callers do not join the old load either.
            assert_eq!(
                soon_at(&clock, reading(cache, &origin)).await.unwrap(),
                Ok(2),
                "{}",
                tiers.name
            );
            origin.release(1);
            assert_eq!(soon_at(&clock, old).await.unwrap(), Ok(1));
            assert_eq!(soon(row(cache, &origin)).await, Ok(2), "{}, stored: {stored}", tiers.name);
        }
    }
}

/// The same in another process, which learns it from the lease.
#[tokio::test]
async fn a_load_of_another_process_from_before_mark_stale_stores_nothing() {
    for (stored, how) in [(true, How::MarkStale), (false, How::MarkStale), (true, How::Expire)] {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        if stored {
            other.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        }
        origin.hold(1);
        let (loading, origin_) = (other.clone(), origin.clone());
        let old = tokio::spawn(async move { row(&loading, &origin_).refresh().await });
        origin.held().await;
        origin.set(2);
        soon(changing(how, &cache)).await.unwrap().unwrap();
        origin.release(1);
        assert_eq!(soon(old).await.unwrap(), Ok(1));
        clock.advance(SECOND);
        assert_eq!((found(&cache).await, found(&other).await), (None, None), "{stored} {how:?}");
    }
}

/// A reader gets the value from the remote tier, its life is changed there, and then the reader promotes it to memory.
#[tokio::test]
async fn a_promotion_does_not_restore_the_former_life() {
    let clock = Clock::manual();
    for (how, gated) in BOTH.into_iter().flat_map(|how| stores(&clock).map(|gated| (how, gated))) {
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        other.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let change = gated.hold(Before("replace"));
        let changing = changing(how, &cache);
        change.arrived().await;
        let answer = gated.hold(After("get"));
        let read = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get::<u64>("row").await.unwrap() }
        });
        answer.arrived().await;
        // One reader promotes before the change, the other after it.
        let early = gated.another().cache(&clock);
        assert_eq!(found(&early).await, Some(1));
        change.open();
        assert!(soon(changing).await.unwrap().unwrap());
        answer.open();
        soon(read).await.unwrap();
        clock.advance(SECOND);
        assert_eq!((found(&cache).await, found(&early).await), (None, None), "{how:?}");
    }
}

/// Callers of a load get the value before the write to the remote tier ends.
#[tokio::test]
async fn a_write_under_way_does_not_restore_the_former_life() {
    let clock = Clock::manual();
    let gated = Gated::new();
    let cache = gated.cache(&clock);
    let write = gated.hold(Before("set"));
    let load = tokio::spawn({
        let cache = cache.clone();
        async move { cache.entry("row").policy(KEPT).or_load(|| async { Ok::<_, ()>(1u64) }).await }
    });
    write.arrived().await;
    assert_eq!(found(&cache).await, Some(1), "from memory");
    let change = changing(How::Expire, &cache);
    turns().await;
    assert!(!change.is_finished(), "it waits for the write");
    write.open();
    assert!(soon(change).await.unwrap().unwrap());
    assert_eq!(soon(load).await.unwrap(), Ok(1));
    clock.advance(SECOND);
    assert_eq!((found(&cache).await, in_store(&gated, &clock).await), (None, None));
}

/// `mark_stale` also marks the value of a put that began earlier.
#[tokio::test]
async fn mark_stale_applies_to_a_put_under_way() {
    let clock = Clock::manual();
    for gated in stores(&clock) {
        let cache = gated.cache(&clock);
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let generations = gated.hold(Before("generations"));
        let putting = cache.clone();
        let put = tokio::spawn(async move { putting.entry("row").policy(KEPT).insert(2u64).await });
        generations.arrived().await;
        let change = changing(How::MarkStale, &cache);
        turns().await;
        generations.open();
        assert!(soon(change).await.unwrap().unwrap());
        soon(put).await.unwrap().unwrap();
        assert_eq!((found(&cache).await, in_store(&gated, &clock).await), (None, None));
    }
}

/// The result of the change is unknown, so the value is evicted.
#[tokio::test]
async fn a_change_with_an_unknown_result_is_an_eviction() {
    for (how, lost) in BOTH.into_iter().flat_map(|how| [(how, false), (how, true)]) {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let cache = gated.cache(&clock);
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let answer = gated.hold(Before("replace"));
        let change = changing(how, &cache);
        answer.arrived().await;
        if lost {
            gated.lose_answers();
            answer.open();
            assert!(soon(change).await.unwrap().is_err(), "{how:?}");
            gated.set_down(false);
        } else {
            change.abort();
            assert!(change.await.unwrap_err().is_cancelled());
            answer.open();
        }
        assert_eq!(
            cache.get::<u64>("row").await.unwrap_or_default(),
            None,
            "{how:?}, lost: {lost}"
        );
    }
}

#[tokio::test]
async fn while_the_store_is_away_the_value_is_not_served() {
    for how in BOTH {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let cache = gated.cache(&clock);
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        gated.set_down(true);
        assert!(soon(changing(how, &cache)).await.unwrap().is_err(), "{how:?}");
        gated.set_down(false);
        clock.advance(SECOND);
        assert_eq!((found(&cache).await, in_store(&gated, &clock).await), (None, None), "{how:?}");
    }
}

/// A backend without compare-and-replace removes the value instead.
#[tokio::test]
async fn a_store_without_replace_evicts() {
    for how in BOTH {
        let clock = Clock::manual();
        let store = Gated::leased(&clock).backend.without_replace().without_leases();
        let cache = Cache::builder().remote(store).clock(clock.clone()).build().unwrap();
        cache.entry("row").policy(KEPT).insert(1u64).await.unwrap();
        let changed = soon(changing(how, &cache)).await.unwrap().unwrap();
        assert_eq!(changed, how == How::MarkStale, "{how:?}");
        assert_eq!(found(&cache).await, None, "{how:?}");
    }
}

// --- in memory, between the lookup and the lock ---------------------------------------------------

type Hook = Box<dyn FnOnce() + Send>;

/// A value whose next clone runs a hook: the clone happens between the lookup of an entry and the change.
#[derive(Serialize, Deserialize)]
struct Hooked {
    number: u64,
    #[serde(skip)]
    hook: Arc<Mutex<Option<Hook>>>,
}

impl Clone for Hooked {
    fn clone(&self) -> Self {
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        hook.into_iter().for_each(|hook| hook());
        Self { number: self.number, hook: Arc::clone(&self.hook) }
    }
}

#[tokio::test]
async fn an_entry_of_memory_is_replaced_only_by_itself() {
    for (how, evict) in BOTH.into_iter().flat_map(|how| [(how, true), (how, false)]) {
        let cache = Cache::builder().build().unwrap();
        let hook = Arc::default();
        let value = Hooked { number: 1, hook: Arc::clone(&hook) };
        cache.entry("row").policy(KEPT).insert(value).await.unwrap();
        let inside = cache.clone();
        *hook.lock().unwrap() = Some(Box::new(move || {
            // Runs on another thread, so that a lock that this thread holds would block it.
            let change = async move {
                match evict {
                    true => drop(inside.remove("row").await.unwrap()),
                    false => {
                        let value = Hooked { number: 2, hook: Arc::default() };
                        inside.entry("row").policy(KEPT).insert(value).await.unwrap();
                    }
                }
            };
            futures_util::FutureExt::now_or_never(change).unwrap();
        }));
        soon(changing(how, &cache)).await.unwrap().unwrap();
        let found = cache.get::<Hooked>("row").await.unwrap().map(|value| value.number);
        match (how, evict) {
            (How::Expire, false) => assert_eq!(found, Some(2), "the newer value stays"),
            _ => assert_eq!(found, None, "{how:?}, evicted: {evict}"),
        }
        if how == How::Expire && !evict {
            let left = cache.ttl("row").await.unwrap();
            assert!(left <= Some(Expiry::In(SECOND)), "{left:?}: the one that is there");
        }
        let failing = async || Err::<Hooked, _>(());
        let old = cache.entry("row").policy(KEPT).or_load(failing).await;
        assert_ne!(old.map(|value| value.number), Ok(1), "{how:?}, evicted: {evict}");
    }
}

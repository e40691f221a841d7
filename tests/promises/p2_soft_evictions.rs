//! P2 and P3 for soft evictions: of a key, a tag, a pattern and of everything. No read returns a value that was softly evicted,
//! unless its load fails; and what was evicted otherwise never comes back.

use std::time::Duration;

use larder::{Cache, Error, Policy, Source, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::origin::{Origin, soon, soon_at};
use crate::tiers::every;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const BARE: Policy = Policy::new().ttl(MINUTE).tags(&["rows"]);
const KEPT: Policy = BARE.stale_if_error(MINUTE);

#[cached(key = "row", policy = KEPT, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> Result<u64, u64> {
    origin.try_read().await
}

fn reading(cache: &Cache, origin: &Origin) -> JoinHandle<Result<u64, u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).await })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    Key,
    Tag,
    Pattern,
    All,
}

const REACHES: [Reach; 4] = [Reach::Key, Reach::Tag, Reach::Pattern, Reach::All];
/// Those that do not name the key.
const WIDE: [Reach; 3] = [Reach::Tag, Reach::Pattern, Reach::All];

async fn soften(cache: &Cache, reach: Reach) -> Result<(), Error> {
    match reach {
        Reach::Key => cache.mark_stale("row").await.map(drop),
        Reach::Tag => cache.mark_tag_stale("rows").await,
        Reach::Pattern => cache.mark_pattern_stale("ro*").await.map(drop),
        Reach::All => cache.mark_all_stale().await,
    }
}

async fn evict(cache: &Cache, reach: Reach) -> Result<(), Error> {
    match reach {
        Reach::Key => cache.remove("row").await.map(drop),
        Reach::Tag => cache.evict_tag("rows").await,
        Reach::Pattern => cache.evict_pattern("ro*").await.map(drop),
        Reach::All => cache.clear().await,
    }
}

async fn load(cache: &Cache, result: Result<u64, ()>) -> Result<u64, ()> {
    cache.entry("row").policy(KEPT).or_load(|| async move { result }).await
}

async fn put(cache: &Cache, policy: Policy, value: u64) {
    cache.entry("row").policy(policy).insert(value).await.unwrap();
}

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.unwrap()
}

#[tokio::test]
async fn values_are_kept_for_failed_loads_only() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        for reach in REACHES {
            let (name, cache) = (tiers.name, &tiers.cache);
            put(cache, KEPT, 1).await;
            soften(cache, reach).await.unwrap();
            assert_eq!(found(cache).await, None, "{name} {reach:?}");
            assert_eq!(cache.get_many::<u64>(&["row"]).await.unwrap(), [None], "{name} {reach:?}");
            assert_eq!(cache.ttl("row").await.unwrap(), None, "{name} {reach:?}");
            let failing = cache.entry("row").policy(KEPT).traced();
            let old = failing.or_load(|| async { Err::<u64, ()>(()) }).await;
            assert_eq!((old.value, old.source), (Ok(1), Source::FailSafe), "{name} {reach:?}");
            if tiers.has_memory() {
                assert_eq!(load(cache, Ok(2)).await, Ok(1), "{name} {reach:?}: loads pause");
            }
            soften(cache, reach).await.unwrap();
            // A reader that takes it marks it again, and does not take over the pause.
            let stale = cache.entry("row").policy(KEPT).accept_stale().get::<u64>().await;
            assert_eq!(stale.unwrap(), Some(1), "{name} {reach:?}");
            assert_eq!(load(cache, Ok(2)).await, Ok(2), "{name} {reach:?}: after another eviction");
            assert_eq!(found(cache).await, Some(2), "{name} {reach:?}: the load is stored");
        }
    }
}

#[tokio::test]
async fn values_are_kept_to_the_end_of_their_window() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| REACHES.map(|reach| (tiers, reach)))
    {
        let (name, cache) = (tiers.name, &tiers.cache);
        put(cache, BARE, 1).await;
        soften(cache, reach).await.unwrap();
        assert_eq!(load(cache, Err(())).await, Err(()), "{name} {reach:?}: there is no window");
        put(cache, KEPT, 1).await;
        soften(cache, reach).await.unwrap();
        clock.advance(2 * MINUTE);
        assert_eq!(load(cache, Err(())).await, Err(()), "{name} {reach:?}: the window is over");
    }
}

#[tokio::test]
async fn other_evictions_end_what_is_kept() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        for (soft, hard) in REACHES.iter().flat_map(|soft| REACHES.map(|hard| (*soft, hard))) {
            let (name, cache) = (tiers.name, &tiers.cache);
            put(cache, KEPT, 1).await;
            soften(cache, soft).await.unwrap();
            evict(cache, hard).await.unwrap();
            assert_eq!(load(cache, Err(())).await, Err(()), "{name}: {soft:?}, then {hard:?}");
            soften(cache, soft).await.unwrap();
            assert_eq!(load(cache, Err(())).await, Err(()), "{name}: {hard:?}, then {soft:?}");
        }
    }
}

/// A series has 1,000 generations; the next soft eviction begins another one, and nothing is kept.
#[tokio::test]
async fn many_soft_evictions_make_no_value_fresh() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| WIDE.map(|reach| (tiers, reach))) {
        let (name, cache) = (tiers.name, &tiers.cache);
        put(cache, KEPT, 1).await;
        for _ in 0..1_100 {
            soften(cache, reach).await.unwrap();
        }
        assert_eq!(found(cache).await, None, "{name} {reach:?}");
        assert_eq!(load(cache, Ok(2)).await, Ok(2), "{name} {reach:?}");
        assert_eq!(found(cache).await, Some(2), "{name} {reach:?}");
    }
}

#[tokio::test]
async fn a_load_from_before_stores_nothing() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| WIDE.map(|reach| (tiers, reach))) {
        let (origin, cache) = (Origin::new(), &tiers.cache);
        put(cache, KEPT, 1).await;
        origin.set(1);
        origin.hold(1);
        let (refreshed, origin_) = (cache.clone(), origin.clone());
        let old = tokio::spawn(async move { row(&refreshed, &origin_).refresh().await });
        origin.held().await;
        origin.set(2);
        soon_at(&clock, {
            let cache = cache.clone();
            async move { soften(&cache, reach).await }
        })
        .await
        .unwrap();
        let soon_enough = clock.now().after(SECOND);
        let new = soon_at(&clock, reading(cache, &origin)).await.unwrap();
        assert!(clock.now() < soon_enough, "{} {reach:?}: nor waited for", tiers.name);
        assert_eq!(new, Ok(2), "{} {reach:?}: it is not joined", tiers.name);
        origin.release(1);
        assert_eq!(soon_at(&clock, old).await.unwrap(), Ok(1));
        assert_eq!(soon(row(cache, &origin)).await, Ok(2), "{} {reach:?}", tiers.name);
    }
}

/// Each process sees the soft evictions of another one, with and without a memory tier, and keeps the value.
#[tokio::test]
async fn other_processes_follow() {
    let clock = Clock::manual();
    for reach in REACHES {
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        let strict = gated.another().cache_without_memory(&clock);
        put(&cache, KEPT, 1).await;
        for reader in [&other, &strict] {
            assert_eq!(found(reader).await, Some(1), "{reach:?}");
        }
        soften(&cache, reach).await.unwrap();
        let late = gated.another().cache(&clock);
        for (name, reader) in [("other", &other), ("strict", &strict), ("late", &late)] {
            assert_eq!(found(reader).await, None, "{name} {reach:?}");
            assert_eq!(load(reader, Err(())).await, Ok(1), "{name} {reach:?}");
        }
        evict(&other, reach).await.unwrap();
        for (name, reader) in [("cache", &cache), ("strict", &strict), ("late", &late)] {
            assert_eq!(load(reader, Err(())).await, Err(()), "{name} {reach:?}");
        }
    }
}

/// Another process's eviction counts, even if this one has learnt of its soft one only.
#[tokio::test]
async fn an_eviction_between_two_soft_ones_counts() {
    let clock = Clock::manual();
    for reach in WIDE {
        let gated = Gated::leased(&clock);
        let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
        put(&cache, KEPT, 1).await;
        assert_eq!(found(&other).await, Some(1));
        soften(&cache, reach).await.unwrap();
        evict(&cache, reach).await.unwrap();
        soften(&cache, reach).await.unwrap();
        assert_eq!(load(&other, Err(())).await, Err(()), "{reach:?}");
    }
}

/// It is unknown whether the soft eviction took place: it is repeated as an eviction.
#[tokio::test]
async fn a_soft_eviction_with_an_unknown_result_is_repeated() {
    for (reach, lost) in WIDE.into_iter().flat_map(|reach| [(reach, false), (reach, true)]) {
        let clock = Clock::manual();
        let gated = Gated::leased(&clock);
        let cache = gated.cache(&clock);
        put(&cache, KEPT, 1).await;
        let step = gated.hold(Before(if reach == Reach::Pattern { "replace" } else { "bump" }));
        let softening = tokio::spawn({
            let cache = cache.clone();
            async move { soften(&cache, reach).await }
        });
        step.arrived().await;
        if lost {
            gated.lose_answers();
            step.open();
            assert!(soon(softening).await.unwrap().is_err(), "{reach:?}");
            gated.set_down(false);
        } else {
            softening.abort();
            assert!(softening.await.unwrap_err().is_cancelled());
            step.open();
        }
        clock.advance(SECOND);
        let strict = gated.another().cache_without_memory(&clock);
        let held = soon(cache.get::<u64>("row")).await.unwrap_or_default();
        assert_eq!(held, None, "{reach:?}, lost: {lost}");
        assert_eq!(found(&strict).await, None, "{reach:?}, lost: {lost}");
    }
}

#[tokio::test]
async fn a_transaction_holds_them() {
    let clock = Clock::manual();
    for (tiers, reach) in every(&clock).iter().flat_map(|tiers| REACHES.map(|reach| (tiers, reach)))
    {
        let (name, cache) = (tiers.name, &tiers.cache);
        for (commits, evicts) in [(true, false), (false, false), (true, true)] {
            put(cache, KEPT, 1).await;
            let done = larder::transaction(async {
                soften(cache, reach).await.unwrap();
                if evicts {
                    evict(cache, reach).await.unwrap();
                }
                assert_eq!(found(cache).await, None, "{name} {reach:?}: it sees its own");
                if commits { Ok(()) } else { Err(()) }
            });
            assert_eq!(done.await.map_err(drop).is_ok(), commits);
            let fresh = (!commits).then_some(1);
            assert_eq!(found(cache).await, fresh, "{name} {reach:?}, commits: {commits}");
            let kept = if evicts { Err(()) } else { Ok(1) };
            assert_eq!(load(cache, Err(())).await, kept, "{name} {reach:?}, commits: {commits}");
        }
    }
}

/// A reader gets the fresh value from the store, the pattern is marked there, and then the reader promotes it to memory.
#[tokio::test]
async fn a_promotion_does_not_restore_the_former_life() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, other) = (gated.cache(&clock), gated.another().cache(&clock));
    put(&other, KEPT, 1).await;
    let change = gated.hold(Before("replace"));
    let softening = tokio::spawn({
        let cache = cache.clone();
        async move { soften(&cache, Reach::Pattern).await }
    });
    change.arrived().await;
    assert_eq!(found(&cache).await, Some(1), "it is not marked yet");
    change.open();
    soon(softening).await.unwrap().unwrap();
    assert_eq!(found(&cache).await, None);
    assert_eq!(load(&cache, Err(())).await, Ok(1));
}

//! P2 and P3 for calls that leave a tier out, or that do not store: no tier serves an older value later, and a read that asks the
//! remote tier each time gets nothing older than what that tier has.

use std::collections::HashMap;
use std::time::Duration;

use larder::backend::Backend as _;
use larder::{Access, Cache, Policy, Source, Tiers, cached, time::Clock};

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::{Origin, landed, soon, soon_at, turns};
use crate::tiers::every;

#[cached(key = "row", ttl = "1h", tags = ["rows"], cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

#[cached(key = "kept", ttl = "1h", stale_if_error = "1h", cache = cache, skip(cache, origin))]
async fn kept(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

#[cached(key = "each:{id}", ttl = "1h", each = "id in ids", cache = cache, skip(cache, origin))]
async fn rows(cache: &Cache, origin: &Origin, ids: &[u64]) -> HashMap<u64, u64> {
    let value = origin.read().await;
    ids.iter().map(|id| (*id, value)).collect()
}

const HOUR: Policy = Policy::new().ttl(Duration::from_secs(3600)).tags(&["rows"]);

/// Two processes with memory, over one store.
struct Scene {
    clock: Clock,
    gated: Gated,
    here: Cache,
    there: Cache,
    origin: Origin,
}

impl Scene {
    fn new(leases: bool) -> Self {
        let clock = Clock::manual();
        let gated = if leases { Gated::leased(&clock) } else { Gated::new() };
        let (here, there) = (gated.cache(&clock), gated.another().cache(&clock));
        let origin = Origin::at(&clock);
        Self { clock, gated, here, there, origin }
    }

    /// Both processes have the value 1 in memory, and so has the store.
    async fn known(leases: bool) -> Self {
        let scene = Self::new(leases);
        let Self { clock, here, there, origin, .. } = &scene;
        soon(row(here, origin).put(1)).await.unwrap();
        soon(rows(here, origin, &[7]).put(HashMap::from([(7, 1)]))).await.unwrap();
        for cache in [here, there] {
            assert_eq!(soon_at(clock, row(cache, origin)).await, 1);
            assert_eq!(soon_at(clock, rows(cache, origin, &[7])).await[&7], 1);
        }
        origin.set(2);
        scene
    }
}

/// The ways to replace a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Put,
    Refresh,
    WriteOnly,
    Insert,
    EntryRefresh,
    Update,
    InsertMany,
    PutEach,
    RefreshEach,
}

impl Way {
    const ALL: [Self; 9] = [
        Self::Put,
        Self::Refresh,
        Self::WriteOnly,
        Self::Insert,
        Self::EntryRefresh,
        Self::Update,
        Self::InsertMany,
        Self::PutEach,
        Self::RefreshEach,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::PutEach | Self::RefreshEach => "each:7",
            _ => "row",
        }
    }

    async fn replace(self, cache: &Cache, origin: &Origin, tiers: Tiers) {
        let entry = || cache.entry("row").policy(HOUR).tiers(tiers);
        let load = || async { Ok::<_, ()>(2u64) };
        match self {
            Self::Put => row(cache, origin).tiers(tiers).put(2).await.unwrap(),
            Self::Refresh => assert_eq!(row(cache, origin).refresh().tiers(tiers).await, 2),
            Self::WriteOnly => {
                assert_eq!(row(cache, origin).tiers(tiers).access(Access::WriteOnly).await, 2);
            }
            Self::Insert => entry().insert(2u64).await.unwrap(),
            Self::EntryRefresh => assert_eq!(entry().refresh().or_load(load).await, Ok(2)),
            Self::Update => {
                // A tier that is left out has no old value either.
                let new = entry().update(|old: Option<u64>| old.map(|old| old + 1)).await;
                assert_eq!(new.unwrap(), Some(2));
            }
            Self::InsertMany => {
                let policy = HOUR.tiers(tiers);
                cache.insert_many_with([("row", 2u64)], policy).await.unwrap();
            }
            Self::PutEach => {
                let put = rows(cache, origin, &[7]).tiers(tiers).put(HashMap::from([(7, 2)]));
                put.await.unwrap();
            }
            Self::RefreshEach => {
                assert_eq!(rows(cache, origin, &[7]).tiers(tiers).refresh().await[&7], 2);
            }
        }
    }
}

/// A process takes what it has in memory for evicted if it learns later that there are generations of its tags.
async fn knows_generations(cache: &Cache) {
    assert_eq!(cache.entry("other").policy(HOUR).get::<u64>().await.unwrap(), None);
}

/// The store loses a value, and says nothing.
async fn lose(gated: &Gated, key: &str) {
    let key = format!("larder:{key}");
    assert_eq!(gated.store.remove(&[key.as_str()], None).await.unwrap(), 1);
}

async fn held(cache: &Cache, key: &str, tiers: Tiers) -> Option<u64> {
    cache.entry(key).tiers(tiers).get().await.unwrap()
}

#[tokio::test]
async fn a_new_value_leaves_no_older_one_in_the_tier_that_it_leaves_out() {
    for leases in [true, false] {
        for tiers in [Tiers::Memory, Tiers::Remote, Tiers::All] {
            for way in Way::ALL {
                let what = format!("leases: {leases}, {tiers:?}, {way:?}");
                let Scene { clock, here, there, origin, .. } = Scene::known(leases).await;
                soon_at(&clock, way.replace(&here, &origin, tiers)).await;
                landed(&here).await;
                let (memory, store) = match tiers {
                    Tiers::Memory => (Some(2), None),
                    Tiers::Remote => (None, Some(2)),
                    _ => (Some(2), Some(2)),
                };
                assert_eq!(held(&here, way.key(), Tiers::Memory).await, memory, "{what}");
                assert_eq!(held(&here, way.key(), Tiers::Remote).await, store, "{what}");
                turns().await;
                assert_eq!(held(&there, way.key(), Tiers::Memory).await, None, "{what}: elsewhere");
            }
        }
    }
}

/// The same for a value that a read loads: there is an older one in memory, and the store has lost its own.
#[tokio::test]
async fn a_loaded_value_leaves_no_older_one_in_memory() {
    let Scene { clock, gated, here, origin, .. } = Scene::known(true).await;
    lose(&gated, "row").await;
    assert_eq!(soon_at(&clock, row(&here, &origin).tiers(Tiers::Remote)).await, 2);
    let read = soon_at(&clock, row(&here, &origin).traced()).await;
    assert_eq!((read.value, read.source), (2, Source::Remote));
}

#[tokio::test]
async fn a_remote_read_gets_what_another_process_has_stored_before_the_notice_arrives() {
    for way in Way::ALL {
        let Scene { clock, gated, here, there, origin, .. } = Scene::known(true).await;
        gated.backend.faults().drop_messages(true);
        soon_at(&clock, way.replace(&there, &origin, Tiers::All)).await;
        landed(&there).await;
        assert_eq!(held(&here, way.key(), Tiers::Memory).await, Some(1), "{way:?}: no notice");
        assert_eq!(held(&here, way.key(), Tiers::Remote).await, Some(2), "{way:?}");
        let read = match way.key() {
            "row" => soon_at(&clock, row(&here, &origin).tiers(Tiers::Remote)).await,
            _ => soon_at(&clock, rows(&here, &origin, &[7]).tiers(Tiers::Remote)).await[&7],
        };
        assert_eq!(read, 2, "{way:?}");
    }
}

/// Neither by a load that began before the eviction, nor by its value that is being stored.
#[tokio::test]
async fn a_remote_read_is_not_answered_by_an_older_load_that_fills_memory() {
    for stored in [true, false] {
        let Scene { clock, gated, here, there, origin } = Scene::new(true);
        gated.backend.faults().drop_messages(true);
        let gate = stored.then(|| gated.hold(Before("commit")));
        if !stored {
            origin.hold(1);
        }
        let leader = tokio::spawn({
            let (here, origin) = (here.clone(), origin.clone());
            async move { row(&here, &origin).await }
        });
        match &gate {
            Some(gate) => gate.arrived().await,
            None => origin.held().await,
        }
        origin.set(2);
        soon(there.remove("row")).await.unwrap();
        if let Some(gate) = &gate {
            gate.open();
        }
        let read = row(&here, &origin).tiers(Tiers::Remote);
        assert_eq!(soon_at(&clock, read).await, 2, "stored: {stored}");
        origin.release(1);
        assert_eq!(soon(leader).await.unwrap(), 1, "asked before");
    }
}

/// A read from before a put that stays in memory must not fill memory with the older value of the store.
#[tokio::test]
async fn a_read_under_way_does_not_bring_back_what_a_put_in_memory_has_replaced() {
    let Scene { clock, gated, there, origin, .. } = Scene::known(true).await;
    let here = gated.cache(&clock);
    knows_generations(&here).await;
    let answer = gated.hold(After("get"));
    let reader = tokio::spawn({
        let (here, origin) = (here.clone(), origin.clone());
        async move { row(&here, &origin).await }
    });
    answer.arrived().await;
    let put = tokio::spawn({
        let (here, origin) = (here.clone(), origin.clone());
        async move { row(&here, &origin).tiers(Tiers::Memory).put(2).await }
    });
    turns().await;
    answer.open();
    soon_at(&clock, put).await.unwrap().unwrap();
    soon_at(&clock, reader).await.unwrap();
    assert_eq!(held(&here, "row", Tiers::All).await, Some(2));
    turns().await;
    assert_eq!(held(&there, "row", Tiers::All).await, None);
}

#[tokio::test]
async fn a_put_in_memory_that_is_dropped_half_way_leaves_no_older_value() {
    let Scene { clock, gated, here, origin, .. } = Scene::known(true).await;
    let gate = gated.hold(Before("remove"));
    {
        let mut put = std::pin::pin!(row(&here, &origin).tiers(Tiers::Memory).put(2));
        tokio::select! {
            biased;
            _ = &mut put => panic!("it waits for the store"),
            () = gate.arrived() => {}
        }
    }
    gate.open();
    assert_ne!(soon_at(&clock, row(&here, &origin).tiers(Tiers::Remote)).await, 1);
    assert_ne!(soon_at(&clock, row(&here, &origin)).await, 1);
}

/// A put in memory waits for its turn, and a soft eviction of the same key comes: it keeps the value of the store, as an old
/// one. When the put returns, a read that asks the store gets none of its older values.
#[tokio::test]
async fn a_put_in_memory_that_a_soft_eviction_overtakes_leaves_no_older_value() {
    let scene = Scene::new(true);
    let Scene { gated, here, origin, .. } = &scene;
    let storing = gated.hold(After("commit"));
    assert_eq!(soon(kept(here, origin)).await, 1);
    soon(storing.arrived()).await;
    origin.set(2);
    let (cache, from) = (here.clone(), origin.clone());
    let put = tokio::spawn(async move { kept(&cache, &from).tiers(Tiers::Memory).put(2).await });
    turns().await;
    let marking = gated.hold(Before("replace"));
    let cache = here.clone();
    let soft = tokio::spawn(async move { cache.mark_stale("kept").await });
    soon(turns()).await;
    storing.open();
    soon(put).await.unwrap().unwrap();
    origin.set(3);
    let read = kept(here, origin).tiers(Tiers::Remote);
    assert_ne!(soon(read).await, 1, "the put has returned");
    marking.open();
    soon(soft).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_put_in_memory_while_the_store_is_down_leaves_no_older_value() {
    let Scene { clock, gated, here, origin, .. } = Scene::known(true).await;
    gated.set_down(true);
    let put = soon_at(&clock, row(&here, &origin).tiers(Tiers::Memory).put(2)).await;
    assert!(put.is_err(), "the store may still have the older value");
    gated.set_down(false);
    clock.advance(Duration::from_secs(60));
    let read = soon_at(&clock, row(&here, &origin).tiers(Tiers::Remote)).await;
    assert_eq!(read, 2, "the eviction was pending");
}

/// What stays in memory is evicted in every process, too.
#[tokio::test]
async fn evictions_of_values_in_memory_reach_every_process() {
    for how in 0..4 {
        let Scene { clock, here, there, origin, .. } = Scene::new(true);
        for cache in [&here, &there] {
            let read = row(cache, &origin).tiers(Tiers::Memory);
            assert_eq!(soon_at(&clock, read).await, 1);
        }
        assert_eq!(held(&there, "row", Tiers::Remote).await, None);
        match how {
            0 => drop(row(&here, &origin).tiers(Tiers::Memory).evict().await.unwrap()),
            1 => drop(here.evict_pattern("ro*").await.unwrap()),
            2 => here.evict_tag("rows").await.unwrap(),
            _ => here.clear().await.unwrap(),
        }
        turns().await;
        origin.set(2);
        for cache in [&here, &there] {
            let read = row(cache, &origin).tiers(Tiers::Memory);
            assert_eq!(soon_at(&clock, read).await, 2, "{how}");
        }
    }
}

#[tokio::test]
async fn callers_of_one_tier_share_one_load() {
    for leases in [true, false] {
        for tiers in [Tiers::Memory, Tiers::Remote] {
            let Scene { clock, here, origin, .. } = Scene::new(leases);
            origin.hold(1);
            let readers: Vec<_> = (0..20)
                .map(|_| {
                    let (here, origin) = (here.clone(), origin.clone());
                    tokio::spawn(async move { row(&here, &origin).tiers(tiers).await })
                })
                .collect();
            origin.held().await;
            turns().await;
            origin.release(1);
            for reader in readers {
                assert_eq!(soon_at(&clock, reader).await.unwrap(), 1);
            }
            landed(&here).await;
            assert_eq!(origin.reads(), 1, "leases: {leases}, {tiers:?}");
        }
    }
}

/// The lease is one for all tiers.
#[tokio::test]
async fn a_remote_read_waits_for_a_load_that_stores_remotely() {
    let Scene { clock, here, there, origin, .. } = Scene::new(true);
    origin.hold(1);
    let leader = tokio::spawn({
        let (there, origin) = (there.clone(), origin.clone());
        async move { row(&there, &origin).await }
    });
    origin.held().await;
    let reader = tokio::spawn({
        let (here, origin) = (here.clone(), origin.clone());
        async move { row(&here, &origin).tiers(Tiers::Remote).traced().await }
    });
    turns().await;
    origin.release(1);
    assert_eq!(soon_at(&clock, leader).await.unwrap(), 1);
    assert_eq!(soon_at(&clock, reader).await.unwrap().source, Source::Remote);
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn a_remote_read_is_not_answered_by_memory_while_the_store_is_down() {
    let Scene { clock, gated, here, origin, .. } = Scene::known(true).await;
    gated.set_down(true);
    assert_eq!(soon_at(&clock, row(&here, &origin).tiers(Tiers::Remote)).await, 2);
    assert!(here.entry("row").tiers(Tiers::Remote).get::<u64>().await.is_err());
    assert_eq!(held(&here, "row", Tiers::Memory).await, Some(1), "as in every outage");
}

#[tokio::test]
async fn a_read_only_call_stores_nothing() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (cache, origin) = (&tiers.cache, Origin::at(&clock));
        let read = || row(cache, &origin).access(Access::ReadOnly);
        for loads in 1..3 {
            assert_eq!(soon_at(&clock, read().traced()).await.source, Source::Loaded);
            assert_eq!(origin.reads(), loads, "{}", tiers.name);
        }
        landed(cache).await;
        assert_eq!(cache.get::<u64>("row").await.unwrap(), None, "{}", tiers.name);
        let stats = cache.stats();
        assert_eq!((stats.stores, stats.removals), (0, 0), "{}", tiers.name);

        soon_at(&clock, row(cache, &origin)).await;
        landed(cache).await;
        origin.set(2);
        assert_eq!(soon_at(&clock, read()).await, 1, "{}: it reads", tiers.name);
        let batch = rows(cache, &origin, &[7]).access(Access::ReadOnly);
        assert_eq!(soon_at(&clock, batch).await[&7], 2);
        assert_eq!(cache.get::<u64>("each:7").await.unwrap(), None, "{}", tiers.name);
    }
}

#[tokio::test]
async fn a_read_only_call_takes_no_lease_and_fills_no_memory() {
    let Scene { clock, gated, here, there, origin } = Scene::new(true);
    let read = || row(&here, &origin).access(Access::ReadOnly);
    assert_eq!(soon_at(&clock, read()).await, 1);
    assert_eq!(gated.calls("acquire"), 0);
    soon_at(&clock, row(&there, &origin)).await;
    landed(&there).await;
    for _ in 0..2 {
        assert_eq!(soon_at(&clock, read().traced()).await.source, Source::Remote);
    }
}

/// A load that others share would have to be stored.
#[tokio::test]
async fn a_read_only_load_is_not_the_load_of_other_callers() {
    let Scene { clock, here, origin, .. } = Scene::new(true);
    origin.hold(1);
    let reader = |access| {
        let (here, origin) = (here.clone(), origin.clone());
        tokio::spawn(async move { row(&here, &origin).access(access).await })
    };
    let read_only = [reader(Access::ReadOnly), reader(Access::ReadOnly)];
    origin.held().await;
    assert_eq!(soon_at(&clock, reader(Access::ReadWrite)).await.unwrap(), 1);
    turns().await;
    origin.release(1);
    for read in read_only {
        soon_at(&clock, read).await.unwrap();
    }
    assert_eq!(origin.reads(), 2);
    assert_eq!(held(&here, "row", Tiers::All).await, Some(1));
}

/// The cached value is old, and the new one is not stored.
#[tokio::test]
async fn a_read_only_put_or_refresh_evicts() {
    for way in 0..6 {
        let Scene { clock, here, there, origin, .. } = Scene::known(true).await;
        let batch = || rows(&here, &origin, &[7]).access(Access::ReadOnly);
        let key = if way < 4 { "row" } else { "each:7" };
        let call = || row(&here, &origin).access(Access::ReadOnly);
        match way {
            0 => soon_at(&clock, call().put(2)).await.unwrap(),
            1 => assert_eq!(soon_at(&clock, call().refresh()).await, 2),
            2 => here.entry("row").access(Access::ReadOnly).insert(2u64).await.unwrap(),
            4 => soon_at(&clock, batch().put(HashMap::from([(7, 2)]))).await.unwrap(),
            5 => assert_eq!(soon_at(&clock, batch().refresh()).await[&7], 2),
            _ => {
                let policy = Policy::new().access(Access::ReadOnly);
                here.insert_many_with([("row", 2u64)], policy).await.unwrap();
            }
        }
        turns().await;
        for cache in [&here, &there] {
            assert_eq!(held(cache, key, Tiers::All).await, None, "{way}");
        }
    }
}

#[tokio::test]
async fn a_write_only_call_loads_and_stores() {
    let clock = Clock::manual();
    for tiers in every(&clock) {
        let (cache, origin) = (&tiers.cache, Origin::at(&clock));
        for value in 1..4 {
            origin.set(value);
            let write = row(cache, &origin).access(Access::WriteOnly);
            assert_eq!(soon_at(&clock, write).await, value, "{}", tiers.name);
            landed(cache).await;
            assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(value), "{}", tiers.name);
        }
        let peek = row(cache, &origin).access(Access::WriteOnly).peek();
        assert_eq!(peek.await.unwrap(), None, "{}: it does not read", tiers.name);
    }
}

/// Old values are those of the tiers that are read.
#[tokio::test]
async fn old_values_come_from_the_tiers_that_are_read() {
    let old = Policy::new().ttl(Duration::from_secs(1)).stale_if_error(Duration::from_secs(3600));
    let Scene { clock, gated, here, there, .. } = Scene::new(true);
    let fails = || async { Err::<u64, _>("down") };
    there.entry("old").policy(old).insert(1u64).await.unwrap();
    turns().await;
    knows_generations(&here).await;
    here.entry("old")
        .policy(old)
        .tiers(Tiers::Memory)
        .or_load(|| async { Ok::<_, ()>(5u64) })
        .await
        .unwrap();
    clock.advance(Duration::from_secs(2));
    let remote = || here.entry("old").policy(old).tiers(Tiers::Remote);
    assert_eq!(soon_at(&clock, remote().or_load(fails)).await, Ok(1));
    lose(&gated, "old").await;
    assert_eq!(soon_at(&clock, remote().or_load(fails)).await, Err("down"));
    let memory = here.entry("old").policy(old).tiers(Tiers::Memory);
    assert_eq!(soon_at(&clock, memory.or_load(fails)).await, Ok(5));
}

/// A commit publishes what the transaction has loaded to memory, which this call leaves out.
#[tokio::test]
async fn a_value_that_a_transaction_has_loaded_stays_out_of_memory() {
    let Scene { clock, here, origin, .. } = Scene::new(true);
    let work = larder::transaction(async {
        row(&here, &origin).tiers(Tiers::Remote).await;
        Ok::<_, larder::Error>(())
    });
    soon_at(&clock, work).await.unwrap();
    assert_eq!(held(&here, "row", Tiers::Memory).await, None);
}

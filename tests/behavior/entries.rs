//! One key by hand, with directions: the same in memory, in Redis, and in both.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::testing::isolated;
use larder::{
    Cache, Error, Expiry, Policy, SharedError, Source, backend::MemoryBackend, cached, time::Clock,
};

use crate::support::{Server, eventually};

const SECOND: Duration = Duration::from_secs(1);

/// Memory, Redis, and both.
async fn every(server: &Server) -> Vec<(&'static str, Cache)> {
    let redis = || Redis::connect(server.url());
    let builder = |namespace: &str| Cache::builder().namespace(namespace);
    let both = builder("both").remote(redis().await.unwrap()).build().unwrap();
    eventually("the bus is connected", async || both.is_linked()).await;
    vec![
        ("memory", builder("memory").build().unwrap()),
        ("redis", builder("redis").no_memory().remote(redis().await.unwrap()).build().unwrap()),
        ("both", both),
    ]
}

async fn seven() -> Result<u64, SharedError> {
    Ok(7)
}

#[tokio::test]
async fn directions_apply_in_every_tiering() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        let entry = || cache.entry("k");
        assert_eq!(entry().get::<u64>().await.unwrap(), None, "{name}");
        assert_eq!(entry().ttl("60s").or_load(seven).await.unwrap(), 7);
        let left = cache.ttl("k").await.unwrap().and_then(Expiry::left).unwrap();
        assert!(left <= 60 * SECOND && left > 50 * SECOND, "{name}: {left:?}");
        assert_eq!(entry().peek::<u64>().await.unwrap(), Some(7));

        // What the entry has otherwise.
        let other = entry().ttl("never").policy(Policy::new().ttl(60 * SECOND)).ttl("default");
        other.insert(7_u64).await.unwrap();
        assert!(cache.ttl("k").await.unwrap() <= Some(Expiry::In(60 * SECOND)), "{name}");

        // A direction for the value that is stored, not for the one that is there.
        assert_eq!(entry().ttl("never").or_load(seven).await.unwrap(), 7);
        assert!(cache.ttl("k").await.unwrap() < Some(Expiry::Never), "{name}");
        entry().ttl("never").insert(8_u64).await.unwrap();
        assert_eq!(cache.ttl("k").await.unwrap(), Some(Expiry::Never), "{name}");
        entry().ttl(30 * SECOND).policy(Policy::new().ttl(SECOND)).insert(8_u64).await.unwrap();
        let left = cache.ttl("k").await.unwrap().and_then(Expiry::left).unwrap();
        assert!(left > 20 * SECOND, "{name}: the ttl is before the policy's: {left:?}");

        let traced = entry().traced().or_load(seven).await;
        assert_eq!(traced.value.unwrap(), 8, "{name}");
        assert_ne!(traced.source, Source::Loaded, "{name}");
        assert_eq!(entry().bypass().or_load(seven).await.unwrap(), 7, "{name}");
        assert_eq!(entry().get().await.unwrap(), Some(8_u64), "{name}");
        assert_eq!(entry().refresh().traced().or_load(seven).await.source, Source::Loaded);
        assert_eq!(entry().get().await.unwrap(), Some(7_u64), "{name}");
        assert!(entry().remove().await.unwrap(), "{name}");
        assert!(!entry().remove().await.unwrap(), "{name}");
        assert_eq!(entry().or_refresh(seven).await.unwrap(), 7);
        cache.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_endless_direction_needs_no_windows() {
    const KEPT: Policy = Policy::new().ttl(SECOND).stale(SECOND).jitter(0.5);
    let cache = Cache::builder().build().unwrap();
    cache.entry("k").policy(KEPT).ttl("never").insert(1_u64).await.unwrap();
    assert_eq!(cache.ttl("k").await.unwrap(), Some(Expiry::Never));
}

#[cached(key = "call:{id}", ttl = "1m", stale = "1m")]
async fn called(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_call_takes_never_too() {
    isolated(async {
        let cache = larder::default_cache();
        assert_eq!(called(7).ttl("never").await, 7);
        assert_eq!(cache.ttl("call:7").await.unwrap(), Some(Expiry::Never));
    })
    .await;
}

#[tokio::test]
async fn tags_bind_writers_and_readers() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        let id = 7;
        let tagged = || cache.entry("k").tag(format!("user:{id}")).tag("users");
        cache.entry("k").insert(1_u64).await.unwrap();
        assert_eq!(tagged().get::<u64>().await.unwrap(), None, "{name}: it lacks the tags");
        assert_eq!(tagged().or_load(seven).await.unwrap(), 7, "{name}");
        assert_eq!(tagged().get().await.unwrap(), Some(7_u64), "{name}");
        cache.evict_tag("user:7").await.unwrap();
        assert_eq!(tagged().get::<u64>().await.unwrap(), None, "{name}");

        tagged().insert(8_u64).await.unwrap();
        cache.evict_tag("users").await.unwrap();
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}");
        // Odd tags are tags, too.
        for tag in ["two\nlines", &"long".repeat(100), "ü"] {
            cache.entry("k").tag(tag).insert(9_u64).await.unwrap();
            assert_eq!(cache.entry("k").tag(tag).get().await.unwrap(), Some(9_u64), "{tag:?}");
            cache.evict_tag("two").await.unwrap();
            assert_eq!(cache.entry("k").tag(tag).get().await.unwrap(), Some(9_u64), "{tag:?}");
            cache.evict_tag(tag).await.unwrap();
            assert_eq!(cache.entry("k").get::<u64>().await.unwrap(), None, "{name}: {tag:?}");
        }
    }
}

#[tokio::test]
async fn tenants_have_values_of_their_own() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        for (tenant, value) in [("acme", 1_u64), ("umbrella", 2)] {
            cache.entry("k").tenant(tenant).insert(value).await.unwrap();
        }
        assert_eq!(cache.entry("k").tenant("acme").get().await.unwrap(), Some(1_u64), "{name}");
        assert_eq!(cache.entry("k").get::<u64>().await.unwrap(), None, "{name}");
        let acme = cache.tenant("acme").unwrap();
        assert_eq!(acme.get::<u64>("k").await.unwrap(), Some(1), "{name}");
        acme.entry("k").tenant("inner").insert(3_u64).await.unwrap();
        acme.clear().await.unwrap();
        assert_eq!(acme.entry("k").tenant("inner").get::<u64>().await.unwrap(), None, "{name}");
        assert_eq!(cache.entry("k").tenant("umbrella").or_load(seven).await.unwrap(), 2);
        assert!(cache.entry("k").tenant("umbrella").remove().await.unwrap());

        let nameless = || cache.entry("k").tenant("");
        assert!(matches!(nameless().get::<u64>().await, Err(Error::Config { .. })));
        assert!(matches!(nameless().insert(1_u64).await, Err(Error::Config { .. })));
        assert!(matches!(nameless().remove().await, Err(Error::Config { .. })));
        let uncached = nameless().traced().or_load(seven).await;
        assert_eq!((uncached.value.unwrap(), uncached.source), (7, Source::Bypassed), "{name}");
    }
}

#[tokio::test]
async fn updates_apply_to_the_old_value() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        let count = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
        for expected in 1..4 {
            assert_eq!(cache.entry("n").update(count).await.unwrap(), Some(expected), "{name}");
            assert_eq!(cache.get("n").await.unwrap(), Some(expected), "{name}");
        }
        assert_eq!(cache.entry("n").update(|_: Option<u64>| None).await.unwrap(), None);
        assert_eq!(cache.get::<u64>("n").await.unwrap(), None, "{name}");
        assert_eq!(cache.entry("n").update(|_: Option<u64>| None).await.unwrap(), None);

        assert!(cache.entry("a").ttl("1m").insert_if_absent(1_u64).await.unwrap(), "{name}");
        assert!(!cache.entry("a").insert_if_absent(2_u64).await.unwrap(), "{name}");
        assert_eq!(cache.get("a").await.unwrap(), Some(1_u64), "{name}");
        assert_eq!(cache.entry("a").take().await.unwrap(), Some(1_u64), "{name}");
        assert_eq!(cache.entry("a").take::<u64>().await.unwrap(), None, "{name}");
        assert!(cache.entry("a").insert_if_absent(3_u64).await.unwrap(), "{name}");

        // A value of another type is none.
        assert_eq!(cache.entry("a").take::<String>().await.unwrap(), None, "{name}");
        // What a load has just brought is the old value, too, while it is written to the store.
        assert_eq!(cache.entry("loaded").or_load(seven).await.unwrap(), 7);
        assert_eq!(cache.entry("loaded").update(count).await.unwrap(), Some(8), "{name}");
        assert_eq!(cache.entry("loaded2").or_load(seven).await.unwrap(), 7);
        assert_eq!(cache.entry("loaded2").take::<u64>().await.unwrap(), Some(7), "{name}");
    }
}

/// Counts from many tasks, in caches of several processes.
async fn count_to(caches: &[Cache], each: u64) -> Vec<u64> {
    let mut tasks = Vec::new();
    for cache in caches {
        for _ in 0..4 {
            let cache = cache.clone();
            tasks.push(tokio::spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..each {
                    let count = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
                    seen.extend(cache.entry("n").update(count).await.unwrap());
                }
                seen
            }));
        }
    }
    let mut seen = Vec::new();
    for task in tasks {
        seen.extend(task.await.unwrap());
    }
    seen.sort_unstable();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_in_one_process() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        let seen = count_to(std::slice::from_ref(&cache), 20).await;
        assert_eq!(seen, (1..=80).collect::<Vec<_>>(), "{name}");
        assert_eq!(cache.get::<u64>("n").await.unwrap(), Some(80), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_between_processes() {
    let server = Server::start();
    let mut caches = Vec::new();
    for memory in [true, false, true] {
        let redis = Redis::connect(server.url()).await.unwrap();
        let builder = Cache::builder().namespace("shared").remote(redis);
        let builder = if memory { builder } else { builder.no_memory() };
        caches.push(builder.build().unwrap());
    }
    let seen = count_to(&caches, 10).await;
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
    let last = caches[1].get::<u64>("n").await.unwrap();
    assert_eq!(last, Some(120));
}

/// A change that no one polls any more keeps others waiting for the time of a load only.
#[tokio::test]
async fn a_change_that_is_not_polled_strands_nobody() {
    const SHORT: Policy = Policy::new().lease(Duration::from_millis(50));
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    let count = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
    let mut parked = Box::pin(cache.entry("n").update(count));
    assert!(futures_util::poll!(&mut parked).is_pending(), "it waits for Redis");
    assert_eq!(cache.entry("n").policy(SHORT).update(count).await.unwrap(), Some(1));
    // It continues with the value of the other.
    assert_eq!(parked.await.unwrap(), Some(2));
    assert_eq!(cache.get::<u64>("n").await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_takes_and_one_inserts() {
    let server = Server::start();
    let mut caches = Vec::new();
    for _ in 0..2 {
        let redis = Redis::connect(server.url()).await.unwrap();
        caches.push(Cache::builder().namespace("shared").remote(redis).build().unwrap());
    }
    for round in 0..20 {
        let (mut inserts, mut takes) = (Vec::new(), Vec::new());
        let key = format!("k:{round}");
        for at in 0..8 {
            let (cache, key) = (caches[at % 2].clone(), key.clone());
            inserts.push(tokio::spawn(async move {
                cache.entry(key).insert_if_absent(at as u64).await.unwrap()
            }));
        }
        let mut inserted = 0;
        for insert in inserts {
            inserted += u64::from(insert.await.unwrap());
        }
        assert_eq!(inserted, 1, "round {round}");
        for at in 0..8 {
            let (cache, key) = (caches[at % 2].clone(), key.clone());
            takes.push(tokio::spawn(async move { cache.entry(key).take::<u64>().await.unwrap() }));
        }
        let mut taken = 0;
        for take in takes {
            taken += u64::from(take.await.unwrap().is_some());
        }
        assert_eq!(taken, 1, "round {round}");
    }
}

#[tokio::test]
async fn updates_in_a_transaction_wait_for_the_commit() {
    for cache in [
        Cache::builder().build().unwrap(),
        Cache::builder().remote(MemoryBackend::new()).build().unwrap(),
    ] {
        let count = |old: Option<u64>| Some(old.unwrap_or(0) + 1);
        cache.insert("n", 1_u64).await.unwrap();
        let outside = cache.clone();
        larder::transaction(async {
            assert_eq!(cache.entry("n").update(count).await.unwrap(), Some(2));
            assert_eq!(cache.entry("n").update(count).await.unwrap(), Some(3));
            let seen = tokio::spawn(async move { outside.get::<u64>("n").await.unwrap() });
            assert_eq!(seen.await.unwrap(), Some(1));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        assert_eq!(cache.get::<u64>("n").await.unwrap(), Some(3));
        let failed = larder::transaction(async {
            assert_eq!(cache.entry("n").take::<u64>().await.unwrap(), Some(3));
            assert_eq!(cache.entry("n").take::<u64>().await.unwrap(), None);
            Err::<(), _>("rolled back")
        });
        assert!(failed.await.is_err());
        assert_eq!(cache.get::<u64>("n").await.unwrap(), Some(3));
    }
}

#[tokio::test]
async fn while_the_cache_is_off_nothing_is_stored() {
    let cache = Cache::builder().build().unwrap();
    cache.insert("n", 1_u64).await.unwrap();
    larder::without_cache(async {
        assert_eq!(cache.entry("n").get::<u64>().await.unwrap(), None);
        assert_eq!(cache.entry("n").or_load(seven).await.unwrap(), 7);
        let update = cache.entry("n").update(|old: Option<u64>| Some(old.unwrap_or(10)));
        assert_eq!(update.await.unwrap(), Some(10));
    })
    .await;
    assert_eq!(cache.get::<u64>("n").await.unwrap(), None, "the old value is not the newest");
}

/// Neither serde's traits nor `PartialEq`.
#[derive(Clone)]
struct Handle(Arc<AtomicU64>);

#[tokio::test]
async fn local_values_need_no_serde() {
    let store = MemoryBackend::new();
    let other = Cache::builder().namespace("x").remote(store.clone()).build().unwrap();
    for cache in [
        Cache::builder().build().unwrap(),
        Cache::builder().namespace("x").remote(store).build().unwrap(),
    ] {
        let local = cache.local();
        let made = Handle(Arc::default());
        let load = || async { Ok::<_, Error>(made.clone()) };
        let loaded = local.get_or_load("h", load).await.unwrap();
        assert!(Arc::ptr_eq(&loaded.0, &made.0));
        let hit = local.get::<Handle>("h").await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&hit.0, &made.0));
        local.insert("h2", made.clone()).await.unwrap();
        assert!(local.entry("h2").tag("handles").insert_if_absent(made.clone()).await.unwrap());
        let changed = local.entry("h2").update(|old: Option<Handle>| {
            old.inspect(|old| _ = old.0.fetch_add(1, Ordering::Relaxed))
        });
        assert!(changed.await.unwrap().is_some());
        assert_eq!(made.0.load(Ordering::Relaxed), 1);
        assert!(local.entry("h2").take::<Handle>().await.unwrap().is_some());
        assert!(local.get::<Handle>("h2").await.unwrap().is_none());
        // Nothing of it is in the store, and evictions reach it.
        assert!(other.keys("*").await.unwrap().is_empty());
        assert!(cache.remove("h").await.unwrap());
        assert!(local.get::<Handle>("h").await.unwrap().is_none());
        local.entry("h").tag("handles").insert(made.clone()).await.unwrap();
        cache.evict_tag("handles").await.unwrap();
        assert!(local.get::<Handle>("h").await.unwrap().is_none());
    }
    // Without a memory tier there is no place for them.
    let nowhere = Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
    nowhere.local().insert("h", Handle(Arc::default())).await.unwrap();
    assert!(nowhere.local().get::<Handle>("h").await.unwrap().is_none());
    assert!(nowhere.local().entry("h").insert_if_absent(1_u8).await.unwrap());
}

#[tokio::test]
async fn retain_evicts_what_the_predicate_refuses() {
    let server = Server::start();
    for (name, cache) in every(&server).await {
        for id in 0..1_200_u64 {
            cache.insert(format!("n:{id}"), id).await.unwrap();
        }
        cache.insert("text:1", "kept".to_owned()).await.unwrap();
        let tenant = cache.tenant("acme").unwrap();
        tenant.insert("n:1", 1_u64).await.unwrap();
        let evicted = cache.retain("n:*", |key, value: &u64| {
            assert_eq!(key, format!("n:{value}"));
            value.is_multiple_of(3)
        });
        assert_eq!(evicted.await.unwrap(), 800, "{name}");
        assert_eq!(cache.count_keys("n:*").await.unwrap().memory.max(400), 400, "{name}");
        assert_eq!(cache.keys("n:*").await.unwrap().len(), 400, "{name}");
        assert_eq!(cache.get("n:3").await.unwrap(), Some(3_u64), "{name}");
        assert_eq!(cache.get::<u64>("n:4").await.unwrap(), None, "{name}");
        assert_eq!(tenant.get("n:1").await.unwrap(), Some(1_u64), "{name}");
        assert_eq!(tenant.retain("*", |key, _: &u64| key != "n:1").await.unwrap(), 1, "{name}");
        assert_eq!(cache.get::<String>("text:1").await.unwrap().as_deref(), Some("kept"));
    }
}

#[tokio::test]
async fn a_local_retain_sees_values_without_serde() {
    let cache = Cache::builder().build().unwrap();
    for (at, cache) in [cache.clone(), cache.tenant("acme").unwrap()].into_iter().enumerate() {
        let local = cache.local();
        for id in 0..700 {
            let handle = Handle(Arc::new(AtomicU64::new(id)));
            local.insert(format!("h:{id}"), handle).await.unwrap();
        }
        let odd = |_: &str, handle: &Handle| handle.0.load(Ordering::Relaxed) % 2 == 1;
        assert_eq!(local.retain("h:*", odd).await.unwrap(), 350, "{at}");
        assert_eq!(cache.keys("h:*").await.unwrap().len(), 350, "{at}");
    }
}

/// A program without a runtime: nothing here is async.
#[test]
fn a_program_without_a_runtime_uses_every_tiering() {
    let server = Server::start();
    let redis = || larder::block_on(Redis::connect(server.url())).unwrap();
    let builder = |namespace: &str| Cache::builder().namespace(namespace);
    for (name, cache) in [
        ("memory", builder("memory").build().unwrap()),
        ("redis", builder("redis").no_memory().remote(redis()).build().unwrap()),
        ("both", builder("both").remote(redis()).build().unwrap()),
    ] {
        let cache = cache.blocking();
        assert_eq!(cache.get_or_load("k", || Ok::<_, Error>(7_u64)).unwrap(), 7, "{name}");
        assert_eq!(cache.get::<u64>("k").unwrap(), Some(7), "{name}");
        assert_eq!(cache.get_or_load("k", || Err::<u64, _>(())).unwrap(), 7, "{name}");
        let traced = cache.entry("k").traced().or_load(|| Ok::<_, Error>(8_u64));
        assert_ne!(traced.source, Source::Loaded, "{name}");
        cache.entry("k").tag("t").ttl("1m").insert(9_u64).unwrap();
        assert_eq!(cache.entry("k").update(|n: Option<u64>| n.map(|n| n + 1)).unwrap(), Some(10));
        assert_eq!(cache.entry("k").take::<u64>().unwrap(), Some(10), "{name}");
        assert!(cache.entry("k").tag("t").insert_if_absent(1_u64).unwrap(), "{name}");
        cache.evict_tag("t").unwrap();
        assert_eq!(cache.get::<u64>("k").unwrap(), None, "{name}");
        cache.insert_many([("m:1", 1_u64), ("m:2", 2)]).unwrap();
        assert_eq!(cache.get_many::<u64>(["m:2", "m:3"]).unwrap(), [Some(2), None], "{name}");
        let loaded = cache.get_or_load_many(["m:1", "m:3"], |missing| {
            assert_eq!(missing, ["m:3"], "{name}");
            Ok::<_, Error>(HashMap::from([("m:3".to_owned(), 3_u64)]))
        });
        assert_eq!(loaded.unwrap().values().sum::<u64>(), 4, "{name}");
        assert_eq!(cache.remove_many(["m:1", "m:3", "m:4"]).unwrap(), 2, "{name}");
        cache.insert("a:1", 1_u64).unwrap();
        assert_eq!(cache.evict_pattern("a:*").unwrap(), 1, "{name}");
        assert!(!cache.remove("a:1").unwrap(), "{name}");
        cache.clear().unwrap();
        cache.close().unwrap();
    }
    let local = Cache::builder().build().unwrap().local().blocking();
    local.insert("h", Handle(Arc::default())).unwrap();
    assert!(local.get::<Handle>("h").unwrap().is_some());
}

/// Many threads, one load.
#[test]
fn threads_share_one_blocking_load() {
    let cache = Cache::builder().build().unwrap().blocking();
    let loads = Arc::new(AtomicU64::new(0));
    let threads = (0..8).map(|_| {
        let (cache, loads) = (cache.clone(), Arc::clone(&loads));
        std::thread::spawn(move || {
            let load = || {
                // Long enough for the others to come.
                std::thread::sleep(Duration::from_millis(50));
                Ok::<_, Error>(loads.fetch_add(1, Ordering::SeqCst))
            };
            cache.get_or_load("k", load).unwrap()
        })
    });
    let threads: Vec<_> = threads.collect();
    let values: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(values, [0; 8]);
}

/// Loads of many keys wait for each other, too, and run on their own threads.
#[test]
fn threads_share_blocking_loads_of_many_keys() {
    let cache = Cache::builder().build().unwrap().blocking();
    let threads = (0..8).map(|_| {
        let cache = cache.clone();
        std::thread::spawn(move || {
            let thread = std::thread::current().id();
            let loads = std::cell::Cell::new(0);
            let values = cache.get_or_load_many(["a", "b"], |missing| {
                assert_eq!(std::thread::current().id(), thread);
                loads.set(loads.get() + missing.len());
                // Long enough for the others to come.
                std::thread::sleep(Duration::from_millis(50));
                Ok::<_, Error>(missing.into_iter().map(|key| (key, 1_u64)).collect())
            });
            (values.unwrap().len(), loads.get())
        })
    });
    let threads: Vec<_> = threads.collect();
    let all = threads.into_iter().map(|thread| thread.join().unwrap());
    let (values, loads) = all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!((values, loads), (16, 2));
}

/// The load sees the runtime of its caller, and not larder's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_load_runs_in_the_runtime_of_its_caller() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap().blocking();
    let outer = tokio::runtime::Handle::current().id();
    let seen = tokio::task::spawn_blocking(move || {
        cache.get_or_load("k", || Ok::<_, Error>(tokio::runtime::Handle::current().id() == outer))
    });
    assert!(seen.await.unwrap().unwrap());
}

/// A mistake that must not hang: it blocks the only thread of the runtime that serves Redis.
#[tokio::test]
async fn blocking_the_only_thread_of_a_runtime_ends_in_time() {
    let server = Server::start();
    let redis = Redis::builder(server.url()).operation_timeout(Duration::from_millis(200));
    let redis = redis.connect().await.unwrap();
    let cache = Cache::builder().remote(redis).clock(Clock::coarse()).build().unwrap();
    let loaded = cache.blocking().get_or_load("k", || Ok::<_, Error>(7_u64));
    assert_eq!(loaded.unwrap(), 7);
}

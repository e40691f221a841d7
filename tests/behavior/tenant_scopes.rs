//! `with_tenant`: everything in the scope that names no tenant uses the entries of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::backend::{Backend, MemoryBackend};
use larder::{
    Cache, Error, Invalidation, Source, cache_evict, cache_put, cached, entries, function,
    scope::TenantScope, with_tenant, with_tenant_sync, without_tenant, without_tenant_sync,
};

use super::three_tierings::{in_both, in_memory, in_redis};
use crate::support::{Server, eventually};

/// Runs `test` over memory, Redis and both. Each has a store of its own: notices of one do not reach the others.
async fn in_each(test: impl AsyncFn(&Cache)) {
    test(&in_memory().await).await;
    test(&in_redis(&Server::start()).await).await;
    test(&in_both(&Server::start()).await).await;
}

#[cached(key = "plan:{id}", cache = cache, tags = ["plans"], skip(cache, value))]
async fn plan(cache: &Cache, value: u64, id: u64) -> u64 {
    value
}

#[cached(key = "row:{id}", each = "id in ids", cache = cache, skip(cache, value))]
async fn rows(cache: &Cache, value: u64, ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, value)).collect()
}

#[cache_evict(plan(cache, 0, id), key = "other:{id}", cache = cache)]
async fn change(cache: &Cache, id: u64) {}

#[cache_put(plan(cache, 0, id))]
async fn write(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

async fn at(cache: &Cache, tenant: &str, key: &str) -> Option<u64> {
    cache.tenant(tenant).unwrap().get(key).await.unwrap()
}

#[tokio::test]
async fn reads_and_writes_by_hand() {
    in_each(async |cache| {
        cache.insert("k", 0u64).await.unwrap();
        with_tenant("a", async {
            assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
            cache.insert("k", 1u64).await.unwrap();
            assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1));
            assert_eq!(cache.entry("k").get::<u64>().await.unwrap(), Some(1));
            assert_eq!(cache.entry("k").or_load(async || Ok::<_, ()>(9u64)).await, Ok(1));
            assert_eq!(cache.get_or_load("k", async || Ok::<_, ()>(9u64)).await, Ok(1));
            cache.insert_many([("l", 2u64), ("m", 3)]).await.unwrap();
            assert_eq!(cache.get_many(["k", "l"]).await.unwrap(), [Some(1u64), Some(2)]);
            assert_eq!(cache.keys("*").await.unwrap(), ["k", "l", "m"]);
            assert_eq!(cache.evict_pattern("l*").await.unwrap(), 1);
            assert_eq!(cache.retain("*", |key, _: &u64| key == "k").await.unwrap(), 1);
        })
        .await;
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(0));
        assert_eq!((at(cache, "a", "k").await, at(cache, "b", "k").await), (Some(1), None));
        with_tenant("a", cache.clear()).await.unwrap();
        assert_eq!((cache.get("k").await.unwrap(), at(cache, "a", "k").await), (Some(0u64), None));
    })
    .await;
}

#[tokio::test]
async fn calls_batches_and_mutators() {
    in_each(async |cache| {
        assert_eq!(plan(cache, 1, 7).await, 1);
        with_tenant("a", async {
            assert_eq!(plan(cache, 2, 7).await, 2);
            assert_eq!(plan(cache, 9, 7).traced().await.value, 2);
            assert_eq!(plan(cache, 9, 7).peek().await.unwrap(), Some(2));
            assert_eq!(plan(cache, 9, 7).cache_key().unwrap().to_string(), "@a/plan:7");
            rows(cache, 2, &[1, 2]).await;
            rows(cache, 9, &[1, 2]).await;
        })
        .await;
        assert_eq!((plan(cache, 9, 7).await, at(cache, "a", "row:2").await), (1, Some(2)));
        assert_eq!(cache.get::<u64>("row:2").await.unwrap(), None);

        with_tenant("a", write(cache, 7, 3)).await;
        assert_eq!((plan(cache, 9, 7).await, at(cache, "a", "plan:7").await), (1, Some(3)));

        cache.insert("other:7", 1u64).await.unwrap();
        with_tenant("a", cache.insert("other:7", 2u64)).await.unwrap();
        with_tenant("a", change(cache, 7)).await;
        assert_eq!((plan(cache, 9, 7).await, at(cache, "a", "plan:7").await), (1, None));
        let others = (cache.get("other:7").await.unwrap(), at(cache, "a", "other:7").await);
        assert_eq!(others, (Some(1u64), None));

        // A tag names data, and not a tenant.
        with_tenant("a", plan(cache, 4, 7)).await;
        with_tenant("b", cache.evict_tag("plans")).await.unwrap();
        assert_eq!((plan(cache, 5, 7).await, at(cache, "a", "plan:7").await), (5, None));
    })
    .await;
}

/// A key that a call tells is whole. In the scope it names the same entry.
#[tokio::test]
async fn a_whole_key_by_hand_is_the_key_of_the_call() {
    in_each(async |cache| {
        with_tenant("a", async {
            let key = plan(cache, 0, 7).cache_key().unwrap();
            cache.insert(&key, 5u64).await.unwrap();
            assert_eq!(plan(cache, 9, 7).await, 5);
            assert_eq!(plan(cache, 9, 8).key(&key).await, 5);
            assert!(cache.remove(&key).await.unwrap());
            plan(cache, 6, 7).await;
            Invalidation::new().cache(cache).key(&key).run().await.unwrap();
            assert_eq!(plan(cache, 7, 7).await, 7);
            // The key of another tenant is an ordinary text.
            cache.insert("@b/plan:7", 1u64).await.unwrap();
        })
        .await;
        assert_eq!(
            (at(cache, "b", "plan:7").await, at(cache, "a", "plan:7").await),
            (None, Some(7))
        );
        // Also what was inserted under the whole key.
        with_tenant("a", cache.insert("@a/plan:9", 1u64)).await.unwrap();
        with_tenant("a", cache.clear()).await.unwrap();
        assert_eq!((at(cache, "a", "plan:7").await, at(cache, "a", "plan:9").await), (None, None));
    })
    .await;
}

#[tokio::test]
async fn an_explicit_tenant_has_precedence() {
    in_each(async |cache| {
        let b = cache.tenant("b").unwrap();
        with_tenant("a", async {
            plan(cache, 2, 7).tenant("b").await;
            b.insert("k", 2u64).await.unwrap();
            cache.entry("l").tenant("b").insert(2u64).await.unwrap();
            rows(&b, 2, &[1]).await;
            rows(cache, 2, &[2]).tenant("b").await;
            assert_eq!(b.tenant("c").unwrap().get::<u64>("k").await.unwrap(), None);
            let list = Invalidation::new().cache(cache).tenant("b").key("x");
            b.insert("x", 1u64).await.unwrap();
            list.run().await.unwrap();
            with_tenant("c", cache.insert("k", 3u64)).await.unwrap();
            without_tenant(cache.insert("k", 4u64)).await.unwrap();
            assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
        })
        .await;
        let all = ["@b/k", "@b/l", "@b/plan:7", "@b/row:1", "@b/row:2", "@c/k", "k"];
        assert_eq!(cache.keys("*").await.unwrap(), all);
    })
    .await;
}

#[tokio::test]
async fn handles_of_functions() {
    in_each(async |cache| {
        let fill = async || {
            for tenant in ["a", "b"] {
                with_tenant(tenant, plan(cache, 1, 7)).await;
            }
            plan(cache, 1, 7).await;
        };
        fill().await;
        let keys = async || cache.keys("*").await.unwrap();
        let of_a = with_tenant("a", async { function(plan).cache(cache).keys().await });
        assert_eq!(of_a.await.unwrap(), ["@a/plan:7"]);
        with_tenant("a", async { function(plan).cache(cache).evict().await }).await.unwrap();
        assert_eq!(keys().await, ["@b/plan:7", "plan:7"]);

        // The list knows the cache, which the function does not.
        let list =
            || with_tenant_sync("b", || Invalidation::new().cache(cache).call(function(plan)));
        list().run().await.unwrap();
        assert_eq!(keys().await, ["plan:7"]);
        fill().await;
        let other = function(plan).tenant("b");
        let list = with_tenant_sync("a", || Invalidation::new().cache(cache).call(other));
        list.run().await.unwrap();
        assert_eq!(keys().await, ["@a/plan:7", "plan:7"]);
        let b = cache.tenant("b").unwrap();
        fill().await;
        let list = with_tenant_sync("a", || Invalidation::new().cache(&b).call(entries!(plan(..))));
        list.run().await.unwrap();
        assert_eq!(keys().await, ["@a/plan:7", "plan:7"]);
        function(plan).cache(cache).evict().await.unwrap();
        assert!(keys().await.is_empty());
    })
    .await;
}

struct PlanChanged(u64);

#[tokio::test]
async fn events_and_schedules() {
    in_each(async |cache| {
        let fill = async || {
            for tenant in ["a", "b"] {
                with_tenant(tenant, cache.insert("k:1", 1u64)).await.unwrap();
            }
            cache.insert("k:1", 1u64).await.unwrap();
        };
        let keys = async || cache.keys("*").await.unwrap();
        let rule =
            cache.on(|event: &PlanChanged| Invalidation::new().key(format!("k:{}", event.0)));
        fill().await;
        with_tenant("a", cache.emit(&PlanChanged(1))).await.unwrap();
        assert_eq!(keys().await, ["@b/k:1", "k:1"]);
        drop(rule);

        // A rule of a tenant's handle belongs to that tenant.
        fill().await;
        let b = cache.tenant("b").unwrap();
        let rule = b.on(|event: &PlanChanged| Invalidation::new().key(format!("k:{}", event.0)));
        with_tenant("a", cache.emit(&PlanChanged(1))).await.unwrap();
        assert_eq!(keys().await, ["@a/k:1", "k:1"]);
        drop(rule);

        fill().await;
        let nightly =
            |cache: &Cache| cache.every(Duration::from_millis(1), Invalidation::new().pattern("*"));
        let schedule = with_tenant_sync("a", || nightly(cache)).unwrap();
        eventually("evicted", async || keys().await == ["@b/k:1", "k:1"]).await;
        drop(schedule);
        // Its last turn may still run, so the next one has other tenants.
        let d = cache.tenant("d").unwrap();
        d.insert("k:1", 1u64).await.unwrap();
        with_tenant("c", cache.insert("k:1", 1u64)).await.unwrap();
        let schedule = with_tenant_sync("c", || nightly(&d)).unwrap();
        eventually("evicted", async || at(cache, "d", "k:1").await.is_none()).await;
        drop(schedule);
        assert_eq!((at(cache, "c", "k:1").await, at(cache, "b", "k:1").await), (Some(1), Some(1)));
    })
    .await;
}

#[tokio::test]
async fn models() {
    in_each(async |cache| {
        let users = cache.typed::<u64, u64>("user").unwrap();
        users.insert(&7, 0).await.unwrap();
        with_tenant("a", async {
            assert_eq!(users.get(&7).await.unwrap(), None);
            users.insert_many([(7, 1), (8, 1)]).await.unwrap();
            assert_eq!(users.get_or_load(&7, async || Ok::<_, ()>(9)).await, Ok(1));
            assert_eq!(users.ids().await.unwrap().len(), 2);
            assert!(users.remove(&8).await.unwrap());
            assert!(users.ttl(&7).await.unwrap().is_some());
        })
        .await;
        assert_eq!(users.get(&7).await.unwrap(), Some(0));
        assert_eq!(with_tenant("a", users.get(&7)).await.unwrap(), Some(1));
        // As with a handle: the tag of the model is of the whole cache.
        with_tenant("a", users.clear()).await.unwrap();
        assert_eq!(users.get(&7).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn transactions_hold_the_evictions_of_the_tenant() {
    in_each(async |cache| {
        cache.insert("k", 0u64).await.unwrap();
        with_tenant("a", cache.insert("k", 1u64)).await.unwrap();
        let work = async {
            with_tenant("a", cache.remove("k")).await?;
            assert_eq!(with_tenant("a", cache.get::<u64>("k")).await?, None);
            assert_eq!(cache.get::<u64>("k").await?, Some(0));
            Ok::<_, Error>(())
        };
        larder::transaction(work).await.unwrap();
        assert_eq!((cache.get("k").await.unwrap(), at(cache, "a", "k").await), (Some(0u64), None));
    })
    .await;
}

#[cached(key = "old:{id}", cache = cache, ttl = "1m", stale = "1h", skip(cache, loads))]
async fn old(cache: &Cache, loads: &'static AtomicU64, id: u64) -> u64 {
    // Calls in the body belong to the same tenant, in the background, too.
    cache.insert("inner", loads.load(Ordering::SeqCst)).await.unwrap();
    loads.fetch_add(1, Ordering::SeqCst)
}

#[tokio::test]
async fn refreshes_in_the_background_keep_the_tenant() {
    static LOADS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    let store = Arc::new(MemoryBackend::new());
    for (remote, loads) in [false, true].into_iter().zip(&LOADS) {
        let clock = larder::time::Clock::manual();
        let builder = Cache::builder().clock(clock.clone());
        let store: Arc<dyn Backend> = Arc::clone(&store) as _;
        let cache = if remote { builder.remote(store) } else { builder }.build().unwrap();
        with_tenant("a", old(&cache, loads, 1)).await;
        clock.advance(Duration::from_secs(61));
        assert_eq!(with_tenant("a", old(&cache, loads, 1)).await, 0);
        eventually("refreshed", async || at(&cache, "a", "old:1").await == Some(1)).await;
        assert_eq!(at(&cache, "a", "inner").await, Some(1));
        assert_eq!(cache.get::<u64>("inner").await.unwrap(), None);
        assert_eq!(cache.get::<u64>("old:1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn spawned_tasks_get_the_scope() {
    let cache = in_memory().await;
    with_tenant("a", async {
        let (scope, cache) = (TenantScope::current(), cache.clone());
        assert_eq!(scope.name(), Some("a"));
        let task = async move { cache.insert("k", 1u64).await.unwrap() };
        tokio::spawn(scope.run(task)).await.unwrap();
    })
    .await;
    assert_eq!(cache.keys("*").await.unwrap(), ["@a/k"]);
    assert_eq!(TenantScope::current().name(), None);
    let outside = with_tenant("a", TenantScope::current().run(cache.insert("k", 2u64)));
    outside.await.unwrap();
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(2));
}

#[cached(local)]
fn double(value: u64) -> u64 {
    value * 2
}

#[test]
fn sync_code() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let caches = [runtime.block_on(in_memory()), runtime.block_on(in_both(&server))];
    for cache in caches {
        let blocking = cache.blocking();
        with_tenant_sync("a", || {
            blocking.insert("k", 1u64).unwrap();
            assert_eq!(blocking.get::<u64>("k").unwrap(), Some(1));
            without_tenant_sync(|| assert_eq!(blocking.get::<u64>("k").unwrap(), None));
        });
        assert_eq!(blocking.get::<u64>("k").unwrap(), None);
        assert_eq!(blocking.entry("k").tenant("a").get::<u64>().unwrap(), Some(1));
        blocking.clear().unwrap();
    }
    with_tenant_sync("sync", || assert_eq!(double(21), 42));
    let keys = runtime.block_on(async { function(larder::call!(double)).keys().await });
    assert!(keys.unwrap().iter().all(|key| key.starts_with("@sync/")));
}

#[tokio::test]
async fn without_a_name_nothing_is_cached() {
    in_each(async |cache| {
        cache.insert("k", 0u64).await.unwrap();
        with_tenant("a", plan(cache, 1, 7)).await;
        with_tenant("", async {
            assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
            cache.insert("k", 1u64).await.unwrap();
            assert_eq!(plan(cache, 2, 7).traced().await.source, Source::Bypassed);
            assert_eq!(plan(cache, 3, 7).await, 3);
            cache.clear().await.unwrap();
            cache.remove("k").await.unwrap();
            Invalidation::new().cache(cache).all().run().await.unwrap();
            with_tenant("a", async { assert_eq!(plan(cache, 9, 7).await, 1) }).await;
        })
        .await;
        assert_eq!(cache.keys("*").await.unwrap(), ["@a/plan:7", "k"]);
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(0));
    })
    .await;
}

/// Tasks of many tenants run at the same time on the same threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_tenants_do_not_mix() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    let tasks = (0..64u64).map(|task| {
        let cache = cache.clone();
        let tenant = task % 8;
        let work = async move {
            for id in 0..50 {
                assert_eq!(plan(&cache, tenant, id).await, tenant, "plan {id}");
                tokio::task::yield_now().await;
                assert_eq!(cache.get::<u64>(format!("plan:{id}")).await.unwrap(), Some(tenant));
            }
        };
        tokio::spawn(with_tenant(&tenant.to_string(), work))
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(cache.keys("*").await.unwrap().len(), 8 * 50);
    assert_eq!(cache.keys("plan:*").await.unwrap(), Vec::<String>::new());
}

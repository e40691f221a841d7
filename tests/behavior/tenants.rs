//! Tenants share nothing, whatever their names are.

use std::sync::Arc;

use larder::{
    Cache, Error, Invalidation, Policy, Source,
    backend::{Backend, MemoryBackend},
    cache_evict, cache_put, cached, transaction,
};

use crate::support::eventually;

/// Names that would collide without escapes or after careless cuts.
fn nasty() -> Vec<String> {
    let mut names: Vec<String> = [
        "a", "b", "a:b", "a%", "a%3A", "a%3Ab", "*", "a*", "?", "a/", "a/b", "/", "@a", "@", "#",
        "a#", "{a}", " ", "\n", "a\nb", "\0", "[a]", "\\", "ä", "日本", "a.b", "larder", "~tag",
    ]
    .map(str::to_owned)
    .to_vec();
    for tail in ["", "1", "2", "/", "%"] {
        names.push(format!("{}{tail}", "long".repeat(100)));
        names.push(format!("{}{tail}", "ü".repeat(31)));
        names.push(format!("{}{tail}", "/".repeat(21)));
    }
    names
}

fn keys() -> Vec<String> {
    let mut keys: Vec<String> =
        ["k", "b/k", "/k", "", "*", "@a/k", "a:b", "#", "k*"].map(str::to_owned).to_vec();
    keys.push("long".repeat(100));
    keys
}

fn caches() -> [Cache; 3] {
    let builder = Cache::builder;
    [
        builder().build().unwrap(),
        builder().no_memory().remote(MemoryBackend::new()).build().unwrap(),
        builder().remote(MemoryBackend::new()).build().unwrap(),
    ]
}

fn tenants(cache: &Cache) -> Vec<Cache> {
    nasty().iter().map(|name| cache.tenant(name).unwrap()).collect()
}

/// Stores every key of every tenant with a distinct value.
async fn fill(tenants: &[Cache]) {
    for (t, tenant) in tenants.iter().enumerate() {
        for (k, key) in keys().iter().enumerate() {
            tenant.insert(key, (t, k)).await.unwrap();
        }
    }
}

async fn has(tenant: &Cache, t: usize) -> Vec<bool> {
    let mut has = Vec::new();
    for (k, key) in keys().iter().enumerate() {
        let value = tenant.get::<(usize, usize)>(key).await.unwrap();
        assert!(value.is_none_or(|value| value == (t, k)), "{tenant:?} {key:?}: {value:?}");
        has.push(value.is_some());
    }
    has
}

async fn check(tenants: &[Cache], except: usize, expected: &[bool]) {
    for (t, tenant) in tenants.iter().enumerate() {
        let expected = if t == except { expected } else { &[true; 10] };
        assert_eq!(has(tenant, t).await, expected, "{tenant:?}");
    }
}

#[tokio::test]
async fn no_two_tenants_share_an_entry() {
    for cache in caches() {
        let tenants = tenants(&cache);
        fill(&tenants).await;
        check(&tenants, 0, &[true; 10]).await;
        assert_eq!(cache.keys("*").await.unwrap().len(), tenants.len() * keys().len());
    }
}

#[tokio::test]
async fn clearing_one_tenant_does_not_affect_others() {
    for (first, cache) in caches().iter().enumerate() {
        let tenants = tenants(cache);
        // Each tenant in one of the caches.
        for (t, tenant) in tenants.iter().enumerate().skip(first).step_by(3) {
            fill(&tenants).await;
            tenant.clear().await.unwrap();
            check(&tenants, t, &[false; 10]).await;
        }
    }
}

#[tokio::test]
async fn patterns_and_listings_reach_one_only() {
    for (first, cache) in caches().iter().enumerate() {
        let tenants = tenants(cache);
        for (t, tenant) in tenants.iter().enumerate().skip(first).step_by(3) {
            fill(&tenants).await;
            let mut all = keys();
            all.sort();
            let mut listed = tenant.keys("*").await.unwrap();
            assert_eq!(listed.len(), 10);
            listed.retain(|key| !key.contains("longlong"));
            all.retain(|key| !key.contains("longlong"));
            assert_eq!(listed, all, "{tenant:?}");
            assert_eq!(tenant.keys("k*").await.unwrap(), ["k", "k*"]);
            // The last key is long and cut: an eviction removes it if it cannot tell whether it matches.
            assert_eq!(tenant.evict_pattern("k*").await.unwrap(), 2);
            let mut left = [true; 10];
            (left[0], left[8]) = (false, false);
            check(&tenants, t, &left).await;
            assert_eq!(tenant.evict_pattern("*").await.unwrap(), 8);
            check(&tenants, t, &[false; 10]).await;
        }
    }
}

#[tokio::test]
async fn the_other_methods_are_the_tenants_own() {
    for cache in caches() {
        let (one, two) = (cache.tenant("one").unwrap(), cache.tenant("two").unwrap());
        assert_eq!((one.tenant_name(), one.namespace()), (Some("one"), "larder"));
        assert_eq!(cache.tenant_name(), None);
        assert_eq!(one.get_or_load("k", async || Ok::<_, ()>(1u64)).await, Ok(1));
        assert_eq!(one.get_or_load("k", async || Ok::<_, ()>(9u64)).await, Ok(1));
        assert_eq!(two.get_or_load("k", async || Ok::<_, ()>(2u64)).await, Ok(2));
        assert!(one.contains::<u64>("k").await.unwrap());
        assert!(one.remove("k").await.unwrap());
        assert!(!one.contains::<u64>("k").await.unwrap());
        assert_eq!(two.get::<u64>("k").await.unwrap(), Some(2));
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "nor is it the cache's");

        // Tags of a policy belong to the whole cache.
        let policy = Policy::new().tags(&["plans"]);
        one.entry("tagged").policy(policy).insert(1u64).await.unwrap();
        let load = async || Ok::<_, ()>(2u64);
        two.entry("tagged").policy(policy).or_load(load).await.unwrap();
        cache.evict_tag("plans").await.unwrap();
        assert_eq!(one.get::<u64>("tagged").await.unwrap(), None);
        assert_eq!(two.get::<u64>("tagged").await.unwrap(), None);
        assert_eq!(two.get::<u64>("k").await.unwrap(), Some(2));
    }
}

#[tokio::test]
async fn a_load_that_began_before_the_clearing_stores_nothing() {
    for cache in caches() {
        let tenant = cache.tenant("one").unwrap();
        let load = async || {
            tenant.clear().await.unwrap();
            Ok::<_, ()>(1u64)
        };
        assert_eq!(tenant.get_or_load("k", load).await, Ok(1));
        assert_eq!(tenant.get::<u64>("k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_clear_reaches_every_process() {
    let backend = MemoryBackend::new();
    let build = || Cache::builder().remote(backend.clone()).build().unwrap();
    let (here, there) = (build(), build());
    let [one, two] = ["one", "two"].map(|name| here.tenant(name).unwrap());
    let [one_there, two_there] = ["one", "two"].map(|name| there.tenant(name).unwrap());
    one.insert("k", 1u64).await.unwrap();
    two.insert("k", 2u64).await.unwrap();
    assert_eq!(one_there.get::<u64>("k").await.unwrap(), Some(1));
    assert_eq!(two_there.get::<u64>("k").await.unwrap(), Some(2));
    one.clear().await.unwrap();
    eventually("followed", async || one_there.get::<u64>("k").await.unwrap().is_none()).await;
    assert_eq!(two_there.get::<u64>("k").await.unwrap(), Some(2));
}

#[test]
fn a_name_must_not_be_empty() {
    let cache = Cache::builder().build().unwrap();
    let refused = cache.tenant("").unwrap_err();
    assert!(matches!(&refused, Error::Config { field: "tenant", .. }), "{refused}");
    assert!(refused.to_string().contains("can't be empty"), "{refused}");
}

#[cached(key = "plan:{id}", tags = ["plans"], cache = cache, skip(cache, value))]
async fn plan(cache: &Cache, value: u64, id: u64) -> u64 {
    let _ = id;
    value
}

#[cache_evict(plan(cache, 0, id).tenant(tenant))]
async fn change(cache: &Cache, tenant: &str, id: u64) {
    let _ = (cache, tenant, id);
}

#[cache_put(plan(cache, 0, id).tenant(tenant))]
async fn save(cache: &Cache, tenant: &str, id: u64, value: u64) -> u64 {
    let _ = (cache, tenant, id);
    value
}

async fn peek(cache: &Cache, tenant: &str) -> Option<u64> {
    plan(cache, 0, 1).tenant(tenant).peek().await.unwrap()
}

#[tokio::test]
async fn a_function_has_an_entry_for_each() {
    for cache in caches() {
        let names = nasty();
        for (t, name) in names.iter().enumerate() {
            assert_eq!(plan(&cache, t as u64, 1).tenant(name).await, t as u64);
        }
        assert_eq!(plan(&cache, 1_000, 1).await, 1_000, "and one of everybody's");
        for (t, name) in names.iter().enumerate() {
            let read = plan(&cache, 99, 1).tenant(name).traced().await;
            assert_eq!(read.value, t as u64, "{name:?}");
            assert!(matches!(read.source, Source::Memory | Source::Remote));
            // The tenant's view has the same entry under the function's key.
            let view = cache.tenant(name).unwrap();
            assert_eq!(view.get::<u64>("plan:1").await.unwrap(), Some(t as u64));
        }
        cache.tenant("a").unwrap().clear().await.unwrap();
        assert_eq!((peek(&cache, "a").await, peek(&cache, "b").await), (None, Some(1)));
        cache.evict_tag("plans").await.unwrap();
        assert_eq!(peek(&cache, "b").await, None, "the tags of the function apply too");
    }
}

#[tokio::test]
async fn attributes_write_and_evict_the_tenants_own() {
    for cache in caches() {
        save(&cache, "a", 1, 5).await;
        save(&cache, "b", 1, 6).await;
        assert_eq!((peek(&cache, "a").await, peek(&cache, "b").await), (Some(5), Some(6)));
        change(&cache, "a", 1).await;
        assert_eq!((peek(&cache, "a").await, peek(&cache, "b").await), (None, Some(6)));
        Invalidation::new().call(plan(&cache, 0, 1).tenant("b")).run().await.unwrap();
        assert_eq!(peek(&cache, "b").await, None);
        // A transaction defers it too.
        save(&cache, "b", 1, 7).await;
        let _: Result<(), ()> = transaction(async {
            cache.tenant("b").unwrap().clear().await.unwrap();
            assert_eq!(peek(&cache, "b").await, None);
            Err(())
        })
        .await;
        assert_eq!(peek(&cache, "b").await, Some(7));
    }
}

#[tokio::test]
async fn the_order_of_directions_does_not_matter_and_the_last_tenant_counts() {
    let [cache, other, _] = caches();
    plan(&cache, 1, 1).tenant("a").key("own").await;
    plan(&cache, 2, 1).key("own").tenant("b").await;
    plan(&cache, 3, 1).tenant("a").tenant("c").cache(&other).await;
    assert_eq!(cache.keys("*").await.unwrap(), ["@a/own", "@b/own"]);
    assert_eq!(other.keys("*").await.unwrap(), ["@c/plan:1"]);
    // A long key is the same for a tenant's method and for a function.
    let long = "long".repeat(100);
    plan(&cache, 4, 1).key(&long).tenant("d").await;
    assert_eq!(cache.tenant("d").unwrap().get::<u64>(&long).await.unwrap(), Some(4));
}

#[tokio::test]
async fn a_call_with_an_empty_name_is_not_cached() {
    let [cache, ..] = caches();
    for value in [1, 2] {
        let read = plan(&cache, value, 1).tenant("").cache(&cache).traced().await;
        assert_eq!((read.value, read.source), (value, Source::Bypassed));
    }
    let call = || plan(&cache, 0, 1).tenant("");
    assert!(matches!(call().peek().await, Err(Error::Config { field: "tenant", .. })));
    assert!(matches!(call().put(1).await, Err(Error::Config { field: "tenant", .. })));
    assert!(matches!(call().evict().await, Err(Error::Config { field: "tenant", .. })));
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn many_keys_of_a_tenant() {
    let policy = Policy::new().ttl(std::time::Duration::from_secs(60));
    for cache in caches() {
        let (acme, umbrella) = (cache.tenant("acme").unwrap(), cache.tenant("umbrella").unwrap());
        acme.insert_many([("a", 1u64), ("b", 2)]).await.unwrap();
        umbrella.insert_many([("a", 10u64)]).await.unwrap();
        assert_eq!(acme.get_many::<u64>(["b", "c", "a"]).await.unwrap(), [Some(2), None, Some(1)]);
        let keys = ["a".to_owned(), "b".to_owned()];
        assert_eq!(umbrella.get_many::<u64>(&keys).await.unwrap(), [Some(10), None]);

        let load = |missing: Vec<String>| async move {
            assert_eq!(missing, ["c"], "as the tenant knows it");
            Ok::<_, Error>(missing.into_iter().map(|key| (key, 3u64)).collect())
        };
        let all = acme.get_or_load_many(["a", "c"], load).await.unwrap();
        assert_eq!((all["a"], all["c"]), (1, 3));
        assert_eq!(umbrella.get::<u64>("c").await.unwrap(), None);

        let loaded =
            umbrella.entry("c").policy(policy).or_refresh(|| async { Ok::<_, Error>(30u64) });
        assert_eq!(loaded.await.unwrap(), 30);
        assert_eq!(acme.get::<u64>("c").await.unwrap(), Some(3));
        umbrella.clear().await.unwrap();
        assert_eq!(umbrella.get_many::<u64>(["a", "c"]).await.unwrap(), [None, None]);
    }
}

/// Everything a cache does by key works for a tenant: a model's view, rules, schedules, lists.
#[tokio::test]
async fn a_view_of_a_model_is_the_tenants_own() {
    for cache in caches() {
        let users = |name| cache.tenant(name).unwrap().typed::<u64, u64>("user").unwrap();
        let (acme, umbrella) = (users("acme"), users("umbrella"));
        assert_eq!(acme.get_or_load(&7, async || Ok::<_, ()>(1)).await, Ok(1));
        umbrella.insert(&7, 2).await.unwrap();
        umbrella.insert(&8, 3).await.unwrap();
        assert_eq!(
            (acme.get(&7).await.unwrap(), umbrella.get(&7).await.unwrap()),
            (Some(1), Some(2))
        );
        assert_eq!(cache.typed::<u64, u64>("user").unwrap().get(&7).await.unwrap(), None);
        let mut ids = umbrella.ids().await.unwrap();
        ids.sort_unstable();
        assert_eq!(ids, [7, 8]);
        assert!(umbrella.remove(&7).await.unwrap());
        assert_eq!(umbrella.get_many(&[7, 8]).await.unwrap(), [None, Some(3)]);
        assert_eq!(acme.get(&7).await.unwrap(), Some(1));
        // The key of the view works with the tenant's handle.
        let key = acme.key(&7).unwrap();
        assert_eq!(acme.cache().get::<u64>(&key).await.unwrap(), Some(1));
        cache.tenant("acme").unwrap().clear().await.unwrap();
        assert_eq!(acme.get(&7).await.unwrap(), None);
    }
}

struct PlanChanged;

#[tokio::test]
async fn rules_and_lists_of_a_tenant_evict_its_own() {
    for cache in caches() {
        let [one, two] = ["one", "two"].map(|name| cache.tenant(name).unwrap());
        let fill = async || {
            for cache in [&cache, &one, &two] {
                cache.insert_many([("k", 1u64), ("other", 2)]).await.unwrap();
            }
        };
        let left = async || {
            let mut left = Vec::new();
            for cache in [&cache, &one, &two] {
                left.push(cache.get_many::<u64>(["k", "other"]).await.unwrap());
            }
            left.iter().map(|values| values.iter().flatten().count()).collect::<Vec<_>>()
        };
        fill().await;
        let rule = one.on::<PlanChanged>(|_| Invalidation::new().key("k"));
        assert_eq!(two.emit(&PlanChanged).await.unwrap(), 1, "an event reaches the whole cache");
        assert_eq!(left().await, [2, 1, 2]);
        drop(rule);

        fill().await;
        let list = Invalidation::new().cache(&one).key("k").cache(&two).pattern("o*");
        list.run().await.unwrap();
        assert_eq!(left().await, [2, 1, 1]);

        fill().await;
        Invalidation::new().cache(&two).all().run().await.unwrap();
        assert_eq!(left().await, [2, 2, 0]);
    }
}

#[tokio::test]
async fn a_schedule_of_a_tenant_evicts_its_own_and_keeps_no_cache_alive() {
    let clock = larder::time::Clock::manual();
    let store: Arc<dyn Backend> = Arc::new(MemoryBackend::with_clock(clock.clone()));
    let cache = Cache::builder().clock(clock.clone()).remote(Arc::clone(&store)).build().unwrap();
    let [one, two] = ["one", "two"].map(|name| cache.tenant(name).unwrap());
    one.insert_many([("k", 1u64), ("other", 1)]).await.unwrap();
    two.insert_many([("k", 2u64), ("other", 2)]).await.unwrap();
    let second = std::time::Duration::from_secs(1);
    // A target without a cache belongs to the tenant; a target with a handle of this cache must not keep it alive.
    let list = Invalidation::new().pattern("k*").cache(&one).key("other");
    let schedule = one.every(second, list).unwrap();
    tokio::task::yield_now().await;
    clock.advance(second);
    let gone = async || one.get_many::<u64>(["k", "other"]).await.unwrap() == [None, None];
    eventually("evicted", gone).await;
    assert_eq!(two.get_many::<u64>(["k", "other"]).await.unwrap(), [Some(2), Some(2)]);
    schedule.keep();
    let rule = one.on::<PlanChanged>(|_| Invalidation::new().key("k"));
    rule.keep();
    drop((cache, one, two));
    eventually("the cache is gone", async || Arc::strong_count(&store) == 1).await;
}

#[cached(key = "row:{id}", each = "id in ids", cache = cache, skip(cache, value))]
async fn rows(cache: &Cache, value: u64, ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, value)).collect()
}

/// A function that gets a tenant's handle uses the tenant's entries, as if the call named the tenant.
#[tokio::test]
async fn a_function_over_a_tenants_handle() {
    for cache in caches() {
        let [a, b] = ["a", "b"].map(|name| cache.tenant(name).unwrap());
        assert_eq!(
            (plan(&a, 1, 1).await, plan(&b, 2, 1).await, plan(&cache, 3, 1).await),
            (1, 2, 3)
        );
        assert_eq!(
            (plan(&a, 9, 1).await, plan(&b, 9, 1).await, plan(&cache, 9, 1).await),
            (1, 2, 3)
        );
        assert_eq!((peek(&cache, "a").await, peek(&cache, "b").await), (Some(1), Some(2)));
        assert_eq!(plan(&cache, 9, 1).cache(&b).await, 2);
        assert_eq!(b.get::<u64>("plan:1").await.unwrap(), Some(2));
        plan(&cache, 0, 1).cache(&a).evict().await.unwrap();
        assert_eq!((peek(&cache, "a").await, peek(&cache, "b").await), (None, Some(2)));
        plan(&a, 0, 1).put(4).await.unwrap();
        assert_eq!(peek(&cache, "a").await, Some(4));

        rows(&a, 1, &[1, 2]).await;
        rows(&b, 2, &[2, 3]).await;
        let expected = [(1, 1), (2, 1), (3, 9)];
        let mut read = rows(&a, 9, &[1, 2, 3]).await;
        read.sort_unstable();
        assert_eq!(read, expected);
        assert_eq!(cache.get::<u64>("row:1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_tenant_of_a_tenant() {
    for cache in caches() {
        let region = cache.tenant("eu").unwrap();
        let [acme, umbrella] = ["acme", "umbrella"].map(|name| region.tenant(name).unwrap());
        acme.insert("k", 1u64).await.unwrap();
        umbrella.insert("k", 2u64).await.unwrap();
        cache.tenant("acme").unwrap().insert("k", 3u64).await.unwrap();
        assert_eq!(plan(&region, 4, 1).tenant("acme").await, 4);
        assert_eq!(acme.get::<u64>("plan:1").await.unwrap(), Some(4));
        assert_eq!(acme.keys("*").await.unwrap(), ["k", "plan:1"]);
        acme.clear().await.unwrap();
        assert_eq!(acme.get::<u64>("k").await.unwrap(), None);
        assert_eq!(umbrella.get::<u64>("k").await.unwrap(), Some(2));
        region.clear().await.unwrap();
        assert_eq!(umbrella.get::<u64>("k").await.unwrap(), None);
        assert_eq!(cache.tenant("acme").unwrap().get::<u64>("k").await.unwrap(), Some(3));
    }
}

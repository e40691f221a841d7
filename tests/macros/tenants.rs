//! `tenant = ..`: the tenant as an expression over the arguments.

use std::fmt;

use larder::backend::MemoryBackend;
use larder::{
    Cache, cache_evict, cache_put, cached, cached_impl, cached_property, call, with_tenant,
};

use crate::Loads;

static LOADS: Loads = Loads::new();

/// A tenant's name is anything with `Display`.
#[derive(Clone, Copy)]
struct Id(u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

#[derive(Clone)]
struct Context {
    cache: Cache,
    tenant: String,
    id: Id,
}

impl Context {
    fn name(&self) -> &str {
        &self.tenant
    }
}

#[cached(key = "plan:{id}", cache = ctx.cache, tenant = ctx.tenant, skip(ctx))]
async fn plan(ctx: &Context, id: u64) -> u64 {
    let _ = (ctx, id);
    LOADS.count()
}

#[cached(cache = ctx.cache, tenant = ctx.id, ttl = "1m", stale = "1h", skip(ctx))]
async fn by_id(ctx: Context) -> u64 {
    drop(ctx);
    LOADS.count()
}

#[cached(key = "row:{id}", each = "id in ids", cache = ctx.cache, tenant = ctx.name(), skip(ctx))]
async fn rows(ctx: &Context, ids: &[u64]) -> Vec<(u64, u64)> {
    let _ = ctx;
    ids.iter().map(|id| (*id, LOADS.count())).collect()
}

#[cached(key = "sum:{of}", cache = ctx.cache, tenant = &*ctx.tenant, skip(ctx))]
fn sum(ctx: &Context, of: u64) -> u64 {
    let _ = ctx;
    of + LOADS.count()
}

#[cached(key = "bare:{id}", cache = cache, skip(cache))]
async fn bare(cache: &Cache, id: u64) -> u64 {
    let _ = (cache, id);
    LOADS.count()
}

#[cached_impl(cache = self.cache, tenant = self.tenant)]
impl Context {
    #[cached(key = "method:{id}", skip(self))]
    async fn method(&self, id: u64) -> u64 {
        let _ = id;
        LOADS.count()
    }

    #[cached_property(key = "property:{self.id}")]
    async fn property(&self) -> u64 {
        LOADS.count()
    }

    #[cache_evict(key = "method:{id}")]
    async fn forget(&self, id: u64) {
        let _ = id;
    }

    #[cache_put(bare(&self.cache, id))]
    async fn set(&self, id: u64, value: u64) -> u64 {
        let _ = id;
        value
    }
}

#[cache_evict(bare(cache, id), key = "k:{id}", pattern = "p:*", bare(cache, *result), cache = cache, tenant = tenant)]
async fn change(cache: &Cache, tenant: String, id: u64) -> u64 {
    drop(tenant);
    id + 1
}

#[cache_evict(all, cache = cache, tenant = tenant)]
fn forget_all(cache: &Cache, tenant: Id) {
    let _ = (cache, tenant);
}

#[cache_put(bare(cache, *result / 10), tenant = tenant)]
async fn put_late(cache: &Cache, tenant: String, value: u64) -> u64 {
    drop((tenant, cache));
    value
}

fn context(cache: &Cache, tenant: &str) -> Context {
    Context { cache: cache.clone(), tenant: tenant.to_owned(), id: Id(7) }
}

fn caches() -> [Cache; 3] {
    let builder = Cache::builder;
    [
        builder().build().unwrap(),
        builder().no_memory().remote(MemoryBackend::new()).build().unwrap(),
        builder().remote(MemoryBackend::new()).build().unwrap(),
    ]
}

async fn fill(cache: &Cache, keys: &[&str]) {
    for key in keys {
        cache.insert(*key, 1u64).await.unwrap();
    }
}

#[tokio::test]
async fn readers() {
    for cache in caches() {
        let [a, b] = ["a", "b"].map(|tenant| context(&cache, tenant));
        let of_a = plan(&a, 1).await;
        assert_ne!(plan(&b, 1).await, of_a);
        assert_eq!(plan(&a, 1).await, of_a);
        assert_eq!(plan(&a, 1).cache_key().unwrap().to_string(), "@a/plan:1");
        assert_eq!(plan(&a, 1).tenant("c").cache_key().unwrap().to_string(), "@c/plan:1");
        // The attribute has precedence over a scope.
        assert_eq!(with_tenant("b", async { plan(&a, 1).await }).await, of_a);

        let first = by_id(a.clone()).await;
        assert_eq!(by_id(b.clone()).await, first, "both have the id 7");
        assert!(by_id(b.clone()).cache_key().unwrap().to_string().starts_with("@t7/"));

        let of_a = rows(&a, &[1, 2]).await;
        assert_eq!(rows(&a, &[1, 2]).await, of_a);
        assert_ne!(rows(&b, &[1, 2]).await, of_a);
        assert_eq!(rows(&a, &[1]).cache_keys().unwrap()[0].to_string(), "@a/row:1");

        assert_eq!(a.method(1).await, a.method(1).await);
        assert_ne!(a.method(1).await, b.method(1).await);
        assert_eq!(a.property().await, a.property().await);
        assert_ne!(a.property().await, b.property().await);
        assert_eq!(a.property().cache_key().unwrap().to_string(), "@a/property:t7");
    }
    let cache = Cache::builder().build().unwrap();
    let [a, b] = ["a", "b"].map(|tenant| context(&cache, tenant));
    assert_eq!(sum(&a, 1), sum(&a, 1));
    assert_ne!(sum(&a, 1), sum(&b, 1));
    assert_eq!(call!(sum(&a, 1)).cache_key().unwrap().to_string(), "@a/sum:1");
}

/// A handle of a tenant is around the tenant of the attribute, as with `Call::tenant`.
#[tokio::test]
async fn inside_a_handle_of_a_tenant() {
    let cache = Cache::builder().build().unwrap();
    let inside = context(&cache.tenant("eu").unwrap(), "a");
    plan(&inside, 1).await;
    assert_eq!(cache.keys("*").await.unwrap(), ["@eu/@a/plan:1"]);
}

#[tokio::test]
async fn an_empty_name_runs_uncached() {
    let cache = Cache::builder().build().unwrap();
    let nobody = context(&cache, "");
    assert_ne!(plan(&nobody, 1).await, plan(&nobody, 1).await);
    assert!(plan(&nobody, 1).peek().await.is_err());
    assert_ne!(rows(&nobody, &[1]).await, rows(&nobody, &[1]).await);
    fill(&cache, &["k:1"]).await;
    change(&cache, String::new(), 1).await;
    assert_eq!(cache.keys("*").await.unwrap(), ["k:1"]);
}

#[tokio::test]
async fn mutators() {
    for cache in caches() {
        let keys = async || cache.keys("*").await.unwrap();
        let of_change = ["bare:1", "bare:2", "k:1", "p:1"];
        fill(&cache, &of_change).await;
        fill(&cache.tenant("a").unwrap(), &of_change).await;
        assert_eq!(change(&cache, "a".to_owned(), 1).await, 2);
        assert_eq!(keys().await, of_change);

        fill(&cache.tenant("t7").unwrap(), &["x"]).await;
        forget_all(&cache, Id(7));
        let x = async || cache.tenant("t7").unwrap().get::<u64>("x").await.unwrap();
        crate::support::eventually("evicted", async || x().await.is_none()).await;
        assert_eq!(cache.get::<u64>("k:1").await.unwrap(), Some(1));

        let a = context(&cache, "a");
        a.method(1).await;
        a.forget(1).await;
        assert_eq!(a.method(1).peek().await.unwrap(), None);
        a.set(3, 30).await;
        put_late(&cache, "a".to_owned(), 40).await;
        let of_a = cache.tenant("a").unwrap();
        assert_eq!(of_a.get_many::<u64>(["bare:3", "bare:4"]).await.unwrap(), [Some(30), Some(40)]);
        assert_eq!(cache.get_many::<u64>(["bare:3", "bare:4"]).await.unwrap(), [None, None]);
        assert_eq!(bare(&cache, 3).tenant("a").await, 30);
    }
}

//! `#[cached_impl]`: options that the methods of a block share.

use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::{
    Cache, CachedCell, Expiry, Policy, cache_evict, cache_put, cached, cached_impl,
    cached_property, call,
};

use crate::Loads;

static LOADS: Loads = Loads::new();

const MINUTE: Policy = Policy::new().ttl(Duration::from_secs(60));

#[derive(Clone)]
struct Users {
    cache: Cache,
    tenant: &'static str,
    size: CachedCell,
}

#[cached_impl(
    ttl = "1h",
    stale = "2h",
    stale_if_error = "3h",
    throttle = "1s",
    memory_ttl = "30s",
    key_prefix = "shop",
    version = 2,
    tags = ["users", "of:{self.tenant}"],
    cache = self.cache,
)]
impl Users {
    #[cached(key = "user:{id}", skip(self))]
    async fn get(&self, id: u64) -> Result<u64, String> {
        let _ = id;
        Ok(LOADS.count())
    }

    #[cached(key = "page:{page}", ttl = "1m", key_prefix = "pages", tags = ["pages", "users"], stale = "5m", skip(self))]
    async fn page(&self, page: u32) -> Result<u64, String> {
        let _ = page;
        Ok(LOADS.count())
    }

    // A policy of its own, and no windows.
    #[cached(skip(self), key = "policy", policy = MINUTE)]
    async fn with_policy(&self) -> u64 {
        LOADS.count()
    }

    #[cached(skip(self), key = "ever", ttl = "never")]
    async fn for_ever(&self) -> u64 {
        LOADS.count()
    }

    // No load in the background, and no remote tier.
    #[cached(skip(self), key = "sum")]
    pub(self) fn sum(&self) -> u64 {
        LOADS.count()
    }

    #[cached_property(key = "tenant:{self.tenant}")]
    async fn name(&self) -> String {
        self.tenant.to_owned()
    }

    #[cached_property(cell = self.size)]
    async fn size(&self) -> u64 {
        LOADS.count()
    }

    #[cache_evict(self.get(id), tags = ["pages"], key = "shop:sum#2")]
    async fn rename(&self, id: u64) {
        let _ = self;
    }

    #[cache_evict(all)]
    async fn clear(&self) {}

    #[cache_put(self.get(id))]
    async fn save(&self, id: u64) -> u64 {
        id
    }

    // No attribute of larder.
    fn tenant(&self) -> &str {
        self.tenant
    }
}

#[tokio::test]
async fn methods_take_what_they_do_not_give_themselves() {
    let builder = Cache::builder().remote(MemoryBackend::new());
    let users = Users { cache: builder.build().unwrap(), tenant: "acme", size: CachedCell::new() };
    let read = async || {
        let got = (users.get(1).await.unwrap(), users.page(1).await.unwrap());
        (got, users.with_policy().await, users.for_ever().await, users.sum(), users.size().await)
    };
    assert_eq!(read().await, ((1, 2), 3, 4, 5, 6));
    assert_eq!(read().await, ((1, 2), 3, 4, 5, 6));
    assert_eq!((users.name().await, users.tenant()), ("acme".to_owned(), "acme"));
    let listed = users.cache.keys("*").await.unwrap();
    let named: Vec<&String> = listed.iter().filter(|key| !key.contains("!cell")).collect();
    assert_eq!(
        named,
        [
            "pages:page:1#2",
            "shop:ever#2",
            "shop:policy#2",
            "shop:sum#2",
            "shop:tenant:acme#2",
            "shop:user:1#2"
        ]
    );
    let left = async |key: &str| match users.cache.ttl(key).await.unwrap() {
        Some(Expiry::In(left)) => left.as_secs().div_ceil(60),
        Some(Expiry::Never) => u64::MAX,
        None => 0,
    };
    assert_eq!(left("shop:user:1#2").await, 60);
    assert_eq!(left("pages:page:1#2").await, 1);
    assert_eq!(left("shop:policy#2").await, 1);
    assert_eq!(left("shop:ever#2").await, u64::MAX);
    assert_eq!(left("shop:sum#2").await, 60);
    assert_eq!(left("shop:tenant:acme#2").await, 60);

    users.rename(1).await;
    assert_eq!(read().await, ((7, 8), 3, 4, 9, 6));
    users.save(1).await;
    assert_eq!(users.get(1).await, Ok(1));
    users.cache.evict_tag("of:acme").await.unwrap();
    assert_eq!(read().await, ((10, 11), 12, 13, 14, 15));
    users.cache.evict_tag("pages").await.unwrap();
    assert_eq!(read().await, ((10, 16), 12, 13, 14, 15));
    users.clear().await;
    assert_eq!(call!(users.sum()).peek().await.unwrap(), None);
    assert_eq!(users.get(1).peek().await.unwrap(), None);
}

trait Rows {
    fn rows(&self) -> u64;
}

#[cached_impl(ttl = "1h", skip_if = self.off, cache = "impl-of-a-trait")]
impl Rows for Table {
    #[cached(key = "rows", skip(self))]
    fn rows(&self) -> u64 {
        self.loads.count()
    }
}

struct Table {
    loads: Loads,
    off: bool,
}

#[test]
fn of_a_trait_and_with_expressions() {
    crate::install("impl-of-a-trait");
    let mut table = Table { loads: Loads::new(), off: false };
    assert_eq!((table.rows(), table.rows()), (1, 1));
    table.off = true;
    assert_eq!((table.rows(), table.rows()), (2, 3));
}

/// A prefix with placeholders, in every kind of key.
#[derive(Clone)]
struct Shop {
    tenant: &'static str,
    loads: std::sync::Arc<Loads>,
}

#[cached_impl(key_prefix = "{self.tenant}", cache = "impl-prefix")]
impl Shop {
    #[cached(key = "item:{id}", skip(self))]
    async fn item(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    #[cached(skip(self))]
    async fn automatic(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    #[cached(model = "shop", op = "list", skip(self))]
    async fn list(&self, page: u64) -> u64 {
        let _ = page;
        self.loads.count()
    }

    #[cached(key_with = format!("{id}"))]
    async fn text(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    #[cached(each = "id in ids", key = "each:{id}", skip(self), stale = "1h", ttl = "1h")]
    async fn each(&self, ids: &[u64]) -> std::collections::HashMap<u64, u64> {
        let count = self.loads.count();
        ids.iter().map(|id| (*id, count)).collect()
    }

    #[cached(key = "sync:{id}", skip(self), version = 3)]
    pub(self) fn sync(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    #[cached(key_prefix = "{area}/v1/", key = "{id}", skip(self))]
    async fn by_argument(&self, area: &str, id: u64) -> u64 {
        let _ = (area, id);
        self.loads.count()
    }
}

#[tokio::test]
async fn a_prefix_has_placeholders() {
    let cache = crate::install("impl-prefix");
    let loads = std::sync::Arc::new(Loads::new());
    let shop = |tenant| Shop { tenant, loads: std::sync::Arc::clone(&loads) };
    // The second one looks like a tenant of the cache.
    let (acme, other) = (shop("acme"), shop("@other/"));
    let read = async |shop: &Shop| {
        [
            shop.item(1).await,
            shop.automatic(1).await,
            shop.list(1).await,
            shop.text(1).await,
            shop.each(&[1]).await[&1],
            shop.sync(1),
            shop.by_argument("a", 1).await,
            shop.by_argument("@b", 1).await,
        ]
    };
    assert_eq!(read(&acme).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(read(&other).await[..6], [9, 10, 11, 12, 13, 14]);
    assert_eq!(read(&acme).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    let keys = cache.keys("*").await.unwrap();
    for expected in
        ["acme:item:1", "acme:each:1", "acme:sync:1#3", "%40other%2F:item:1", "a/v1/1", "%40b/v1/1"]
    {
        assert!(keys.iter().any(|key| key == expected), "{expected} is not in {keys:?}");
    }
    assert!(keys.iter().any(|key| key.starts_with("acme:shop:list:<")), "{keys:?}");
    assert!(
        keys.iter().any(|key| key.starts_with("acme:") && key.contains("::automatic:<")),
        "{keys:?}"
    );
    assert_eq!(keys.len(), 14);

    // All entries of a function, whatever the prefix; and those with one first argument.
    for evicted in [
        larder::function(Shop::item).evict().await,
        larder::function(Shop::automatic).evict().await,
        larder::function(Shop::list).evict().await,
        larder::entries!(Shop::each(..)).evict().await,
        larder::entries!(call!(Shop::sync(..))).evict().await,
        larder::entries!(Shop::by_argument(&acme, "@b", ..)).evict().await,
    ] {
        evicted.unwrap();
    }
    assert_eq!(read(&acme).await, [15, 16, 17, 4, 18, 19, 7, 20]);
    assert_eq!(acme.text(1).await, 4);
}

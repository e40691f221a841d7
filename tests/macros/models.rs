//! Models, their operations, and the evictions that events cause.

use larder::{
    Cache, Error, Invalidation, Policy, backend::MemoryBackend, cache_evict, cached,
    cached_property, call,
};

use crate::{Loads, install};

struct User;
struct Order;

/// Events of one model, and of any model.
struct UserRenamed;
struct Saved<T>(T);

/// A shop whose reads return the number of their load.
struct Shop {
    cache: Cache,
    loads: Loads,
}

impl Shop {
    fn new() -> Self {
        Self { cache: Cache::builder().build().unwrap(), loads: Loads::new() }
    }

    #[cached(model = "user", op = "get", ttl = "1h", cache = self.cache, skip(self))]
    async fn user(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    #[cached(model = "user", op = "list", invalidate_on = [UserRenamed, Saved<User>], cache = self.cache, skip(self))]
    async fn users(&self, page: u32, words: &[&str]) -> u64 {
        let _ = (page, words);
        self.loads.count()
    }

    #[cached(model = "order", op = "get", invalidate_on = [Saved<Order>], cache = self.cache, skip(self))]
    pub(crate) fn order(&self, id: u64) -> u64 {
        let _ = id;
        self.loads.count()
    }

    async fn fill(&self) {
        self.user(7).await;
        self.users(1, &["a"]).await;
        self.order(7);
    }

    /// Returns which of the three entries are cached.
    async fn cached(&self) -> [bool; 3] {
        let user = self.user(7).peek().await.unwrap();
        let users = self.users(1, &["a"]).peek().await.unwrap();
        [user, users, call!(self.order(7)).peek().await.unwrap()].map(|cached| cached.is_some())
    }
}

#[tokio::test]
async fn keys_consist_of_model_operation_and_arguments() {
    #[cached(model = "user", op = "get", cache = "models-keys")]
    async fn user(id: u64, name: &str) -> u64 {
        let _ = name;
        id
    }
    #[cached(model = "user", op = "by-name", key = "{name}", cache = "models-keys")]
    async fn by_name(name: &str) -> usize {
        name.len()
    }
    #[cached(model = "user", op = "like", key_with = name.to_lowercase(), key_prefix = "shop", version = 2, cache = "models-keys")]
    fn like(name: &str) -> usize {
        name.len()
    }
    #[cached(model = "user", op = "of", cache = "models-keys")]
    async fn of<T>(id: u64) -> usize {
        let _ = id;
        size_of::<T>()
    }

    let cache = install("models-keys");
    user(7, "a:b").await;
    by_name("a:b").await;
    like("A");
    of::<u8>(1).await;
    let keys = ["shop:user:like:a#2", "user:by-name:a%3Ab", "user:get:7,a%3Ab,", "user:of:<u8>1,"];
    assert_eq!(cache.keys("*").await.unwrap(), keys);
    assert_eq!(cache.evict_pattern("user:get:*").await.unwrap(), 1);
}

#[tokio::test]
async fn a_model_and_an_operation_can_be_evicted() {
    #[cache_evict(model = "user", cache = shop.cache)]
    async fn forget_users(shop: &Shop) {
        let _ = shop;
    }
    #[cache_evict(model = "user", op = "list", cache = shop.cache)]
    fn forget_lists(shop: &Shop) {
        let _ = shop;
    }

    let shop = Shop::new();
    shop.fill().await;
    assert_eq!(shop.cached().await, [true, true, true]);
    forget_lists(&shop);
    assert_eq!(shop.cached().await, [true, false, true]);
    shop.fill().await;
    forget_users(&shop).await;
    assert_eq!(shop.cached().await, [false, false, true]);
    // The same with a manual list.
    shop.fill().await;
    let list = Invalidation::new().cache(&shop.cache);
    list.clone().operation("user", "list").run().await.unwrap();
    assert_eq!(shop.cached().await, [true, false, true]);
    list.clone().model("user").run().await.unwrap();
    assert_eq!(shop.cached().await, [false, false, true]);
    // A name does not match other names that begin with it.
    list.operation("order:get", "").model("order:get").run().await.unwrap();
    assert_eq!(shop.cached().await, [false, false, true]);
}

#[tokio::test]
async fn events_evict_the_functions_that_name_them() {
    let shop = Shop::new();
    shop.fill().await;
    assert_eq!(shop.cache.emit(&UserRenamed).await.unwrap(), 0);
    assert_eq!(shop.cached().await, [true, false, true]);
    shop.fill().await;
    shop.cache.emit(&Saved(User)).await.unwrap();
    assert_eq!(shop.cached().await, [true, false, true]);
    shop.fill().await;
    shop.cache.emit(&Saved(Order)).await.unwrap();
    assert_eq!(shop.cached().await, [true, true, false]);
    shop.cache.emit(&Saved("of something else")).await.unwrap();
    assert_eq!(shop.cached().await, [true, true, false]);
    // A rule may translate one event into another, or into an eviction of a model.
    let _rule = shop.cache.on::<Saved<&str>>(|saved| match saved.0 {
        "users" => Invalidation::new().model("user"),
        _ => Invalidation::new().event::<UserRenamed>(),
    });
    shop.fill().await;
    assert_eq!(shop.cache.emit(&Saved("name")).await.unwrap(), 1);
    assert_eq!(shop.cached().await, [true, false, true]);
    shop.cache.emit(&Saved("users")).await.unwrap();
    assert_eq!(shop.cached().await, [false, false, true]);
}

#[tokio::test]
async fn mutators_emit_events() {
    #[cache_evict(events = [Saved<User>, Saved<Order>], cache = shop.cache)]
    async fn save(shop: &Shop) -> Result<(), String> {
        let _ = shop;
        Err("who knows".into())
    }
    #[cache_evict(events = [UserRenamed], on = "ok", cache = shop.cache)]
    fn rename(shop: &Shop, good: bool) -> Result<(), String> {
        let _ = shop;
        if good { Ok(()) } else { Err("no".into()) }
    }

    let shop = Shop::new();
    shop.fill().await;
    assert!(rename(&shop, false).is_err());
    assert_eq!(shop.cached().await, [true, true, true]);
    rename(&shop, true).unwrap();
    assert_eq!(shop.cached().await, [true, false, true]);
    shop.fill().await;
    // Whatever the outcome is.
    assert!(save(&shop).await.is_err());
    assert_eq!(shop.cached().await, [true, false, false]);
}

#[tokio::test]
async fn events_of_a_transaction_wait_for_its_commit() {
    let shop = Shop::new();
    shop.fill().await;
    let rolled_back = larder::transaction(async {
        shop.cache.emit(&UserRenamed).await.unwrap();
        Err::<(), _>("no")
    });
    assert!(rolled_back.await.is_err());
    assert_eq!(shop.cached().await, [true, true, true]);
    let committed = larder::transaction(async {
        shop.cache.emit(&UserRenamed).await?;
        assert_eq!(shop.users(1, &["a"]).await, 4);
        Ok::<_, Error>(())
    });
    committed.await.unwrap();
    assert_eq!(shop.cached().await, [true, false, true]);
}

/// The eviction applies to all processes, including entries that this process has never read.
#[tokio::test]
async fn events_reach_other_processes() {
    #[cached(model = "user", op = "name", invalidate_on = [UserRenamed], skip(cache, loads), cache = cache)]
    async fn name(cache: &Cache, loads: &Loads) -> u64 {
        let _ = cache;
        loads.count()
    }

    let store = MemoryBackend::new();
    let [one, two] = [(); 2].map(|()| Cache::builder().remote(store.clone()).build().unwrap());
    let loads = Loads::new();
    assert_eq!((name(&one, &loads).await, name(&one, &loads).await), (1, 1));
    two.emit(&UserRenamed).await.unwrap();
    assert_eq!((name(&one, &loads).await, name(&two, &loads).await), (2, 2));
}

#[tokio::test]
async fn shared_policies_keep_their_tags() {
    static TAGGED: Policy = Policy::new().tags(&["shared"]);

    #[cached(model = "user", op = "get", policy = TAGGED, tags = ["own:{id}"], invalidate_on = [UserRenamed], cache = "models-policy")]
    async fn user(id: u64) -> u64 {
        id
    }
    #[derive(Default)]
    struct Person {
        cell: larder::CachedCell,
        loads: Loads,
    }
    impl Person {
        #[cached_property(model = "person", op = "friends", cell = self.cell, invalidate_on = [UserRenamed], cache = "models-policy")]
        async fn friends(&self) -> u64 {
            self.loads.count()
        }
    }

    let cache = install("models-policy");
    let tags = ["shared", "own:7", "model:user", "model:user:get"];
    for tag in tags {
        user(7).await;
        cache.evict_tag(tag).await.unwrap();
        assert_eq!(user(7).peek().await.unwrap(), None, "{tag}");
    }
    user(7).ttl("1h").await;
    let person = Person::default();
    assert_eq!((person.friends().await, person.friends().await), (1, 1));
    cache.emit(&UserRenamed).await.unwrap();
    assert_eq!((user(7).peek().await.unwrap(), person.friends().await), (None, 2));
    cache.evict_tag("model:person").await.unwrap();
    assert_eq!(person.friends().await, 3);
}

/// A batch and a function of one item may be two forms of one operation.
#[tokio::test]
async fn a_batch_of_a_model() {
    #[cached(each = "id in ids", model = "user", op = "get", key = "{id}", invalidate_on = [UserRenamed], cache = loads.0, skip(loads))]
    async fn many(loads: &(Cache, Loads), ids: &[u64]) -> Vec<(u64, u64)> {
        loads.1.count();
        ids.iter().map(|id| (*id, id * 10)).collect()
    }
    #[cached(model = "user", op = "get", key = "{id}", cache = loads.0, skip(loads))]
    async fn one(loads: &(Cache, Loads), id: u64) -> u64 {
        loads.1.count();
        id * 10
    }
    #[cached(each = "id in ids", model = "user", op = "of", key_with = |kind, id| format!("{kind} {id}"), cache = loads.0, skip(loads))]
    async fn of_kind(loads: &(Cache, Loads), kind: &str, ids: Vec<u64>) -> Vec<(u64, usize)> {
        loads.1.count();
        ids.iter().map(|id| (*id, kind.len())).collect()
    }

    let loads = (Cache::builder().build().unwrap(), Loads::new());
    assert_eq!(many(&loads, &[1, 2]).await, [(1, 10), (2, 20)]);
    assert_eq!((one(&loads, 2).await, loads.1.get()), (20, 1));
    for _ in 0..2 {
        assert_eq!(of_kind(&loads, "a", vec![1, 2]).await, [(1, 1), (2, 1)]);
    }
    assert_eq!(loads.1.get(), 2);
    let keys = ["user:get:1", "user:get:2", "user:of:a%201", "user:of:a%202"];
    assert_eq!(loads.0.keys("*").await.unwrap(), keys);
    loads.0.emit(&UserRenamed).await.unwrap();
    assert_eq!(loads.0.keys("*").await.unwrap(), keys[2..]);
    Invalidation::new().cache(&loads.0).model("user").run().await.unwrap();
    assert!(loads.0.keys("*").await.unwrap().is_empty());
}

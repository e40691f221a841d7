//! Statistics of each function, and of each model.

use larder::{Cache, backend::MemoryBackend, cache_put, cached, stats::FunctionStats};

#[cached(key = "user:{id}", cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> Result<u64, String> {
    if id == 0 { Err("no such user".to_owned()) } else { Ok(id) }
}

#[cached(cache = cache, skip(cache))]
fn square(cache: &Cache, n: u64) -> u64 {
    n * n
}

#[cached(each = "id in ids", key = "name:{id}", cache = cache, skip(cache))]
async fn names(
    cache: &Cache,
    ids: &[u64],
) -> Result<std::collections::HashMap<u64, String>, String> {
    Ok(ids.iter().map(|id| (*id, format!("name {id}"))).collect())
}

#[cache_put(user(cache, id))]
async fn rename(cache: &Cache, id: u64) -> Result<u64, String> {
    Ok(id)
}

struct Users;
struct Orders;

impl Users {
    #[cached(cache = cache, skip(cache, self))]
    async fn get(&self, cache: &Cache, id: u64) -> u64 {
        id
    }
}

impl Orders {
    #[cached(key = "order:{id}", cache = cache, skip(cache, self))]
    async fn get(&self, cache: &Cache, id: u64) -> u64 {
        id
    }
}

struct Of<T>(T);

impl<T: Copy + Into<u64>> Of<T> {
    #[cached(cache = cache, skip(cache, self))]
    async fn held(&self, cache: &Cache, id: u64) -> u64 {
        id + self.0.into()
    }
}

#[cached(model = "article", op = "get", cache = cache, skip(cache))]
async fn article(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(model = "article", op = "list", tags = ["lists"], cache = cache, skip(cache))]
async fn articles(cache: &Cache, page: u64) -> Vec<u64> {
    vec![page]
}

fn find(cache: &Cache, name: &str) -> FunctionStats {
    let path = format!("{}::{name}", module_path!());
    let all = cache.stats_by_function();
    let names: Vec<_> = all.iter().map(|function| function.function.clone()).collect();
    assert!(names.is_sorted());
    all.into_iter()
        .find(|function| function.function == path)
        .unwrap_or_else(|| panic!("{path}: {names:?}"))
}

#[tokio::test]
async fn each_function_has_its_own() {
    let cache = Cache::builder().build().unwrap();
    for _ in 0..3 {
        user(&cache, 7).await.unwrap();
        square(&cache, 7);
    }
    user(&cache, 0).await.unwrap_err();
    rename(&cache, 7).await.unwrap();
    names(&cache, &[1, 2]).await.unwrap();
    names(&cache, &[1, 2, 3]).await.unwrap();
    cache.insert("by hand", 1_u64).await.unwrap();
    cache.get::<u64>("by hand").await.unwrap();

    let counted = |name| {
        let stats = find(&cache, name).stats;
        [stats.memory_hits, stats.misses, stats.loads, stats.load_failures, stats.stores]
    };
    assert_eq!(counted("user"), [2, 2, 2, 1, 2]);
    assert_eq!(counted("square"), [2, 1, 1, 0, 1]);
    assert_eq!(counted("names"), [2, 3, 3, 0, 3]);
    assert_eq!(cache.stats_by_function().len(), 3, "only those that were called");

    let whole = cache.stats();
    let sum = |of: fn(&larder::stats::Stats) -> u64| -> u64 {
        cache.stats_by_function().iter().map(|function| of(&function.stats)).sum()
    };
    assert_eq!(whole.misses, sum(|stats| stats.misses));
    assert_eq!(whole.memory_hits, sum(|stats| stats.memory_hits) + 1, "one was read by hand");
    assert_eq!(whole.stores, sum(|stats| stats.stores) + 1, "one was inserted by hand");
    assert_eq!(whole.load_time.count(), sum(|stats| stats.load_time.count()));
}

#[tokio::test]
async fn caches_do_not_share_them() {
    let (one, two) = (Cache::builder().build().unwrap(), Cache::builder().build().unwrap());
    user(&one, 7).await.unwrap();
    user(&one, 7).await.unwrap();
    user(&two, 7).await.unwrap();
    assert_eq!(find(&one, "user").stats.requests(), 2);
    assert_eq!(find(&two, "user").stats.requests(), 1);
}

#[tokio::test]
async fn methods_go_by_their_types_and_instances_together() {
    let cache = Cache::builder().build().unwrap();
    Users.get(&cache, 1).await;
    Orders.get(&cache, 1).await;
    Orders.get(&cache, 2).await;
    Of(1_u8).held(&cache, 1).await;
    Of(1_u32).held(&cache, 1).await;
    assert_eq!(find(&cache, "Users::get").stats.loads, 1);
    assert_eq!(find(&cache, "Orders::get").stats.loads, 2);
    assert_eq!(find(&cache, "Of::held").stats.loads, 2);
}

#[tokio::test]
async fn models_add_up() {
    let cache = Cache::builder().build().unwrap();
    article(&cache, 1).await;
    article(&cache, 1).await;
    articles(&cache, 1).await;
    square(&cache, 1);
    let one = find(&cache, "article");
    assert_eq!((one.model.as_deref(), one.operation.as_deref()), (Some("article"), Some("get")));
    assert_eq!(find(&cache, "articles").operation.as_deref(), Some("list"));
    assert_eq!(find(&cache, "square").model, None);
    let models = cache.stats_by_model();
    assert_eq!(models.keys().collect::<Vec<_>>(), ["article"]);
    assert_eq!((models["article"].requests(), models["article"].misses), (3, 2));
}

#[tokio::test]
async fn the_remote_tier_counts_for_them_too() {
    let store = MemoryBackend::new();
    let cache = || Cache::builder().remote(store.clone()).build().unwrap();
    let (one, two) = (cache(), cache());
    article(&one, 1).await;
    article(&two, 1).await;
    let (first, second) = (find(&one, "article").stats, find(&two, "article").stats);
    assert_eq!((first.remote_misses, first.remote_stores, first.misses), (1, 1, 1), "{first:?}");
    assert_eq!((second.remote_hits, second.remote_misses, second.misses), (1, 0, 0), "{second:?}");
}

#[tokio::test]
async fn threads_lose_nothing() {
    let cache = Cache::builder().build().unwrap();
    square(&cache, 1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| assert_eq!(square(&cache, 1), 1)));
        }
    });
    let stats = find(&cache, "square").stats;
    assert_eq!((stats.memory_hits, stats.misses), (40_000, 1));
}

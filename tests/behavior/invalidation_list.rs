//! A list of evictions as a value.

use larder::{Cache, Error, Invalidation, Policy, cached};

#[cached(key = "listed:{id}", cache = cache, skip(cache))]
async fn listed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "doubled:{n}", cache = "list_doubles")]
fn doubled(n: u64) -> u64 {
    n * 2
}

async fn filled() -> Cache {
    let cache = Cache::builder().build().unwrap();
    for key in ["user:7", "users:page:1", "users:page:2", "kept"] {
        cache.insert(key, 1u64).await.unwrap();
    }
    cache.entry("tagged").policy(Policy::new().tags(&["users"])).insert(1u64).await.unwrap();
    listed(&cache, 7).await;
    cache
}

async fn keys(cache: &Cache) -> Vec<String> {
    cache.keys("*").await.unwrap()
}

#[tokio::test]
async fn it_evicts_its_targets_only_when_it_runs() {
    let cache = filled().await;
    let list = Invalidation::new()
        .cache(&cache)
        .key("user:7")
        .pattern("users:page:*")
        .tag("users")
        .call(listed(&cache, 7));
    assert_eq!((list.len(), list.is_empty()), (4, false));
    assert_eq!(keys(&cache).await.len(), 6);
    list.clone().run().await.unwrap();
    assert_eq!(keys(&cache).await, ["kept"]);

    // A clone can be run again; a clone that is dropped evicts nothing.
    cache.insert("user:7", 2u64).await.unwrap();
    drop(list.clone());
    assert_eq!(keys(&cache).await, ["kept", "user:7"]);
    list.run().await.unwrap();
    assert_eq!(keys(&cache).await, ["kept"]);
}

#[tokio::test]
async fn all_is_one_cache_and_lists_can_be_joined() {
    let (one, two) = (filled().await, filled().await);
    let list =
        Invalidation::new().cache(&one).all().and(Invalidation::new().cache(&two).key("kept"));
    list.run().await.unwrap();
    assert_eq!(keys(&one).await, [""; 0]);
    assert_eq!(keys(&two).await.len(), 5);
}

#[tokio::test]
async fn a_sync_function_is_a_target_and_a_cache_can_be_named() {
    let cache = Cache::builder().name("list_doubles").build().unwrap();
    cache.install();
    assert_eq!((doubled(4), doubled(5)), (8, 10));
    Invalidation::new().call(larder::call!(doubled(4))).run().await.unwrap();
    assert_eq!(keys(&cache).await, ["doubled:5"]);
    Invalidation::new().cache("list_doubles").pattern("doubled:*").run().await.unwrap();
    assert_eq!(keys(&cache).await, [""; 0]);
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let cache = filled().await;
    let list = Invalidation::new().cache("never installed").all().cache(&cache).key("kept");
    let failed = list.run().await;
    assert!(matches!(failed, Err(Error::UnknownCache { .. })), "{failed:?}");
    assert!(!keys(&cache).await.contains(&"kept".to_owned()));
}

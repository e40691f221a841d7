//! Caches with different names share no entries, even in one store.

use larder::{Cache, Error, backend::MemoryBackend};

fn named(name: &str, store: &MemoryBackend) -> Result<Cache, Error> {
    Cache::builder().name(name).remote(store.clone()).build()
}

#[tokio::test]
async fn each_name_is_a_separate_namespace() {
    let store = MemoryBackend::new();
    let default = Cache::builder().remote(store.clone()).build().unwrap();
    // Without escapes, each of the last three would equal another one.
    let names =
        ["people", "orders", "a_b", "a b", "/a", "a/b", "a_20_b", "é", "é x", "é_20_x", "/_e9_"];
    let mut caches: Vec<Cache> = names.iter().map(|name| named(name, &store).unwrap()).collect();
    caches.push(default.clone());
    assert_eq!(default.namespace(), "larder");
    assert_eq!(caches[0].namespace(), "larder/people");
    for (value, cache) in (0u64..).zip(&caches) {
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{cache:?}");
        cache.insert("k", value).await.unwrap();
    }
    caches[0].clear().await.unwrap();
    assert_eq!(caches[0].get::<u64>("k").await.unwrap(), None);
    for (value, cache) in (0u64..).zip(&caches).skip(1) {
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(value), "{cache:?}");
    }
}

#[tokio::test]
async fn two_names_in_one_namespace_of_one_store_are_refused() {
    let store = MemoryBackend::new();
    let build = |name: Option<&str>| {
        let builder = Cache::builder().namespace("shop").remote(store.clone());
        match name {
            Some(name) => builder.name(name).build(),
            None => builder.build(),
        }
    };
    let people = build(Some("people")).unwrap();
    for (name, shown) in [(Some("orders"), "the cache `orders`"), (None, "the default cache")] {
        let error = build(name).unwrap_err().to_string();
        for text in ["`shop`", "the cache `people`", shown, "another namespace"] {
            assert!(error.contains(text), "{error}");
        }
    }
    // The same name means the same cache, as in another process.
    let again = build(Some("people")).unwrap();
    people.insert("k", 1u64).await.unwrap();
    assert_eq!(again.get::<u64>("k").await.unwrap(), Some(1));
    // In another store the namespace is free.
    let other = Cache::builder().name("orders").namespace("shop").remote(MemoryBackend::new());
    drop(other.build().unwrap());
    // A derived namespace counts too.
    let derived = named("people", &store).unwrap();
    let taken = Cache::builder().namespace("larder/people").remote(store.clone()).build();
    assert!(taken.is_err());
    drop(derived);
}

#[tokio::test]
async fn a_namespace_is_free_once_its_cache_is_gone() {
    let store = MemoryBackend::new();
    let build =
        |name: &str| Cache::builder().name(name).namespace("shop").remote(store.clone()).build();
    let people = build("people").unwrap();
    let handle = people.clone();
    drop(people);
    assert!(build("orders").is_err(), "a handle is left");
    drop(handle);
    let orders = build("orders").unwrap();
    orders.close().await.unwrap();
    assert!(build("people").is_ok(), "a closed cache stores nothing");
}

#[tokio::test]
async fn without_a_remote_tier_nothing_is_shared() {
    let build = |name: &str| Cache::builder().name(name).namespace("shop").build();
    let (one, two) = (build("one").unwrap(), build("two").unwrap());
    one.insert("k", 1u64).await.unwrap();
    assert_eq!(two.get::<u64>("k").await.unwrap(), None);
}

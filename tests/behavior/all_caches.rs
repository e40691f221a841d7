//! All installed caches at once.

use larder::testing::Kit;
use larder::{Cache, Error, backend::MemoryBackend, cached};

#[cached(cache = "all-caches-named", key = "twice:{n}")]
async fn twice(n: u64) -> u64 {
    2 * n
}

#[cached(key = "all-caches-thrice:{n}")]
async fn thrice(n: u64) -> u64 {
    3 * n
}

fn names(caches: &[Cache]) -> Vec<Option<&str>> {
    caches.iter().map(Cache::name).collect()
}

#[tokio::test]
async fn the_installed_caches_are_listed_by_name() {
    for name in ["all-caches-b", "all-caches-a"] {
        Cache::builder().name(name).build().unwrap().install();
    }
    Cache::builder().name("all-caches-not-installed").build().unwrap();
    larder::default_cache();
    let again = Cache::builder().name("all-caches-a").build().unwrap();
    again.install();
    again.insert("k", 1u64).await.unwrap();

    let caches = larder::caches();
    // Other tests install caches in this process, too.
    assert_eq!(caches[0].name(), None);
    assert!(names(&caches[1..]).is_sorted(), "{:?}", names(&caches));
    let own = caches.iter().filter(|cache| {
        cache.name().is_some_and(|name| name.starts_with("all-caches-") && name.len() < 14)
    });
    let own: Vec<&Cache> = own.collect();
    assert_eq!(
        own.iter().map(|cache| cache.name()).collect::<Vec<_>>(),
        [Some("all-caches-a"), Some("all-caches-b")]
    );
    // The one that replaced the first, by handle.
    assert_eq!(own[0].get::<u64>("k").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_kit_has_its_own_caches() {
    let kit = Kit::new();
    kit.run(async {
        assert_eq!(names(&larder::caches()), [None]);
        twice(1).await;
        assert_eq!(names(&larder::caches()), [None, Some("all-caches-named")]);
    })
    .await;
}

#[tokio::test]
async fn clear_all_clears_every_installed_cache_and_no_other() {
    let kit = Kit::new();
    let other = Cache::builder().build().unwrap();
    other.insert("k", 1u64).await.unwrap();
    kit.run(async {
        for _ in 0..2 {
            assert_eq!((twice(1).await, thrice(1).await), (2, 3));
        }
        larder::clear_all().await.unwrap();
        assert_eq!(twice(1).peek().await.unwrap(), None);
        assert_eq!(thrice(1).peek().await.unwrap(), None);
    })
    .await;
    assert_eq!(other.get::<u64>("k").await.unwrap(), Some(1));
}

#[tokio::test]
async fn clear_all_reaches_other_processes_and_waits_for_a_commit() {
    let kit = Kit::new();
    let store = MemoryBackend::new();
    let shared =
        || Cache::builder().name("all-caches-shared").remote(store.clone()).build().unwrap();
    let elsewhere = shared();
    kit.run(async {
        let here = shared();
        here.install();
        here.insert("k", 1u64).await.unwrap();
        assert_eq!(elsewhere.get::<u64>("k").await.unwrap(), Some(1));
        larder::transaction(async {
            larder::clear_all().await?;
            assert_eq!(elsewhere.get::<u64>("k").await?, Some(1));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        assert_eq!(here.get::<u64>("k").await.unwrap(), None);
    })
    .await;
    assert_eq!(elsewhere.get::<u64>("k").await.unwrap(), None);
}

/// A dropped `clear_all` still clears every cache.
#[tokio::test]
async fn a_dropped_clear_all_clears_all() {
    let kit = Kit::new();
    kit.run(async {
        assert_eq!((twice(1).await, thrice(1).await), (2, 3));
        let mut clearing = Box::pin(larder::clear_all());
        let _ = futures_util::poll!(&mut clearing);
        drop(clearing);
        assert_eq!(twice(1).peek().await.unwrap(), None);
        assert_eq!(thrice(1).peek().await.unwrap(), None);
    })
    .await;
}

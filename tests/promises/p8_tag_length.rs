//! P8: a tag is short in the store, in entries and in messages, however long the arguments in it are. Long tags that
//! differ remain different.

use larder::testing::{Operation, Recording};
use larder::{Cache, Error, Policy, backend::MemoryBackend, cache_evict, cached};

use crate::origin::turns;

#[cached(key = "page:{id}", tags = ["pages", "text:{text}"], cache = cache, skip(cache, text, value))]
async fn page(cache: &Cache, id: u64, text: &str, value: u64) -> u64 {
    value
}

#[cache_evict(tags = ["text:{text}"], cache = cache)]
async fn change(cache: &Cache, text: &str) {}

/// Pairs of texts, as long as the bound and longer, that differ only in the last character.
fn texts() -> impl Iterator<Item = (String, String)> {
    [251, 252, 300, 1 << 20].into_iter().map(|length| {
        let text = |last: char| "é".repeat(length / 2 - 1) + "x" + &last.to_string();
        (text('a'), text('b'))
    })
}

fn cache(store: &MemoryBackend) -> Cache {
    Cache::builder().remote(store.clone()).build().unwrap()
}

#[tokio::test]
async fn long_tags_stay_distinct_in_every_process() {
    for (text, another) in texts() {
        let store = MemoryBackend::new();
        let caches = [cache(&store), cache(&store)];
        let evictions: [(&str, usize); 3] = [("attribute", 0), ("by hand", 1), ("other", 0)];
        for (value, (how, by)) in (10..).step_by(10).zip(evictions) {
            for cache in &caches {
                cache.clear().await.unwrap();
            }
            for cache in &caches {
                assert_eq!(page(cache, 1, &text, value).await, value);
                assert_eq!(page(cache, 2, &another, value).await, value);
            }
            turns().await;
            let evicted = if how == "other" { &another } else { &text };
            match how {
                "by hand" => caches[by].evict_tag(&format!("text:{evicted}")).await.unwrap(),
                _ => change(&caches[by], evicted).await,
            }
            let (first, second) =
                if how == "other" { (value, value + 1) } else { (value + 1, value) };
            for cache in &caches {
                assert_eq!(page(cache, 1, &text, value + 1).await, first, "{how}, {}", text.len());
                assert_eq!(page(cache, 2, &another, value + 1).await, second, "{how}");
                turns().await;
            }
        }
    }
}

#[tokio::test]
async fn nothing_in_the_store_is_long() {
    let store = Recording::new(MemoryBackend::new());
    let log = store.log();
    let cache = Cache::builder().remote(store).build().unwrap();
    let text = "x".repeat(1 << 20);
    page(&cache, 1, &text, 1).await;
    turns().await;
    change(&cache, &text).await;
    cache.evict_tag(&text).await.unwrap();
    cache.evict_tags([&text]).await.unwrap();
    let mut longest = 0;
    for operation in Operation::ALL {
        longest = log.keys(*operation).iter().map(String::len).fold(longest, usize::max);
    }
    assert!(longest <= 300, "a key of {longest} bytes");
    assert!(log.keys(Operation::Bump).len() >= 3);
}

/// A constant tag that is too long is an error, because it would have to be cut on both sides.
#[tokio::test]
async fn a_policys_own_tags_are_short() {
    let long: &'static str = String::leak("x".repeat(257));
    let tags: &'static [&'static str] = Vec::leak(vec!["short", long]);
    let policy = Policy::new().tags(tags);
    assert_eq!(policy.check().unwrap_err().field, "tags");
    let cache = cache(&MemoryBackend::new());
    let refused = cache.entry("k").policy(policy).insert(1u64).await;
    assert!(matches!(refused, Err(Error::Config { field: "tags", .. })), "{refused:?}");
    let tags: &'static [&'static str] = Vec::leak(vec![&long[1..]]);
    cache.entry("k").policy(Policy::new().tags(tags)).insert(1u64).await.unwrap();
    cache.evict_tag(&long[1..]).await.unwrap();
    assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
}

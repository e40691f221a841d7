//! The eviction of a tag that no function or entry has declared is logged once: the tag may be misspelt.

use larder::{Cache, Invalidation, Policy, cache_evict, cached};
use tracing::Level;

use crate::subscriber::Log;

const WARNING: &str = "a tag is evicted that no function or entry of this process has declared";

#[cached(key = "declared:{id}", tags = ["declared", "declared-row:{id}"], cache = cache, skip(cache))]
async fn declared(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache_evict(tags = ["undeclard"], cache = cache)]
async fn misspelt(cache: &Cache) {}

#[tokio::test]
async fn an_undeclared_tag_is_logged_once() {
    let (log, _guard) = Log::listen();
    let cache = Cache::builder().build().unwrap();
    for _ in 0..3 {
        misspelt(&cache).await;
        cache.evict_tag("undeclared-too").await.unwrap();
        Invalidation::new().cache(&cache).model("usr").run().await.unwrap();
    }
    assert_eq!(log.said(Level::WARN, WARNING), 3);
    for tag in ["undeclard", "undeclared-too", "model:usr"] {
        let named = |line: &&crate::subscriber::Line| line.text.contains(&format!("tag={tag:?}"));
        assert_eq!(
            log.lines().iter().filter(named).filter(|line| line.level == Level::WARN).count(),
            1
        );
    }
}

#[tokio::test]
async fn tags_of_functions_and_entries_are_declared() {
    let (log, _guard) = Log::listen();
    let cache = Cache::builder().build().unwrap();
    assert_eq!(declared(&cache, 1).await, 1);
    cache.entry("k").policy(Policy::new().tags(&["declared-entry"])).insert(1u64).await.unwrap();
    // Row 2 was never loaded, but the function has declared the tags of all rows.
    for tag in ["declared", "declared-row:1", "declared-row:2", "declared-entry"] {
        cache.evict_tag(tag).await.unwrap();
    }
    cache.tenant("undeclared-tenant").unwrap().clear().await.unwrap();
    cache.emit(&7u8).await.unwrap();
    cache.typed::<u64, u64>("undeclared-model").unwrap().clear().await.unwrap();
    assert_eq!(log.said(Level::WARN, WARNING), 0);
}

#[tokio::test]
async fn undeclared_tags_of_one_template_are_logged_once() {
    let (log, _guard) = Log::listen();
    let cache = Cache::builder().build().unwrap();
    for row in 0..1_000 {
        cache.evict_tag(&format!("undeclared-row:{row}")).await.unwrap();
    }
    assert_eq!(log.said(Level::WARN, WARNING), 1);
}

//! A value is copied only where two places need it: large values are expensive to copy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Source, backend::MemoryBackend, cached, time::Clock};
use serde::{Deserialize, Serialize};

/// Counts its clones. The counter comes back from the store as a new one, so it is in a static.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counted(Vec<String>);

static CLONES: AtomicU64 = AtomicU64::new(0);
/// One test at a time counts.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::SeqCst);
        Self(self.0.clone())
    }
}

#[cached(key = "large:{id}", cache = cache, skip(cache))]
async fn large(cache: &Cache, id: u64) -> Counted {
    Counted(vec![id.to_string(); 100])
}

#[cached(key = "large:{id}", each = "id in ids", cache = cache, skip(cache))]
async fn all(cache: &Cache, ids: &[u64]) -> Vec<(u64, Counted)> {
    ids.iter().map(|id| (*id, Counted(vec![id.to_string(); 100]))).collect()
}

/// The number of clones that `work` makes.
async fn clones<T>(work: impl Future<Output = T>) -> (T, u64) {
    let before = CLONES.load(Ordering::SeqCst);
    (work.await, CLONES.load(Ordering::SeqCst) - before)
}

#[tokio::test]
async fn a_hit_of_the_remote_tier_alone_moves_the_value() {
    let _turn = TURN.lock().await;
    let cache = Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
    large(&cache, 1).await;
    let (hit, made) = clones(large(&cache, 1).traced()).await;
    assert_eq!((hit.source, hit.value, made), (Source::Remote, Counted(vec!["1".into(); 100]), 0));
    let (hit, made) = clones(cache.get::<Counted>("large:1")).await;
    assert_eq!((hit.unwrap(), made), (Some(Counted(vec!["1".into(); 100])), 0));
    large(&cache, 2).await;
    let (hits, made) = clones(all(&cache, &[1, 2])).await;
    assert_eq!((hits.len(), made), (2, 0));
    let (hits, made) = clones(cache.get_many::<Counted>(["large:1", "large:2"])).await;
    assert_eq!((hits.unwrap().len(), made), (2, 0));
}

#[tokio::test]
async fn a_value_that_memory_keeps_is_cloned_once() {
    let _turn = TURN.lock().await;
    let store = MemoryBackend::new();
    let cache = Cache::builder().remote(store.clone()).build().unwrap();
    let (_, made) = clones(large(&cache, 1)).await;
    assert_eq!(made, 1, "a load: for memory and for the caller");
    cache.close().await.unwrap();
    let other = Cache::builder().remote(store).build().unwrap();
    let (hit, made) = clones(large(&other, 1).traced()).await;
    assert_eq!((hit.source, made), (Source::Remote, 1), "a promotion");
    let (hit, made) = clones(large(&other, 1).traced()).await;
    assert_eq!((hit.source, made), (Source::Memory, 1), "a hit of memory");
}

#[tokio::test]
async fn a_value_that_is_given_to_the_cache_is_moved() {
    let _turn = TURN.lock().await;
    let value = || Counted(vec!["x".into(); 100]);
    for memory in [true, false] {
        let builder = Cache::builder().remote(MemoryBackend::new());
        let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
        let (_, made) = clones(cache.insert("one", value())).await;
        assert_eq!(made, 0, "insert, memory: {memory}");
        let (_, made) = clones(cache.insert_many([("two", value()), ("three", value())])).await;
        assert_eq!(made, 0, "insert_many, memory: {memory}");
    }
}

#[cached(key = "renewed", cache = cache, skip(cache), ttl = "1s", stale = "1h")]
async fn renewed(cache: Cache) -> Counted {
    Counted(vec!["x".into(); 100])
}

/// A load in the background has no caller that needs the value.
#[tokio::test]
async fn a_refresh_in_the_background_moves_the_value() {
    let _turn = TURN.lock().await;
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    renewed(cache.clone()).await;
    clock.advance(Duration::from_secs(2));
    let (old, made) = clones(renewed(cache.clone()).traced()).await;
    assert_eq!((old.source, made), (Source::Stale, 1), "for the caller");
    // Waits for the refresh, though the clock stands still.
    let (_, made) = clones(cache.close()).await;
    assert_eq!((cache.stats().loads, made), (2, 0));
}

//! The causes for which entries leave memory, as the statistics count them.

use std::time::Duration;

use larder::{
    Cache, Eviction, Memory, Policy, backend::MemoryBackend, stats::RemovalCause, time::Clock,
};

const ALL: [Eviction; 4] = [Eviction::Auto, Eviction::Ttl, Eviction::Lru, Eviction::Lfu];

async fn fill(cache: &Cache, prefix: &str, entries: u64, policy: Policy) {
    for id in 0..entries {
        cache.entry(format!("{prefix}:{id}")).policy(policy).insert(id).await.unwrap();
    }
}

#[tokio::test]
async fn each_entry_leaves_for_one_cause() {
    for eviction in ALL {
        let clock = Clock::manual();
        let memory = Memory::max_entries(100).eviction(eviction);
        let cache = Cache::builder().memory(memory).clock(clock.clone()).build().unwrap();
        fill(&cache, "short", 3, Policy::new().ttl(Duration::from_secs(1))).await;
        fill(&cache, "tagged", 4, Policy::new().tags(&["news"])).await;
        fill(&cache, "listed", 5, Policy::new()).await;
        fill(&cache, "rest", 6, Policy::new()).await;
        assert!(cache.remove("rest:0").await.unwrap());
        assert!(!cache.remove("nothing").await.unwrap());
        assert_eq!(cache.evict_pattern("listed:*").await.unwrap(), 5);
        clock.advance(Duration::from_secs(2));
        cache.reclaim();
        cache.evict_tag("news").await.unwrap();
        cache.reclaim();
        // Replacing a value is not counted as a removal.
        fill(&cache, "rest", 6, Policy::new()).await;
        cache.clear().await.unwrap();
        let stats = cache.stats();
        let by = [
            RemovalCause::Expired,
            RemovalCause::Tag,
            RemovalCause::Key,
            RemovalCause::Pattern,
            RemovalCause::Cleared,
        ];
        assert_eq!(
            by.map(|cause| stats.evicted_by(cause)),
            [3, 4, 1, 5, 6],
            "{eviction:?}: {stats:?}"
        );
        assert_eq!((stats.evictions(), stats.entries), (19, 0), "{eviction:?}");
        assert_eq!(stats.removals, 2, "evicted keys count even if there was no entry");

        fill(&cache, "many", 150, Policy::new()).await;
        let stats = cache.stats();
        assert_eq!(
            stats.entries + stats.evicted_by(RemovalCause::Capacity),
            150,
            "{eviction:?}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn evictions_by_another_process_are_counted_separately() {
    let store = MemoryBackend::new();
    let cache = || Cache::builder().remote(store.clone()).build().unwrap();
    let (one, two) = (cache(), cache());
    for key in ["a", "b:1", "b:2", "c"] {
        one.insert(key, 1_u64).await.unwrap();
        assert_eq!(two.get::<u64>(key).await.unwrap(), Some(1));
    }
    one.remove("a").await.unwrap();
    one.evict_pattern("b:*").await.unwrap();
    one.insert("c", 2_u64).await.unwrap();
    let (here, there) = (one.stats(), two.stats());
    assert_eq!(
        (here.evicted_keys, here.evicted_patterns, here.evicted_elsewhere),
        (1, 2, 0),
        "{here:?}"
    );
    assert_eq!((there.evictions(), there.evicted_elsewhere), (4, 4), "{there:?}");
}

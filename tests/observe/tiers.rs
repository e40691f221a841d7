//! Statistics of the tiers, the breaker, and bytes of other schemas.

use std::time::Duration;

use larder::{Cache, Policy, backend::MemoryBackend, health::BreakerState, time::Clock};
use serde::{Deserialize, Serialize};

use crate::gated::Gated;
use crate::stored::Store;

#[tokio::test]
async fn each_tier_has_separate_counters() {
    let store = MemoryBackend::new();
    let cache = || Cache::builder().remote(store.clone()).build().unwrap();
    let (one, two) = (cache(), cache());
    one.insert("a", 1_u64).await.unwrap();
    for _ in 0..3 {
        assert_eq!(two.get::<u64>("a").await.unwrap(), Some(1));
    }
    assert_eq!(two.get::<u64>("b").await.unwrap(), None);
    let stats = two.stats();
    let (memory, remote) = (stats.memory(), stats.remote());
    assert_eq!((memory.hits, memory.misses, memory.requests()), (2, 2, 4), "{stats:?}");
    assert_eq!((remote.hits, remote.misses, remote.requests()), (1, 1, 2), "{stats:?}");
    assert!((stats.hit_rate() - 0.75).abs() < 1e-9 && (stats.miss_rate() - 0.25).abs() < 1e-9);
    assert!((remote.hit_rate() - 0.5).abs() < 1e-9);
    assert_eq!((one.stats().memory().stores, one.stats().remote().stores), (1, 1));
}

#[tokio::test]
async fn without_a_remote_tier_its_counters_are_zero() {
    let cache = Cache::builder().build().unwrap();
    cache.get::<u64>("a").await.unwrap();
    cache.get_many::<u64>(&["a", "b"]).await.unwrap();
    assert_eq!(cache.stats().remote(), larder::stats::TierStats::default());
    assert_eq!(cache.stats().misses, 3);
}

#[tokio::test]
async fn the_state_of_the_breaker_is_reported() {
    let (store, clock) = (Gated::new(), Clock::manual());
    let cache = store.cache_without_memory(&clock);
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
    store.set_down(true);
    for _ in 0..3 {
        assert_eq!(cache.stats().breaker, BreakerState::Closed);
        cache.get::<u64>("a").await.unwrap_err();
    }
    assert_eq!(cache.stats().breaker, BreakerState::Open);
    assert_eq!(cache.stats().remote().errors, 3);
    clock.advance(Duration::from_secs(2));
    assert_eq!(cache.stats().breaker, BreakerState::HalfOpen);
    store.set_down(false);
    cache.get::<u64>("a").await.unwrap();
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn another_schema_is_counted_separately_from_damage() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Before {
        id: u64,
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct After {
        id: u64,
        name: String,
    }
    let store = Store::default();
    let cache = store.plain();
    cache.insert("a", Before { id: 1 }).await.unwrap();
    assert!(cache.get::<After>("a").await.unwrap().is_none());
    let stats = cache.stats();
    assert_eq!((stats.foreign, stats.schema_misses), (1, 1), "{stats:?}");
    store.put("ns:a", b"bytes of another program").await;
    assert!(cache.get::<After>("a").await.unwrap().is_none());
    let stats = cache.stats();
    assert_eq!((stats.foreign, stats.schema_misses), (2, 1), "{stats:?}");
    cache
        .entry("a")
        .policy(Policy::new())
        .insert(After { id: 1, name: String::new() })
        .await
        .unwrap();
    assert!(cache.get::<After>("a").await.unwrap().is_some());
    assert_eq!(cache.stats().foreign, 2);
}

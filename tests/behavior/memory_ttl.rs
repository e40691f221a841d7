//! `memory_ttl`: how long the memory tier serves an entry before the remote tier must confirm it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::backend::MemoryBackend;
use larder::stats::EntryState;
use larder::testing::Faulty;
use larder::{Cache, Expiry, Memory, Policy, Source, cached, time::Clock};

use crate::support::Server;

const POLICY: Policy =
    Policy::new().ttl(Duration::from_secs(60)).memory_ttl(Duration::from_secs(10));

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[derive(Default)]
struct Origin(AtomicU64);

#[cached(ttl = "60s", memory_ttl = "10s", key = "n:{id}", skip(cache, origin), cache = cache)]
async fn number(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    id + origin.0.fetch_add(1, Ordering::SeqCst)
}

#[cached(ttl = "60s", key = "plain:{id}", skip(cache, origin), cache = cache)]
async fn of_the_tier(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    id + origin.0.fetch_add(1, Ordering::SeqCst)
}

/// Reads after `passed` seconds each come from these tiers.
async fn sources(clock: &Clock, cache: &Cache, reads: &[(u64, Source)]) {
    let origin = Origin::default();
    for (passed, source) in reads {
        clock.advance(seconds(*passed));
        let (own, tier) = (
            number(cache, &origin, 0).traced().await,
            of_the_tier(cache, &origin, 0).traced().await,
        );
        assert_eq!((own.source, tier.source), (*source, *source), "after {passed} s");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

fn tiered(clock: &Clock) -> larder::Builder {
    Cache::builder().clock(clock.clone()).memory(Memory::default().ttl(seconds(10)))
}

#[tokio::test]
async fn memory_asks_again_after_its_own_time() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let cache = tiered(&clock).remote(backend).build().unwrap();
    use Source::{Loaded, Memory, Remote};
    let reads = [
        (0, Loaded),
        (9, Memory),
        (1, Remote),
        (9, Memory),
        (1, Remote),
        (0, Memory),
        (40, Loaded),
    ];
    sources(&clock, &cache, &reads).await;
}

#[tokio::test]
async fn the_same_with_redis() {
    let (server, clock) = (Server::start(), Clock::manual());
    let redis = larder::redis::Redis::connect(server.url()).await.unwrap();
    let cache = tiered(&clock).remote(redis).build().unwrap();
    crate::support::eventually("the bus is connected", async || cache.is_linked()).await;
    let origin = Origin::default();
    assert_eq!(number(&cache, &origin, 7).await, 7);
    let written = || cache.stats().remote_stores == 1;
    crate::support::eventually("the value is in Redis", async || written()).await;
    clock.advance(seconds(10));
    assert_eq!(number(&cache, &origin, 7).traced().await.source, Source::Remote);
    assert_eq!(number(&cache, &origin, 7).traced().await.source, Source::Memory);
    // Somebody removes it behind the back of this process.
    server.cli(&["FLUSHALL"]);
    assert_eq!(number(&cache, &origin, 7).traced().await.source, Source::Memory);
    clock.advance(seconds(10));
    assert_eq!(number(&cache, &origin, 7).traced().await.source, Source::Loaded);
}

#[tokio::test]
async fn without_a_remote_tier_it_is_the_upper_bound_of_the_ttl() {
    let clock = Clock::manual();
    let cache = tiered(&clock).build().unwrap();
    use Source::{Loaded, Memory};
    sources(&clock, &cache, &[(0, Loaded), (9, Memory), (1, Loaded), (0, Memory)]).await;
    cache.insert("by hand", 1u64).await.unwrap();
    assert_eq!(cache.ttl("by hand").await.unwrap(), Some(Expiry::In(seconds(10))));
}

#[tokio::test]
async fn while_the_remote_tier_is_away_memory_serves_up_to_the_ttl() {
    let clock = Clock::manual();
    let backend = Faulty::with_clock(MemoryBackend::with_clock(clock.clone()), clock.clone());
    let faults = backend.faults();
    let cache = tiered(&clock).remote(backend).build().unwrap();
    let origin = Origin::default();
    assert_eq!(number(&cache, &origin, 7).await, 7);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    faults.set_down(true);
    for _ in 0..4 {
        clock.advance(seconds(10));
        let read = number(&cache, &origin, 7).traced().await;
        assert_eq!((read.value, read.source), (7, Source::Memory));
        assert_eq!(cache.get::<u64>("n:7").await.unwrap(), Some(7));
    }
    clock.advance(seconds(20));
    assert_eq!(number(&cache, &origin, 7).traced().await.source, Source::Loaded);
}

#[tokio::test]
async fn reads_by_hand_and_inspection_know_it() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let cache = Cache::builder().clock(clock.clone()).remote(backend.clone()).build().unwrap();
    cache.entry("k").policy(POLICY).insert(1u64).await.unwrap();
    clock.advance(seconds(10));
    let seen = cache.inspect("k").await;
    assert_eq!(seen.memory.unwrap().state, EntryState::Unverified);
    assert_eq!(cache.ttl("k").await.unwrap(), Some(Expiry::In(seconds(50))));
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1));
    assert_eq!(cache.stats().remote_hits, 1);
    // A reader without the setting confirms the entry for the rest of its life.
    clock.advance(seconds(40));
    assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1));
    assert_eq!(cache.stats().remote_hits, 1);
    assert!(cache.expire("k", seconds(100)).await.unwrap());
    assert_eq!(cache.ttl("k").await.unwrap(), Some(Expiry::In(seconds(100))));
}

#[test]
fn zero_is_refused() {
    let refused = Cache::builder().memory(Memory::default().ttl(Duration::ZERO)).build();
    assert!(refused.unwrap_err().to_string().contains("memory_ttl"));
    assert_eq!(Policy::new().memory_ttl(Duration::ZERO).check().unwrap_err().field, "memory_ttl");
}

//! A peek leaves no trace: it is not counted, does not restart the idle time, and does not keep an entry in memory.

use std::time::Duration;

use larder::stats::EntryState;
use larder::{Cache, Eviction, Memory, Policy, backend::MemoryBackend, cached, time::Clock};

use crate::gated::Gated;
use crate::origin::turns;

#[cached(key = "row:{id}", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(each = "id in ids", key = "row:{id}", cache = cache, skip(cache))]
async fn rows(cache: &Cache, ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

const LOOKS: usize = 9;

/// Peeks at row 1 and returns whether it is there.
async fn look(how: usize, cache: &Cache) -> bool {
    match how {
        0 => row(cache, 1).peek().await.unwrap().is_some(),
        1 => !rows(cache, &[1]).peek().await.unwrap().is_empty(),
        2 => cache.contains::<u64>("row:1").await.unwrap(),
        3 => cache.ttl("row:1").await.unwrap().is_some(),
        5 => cache.keys("row:1").await.unwrap() == ["row:1"],
        4 => {
            let found = cache.inspect("row:1").await;
            let usable = [EntryState::Fresh, EntryState::Unverified];
            [found.memory, found.remote].iter().flatten().any(|entry| usable.contains(&entry.state))
        }
        6 => {
            let count = cache.count_keys("row:1").await.unwrap();
            count.memory + count.remote.unwrap_or(0) > 0
        }
        7 => cache.info().await.memory.is_some_and(|memory| memory.entries > 0),
        _ => {
            // A tenant and a model have peeks of their own.
            let acme = cache.tenant("acme").unwrap();
            let users = cache.typed::<u64, u64>("user").unwrap();
            let absent = (acme.contains::<u64>("k").await, users.contains(&7).await);
            matches!(absent, (Ok(false), Ok(false)))
        }
    }
}

#[tokio::test]
async fn a_peek_is_not_counted() {
    let clock = Clock::manual();
    for how in 0..LOOKS {
        for remote in [false, true] {
            let builder = Cache::builder().clock(clock.clone());
            let cache = match remote {
                true => builder.remote(MemoryBackend::with_clock(clock.clone())).build().unwrap(),
                false => builder.build().unwrap(),
            };
            row(&cache, 1).await;
            turns().await;
            let before = cache.stats();
            assert!(look(how, &cache).await, "{how}");
            cache.remove("row:1").await.unwrap();
            let removed = cache.stats();
            if how < 7 {
                assert!(!look(how, &cache).await, "{how}");
            }
            let after = cache.stats();
            for (one, two) in [(&before, &removed), (&removed, &after)] {
                assert_eq!(one.memory_hits, two.memory_hits, "{how}");
                assert_eq!(one.misses, two.misses, "{how}");
                assert_eq!(one.remote_hits, two.remote_hits, "{how}");
                assert_eq!(one.remote_misses, two.remote_misses, "{how}");
            }
        }
    }
}

#[tokio::test]
async fn a_peek_does_not_restart_the_idle_time() {
    let clock = Clock::manual();
    for how in 0..5 {
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        let policy = Policy::new().tti(Duration::from_secs(10));
        cache.entry("row:1").policy(policy).insert(1u64).await.unwrap();
        for _ in 0..3 {
            clock.advance(Duration::from_secs(3));
            assert!(look(how, &cache).await, "{how}");
        }
        clock.advance(Duration::from_secs(1));
        assert!(!look(how, &cache).await, "{how}");
        // A read does.
        cache.entry("row:1").policy(policy).insert(1u64).await.unwrap();
        clock.advance(Duration::from_secs(9));
        assert_eq!(cache.get::<u64>("row:1").await.unwrap(), Some(1));
        clock.advance(Duration::from_secs(9));
        assert_eq!(cache.get::<u64>("row:1").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn a_peek_does_not_keep_an_entry_in_memory() {
    for how in 0..7 {
        let memory = Memory::max_entries(3).eviction(Eviction::Lru);
        let cache = Cache::builder().memory(memory).build().unwrap();
        for id in 1..=3 {
            row(&cache, id).await;
        }
        for _ in 0..10 {
            assert!(look(how, &cache).await, "{how}");
        }
        row(&cache, 4).await;
        assert!(!look(how, &cache).await, "{how}: the least recently read one makes room");
        assert_eq!(cache.get::<u64>("row:2").await.unwrap(), Some(2));
        // A read keeps it.
        row(&cache, 5).await;
        assert_eq!(cache.get::<u64>("row:2").await.unwrap(), Some(2));
    }
}

/// A value that only the remote tier has stays there: promoting it would remove another entry from memory.
#[tokio::test]
async fn a_peek_does_not_promote() {
    let clock = Clock::manual();
    let store = MemoryBackend::with_clock(clock.clone());
    let process = || {
        let builder = Cache::builder().clock(clock.clone()).namespace("shop");
        builder.remote(store.clone()).build().unwrap()
    };
    let (one, two) = (process(), process());
    row(&one, 1).await;
    turns().await;
    for how in 0..5 {
        assert!(look(how, &two).await, "{how}");
        assert_eq!(two.stats().entries, 0, "{how}");
    }
}

/// During an outage of the remote tier, memory is read on another path.
#[tokio::test]
async fn a_peek_in_an_outage_leaves_no_trace() {
    let clock = Clock::manual();
    for how in 0..5 {
        let gated = Gated::leased(&clock);
        let memory = Memory::max_entries(3).eviction(Eviction::Lru);
        let builder = Cache::builder().clock(clock.clone()).memory(memory);
        let cache = builder.remote(gated.backend.clone()).build().unwrap();
        for id in 1..=3 {
            row(&cache, id).await;
        }
        turns().await;
        gated.set_down(true);
        gated.set_linked(false);
        let before = cache.stats();
        for _ in 0..10 {
            assert!(look(how, &cache).await, "{how}");
        }
        let after = cache.stats();
        assert_eq!((before.memory_hits, before.misses), (after.memory_hits, after.misses), "{how}");
        row(&cache, 4).await;
        assert_eq!(row(&cache, 2).peek().await.unwrap(), Some(2), "{how}");
        // The least recently read entry makes room.
        assert!(row(&cache, 1).peek().await.is_err(), "{how}");
    }
}

/// Like a read, a peek does not see evicted entries, in every engine.
#[tokio::test]
async fn a_peek_does_not_find_evicted_entries() {
    for eviction in [Eviction::Lru, Eviction::Lfu, Eviction::Ttl] {
        let memory = Memory::max_entries(100).eviction(eviction);
        let cache = Cache::builder().memory(memory).build().unwrap();
        for round in 0..20 {
            cache.insert("row:1", round).await.unwrap();
            assert_eq!(cache.get::<u64>("row:1").await.unwrap(), Some(round));
            assert!(cache.contains::<u64>("row:1").await.unwrap());
            cache.remove("row:1").await.unwrap();
            assert!(!cache.contains::<u64>("row:1").await.unwrap());
        }
    }
}

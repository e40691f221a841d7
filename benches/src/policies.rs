//! The policies of eviction that `hitrate` compares.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use cached::{ConcurrentCached, ShardedLruTtlCache};
use larder::{Cache, Eviction, Memory};

use crate::now::now;
use crate::peers::Quick;

/// The number of hits of a trace in a cache of a size.
pub(crate) type Hits = fn(&[u64], usize) -> usize;

pub(crate) const POLICIES: [(&str, Hits); 11] = [
    ("best", belady),
    ("Auto", |keys, capacity| larder(keys, capacity, Eviction::Auto)),
    ("Lru", |keys, capacity| larder(keys, capacity, Eviction::Lru)),
    ("Lfu", |keys, capacity| larder(keys, capacity, Eviction::Lfu)),
    ("Ttl", |keys, capacity| larder(keys, capacity, Eviction::Ttl)),
    ("quick_cache", quick),
    ("moka", moka),
    ("moka lru", moka_lru),
    ("foyer s3fifo", |keys, capacity| foyer(keys, capacity, foyer::S3FifoConfig::default())),
    ("foyer lfu", |keys, capacity| foyer(keys, capacity, foyer::LfuConfig::default())),
    ("cached", cached),
];

fn hits(keys: &[u64], mut hit: impl FnMut(u64) -> bool) -> usize {
    keys.iter().filter(|key| hit(**key)).count()
}

fn larder(keys: &[u64], capacity: usize, policy: Eviction) -> usize {
    let memory = Memory::max_entries(capacity as u64).eviction(policy);
    let Ok(cache) = Cache::builder().memory(memory).build() else { return 0 };
    hits(keys, |key| {
        let key = key.to_string();
        now(async {
            if matches!(cache.get::<u64>(&key).await, Ok(Some(_))) {
                return true;
            }
            let _ = cache.insert(&key, 0_u64).await;
            false
        })
    })
}

fn quick(keys: &[u64], capacity: usize) -> usize {
    let cache = Quick::new(capacity);
    hits(keys, |key| {
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, 0_u64);
        }
        is_hit
    })
}

fn moka(keys: &[u64], capacity: usize) -> usize {
    moka_with(keys, capacity, moka::policy::EvictionPolicy::tiny_lfu())
}

fn moka_lru(keys: &[u64], capacity: usize) -> usize {
    moka_with(keys, capacity, moka::policy::EvictionPolicy::lru())
}

fn moka_with(keys: &[u64], capacity: usize, policy: moka::policy::EvictionPolicy) -> usize {
    let builder = moka::sync::Cache::builder().max_capacity(capacity as u64);
    let cache = builder.eviction_policy(policy).build();
    hits(keys, |key| {
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, 0_u64);
            // Otherwise a batch of inserts may exceed the capacity.
            cache.run_pending_tasks();
        }
        is_hit
    })
}

fn foyer(keys: &[u64], capacity: usize, policy: impl Into<foyer::EvictionConfig>) -> usize {
    let builder = foyer::CacheBuilder::new(capacity).with_eviction_config(policy);
    let cache: foyer::Cache<u64, u64> = builder.build();
    hits(keys, |key| {
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, 0);
        }
        is_hit
    })
}

fn cached(keys: &[u64], capacity: usize) -> usize {
    let ttl = Duration::from_secs(3600);
    let built = ShardedLruTtlCache::builder().max_size(capacity).ttl(ttl).build();
    let Ok(cache) = built else { return 0 };
    hits(keys, |key| {
        let is_hit = matches!(cache.cache_get(&key), Ok(Some(_)));
        if !is_hit {
            let _ = cache.cache_set(key, 0_u64);
        }
        is_hit
    })
}

/// Belady's algorithm: evicts the key whose next read is the latest.
fn belady(keys: &[u64], capacity: usize) -> usize {
    let mut next = vec![usize::MAX; keys.len()];
    let mut seen = HashMap::new();
    for (at, key) in keys.iter().enumerate().rev() {
        next[at] = seen.insert(*key, at).unwrap_or(usize::MAX);
    }
    let (mut held, mut order) = (HashMap::new(), BTreeSet::new());
    let mut found = 0;
    for (at, key) in keys.iter().enumerate() {
        if let Some(due) = held.remove(key) {
            order.remove(&(due, *key));
            found += 1;
        }
        held.insert(*key, next[at]);
        order.insert((next[at], *key));
        if held.len() > capacity
            && let Some((_, key)) = order.pop_last()
        {
            held.remove(&key);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn belady_keeps_what_is_read_next() {
        // In a cache of two: 1, 2 and 3 load; 1 is read before 2, so 2 makes room for 3.
        assert_eq!(belady(&[1, 2, 3, 1, 3, 2], 2), 2);
    }

    #[test]
    fn no_policy_beats_belady() {
        let keys: Vec<u64> = (0..2_000_u64).map(|at| crate::random::mix(at) % 100).collect();
        let best = belady(&keys, 20);
        for (name, hits) in POLICIES {
            assert!(hits(&keys, 20) <= best, "{name}");
        }
    }
}

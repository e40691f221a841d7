//! The default policy adapts to the keys: it does not get stuck on traces on which LRU or TinyLFU would.
//!
//! The figures of the policies over more traces: `cargo run --release -p larder-bench -- hitrate`.

use larder::{Cache, Memory};

fn cache(entries: u64) -> Cache {
    Cache::builder().memory(Memory::max_entries(entries)).build().unwrap()
}

/// Reads `keys` keys in order, `passes` times, and returns the hits in percent.
async fn passes(cache: &Cache, set: &str, keys: u32, passes: u32) -> u32 {
    let mut hits = 0;
    for _ in 0..passes {
        for id in 0..keys {
            let key = format!("{set}:{id}");
            if cache.get::<u32>(&key).await.unwrap().is_some() {
                hits += 1;
            } else {
                cache.insert(&key, id).await.unwrap();
            }
        }
    }
    hits * 100 / (keys * passes)
}

/// A loop that fits has hits from the second pass on, even if the tier is full of another loop's keys.
#[tokio::test]
async fn loops_that_fit_one_after_the_other() {
    let large = cache(10_000);
    let small = cache(1_000);
    for set in ["a", "b", "c"] {
        let hits = passes(&large, set, 6_000, 20).await;
        assert!(hits >= 88, "set {set} of 6,000 keys: {hits} %");
        let hits = passes(&small, set, 900, 20).await;
        assert!(hits >= 88, "set {set} of 900 keys: {hits} %");
    }
}

/// A part of a loop that does not fit is kept. LRU would have no hit at all.
#[tokio::test]
async fn a_loop_that_does_not_fit() {
    let cache = cache(10_000);
    let _ = passes(&cache, "a", 12_000, 5).await;
    let hits = passes(&cache, "a", 12_000, 10).await;
    // A process rarely selects so few of the keys for the shadow that they fit into it. Then the tier switches its mode
    // back and forth, and has about half of the hits.
    assert!(hits >= 40, "{hits} %");
}

/// Keys that are read once do not displace keys that are read again and again.
#[tokio::test]
async fn a_scan_does_not_displace_popular_keys() {
    let cache = cache(1_000);
    let _ = passes(&cache, "hot", 500, 10).await;
    for scan in 0..20 {
        let _ = passes(&cache, &format!("scan{scan}"), 3_000, 1).await;
        let _ = passes(&cache, "hot", 500, 3).await;
    }
    let _ = passes(&cache, "last", 3_000, 1).await;
    let hits = passes(&cache, "hot", 500, 1).await;
    assert!(hits >= 75, "{hits} % after a scan");
}

/// Unlike with `Lfu`, a value that was just inserted is kept.
#[tokio::test]
async fn an_inserted_value_is_kept_for_a_while() {
    let cache = cache(1_000);
    let _ = passes(&cache, "hot", 1_200, 20).await;
    for id in 0..500_u32 {
        let key = format!("new:{id}");
        cache.insert(&key, id).await.unwrap();
        assert_eq!(cache.get::<u32>(&key).await.unwrap(), Some(id));
    }
}

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

/// A loop that fits has hits, even if the tier is full of another loop's keys. The tier takes one or two passes to learn that the most
/// frequent keys are not read any more.
#[tokio::test]
async fn loops_that_fit_one_after_the_other() {
    let large = cache(10_000);
    let small = cache(1_000);
    for set in ["a", "b", "c"] {
        let hits = passes(&large, set, 6_000, 20).await;
        assert!(hits >= 80, "set {set} of 6,000 keys: {hits} %");
        let hits = passes(&small, set, 900, 20).await;
        assert!(hits >= 80, "set {set} of 900 keys: {hits} %");
    }
}

/// A part of a loop that does not fit is kept. LRU would have no hit at all.
#[tokio::test]
async fn a_loop_that_does_not_fit() {
    let cache = cache(10_000);
    let _ = passes(&cache, "a", 12_000, 5).await;
    let hits = passes(&cache, "a", 12_000, 10).await;
    assert!(hits >= 75, "{hits} %");
}

/// Popular keys, and keys that are read four times soon after each other: frequency alone has 48 % of hits, recency 67 %.
#[tokio::test]
async fn popular_keys_and_sessions() {
    let cache = cache(1_000);
    let (mut hits, reads) = (0, 60_000_u32);
    for read in 0..reads {
        let of_session = read / 2;
        let key = match read % 2 {
            0 => format!("popular:{}", read.wrapping_mul(0x9E37_79B9).rotate_left(13) % 900),
            _ => format!("session:{}:{}", of_session / 400, of_session % 100),
        };
        if cache.get::<u32>(&key).await.unwrap().is_some() {
            hits += 1;
        } else {
            cache.insert(&key, read).await.unwrap();
        }
    }
    let hits = hits * 100 / reads;
    assert!(hits >= 76, "{hits} %");
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

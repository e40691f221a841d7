//! A memory hit: larder, its peers and its own parts, in one run.
//!
//! `cargo run --release -p benches --bin hit`. Medians of alternating rounds. Read the ratios, not
//! the nanoseconds: machines are shared and noisy.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use cached::macros::cached as peer_cached;
use larder::{Cache, cached};

const CALLS: u64 = 200_000;
const ROUNDS: usize = 15;

/// The number of entries that the keys cycle through.
const KEYS: u64 = 1_000;

#[cached(key = "user:{id}", ttl = "1h")]
async fn templated(id: u64) -> u64 {
    id
}

#[cached]
async fn automatic(id: u64) -> u64 {
    id
}

#[cached(key = "sync:{id}")]
fn sync(id: u64) -> u64 {
    id
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["users"])]
async fn tagged(id: u64) -> u64 {
    id
}

#[cached(key = "documents:{section}:{id}", ttl = "1h")]
async fn long(section: &str, id: u64) -> u64 {
    id + section.len() as u64
}

#[cached]
async fn map(filter: &HashMap<&str, u64>) -> u64 {
    filter.len() as u64
}

#[cached(key = "row:{id}", each = "id in ids")]
async fn each(ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[peer_cached(max_size = 10_000, ttl_secs = 3600)]
async fn peer(id: u64) -> u64 {
    id
}

type Contender<'a> = (&'static str, Box<dyn Fn(u64) -> u64 + Sync + 'a>);

fn contenders<'a>(
    section: &'a str,
    quick: &'a quick_cache::sync::Cache<String, u64>,
    moka: &'a moka::sync::Cache<String, u64>,
) -> Vec<Contender<'a>> {
    vec![
        ("larder: template key, ttl", Box::new(|id| pollster::block_on(templated(id)))),
        ("larder: template key, ttl, tag", Box::new(|id| pollster::block_on(tagged(id)))),
        ("larder: automatic key", Box::new(|id| pollster::block_on(automatic(id)))),
        ("larder: sync function", Box::new(sync)),
        ("larder: key of 200 bytes", Box::new(|id| pollster::block_on(long(section, id)))),
        (
            "larder: map of 3 in the key",
            Box::new(|id| {
                let filter = HashMap::from([("page", id), ("size", 20), ("team", 7)]);
                pollster::block_on(map(&filter))
            }),
        ),
        (
            "  the map alone",
            Box::new(|id| HashMap::from([("page", id), ("size", 20), ("team", 7)]).len() as u64),
        ),
        (
            "larder: each of 3 ids",
            Box::new(|id| {
                pollster::block_on(each(&[id, id + 1, id + 2])).iter().map(|row| row.1).sum()
            }),
        ),
        ("cached: async, max_size, ttl", Box::new(|id| pollster::block_on(peer(id)))),
        (
            "moka by hand: format! key",
            Box::new(|id| moka.get(&format!("user:{id}")).unwrap_or_default()),
        ),
        (
            "quick_cache by hand: format! key",
            Box::new(|id| quick.get(&format!("user:{id}")).unwrap_or_default()),
        ),
        ("block_on of a ready future alone", Box::new(|id| pollster::block_on(async { id }))),
    ]
}

/// Nanoseconds for a call on each of `threads`.
fn round(work: &(dyn Fn(u64) -> u64 + Sync), threads: u64) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for call in 0..CALLS {
                    black_box(work(black_box((call + thread * 7) % KEYS)));
                }
            });
        }
    });
    start.elapsed().as_nanos() as f64 / CALLS as f64
}

fn main() {
    if let Ok(cache) = Cache::builder().build() {
        cache.install();
    }
    let quick = quick_cache::sync::Cache::new(10_000);
    let moka = moka::sync::Cache::new(10_000);
    for id in 0..KEYS {
        quick.insert(format!("user:{id}"), id);
        moka.insert(format!("user:{id}"), id);
    }
    let section = "handbook-".repeat(20);
    let contenders = contenders(&section, &quick, &moka);
    for threads in [1, 2] {
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..ROUNDS {
            for ((_, work), times) in contenders.iter().zip(&mut times) {
                times.push(round(work.as_ref(), threads));
            }
        }
        let medians: Vec<f64> = times
            .iter_mut()
            .map(|times| {
                times.sort_by(f64::total_cmp);
                times[times.len() / 2]
            })
            .collect();
        println!("{threads} thread(s): ns a call, ratio to the first");
        for ((name, _), median) in contenders.iter().zip(&medians) {
            println!("  {name:<36} {median:>8.0} {:>7.2}", median / medians[0]);
        }
    }
}

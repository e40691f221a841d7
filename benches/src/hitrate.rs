//! Hit rates of the memory tier's policies, of quick_cache, and of the optimal policy.
//!
//! `cargo run --release -p benches --bin hitrate`. Every trace is generated with a fixed seed. A
//! read that misses inserts its key. `best` is Belady's algorithm, which knows the future. Larder
//! seeds the identities of keys for each process, so its figures vary by a few tenths.

use std::collections::{BTreeSet, HashMap};

use larder::{Cache, Eviction, Memory};

/// A random number generator (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number between 0 and 1.
    #[allow(clippy::cast_precision_loss)]
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Draws ranks whose frequency is a power of the rank.
struct Zipf(Vec<f64>);

impl Zipf {
    #[allow(clippy::cast_precision_loss)]
    fn new(keys: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut weights = Vec::with_capacity(keys);
        for rank in 1..=keys {
            sum += (rank as f64).powf(-skew);
            weights.push(sum);
        }
        Self(weights.into_iter().map(|weight| weight / sum).collect())
    }

    fn draw(&self, random: &mut Random) -> u64 {
        let part = random.part();
        self.0.partition_point(|weight| *weight < part) as u64
    }
}

struct Trace {
    name: &'static str,
    capacity: u64,
    keys: Vec<u64>,
}

const LENGTH: usize = 1_000_000;
/// The distance between the keys of different sets.
const APART: u64 = 1 << 40;

/// Several sets of keys in turn; each is read in order several times.
fn loops(keys: u64, sets: u64, passes: u64) -> Vec<u64> {
    let pass = |set: u64| (0..keys).map(move |key| key + set * APART);
    (0..sets).flat_map(|set| (0..passes).flat_map(move |_| pass(set))).collect()
}

fn traces() -> Vec<Trace> {
    let zipf = Zipf::new(100_000, 0.9);
    let mut traces = Vec::new();
    let mut add = |name, capacity, keys| traces.push(Trace { name, capacity, keys });
    for capacity in [1_000, 10_000] {
        let mut random = Random(1);
        let plain = (0..LENGTH).map(|_| zipf.draw(&mut random)).collect();
        add("zipf 0.9", capacity, plain);
        let mut scanned = APART;
        let mut scans = Vec::new();
        while scans.len() < LENGTH {
            scans.extend((0..20_000).map(|_| zipf.draw(&mut random)));
            scans.extend(scanned..scanned + 10_000);
            scanned += 10_000;
        }
        add("zipf 0.9, a scan of 10,000 after each 20,000", capacity, scans);
        let shifting = (0..LENGTH as u64).map(|at| zipf.draw(&mut random) + at / 100_000 * APART);
        add("zipf 0.9, all keys change each 100,000", capacity, shifting.collect());
        let drifting = (0..LENGTH as u64).map(|at| zipf.draw(&mut random) + at / 200);
        add("zipf 0.9, drifting", capacity, drifting.collect());
    }
    let mut random = Random(2);
    let sets = (0..LENGTH as u64).map(|at| random.next() % 8_000 + at / 50_000 * APART);
    add("uniform over 8,000, all keys change each 50,000", 10_000, sets.collect());
    add("loops over 900 keys, 4 sets", 1_000, loops(900, 4, 20));
    add("loops over 6,000 keys, 3 sets", 10_000, loops(6_000, 3, 20));
    add("loops over 9,500 keys, 4 sets", 10_000, loops(9_500, 4, 20));
    add("loop over 12,000 keys", 10_000, loops(12_000, 1, 50));
    add("loop over 20,000 keys", 10_000, loops(20_000, 1, 50));
    add("loops over 2,000 keys, 2 sets", 1_000, loops(2_000, 2, 100));
    let mut mixed = loops(6_000, 1, 20);
    mixed.extend((0..300_000).map(|_| zipf.draw(&mut random) + 2 * APART));
    mixed.extend(loops(12_000, 1, 20).into_iter().map(|key| key + 3 * APART));
    mixed.extend(loops(7_000, 2, 20).into_iter().map(|key| key + 4 * APART));
    add("a loop that fits, zipf, one that does not, two that fit", 10_000, mixed);
    traces
}

fn hits(keys: &[u64], mut hit: impl FnMut(u64) -> bool) -> f64 {
    let hits = keys.iter().filter(|key| hit(**key)).count();
    percent(hits, keys.len())
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

fn larder(trace: &Trace, eviction: Eviction) -> f64 {
    let memory = Memory::max_entries(trace.capacity).policy(eviction);
    let Ok(cache) = Cache::builder().memory(memory).build() else { return f64::NAN };
    hits(&trace.keys, |key| {
        let key = key.to_string();
        pollster::block_on(async {
            if matches!(cache.get::<u64>(&key).await, Ok(Some(_))) {
                return true;
            }
            let _ = cache.insert(&key, 0_u64).await;
            false
        })
    })
}

fn quick(trace: &Trace) -> f64 {
    let cache = quick_cache::sync::Cache::new(usize::try_from(trace.capacity).unwrap_or(0));
    hits(&trace.keys, |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, 0_u64);
        }
        hit
    })
}

/// Evicts the key whose next read is the latest.
fn belady(trace: &Trace) -> f64 {
    let mut next = vec![usize::MAX; trace.keys.len()];
    let mut seen = HashMap::new();
    for (at, key) in trace.keys.iter().enumerate().rev() {
        next[at] = seen.insert(*key, at).unwrap_or(usize::MAX);
    }
    let (mut held, mut order) = (HashMap::new(), BTreeSet::new());
    let mut found = 0;
    for (at, key) in trace.keys.iter().enumerate() {
        if let Some(due) = held.remove(key) {
            order.remove(&(due, *key));
            found += 1;
        }
        held.insert(*key, next[at]);
        order.insert((next[at], *key));
        if held.len() as u64 > trace.capacity
            && let Some((_, key)) = order.pop_last()
        {
            held.remove(&key);
        }
    }
    percent(found, trace.keys.len())
}

fn main() {
    println!(
        "{:>56} {:>8}  best  Auto   Lru   Lfu   Ttl  quick_cache",
        "hits in percent", "entries"
    );
    for trace in traces() {
        print!("{:>56} {:>8} {:>5.1}", trace.name, trace.capacity, belady(&trace));
        for eviction in [Eviction::Auto, Eviction::Lru, Eviction::Lfu, Eviction::Ttl] {
            print!(" {:>5.1}", larder(&trace, eviction));
        }
        println!("  {:>11.1}", quick(&trace));
    }
}

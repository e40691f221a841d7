//! The bytes of an entry: requests to the allocator, without its rounding.

use std::time::Duration;

use cached::{ConcurrentCached, ShardedLruTtlCache};
use larder::{Cache, Eviction, Memory, cached};

use crate::args::Args;
use crate::now::now;
use crate::peers::{self, Foyer, Moka, Quick};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Column, Contender, Side, compare};
use crate::{Result, allocations};

#[cached(cache = cache, skip(cache))]
async fn automatic(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:{id}", cache = cache, skip(cache))]
async fn templated(cache: &Cache, id: u64) -> u64 {
    id
}

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    let column =
        |heading: &str, value| Column { heading: heading.to_owned(), value: args.size(value) };
    let columns =
        [column("60,000 to 120,000 entries", 120_000), column("500,000 to 1,000,000", 1_000_000)];
    let unit = ("bytes", Better::Less);
    let (numbers, texts) = (numbers(), texts());
    Ok(vec![
        compare("bytes of an entry, u64 to u64", unit, &columns, 1, numbers).into(),
        compare("bytes of an entry, user:{id} to u64", unit, &columns, 1, texts).into(),
    ])
}

/// A cache under measurement.
trait Held {
    fn store(&self, id: u64);
    /// Finishes background work.
    fn settle(&self) {}
}

struct Ours<F>(Cache, F);

impl<F: Fn(&Cache, u64) -> u64> Held for Ours<F> {
    fn store(&self, id: u64) {
        self.1(&self.0, id);
    }
    fn settle(&self) {
        self.0.stats();
    }
}

impl<K> Held for (Moka<K, u64>, fn(u64) -> K)
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
{
    fn store(&self, id: u64) {
        now(self.0.insert((self.1)(id), id));
    }
    fn settle(&self) {
        now(self.0.run_pending_tasks());
    }
}

impl<K: std::hash::Hash + Eq> Held for (Quick<K, u64>, fn(u64) -> K) {
    fn store(&self, id: u64) {
        self.0.insert((self.1)(id), id);
    }
}

impl<K> Held for (Foyer<K, u64>, fn(u64) -> K)
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
{
    fn store(&self, id: u64) {
        self.0.insert((self.1)(id), id);
    }
}

impl<K: std::hash::Hash + Eq + Clone> Held for (ShardedLruTtlCache<K, u64>, fn(u64) -> K) {
    fn store(&self, id: u64) {
        let _ = self.0.cache_set((self.1)(id), id);
    }
}

fn number(id: u64) -> u64 {
    id
}

fn text(id: u64) -> String {
    format!("user:{id}")
}

fn numbers<'a>() -> Vec<Contender<'a>> {
    let mut contenders = policies("automatic key", |cache, id| now(automatic(cache, id)));
    contenders.extend(engines(number));
    contenders
}

fn texts<'a>() -> Vec<Contender<'a>> {
    let mut contenders = policies("template", |cache, id| now(templated(cache, id)));
    contenders.extend(engines(text));
    contenders
}

/// larder with each policy.
fn policies<'a>(key: &str, call: fn(&Cache, u64) -> u64) -> Vec<Contender<'a>> {
    let policies = [Eviction::Auto, Eviction::Lru, Eviction::Lfu, Eviction::Ttl];
    let contender = |policy| {
        held(Larder, format!("larder: {policy:?}, {key}"), move |capacity| {
            let memory = Memory::max_entries(capacity as u64).eviction(policy);
            let cache = Cache::builder().memory(memory).build();
            cache.ok().map(|cache| Box::new(Ours(cache, call)) as Box<dyn Held>)
        })
    };
    policies.into_iter().map(contender).collect()
}

fn engines<'a, K>(key: fn(u64) -> K) -> Vec<Contender<'a>>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    vec![
        held(Peer, "cached: sharded LRU with ttl", move |capacity| {
            let ttl = Duration::from_secs(3600);
            let cache = ShardedLruTtlCache::builder().max_size(capacity).ttl(ttl).build();
            cache.ok().map(|cache| Box::new((cache, key)) as Box<dyn Held>)
        }),
        held(Peer, "moka with ttl", move |capacity| {
            Some(Box::new((peers::moka(capacity), key)) as Box<dyn Held>)
        }),
        held(Part, "foyer", move |capacity| {
            Some(Box::new((peers::foyer(capacity), key)) as Box<dyn Held>)
        }),
        held(Part, "quick_cache", move |capacity| {
            Some(Box::new((Quick::new(capacity), key)) as Box<dyn Held>)
        }),
    ]
}

const STEPS: u64 = 10;

/// The average over a doubling of the number of entries, because tables double as they grow. The capacity is a quarter
/// larger, so nothing is evicted.
fn held<'a>(
    side: Side,
    name: impl Into<String>,
    make: impl Fn(usize) -> Option<Box<dyn Held>> + 'a,
) -> Contender<'a> {
    Contender::new(side, name, move |entries| {
        let (mut live, mut bytes, mut stored) = (0, 0.0, 0);
        let (cache, made) = allocations::during(|| make(entries as usize / 4 * 5));
        let Some(cache) = cache else { return f64::NAN };
        live += made.live;
        for step in 1..=STEPS {
            let until = entries / 2 + entries / 2 * step / STEPS;
            let grown = allocations::during(|| {
                (stored..until).for_each(|id| cache.store(id));
                cache.settle();
            });
            stored = until;
            live += grown.1.live;
            bytes += live as f64 / until as f64;
        }
        bytes / STEPS as f64
    })
}

//! Random transactions over a database with savepoints: every read, inside or outside, returns the value that the
//! database would return.

use larder::{Cache, Invalidation, Policy, Transaction, backend::MemoryBackend};
use proptest::prelude::*;

const KEYS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    Begin,
    Commit,
    Rollback,
    /// Dropped: the database may have kept it or not.
    Drop {
        kept: bool,
    },
    /// A write and the eviction or put that follows it, with reads through the cache between the two.
    Write {
        key: usize,
        how: usize,
        between: usize,
    },
    ReadInside {
        key: usize,
    },
    ReadOutside {
        key: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..KEYS;
    prop_oneof![
        2 => Just(Op::Begin),
        1 => Just(Op::Commit),
        1 => Just(Op::Rollback),
        1 => any::<bool>().prop_map(|kept| Op::Drop { kept }),
        4 => (key.clone(), 0..7usize, 0..6usize)
            .prop_map(|(key, how, between)| Op::Write { key, how, between }),
        4 => key.clone().prop_map(|key| Op::ReadInside { key }),
        4 => key.prop_map(|key| Op::ReadOutside { key }),
    ]
}

fn name(key: usize) -> String {
    format!("key:{key}")
}

/// Two tags, two keys each.
fn policy(key: usize) -> Policy {
    const EVEN: Policy = Policy::new().tags(&["even"]);
    const ODD: Policy = Policy::new().tags(&["odd"]);
    if key.is_multiple_of(2) { EVEN } else { ODD }
}

struct World {
    cache: Cache,
    /// The committed state, followed by the view of each open scope.
    views: Vec<[u64; KEYS]>,
    scopes: Vec<Transaction>,
    last: u64,
}

impl World {
    fn new(cache: Cache) -> Self {
        Self { cache, views: vec![[0; KEYS]], scopes: Vec::new(), last: 0 }
    }

    async fn inside<T>(&self, work: impl Future<Output = T>) -> T {
        match self.scopes.last() {
            Some(scope) => scope.run(work).await,
            None => work.await,
        }
    }

    async fn read(&self, key: usize, view: &[u64; KEYS]) -> u64 {
        let load = async || Ok::<_, ()>(view[key]);
        self.cache.entry(name(key)).policy(policy(key)).or_load(load).await.unwrap()
    }

    async fn read_inside(&self, key: usize) {
        let view = self.views.last().unwrap();
        assert_eq!(self.inside(self.read(key, view)).await, view[key], "inside");
        let peeked = self.inside(self.cache.get::<u64>(name(key))).await.unwrap();
        assert!(peeked.is_none_or(|value| value == view[key]), "inside: {peeked:?}");
    }

    async fn read_outside(&self, key: usize) {
        let view = &self.views[0];
        assert_eq!(self.read(key, view).await, view[key], "outside");
    }

    async fn write(&mut self, key: usize, how: usize, between: usize) {
        self.last += 1;
        let value = self.last;
        self.views.last_mut().unwrap()[key] = value;
        // Before the eviction, these reads may return the old value; the values that they load must not stay.
        let view = *self.views.last().unwrap();
        if matches!(between, 1 | 2 | 4) {
            self.inside(self.read(key, &view)).await;
        }
        if between >= 2 {
            let inner = self.inside(async { Transaction::new() }).await;
            inner.run(self.read(key, &view)).await;
            match between {
                2 => inner.commit().await.unwrap(),
                3 | 4 => inner.rollback(),
                _ => drop(inner),
            }
        }
        let (cache, key) = (self.cache.clone(), key);
        let follow = async move {
            match how {
                0 => drop(cache.remove(name(key)).await.unwrap()),
                1 => drop(cache.evict_pattern(format!("*:{key}")).await.unwrap()),
                2 => cache.evict_tag(policy_tag(key)).await.unwrap(),
                3 => cache.clear().await.unwrap(),
                4 => Invalidation::new().cache(&cache).key(name(key)).run().await.unwrap(),
                5 => larder::without_cache(cache.insert(name(key), value)).await.unwrap(),
                _ => cache.entry(name(key)).policy(policy(key)).insert(value).await.unwrap(),
            }
        };
        self.inside(follow).await;
    }

    /// Ends the innermost scope; `kept` tells whether the database keeps its writes.
    fn pop(&mut self, kept: bool) -> Option<Transaction> {
        let scope = self.scopes.pop()?;
        let view = self.views.pop().unwrap();
        if kept {
            *self.views.last_mut().unwrap() = view;
        }
        Some(scope)
    }

    async fn step(&mut self, op: Op) {
        match op {
            Op::Begin if self.scopes.len() < 3 => {
                let scope = self.inside(async { Transaction::new() }).await;
                self.views.push(*self.views.last().unwrap());
                self.scopes.push(scope);
            }
            Op::Begin => {}
            Op::Commit => {
                if let Some(scope) = self.pop(true) {
                    scope.commit().await.unwrap();
                }
            }
            Op::Rollback => {
                if let Some(scope) = self.pop(false) {
                    scope.rollback();
                }
            }
            Op::Drop { kept } => drop(self.pop(kept)),
            Op::Write { key, how, between } => self.write(key, how, between).await,
            Op::ReadInside { key } => self.read_inside(key).await,
            Op::ReadOutside { key } => self.read_outside(key).await,
        }
    }
}

fn policy_tag(key: usize) -> &'static str {
    if key.is_multiple_of(2) { "even" } else { "odd" }
}

async fn play(cache: Cache, ops: &[Op]) {
    let mut world = World::new(cache);
    for op in ops {
        world.step(*op).await;
    }
    while !world.scopes.is_empty() {
        world.step(Op::Commit).await;
    }
    for key in 0..KEYS {
        world.read_outside(key).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..<_>::default() })]
    #[test]
    fn every_read_returns_the_value_of_the_database(ops in prop::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let builder = Cache::builder;
            play(builder().build().unwrap(), &ops).await;
            let backend = MemoryBackend::new();
            play(builder().no_memory().remote(backend).build().unwrap(), &ops).await;
            play(builder().remote(MemoryBackend::new()).build().unwrap(), &ops).await;
        });
    }
}

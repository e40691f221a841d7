//! A miss: the load of a new key, and its insertion into a full cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cached::macros::{cached as peer_cached, concurrent_cached};
use larder::cached;

use crate::args::Args;
use crate::now::now;
use crate::peers::{self, Quick};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Contender, Side, columns, compare};
use crate::{Result, allocations, ours, threads};

/// The capacity of every cache; the attributes below repeat it.
const CAPACITY: usize = 100_000;

#[derive(Debug)]
struct User {
    id: u64,
    name: &'static str,
}

type Shared = Arc<User>;

fn load(id: u64) -> Shared {
    Arc::new(User { id, name: "Ada" })
}

#[cached(ttl = "1h", local)]
async fn automatic(id: u64) -> Shared {
    load(id)
}

#[cached(key = "miss:{id}", ttl = "1h", local)]
async fn templated(id: u64) -> Shared {
    load(id)
}

#[concurrent_cached(max_size = 100_000, ttl_secs = 3600)]
async fn concurrent(id: u64) -> Shared {
    load(id)
}

#[peer_cached(max_size = 100_000, ttl_secs = 3600, sync_writes = "by_key")]
async fn by_key(id: u64) -> Shared {
    load(id)
}

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    ours::install(CAPACITY)?;
    let (moka, foyer) = (peers::moka(CAPACITY), peers::foyer(CAPACITY));
    let quick = Quick::new(CAPACITY);
    let calls = args.size(100_000);
    let misses = || {
        vec![
            miss(Larder, "larder: automatic key", |id| now(automatic(id))),
            miss(Larder, "larder: template", |id| now(templated(id))),
            miss(Peer, "cached: concurrent_cached", |id| now(concurrent(id))),
            miss(Peer, "cached: cached, by_key", |id| now(by_key(id))),
            miss(Peer, "moka: get_with", |id| now(moka.get_with(id, async { load(id) }))),
            miss(Part, "foyer: get, insert", |id| peers::foyer_read(&foyer, id, || load(id))),
            miss(Part, "quick_cache: get, insert", |id| peers::quick_read(&quick, id, || load(id))),
        ]
    };
    let timed = misses().into_iter().map(|miss| miss.timed(calls)).collect();
    let counted = misses().into_iter().map(|miss| miss.counted(calls)).collect();
    let title = format!("miss with an Arc at a capacity of {CAPACITY}");
    Ok(vec![
        compare(
            &title,
            ("ns", Better::Less),
            &columns("threads: {}", threads::numbers()),
            args.rounds(11),
            timed,
        )
        .into(),
        compare(
            "allocations of a miss (one is the value)",
            ("number", Better::Less),
            &columns("threads: {}", [1]),
            1,
            counted,
        )
        .into(),
    ])
}

/// A contender that gets a new key in each call.
struct Miss<'a> {
    side: Side,
    name: &'static str,
    work: Box<dyn Fn(u64) -> Shared + Sync + 'a>,
}

fn miss<'a>(side: Side, name: &'static str, work: impl Fn(u64) -> Shared + Sync + 'a) -> Miss<'a> {
    Miss { side, name, work: Box::new(work) }
}

/// No two calls in the process get the same key.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl<'a> Miss<'a> {
    fn fill(&self) {
        let first = NEXT.fetch_add(2 * CAPACITY as u64, Relaxed);
        (first..first + 2 * CAPACITY as u64).for_each(|id| self.one(id));
    }

    fn one(&self, id: u64) {
        let user = (self.work)(id);
        assert_eq!((user.id, user.name), (id, "Ada"));
    }

    /// The nanoseconds of processor time for a miss on each thread.
    fn timed(self, calls: u64) -> Contender<'a> {
        let mut is_full = false;
        Contender::new(self.side, self.name, move |threads| {
            if !std::mem::replace(&mut is_full, true) {
                self.fill();
            }
            let time = threads::time(threads, |_| {
                let first = NEXT.fetch_add(calls, Relaxed);
                (first..first + calls).for_each(|id| self.one(id));
            });
            time.cpu.as_nanos() as f64 / calls as f64
        })
    }

    /// The allocations of a miss.
    fn counted(self, calls: u64) -> Contender<'a> {
        Contender::new(self.side, self.name, move |_| {
            let first = NEXT.fetch_add(calls, Relaxed);
            let work = || (first..first + calls).for_each(|id| self.one(id));
            allocations::during(work).1.number as f64 / calls as f64
        })
    }
}

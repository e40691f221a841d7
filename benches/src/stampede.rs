//! A stampede: ten thousand tasks request cold keys whose load takes 50 ms.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cached::macros::{cached as peer_cached, concurrent_cached};
use larder::cached;
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::peers::{self, Peers, Quick, Small};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Contender, Side, columns, compare};
use crate::{Result, ours};

const LOAD: Duration = Duration::from_millis(50);

static LOADS: AtomicU64 = AtomicU64::new(0);

async fn load(id: u64) -> u64 {
    LOADS.fetch_add(1, Relaxed);
    tokio::time::sleep(LOAD).await;
    id
}

#[cached(key = "stampede:{id}", ttl = "1h")]
async fn templated(id: u64) -> u64 {
    load(id).await
}

#[peer_cached(max_size = 10_000, ttl_secs = 3600, sync_writes = "by_key")]
async fn by_key(id: u64) -> u64 {
    load(id).await
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 3600)]
async fn concurrent(id: u64) -> u64 {
    load(id).await
}

type Work = Pin<Box<dyn Future<Output = u64> + Send>>;
type Start = Box<dyn Fn(u64) -> Work>;

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    ours::install(Small::CAPACITY)?;
    let runtime = crate::runtime()?;
    let tasks = args.size(10_000);
    let title = format!("{tasks} tasks on cold keys, load of {LOAD:?}");
    let columns = columns("keys: {}", [1, 100]);
    let timed = contenders(&runtime, tasks, |time, _| time.as_secs_f64() * 1e3);
    let counted = contenders(&runtime, tasks, |_, loads| loads as f64);
    Ok(vec![
        compare(&title, ("ms", Better::Less), &columns, args.rounds(11), timed).into(),
        compare("loads of such a stampede", ("loads", Better::Less), &columns, 1, counted).into(),
    ])
}

fn contenders<'a>(
    runtime: &'a Runtime,
    tasks: u64,
    figure: fn(Duration, u64) -> f64,
) -> Vec<Contender<'a>> {
    let moka = peers::moka::<u64, u64>(Small::CAPACITY);
    let quick = Arc::new(Quick::<u64, u64>::new(Small::CAPACITY));
    let foyer = peers::foyer::<u64, u64>(Small::CAPACITY);
    let contender = |side: Side, name: &str, start: Start| {
        Contender::new(side, name, move |keys| {
            let (time, loads) = runtime.block_on(round(&start, tasks, keys));
            figure(time, loads)
        })
    };
    vec![
        contender(
            Larder,
            "larder: template",
            Box::new(|id| Box::pin(async move { templated(id).await })),
        ),
        contender(Peer, "cached: cached, by_key", Box::new(|id| Box::pin(by_key(id)))),
        contender(
            Part,
            "cached: concurrent_cached, a load in every task",
            Box::new(|id| Box::pin(concurrent(id))),
        ),
        contender(
            Peer,
            "moka: get_with",
            Box::new(move |id| {
                let moka = moka.clone();
                Box::pin(async move { moka.get_with(id, load(id)).await })
            }),
        ),
        contender(
            Peer,
            "foyer: get_or_fetch",
            Box::new(move |id| {
                let foyer = foyer.clone();
                let fetch = move || async move { Ok::<_, std::io::Error>(load(id).await) };
                Box::pin(async move {
                    foyer.get_or_fetch(&id, fetch).await.map_or(u64::MAX, |entry| *entry.value())
                })
            }),
        ),
        contender(
            Peer,
            "quick_cache: get_or_insert_async",
            Box::new(move |id| {
                let quick = Arc::clone(&quick);
                Box::pin(async move {
                    let load = async { Ok::<_, ()>(load(id).await) };
                    quick.get_or_insert_async(&id, load).await.unwrap_or(u64::MAX)
                })
            }),
        ),
        contender(Part, "the load alone, in every task", Box::new(|id| Box::pin(load(id)))),
    ]
}

/// No two rounds have the same keys.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The time from the first task to the last, and the number of loads.
async fn round(start: &Start, tasks: u64, keys: u64) -> (Duration, u64) {
    let first = NEXT.fetch_add(keys, Relaxed);
    LOADS.store(0, Relaxed);
    let began = Instant::now();
    let spawn = |task| {
        let id = first + task % keys;
        (id, tokio::spawn(start(id)))
    };
    let running: Vec<_> = (0..tasks).map(spawn).collect();
    for (id, task) in running {
        assert_eq!(task.await.ok(), Some(id), "the value of another key");
    }
    (began.elapsed(), LOADS.load(Relaxed))
}

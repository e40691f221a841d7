//! A stampede: ten thousand tasks request one cold key whose load takes 50 ms. How much longer than
//! the load does the last task wait for its value?
//!
//! `cargo run --release -p benches --bin stampede`. Medians of alternating rounds; machines are
//! shared and noisy.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cached::macros::cached as peer_cached;
use larder::{Cache, cached};

const TASKS: usize = 10_000;
const ROUNDS: u64 = 11;
const LOAD: Duration = Duration::from_millis(50);

static LOADS: AtomicU64 = AtomicU64::new(0);

async fn load(id: u64) -> u64 {
    LOADS.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LOAD).await;
    id
}

#[cached(key = "user:{id}", ttl = "1h")]
async fn ours(id: u64) -> u64 {
    load(id).await
}

#[peer_cached(max_size = 10_000, ttl_secs = 3600, sync_writes = "by_key")]
async fn theirs(id: u64) -> u64 {
    load(id).await
}

type Work = Pin<Box<dyn Future<Output = u64> + Send>>;
type Contender = (&'static str, Box<dyn Fn(u64) -> Work>);

fn contenders() -> Vec<Contender> {
    let moka = Arc::new(moka::future::Cache::<u64, u64>::new(10_000));
    vec![
        ("larder", Box::new(|id| Box::pin(async move { ours(id).await }))),
        ("cached: sync_writes = \"by_key\"", Box::new(|id| Box::pin(theirs(id)))),
        (
            "moka: get_with",
            Box::new(move |id| {
                let moka = Arc::clone(&moka);
                Box::pin(async move { moka.get_with(id, load(id)).await })
            }),
        ),
        ("the load alone, once for each", Box::new(|id| Box::pin(load(id)))),
    ]
}

/// The milliseconds from the first task to the last, without the load, and the number of loads.
async fn round(work: &dyn Fn(u64) -> Work, id: u64) -> (f64, u64) {
    LOADS.store(0, Ordering::Relaxed);
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(work(id))).collect();
    for task in tasks {
        assert_eq!(task.await.ok(), Some(id));
    }
    let beyond = start.elapsed().saturating_sub(LOAD);
    (beyond.as_secs_f64() * 1e3, LOADS.load(Ordering::Relaxed))
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    if let Ok(cache) = Cache::builder().build() {
        cache.install();
    }
    let contenders = contenders();
    let mut rounds = vec![Vec::new(); contenders.len()];
    for id in 0..ROUNDS {
        for ((_, work), rounds) in contenders.iter().zip(&mut rounds) {
            rounds.push(round(work.as_ref(), id).await);
        }
    }
    println!("{TASKS} tasks, a load of {LOAD:?}: milliseconds beyond the load, loads");
    for ((name, _), rounds) in contenders.iter().zip(&mut rounds) {
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (median, loads) = rounds[rounds.len() / 2];
        println!("  {name:<32} {median:>7.1} {loads:>7}");
    }
}

//! What a batch sends to real servers: one pipeline for the values, one script for the leases, one for the commits; on a cluster, one
//! pipeline for each node.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, cached};
use tokio::sync::Semaphore;

use crate::cluster::Cluster;
use crate::support::{Server, eventually};

const ROWS: u64 = 100;

/// How often the body ran, for how many ids, and whether it may end.
#[derive(Clone)]
struct Source {
    runs: Arc<AtomicU64>,
    loaded: Arc<AtomicU64>,
    open: Arc<Semaphore>,
}

impl Source {
    fn new(open: usize) -> Self {
        let zero = Arc::<AtomicU64>::default;
        Self { runs: zero(), loaded: zero(), open: Arc::new(Semaphore::new(open)) }
    }

    async fn began(&self, runs: u64) {
        eventually("the body runs", async || self.runs.load(Ordering::SeqCst) == runs).await;
    }

    fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::SeqCst)
    }
}

#[cached(each = "id in ids", key = "row:{id}", ttl = "1h", cache = cache, skip(cache, source))]
async fn rows(cache: &Cache, source: &Source, ids: &[u64]) -> HashMap<u64, u64> {
    source.runs.fetch_add(1, Ordering::SeqCst);
    source.loaded.fetch_add(ids.len() as u64, Ordering::SeqCst);
    source.open.acquire().await.unwrap().forget();
    ids.iter().map(|id| (*id, id * 3)).collect()
}

async fn process(url: &str) -> Cache {
    let redis = Redis::connect(url).await.unwrap();
    Cache::builder().namespace("batch").remote(redis).build().unwrap()
}

async fn batch(cache: &Cache, source: &Source) -> HashMap<u64, u64> {
    let ids: Vec<u64> = (0..ROWS).collect();
    let rows = rows(cache, source, &ids).await;
    assert!(ids.iter().all(|id| rows.get(id) == Some(&(id * 3))), "{rows:?}");
    rows
}

async fn stored(cache: &Cache, rows: u64) {
    eventually("all are stored", async || cache.stats().remote_stores == rows).await;
}

/// How often a command was called, by clients and by scripts.
fn calls(server: &Server, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line =
        stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// How often the server has read from its clients: a pipeline is one read, or some.
fn reads(server: &Server) -> u64 {
    let stats = server.cli(&["INFO", "stats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_batch_is_two_scripts() {
    let server = Server::start();
    let (cache, source) = (process(&server.url()).await, Source::new(9));
    // The scripts and the namespace's generation are there from here on.
    rows(&cache, &source, &[1_000, 1_001]).await;
    stored(&cache, 2).await;
    server.cli(&["CONFIG", "RESETSTAT"]);
    batch(&cache, &source).await;
    stored(&cache, 2 + ROWS).await;
    assert_eq!(calls(&server, "evalsha"), 2, "the leases, and the commits");
    assert_eq!((calls(&server, "mget"), calls(&server, "eval")), (1, 0), "one generation");
    assert_eq!(source.runs.load(Ordering::SeqCst), 2);
    assert_eq!(server.cli(&["KEYS", "batch~lease*"]), "", "no lease is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_load_each_row_once() {
    let server = Server::start();
    let (one, two) = (process(&server.url()).await, process(&server.url()).await);
    let (first, second) = (Source::new(0), Source::new(9));
    let leader = tokio::spawn({
        let (one, first) = (one.clone(), first.clone());
        async move { batch(&one, &first).await }
    });
    first.began(1).await;
    let waiter = tokio::spawn({
        let (two, second) = (two.clone(), second.clone());
        async move { batch(&two, &second).await }
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!waiter.is_finished(), "the leases are renewed: they last for three seconds");
    first.open.add_permits(1);
    assert_eq!(leader.await.unwrap(), waiter.await.unwrap());
    assert_eq!((first.loaded(), second.loaded()), (ROWS, 0));
}

/// The server loses all leases while the body runs. The callers get their values, which are not stored under lost leases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_that_a_killed_server_has_lost_refuse_the_commits() {
    let mut server = Server::start();
    let (cache, source) = (process(&server.url()).await, Source::new(0));
    let loading = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { batch(&cache, &source).await }
    });
    source.began(1).await;
    server.restart();
    eventually("the server is reached", async || cache.get::<u64>("other").await.is_ok()).await;
    source.open.add_permits(9);
    assert_eq!(loading.await.unwrap().len() as u64, ROWS);
    eventually("the commits are refused", async || cache.stats().fenced == ROWS).await;
    assert_eq!(server.cli(&["KEYS", "batch:row:*"]), "", "nothing was stored");
    // Neither has memory kept what the fleet does not have.
    batch(&cache, &source).await;
    assert_eq!(source.loaded(), 2 * ROWS);
    stored(&cache, ROWS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_gets_a_pipeline_for_each_node() {
    let cluster = Cluster::start();
    let (cache, source) = (process(&cluster.url()).await, Source::new(9));
    let warm: Vec<u64> = (1_000..1_100).collect();
    rows(&cache, &source, &warm).await;
    stored(&cache, ROWS).await;
    let before: u64 = cluster.servers.iter().map(reads).sum();
    batch(&cache, &source).await;
    stored(&cache, 2 * ROWS).await;
    let reads = cluster.servers.iter().map(reads).sum::<u64>() - before;
    // Each node answers a few pipelines; replicas, heartbeats and the questions of this test come on top.
    assert!(reads < ROWS, "{reads} reads of the servers for {ROWS} rows: no pipelines?");
    let other = process(&cluster.url()).await;
    assert_eq!(batch(&other, &source).await.len() as u64, ROWS);
    assert_eq!(source.loaded(), 2 * ROWS, "the other process has found all");
}

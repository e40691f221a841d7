//! What a cold miss sends to a real server: one script that reads and requests the lease, and one that stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Source, cached};
use tokio::sync::Semaphore;

use crate::support::{Server, eventually};

/// How often the body ran, and whether it may end.
#[derive(Clone)]
struct Rows {
    loads: Arc<AtomicU64>,
    open: Arc<Semaphore>,
}

impl Rows {
    fn new(open: usize) -> Self {
        Self { loads: Arc::default(), open: Arc::new(Semaphore::new(open)) }
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

#[cached(key = "row:{id}", tags = ["rows"], ttl = "1h", cache = cache, skip(cache, rows))]
async fn row(cache: &Cache, rows: &Rows, id: u64) -> u64 {
    rows.loads.fetch_add(1, Ordering::SeqCst);
    rows.open.acquire().await.unwrap().forget();
    id
}

async fn process(server: &Server, memory: bool) -> Cache {
    let redis = Redis::connect(format!("{}?operation_timeout=10s", server.url())).await.unwrap();
    let builder = Cache::builder().namespace("cold").remote(redis);
    if memory { builder } else { builder.no_memory() }.build().unwrap()
}

/// How often clients and scripts have called a command.
fn calls(server: &Server, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let prefix = format!("cmdstat_{command}:calls=");
    let line = stats.lines().find_map(|line| line.strip_prefix(&prefix));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

fn leases(server: &Server) -> usize {
    server.cli(&["KEYS", "cold~lease*"]).lines().filter(|line| !line.is_empty()).count()
}

/// A server that knows the scripts and the generations.
async fn warm(cache: &Cache) -> Rows {
    let rows = Rows::new(1_000);
    for id in 1_000..1_003 {
        row(cache, &rows, id).await;
    }
    eventually("all are stored", async || cache.stats().remote_stores == 3).await;
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_miss_is_two_scripts() {
    for memory in [false, true] {
        let server = Server::start();
        let cache = process(&server, memory).await;
        let rows = warm(&cache).await;
        server.cli(&["CONFIG", "RESETSTAT"]);
        assert_eq!(row(&cache, &rows, 1).traced().await.source, Source::Loaded);
        if !memory {
            assert_eq!(calls(&server, "evalsha"), 2, "the caller waits for the store");
        }
        eventually("it is stored", async || cache.stats().remote_stores == 4).await;
        assert_eq!(calls(&server, "evalsha"), 2, "one for the value or the lease, one to store");
        assert_eq!((calls(&server, "mget"), calls(&server, "eval")), (0, 0), "nothing else");
        assert_eq!((rows.loads(), leases(&server)), (4, 0));
        let stats = cache.stats();
        assert_eq!((stats.remote_misses, stats.remote_errors), (4, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_are_not_scripts() {
    let server = Server::start();
    let rows = warm(&process(&server, false).await).await;
    let reader = process(&server, false).await;
    server.cli(&["CONFIG", "RESETSTAT"]);
    // It expects to find nothing, because it has not read anything yet.
    assert_eq!(row(&reader, &rows, 1_000).traced().await.source, Source::Remote);
    assert_eq!(calls(&server, "evalsha"), 1);
    for id in [1_001, 1_002, 1_000, 1_001] {
        assert_eq!(row(&reader, &rows, id).traced().await.source, Source::Remote);
    }
    assert_eq!((calls(&server, "evalsha"), calls(&server, "mget")), (1, 4));
    assert_eq!((rows.loads(), leases(&server)), (3, 0));
    // A miss among hits requests its lease after it has found nothing. The first such miss also sends the script.
    assert_eq!(row(&reader, &rows, 1).traced().await.source, Source::Loaded);
    assert_eq!(row(&reader, &rows, 1_000).traced().await.source, Source::Remote);
    server.cli(&["CONFIG", "RESETSTAT"]);
    assert_eq!(row(&reader, &rows, 2).traced().await.source, Source::Loaded);
    assert_eq!((calls(&server, "evalsha"), calls(&server, "mget")), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_one_key_request_one_lease() {
    for memory in [false, true] {
        let server = Server::start();
        let cache = process(&server, memory).await;
        warm(&cache).await;
        server.cli(&["CONFIG", "RESETSTAT"]);
        let rows = Rows::new(0);
        let call = || {
            let (cache, rows) = (cache.clone(), rows.clone());
            tokio::spawn(async move { row(&cache, &rows, 1).await })
        };
        let callers: Vec<_> = (0..20).map(|_| call()).collect();
        eventually("the body runs", async || rows.loads() == 1).await;
        assert_eq!((calls(&server, "evalsha"), leases(&server)), (1, 1));
        rows.open.add_permits(1);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 1);
        }
        eventually("it is stored", async || cache.stats().remote_stores == 4).await;
        assert_eq!((rows.loads(), leases(&server)), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_waits_for_a_lease_that_came_with_a_read() {
    let server = Server::start();
    let (one, two) = (process(&server, false).await, process(&server, false).await);
    warm(&one).await;
    let (first, second) = (Rows::new(0), Rows::new(9));
    server.cli(&["CONFIG", "RESETSTAT"]);
    let leader = tokio::spawn({
        let (one, first) = (one.clone(), first.clone());
        async move { row(&one, &first, 1).await }
    });
    eventually("the first body runs", async || first.loads() == 1).await;
    let waiter = tokio::spawn({
        let (two, second) = (two.clone(), second.clone());
        async move { row(&two, &second, 1).traced().await }
    });
    eventually("the other asks", async || calls(&server, "evalsha") >= 2).await;
    first.open.add_permits(1);
    assert_eq!(leader.await.unwrap(), 1);
    assert_eq!(waiter.await.unwrap().source, Source::Remote);
    assert_eq!((first.loads(), second.loads(), leases(&server)), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_read_gives_its_lease_back() {
    let server = Server::start();
    let cache = process(&server, false).await;
    let rows = warm(&cache).await;
    server.cli(&["CONFIG", "RESETSTAT"]);
    // The server gets the request only after the caller is gone.
    server.stop();
    let dropped = tokio::time::timeout(Duration::from_millis(50), row(&cache, &rows, 1)).await;
    assert!(dropped.is_err());
    server.cont();
    eventually("the request arrives, and the lease ends", async || {
        calls(&server, "evalsha") == 2 && leases(&server) == 0
    })
    .await;
    assert_eq!(row(&cache, &rows, 1).traced().await.source, Source::Loaded);
}

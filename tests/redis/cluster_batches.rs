//! Operations on many keys, on a cluster: each node handles its part.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::redis::Redis;
use larder::testing::conformance;
use larder::{
    Cache, Error, Pattern,
    backend::{Backend, BackendErrorKind, Bytes, Message, MessageHandler, SetEntry},
};

use crate::cluster::Cluster;
use crate::support::{cli, eventually};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|event| event == what)
    }
}

impl MessageHandler for Log {
    fn connected(&self) {
        self.message(b"connected");
    }
    fn disconnected(&self) {
        self.message(b"disconnected");
    }
    fn message(&self, message: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(message).into_owned());
    }
}

fn write(key: &str, size: usize) -> SetEntry {
    SetEntry::new(key, Bytes::from(vec![b'x'; size]))
}

/// One cluster for all tests that leave it intact, because a start takes a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_across_the_nodes() {
    let cluster = Cluster::start();
    // A busy machine may take longer than the usual time.
    let redis = Redis::builder(cluster.url()).operation_timeout(Duration::from_secs(10));
    let redis = redis.connect().await.unwrap();
    conformance(&redis).await;
    batches_reach_every_node(&cluster, &redis).await;
    patterns_reach_every_node(&cluster, &redis).await;
    notices_come_from_every_node(&cluster, &redis).await;
    scripts_are_loaded_where_they_are_missing(&cluster, &redis).await;
    a_node_that_is_full_refuses_its_own_keys_only(&cluster, &redis).await;
    a_node_that_stands_still_does_not_hold_up_the_others(&cluster).await;
}

/// Three chunks for each node, and more bytes than fit into one.
async fn batches_reach_every_node(cluster: &Cluster, redis: &Redis) {
    let writes: Vec<SetEntry> = (0..2000).map(|id| write(&format!("batch:{id}"), 2000)).collect();
    let calls = |server: &crate::support::Server| -> u64 {
        let stats = server.cli(&["info", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        line.unwrap().trim().parse().unwrap()
    };
    redis.set(&writes, None).await.unwrap();
    let mut keys: Vec<&str> = writes.iter().map(|write| write.key.as_str()).collect();
    keys.insert(700, "absent");
    keys.push("batch:0");
    let before: u64 = cluster.servers.iter().map(calls).sum();
    let found = redis.get_many(&keys, usize::MAX).await.unwrap();
    let reads = cluster.servers.iter().map(calls).sum::<u64>() - before;
    assert!(reads < 400, "{reads} reads of the servers for 2,000 keys: no pipelines?");
    assert_eq!(found.len(), 2002);
    assert!(found.iter().enumerate().all(|(at, value)| value.is_some() == (at != 700)));
    assert!(cluster.servers[..3].iter().all(|server| server.cli(&["dbsize"]) != "0"));
    assert_eq!(redis.remove(&keys, None).await.unwrap(), 2000, "each once");
    assert_eq!(redis.get_many(&keys[..3], usize::MAX).await.unwrap(), [None, None, None]);
}

async fn patterns_reach_every_node(cluster: &Cluster, redis: &Redis) {
    let writes: Vec<SetEntry> = (0..3000).map(|id| write(&format!("page:{id}"), 1)).collect();
    redis.set(&writes, None).await.unwrap();
    let (mut cursor, mut found) = (0, std::collections::BTreeSet::new());
    loop {
        let page = redis.scan(&Pattern::new("page:*"), cursor).await.unwrap();
        found.extend(page.keys);
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(found.len(), 3000);

    let cache = larder::Cache::builder().namespace("pages").remote(redis.clone()).build().unwrap();
    for id in 0..200 {
        cache.insert(&format!("list:{id}"), id).await.unwrap();
    }
    cache.insert("other", 1).await.unwrap();
    let mut told = Vec::new();
    let eviction = cache.evict_pattern("list:*").on_progress(|progress| told.push(*progress));
    assert_eq!(eviction.await.unwrap(), 200);
    let steps: Vec<u64> = told.iter().map(|progress| progress.removed).collect();
    assert!(steps.is_sorted() && steps.last() == Some(&200), "{steps:?}");
    let pages = told.last().unwrap().pages;
    assert!(pages >= 6, "leases and values, of each master by itself: {pages}");
    assert_eq!(cache.keys("*").await.unwrap(), ["other"]);
    let left: Vec<String> = cluster.servers[..3]
        .iter()
        .map(|server| cli(server.port(), &["--scan", "--pattern", "pages:list:*"]))
        .collect();
    assert!(left.iter().all(String::is_empty), "{left:?}");
}

async fn notices_come_from_every_node(cluster: &Cluster, redis: &Redis) {
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    eventually("connected", async || log.has("connected")).await;
    for (place, server) in cluster.servers.iter().enumerate() {
        server.cli(&["publish", "bus", &place.to_string()]);
        eventually("heard", async || log.has(&place.to_string())).await;
    }
    // One notice for keys on several nodes: it is sent after the last of them.
    let keys: Vec<String> = (0..50).map(|id| format!("told:{id}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let message = Bytes::from("all of them");
    redis.remove(&keys, Some(&Message::new("bus", message))).await.unwrap();
    eventually("heard", async || log.has("all of them")).await;
    assert!(!log.has("disconnected"));
}

async fn scripts_are_loaded_where_they_are_missing(cluster: &Cluster, redis: &Redis) {
    for server in &cluster.servers {
        server.cli(&["script", "flush"]);
    }
    let writes: Vec<SetEntry> = (0..300).map(|id| write(&format!("flushed:{id}"), 1)).collect();
    redis.set(&writes, None).await.unwrap();
    let keys: Vec<&str> = writes.iter().map(|write| write.key.as_str()).collect();
    assert_eq!(redis.remove(&keys, None).await.unwrap(), 300);
}

async fn a_node_that_is_full_refuses_its_own_keys_only(cluster: &Cluster, redis: &Redis) {
    let cache = Cache::builder().namespace("full").remote(redis.clone()).build().unwrap();
    let keys: Vec<String> = (0..60).map(|id| format!("row:{id}")).collect();
    let place = |key: &String| cluster.master_of(&format!("full:{key}"));
    // The entry that all keys of the namespace need must be on another node.
    cache.insert("other", 1u64).await.unwrap();
    let full = cluster.master_of("full~space");
    let full = (0..3).find(|node| *node != full).unwrap();
    cluster.servers[full].cli(&["config", "set", "maxmemory", "1"]);
    let stored = cache.insert_many(keys.iter().map(|key| (key.as_str(), 1u64))).await;
    cluster.servers[full].cli(&["config", "set", "maxmemory", "0"]);
    let error = stored.unwrap_err();
    assert!(error.to_string().contains(" of 60 failed, the first one `row:"), "{error}");
    let Error::Several { failed, of: 60, .. } = error else { panic!("{error}") };
    assert!(failed.iter().all(|(_, error)| error.to_string().contains("OOM")), "{failed:?}");
    let failed: Vec<String> = failed.into_iter().map(|(key, _)| key).collect();
    let refused: Vec<String> = keys.iter().filter(|key| place(key) == full).cloned().collect();
    assert_eq!(failed, refused, "exactly the keys on the full node");
    let other = Cache::builder().namespace("full").no_memory().remote(redis.clone());
    let other = other.build().unwrap();
    for key in &keys {
        let found = other.get::<u64>(key.as_str()).await.unwrap();
        assert_eq!(found.is_some(), !refused.contains(key), "the others are stored: {key}");
    }
}

/// A replica that stands still receives no requests. A master that stands still affects only its own keys.
async fn a_node_that_stands_still_does_not_hold_up_the_others(cluster: &Cluster) {
    let builder = Redis::builder(cluster.url()).operation_timeout(Duration::from_secs(1));
    let redis = builder.connect().await.unwrap();
    let keys: Vec<String> = (0..60).map(|id| format!("still:{id}")).collect();
    let still = cluster.master_of(&keys[0]);
    let (on_it, elsewhere): (Vec<_>, Vec<_>) =
        keys.iter().map(String::as_str).partition(|key| cluster.master_of(key) == still);
    for server in &cluster.servers {
        server.cli(&["script", "flush"]);
    }
    let replica = cluster.replica_of(still);
    cluster.servers[replica].stop();
    for key in &keys {
        redis.bump(key).await.expect("no replica is needed to load a script");
    }
    cluster.servers[still].stop();
    for key in &elsewhere {
        redis.bump(key).await.expect("another node's key");
    }
    redis.bump(on_it[0]).await.expect_err("the node does not answer");
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (key, found) in keys.iter().zip(redis.get_each(&keys, usize::MAX).await) {
        assert_eq!(found.is_ok(), elsewhere.contains(key), "each has an answer of its own: {key}");
    }
    let error = redis.get_many(&keys, usize::MAX).await.expect_err("one node does not answer");
    assert!(error.is_of_a_part(), "{error}");
    let removed = redis.remove_each(&keys, None).await;
    let failed: Vec<&str> = removed.failed.iter().map(|(place, _)| keys[*place]).collect();
    assert_eq!(failed, on_it, "the others are removed");
    assert_eq!(removed.count, elsewhere.len() as u64);
    let writes: Vec<SetEntry> = keys.iter().map(|key| write(key, 1)).collect();
    for (key, stored) in keys.iter().zip(redis.set_each(&writes, None).await) {
        assert_eq!(stored.is_ok(), elsewhere.contains(key), "the others are stored: {key}");
    }
    cluster.servers[still].cont();
    cluster.servers[replica].cont();
    cluster.settles();
    eventually("it answers again", async || redis.bump(on_it[0]).await.is_ok()).await;
}

#[tokio::test]
async fn errors_name_the_cause() {
    let port = crate::support::free_port();
    let url = format!("redis-cluster://:hunter2@127.0.0.1:{port}");
    let error = Redis::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    // The lazy form starts without a server; most requests fail quickly.
    let redis = Redis::lazy(&url).unwrap();
    let began = std::time::Instant::now();
    for _ in 0..20 {
        let error = redis.get_many(&["a", "b"], usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Unreachable, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!format!("{redis:?}").contains("hunter2"));
    redis.close().await;
    assert!(redis.ping().await.unwrap_err().to_string().contains("was closed"));

    let alone = crate::support::Server::start();
    let url = format!("redis-cluster://127.0.0.1:{}", alone.port());
    let error = Redis::connect(url).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Refused);
    assert!(error.to_string().contains("cluster support disabled"), "{error}");
}

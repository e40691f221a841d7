//! A part of a cluster is lost for good, including its replica: the other parts work without interruption.

use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, Error, Source, cached};

use crate::cluster::Cluster;
use crate::support::eventually;

/// The operation timeout.
const TIMEOUT: Duration = Duration::from_secs(1);

#[cached(key = "row:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

/// The keys of a namespace on the lost node, and those on other nodes. The entry that the whole namespace needs is on
/// another node too.
struct Parts {
    namespace: String,
    away: Vec<u64>,
    there: Vec<u64>,
}

impl Parts {
    fn of(cluster: &Cluster, node: usize) -> Self {
        let lies_there = |key: String| cluster.slot_was_of(&key, node);
        let mut namespaces = (0..).map(|number| format!("parts{number}"));
        let namespace = namespaces.find(|name| !lies_there(format!("{name}~space"))).unwrap();
        let (away, there) = (0..60).partition(|id| lies_there(format!("{namespace}:row:{id}")));
        Self { namespace, away, there }
    }
}

/// Until the client knows of the loss, writes to other nodes may fail too.
async fn some_are_not_stored(cache: &Cache, away: &[u64], there: &[u64]) {
    let key = |id: &u64| format!("row:{id}");
    let values = || away.iter().chain(there).map(|id| (key(id), *id));
    eventually("keys on other nodes are stored", async || {
        let Err(Error::Several { failed, of, .. }) = cache.insert_many(values()).await else {
            panic!("a part is away");
        };
        assert_eq!(of, away.len() + there.len());
        let failed: Vec<String> = failed.into_iter().map(|(key, _)| key).collect();
        away.iter().map(key).collect::<Vec<_>>() == failed
    })
    .await;
}

#[cached(key = "page:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn page(cache: &Cache, id: u64) -> u64 {
    id
}

/// A pending pattern blocks reads of the keys that match it, and of no others. A `clear` is not pending: cleared values
/// on the lost node cannot be read, so they do not block other keys.
async fn wide_evictions_block_only_matching_keys(cache: &Cache, away: &[u64], there: &[u64]) {
    let source = async |id| page(cache, id).traced().await.source;
    for id in there {
        page(cache, *id).await;
    }
    let reachable = there.iter().copied();
    let mut kept = Vec::new();
    for id in reachable {
        // Pages are on other nodes than the rows.
        if source(id).await == Source::Remote {
            kept.push(id);
        }
    }
    assert!(kept.len() > 10, "{kept:?}");
    row(cache, there[0]).await;
    let error = cache.evict_pattern("row:*").await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    let began = Instant::now();
    for id in &kept {
        assert_eq!(
            source(*id).await,
            Source::Remote,
            "a pending pattern blocks only matching keys"
        );
    }
    assert!(began.elapsed() < 4 * TIMEOUT, "{:?}", began.elapsed());
    let reads = row(cache, there[0]).traced().await;
    assert_eq!(
        reads.source,
        Source::Loaded,
        "an evicted value is not read while the eviction is pending"
    );
    drop(cache.remove(&format!("row:{}", away[0])).await);

    cache.clear().await.expect("a clear needs no reachable node but its own");
    for id in &kept {
        assert_eq!(source(*id).await, Source::Loaded, "it was cleared");
        assert_eq!(source(*id).await, Source::Remote, "the tier is used");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_part_affects_only_its_own_keys() {
    let mut cluster = Cluster::start();
    let Parts { namespace, away, there } = Parts::of(&cluster, 0);
    let builder = Redis::builder(cluster.url()).operation_timeout(TIMEOUT);
    let redis = builder.connect().await.unwrap();
    let cache = Cache::builder().namespace(namespace).no_memory().remote(redis).build().unwrap();
    for id in away.iter().chain(&there) {
        row(&cache, *id).await;
    }
    let replica = cluster.replica_of(0);
    cluster.servers[replica].kill();
    cluster.servers[0].kill();

    some_are_not_stored(&cache, &away, &there).await;

    // Alternates reads and evictions of lost keys with reads of other keys.
    let (mut elsewhere, mut longest) = (0, Duration::ZERO);
    for round in 0..4 {
        for (turn, id) in there.iter().enumerate() {
            for nth in 0..4 {
                let away = away[(turn * 4 + nth) % away.len()];
                let began = Instant::now();
                match (turn + nth) % 7 {
                    0 => drop(cache.remove(&format!("row:{away}")).await.unwrap_err()),
                    _ => assert_eq!(row(&cache, away).await, away),
                }
                longest = longest.max(began.elapsed());
            }
            let began = Instant::now();
            let read = row(&cache, *id).traced().await;
            let took = began.elapsed();
            // Until the client knows of the loss, a call may fail.
            if round > 0 {
                elsewhere += u64::from(read.source != Source::Remote);
                assert!(took < 2 * TIMEOUT, "{took:?}");
            }
        }
    }
    eprintln!(
        "a part is away: {elsewhere} of {} reads elsewhere were loads; the longest call {longest:?}",
        3 * there.len()
    );
    assert_eq!(elsewhere, 0, "reads of other nodes hit");
    assert!(longest < 4 * TIMEOUT, "{longest:?}");

    wide_evictions_block_only_matching_keys(&cache, &away, &there).await;

    // The node is back, and the evicted value is gone.
    cluster.servers[0].restart();
    eventually("it is used again", async || {
        row(&cache, away[1]).traced().await.source == Source::Remote
    })
    .await;
}

//! A part of a cluster is away for good, its replica too: the rest goes on as if nothing had happened.

use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, Error, Source, cached};

use crate::cluster::Cluster;
use crate::support::eventually;

#[cached(key = "row:{id}", ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    id
}

/// The keys of a namespace on the node that goes, and those elsewhere; what the namespace needs for all its
/// keys lies elsewhere, too.
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

/// Until the loss is known, more may fail than what is away.
async fn some_are_not_stored(cache: &Cache, away: &[u64], there: &[u64]) {
    let key = |id: &u64| format!("row:{id}");
    let values = || away.iter().chain(there).map(|id| (key(id), *id));
    eventually("what is elsewhere is stored", async || {
        let Err(Error::Several { failed, of }) = cache.insert_many(values()).await else {
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

/// An owed pattern keeps what matches it from being read, and nothing else. What was cleared is dead: the room
/// that it takes up on a node that is away is no reason to leave the others alone.
async fn wide_evictions_cost_what_they_are_about(cache: &Cache, away: &[u64], there: &[u64]) {
    let source = async |id| page(cache, id).traced().await.source;
    for id in there {
        page(cache, *id).await;
    }
    let reachable = there.iter().copied();
    let mut kept = Vec::new();
    for id in reachable {
        // Pages do not lie where the rows do.
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
        assert_eq!(source(*id).await, Source::Remote, "a pattern costs what it covers");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let reads = row(cache, there[0]).traced().await;
    assert_eq!(reads.source, Source::Loaded, "what was evicted is not read while that is owed");
    drop(cache.remove(&format!("row:{}", away[0])).await);

    cache.clear().await.expect("all is dead, wherever it lies");
    for id in &kept {
        assert_eq!(source(*id).await, Source::Loaded, "it was cleared");
        assert_eq!(source(*id).await, Source::Remote, "the tier is used");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_away_costs_its_own_keys_only() {
    let mut cluster = Cluster::start();
    let Parts { namespace, away, there } = Parts::of(&cluster, 0);
    let builder = Redis::builder(cluster.url()).operation_timeout(Duration::from_millis(300));
    let redis = builder.connect().await.unwrap();
    let cache = Cache::builder().namespace(namespace).no_memory().remote(redis).build().unwrap();
    for id in away.iter().chain(&there) {
        row(&cache, *id).await;
    }
    let replica = cluster.replica_of(0);
    cluster.servers[replica].kill();
    cluster.servers[0].kill();

    some_are_not_stored(&cache, &away, &there).await;

    // Reads, and evictions, of what is away come between those of what is not.
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
            // Until the loss is known, a call may meet it.
            if round > 0 {
                elsewhere += u64::from(read.source != Source::Remote);
                assert!(took < Duration::from_secs(1), "{took:?}");
            }
        }
    }
    eprintln!(
        "a part is away: {elsewhere} of {} reads elsewhere were loads; the longest call {longest:?}",
        3 * there.len()
    );
    assert_eq!(elsewhere, 0, "what is elsewhere is read there");
    assert!(longest < Duration::from_secs(2), "{longest:?}");

    wide_evictions_cost_what_they_are_about(&cache, &away, &there).await;

    // It is back, and what was evicted is not there.
    cluster.servers[0].restart();
    eventually("it is used again", async || {
        row(&cache, away[1]).traced().await.source == Source::Remote
    })
    .await;
}

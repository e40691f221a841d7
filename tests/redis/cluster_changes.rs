//! A cluster changes: masters die or hand over, and slots move. The functions do not notice.

use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{
    Pattern,
    backend::{Backend, Bytes, SetEntry},
};

use crate::cluster::Cluster;
use crate::load::Load;
use crate::sentinel::until;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_is_killed_under_load() {
    let mut cluster = Cluster::start();
    let load = Load::start(&cluster.url()).await;
    load.goes_on(Duration::from_secs(1)).await;
    let killed = Instant::now();
    cluster.servers[0].kill();
    let key =
        (0..).map(|id| format!("load:x{id}")).find(|key| cluster.slot_was_of(key, 0)).unwrap();
    let key = key.strip_prefix("load:").unwrap().to_owned();
    eventually("its slots are served again", async || load.caches[2].insert(&key, 1).await.is_ok())
        .await;
    let served = killed.elapsed();
    load.goes_on(Duration::from_secs(1)).await;
    let book = load.end("cluster, a master killed").await;
    eprintln!("its slots are served again after {served:?}");
    assert!(served < Duration::from_secs(6), "{served:?}");
    assert_eq!(book.old, 0, "an acknowledged eviction holds");
    assert!(book.longest_behind < served + Duration::from_secs(2), "{book:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over_and_slots_move_under_load() {
    let cluster = Cluster::start();
    let load = Load::start(&cluster.url()).await;
    load.goes_on(Duration::from_millis(500)).await;

    let replica = cluster.replica_of(0);
    assert_eq!(cluster.servers[replica].cli(&["cluster", "failover"]), "OK");
    until("it is the master", || cluster.servers[replica].cli(&["role"]).starts_with("master"));
    load.goes_on(Duration::from_millis(500)).await;

    // All slots of the load, whether their keys are there at this moment or not.
    let moved = cluster.move_slots(load.keys(), 1, 2);
    assert!(moved > 5, "{moved} slots moved");
    load.goes_on(Duration::from_millis(500)).await;
    let book = load.end("cluster, handed over and slots moved").await;
    assert_eq!(book.old, 0, "an acknowledged eviction holds");
    assert!(book.longest_behind < Duration::from_secs(3), "{book:?}");
}

/// While a slot is being moved, no script can use a value and its lease together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_reaches_a_slot_that_is_being_moved() {
    let cluster = Cluster::start();
    let redis = Redis::connect(cluster.url()).await.unwrap();
    let write = |key: &str| SetEntry::new(key, Bytes::from("old"));
    // All keys are in one slot: some stay, some have moved, some are new.
    let keys: Vec<String> = (0..6).map(|id| format!("shop:{{slot}}:{id}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let writes: Vec<SetEntry> = keys.iter().map(|key| write(key)).collect();
    redis.set(&writes[..4], None).await.unwrap();
    let from = cluster.master_of(keys[0]);
    let to = (0..3).find(|place| *place != from).unwrap();
    let slot = cluster.servers[0].cli(&["cluster", "keyslot", keys[0]]);
    cluster.open(&slot, from, to);
    cluster.carry(keys[0], from, to);
    cluster.carry(keys[1], from, to);

    let found = redis.get_many(&keys, usize::MAX).await.unwrap();
    assert!(found[..4].iter().all(Option::is_some), "moved keys are read from their new node");
    redis.set(&writes[3..], None).await.expect("a put, too, goes key by key");
    assert!(redis.get_many(&keys, usize::MAX).await.unwrap().iter().all(Option::is_some));
    // A pattern finds keys on both nodes.
    let listed = scanned(&redis, "shop:*", async |_| {}).await;
    assert_eq!(listed.len(), 6);
    assert_eq!(redis.remove(&keys, None).await.unwrap(), 6);
    assert!(redis.get_many(&keys, usize::MAX).await.unwrap().iter().all(Option::is_none));
    cluster.close(&slot, to);
    eventually("the slot has moved", async || redis.set(&writes, None).await.is_ok()).await;
    assert_eq!(cluster.servers[to].cli(&["exists", keys[0], keys[5]]), "2");
}

/// During the search for a pattern, a key moves from a master that has not been scanned yet to one that has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_finds_keys_that_move_meanwhile() {
    let cluster = Cluster::start();
    let redis = Redis::connect(cluster.url()).await.unwrap();
    // The masters are scanned in the order of their ports.
    let mut masters = [0, 1, 2];
    masters.sort_by_key(|place| cluster.servers[*place].port());
    let [to, from, _] = masters;
    let mut there =
        (0..).map(|id| format!("list:{id}")).filter(|key| cluster.slot_was_of(key, from));
    for stays_open in [true, false] {
        let key = there.next().unwrap();
        let value = Bytes::from("1");
        redis.set(&[SetEntry::new(key.clone(), value)], None).await.unwrap();
        let slot = cluster.servers[0].cli(&["cluster", "keyslot", &key]);
        let listed = scanned(&redis, "list:*", async |page| {
            if page == 0 {
                cluster.open(&slot, from, to);
                cluster.carry(&key, from, to);
                if !stays_open {
                    cluster.close(&slot, to);
                }
            }
        });
        assert!(listed.await.contains(&key), "the slot is still open: {stays_open}");
        cluster.close(&slot, to);
    }
}

/// Returns the keys that match, and runs `between` between two pages.
async fn scanned(
    redis: &Redis,
    pattern: &str,
    between: impl AsyncFn(usize),
) -> std::collections::BTreeSet<String> {
    let (mut keys, mut cursor) = (std::collections::BTreeSet::new(), 0);
    for number in 0.. {
        let page = redis.scan(&Pattern::new(pattern), cursor).await.unwrap();
        keys.extend(page.keys);
        between(number).await;
        let Some(next) = page.next else { break };
        cursor = next;
    }
    keys
}

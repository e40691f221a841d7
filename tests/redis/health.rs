//! The health of a cache with several servers: which server is down, and which one is the master.

use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache,
    backend::{Backend, NodeLink, NodeRole},
    health::{Health, Monitor, Status},
};

use crate::cluster::Cluster;
use crate::sentinel::Watched;
use crate::support::{eventually, within};

const SECOND: Duration = Duration::from_secs(1);

fn down(health: &Health) -> Vec<&str> {
    let servers = &health.remote.as_ref().unwrap().servers;
    servers.down().map(|node| node.address.as_str()).collect()
}

async fn cache(url: &str, namespace: &str) -> (Redis, Cache) {
    let redis = Redis::connect(url).await.unwrap();
    let builder = Cache::builder().namespace(namespace).remote(redis.clone());
    let cache = builder.build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    (redis, cache)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_that_is_away_is_named() {
    let mut cluster = Cluster::start();
    let (redis, cache) = cache(&cluster.url(), "part").await;
    let health = cache.probe(SECOND).await;
    assert!(health.is_up(), "{health}");
    let servers = &health.remote.as_ref().unwrap().servers;
    let masters: Vec<u16> = (0..3).map(|place| cluster.servers[place].port()).collect();
    for port in &masters {
        let address = format!("127.0.0.1:{port}");
        let node = servers.nodes.iter().find(|node| node.address == address).unwrap();
        assert_eq!((node.role, node.link), (NodeRole::Master, NodeLink::Up));
    }
    assert_eq!(servers.nodes.len(), 3);

    // Each node reports its own fields.
    let info = redis.info().await.unwrap();
    for port in &masters {
        assert_eq!(info[&format!("127.0.0.1:{port}/tcp_port")], port.to_string());
    }
    let (send, told) = std::sync::mpsc::channel();
    let monitor = Monitor::every(Duration::from_millis(100))
        .remote_degraded_for(Duration::from_millis(1))
        .on_alert(move |alert| {
            let _ = send.send(alert.clone());
        });
    let _monitoring = cache.monitor(monitor).unwrap();

    // A master and its replica die, so no server takes over.
    let gone = cluster.master_of("key");
    let replica = cluster.replica_of(gone);
    cluster.servers[replica].kill();
    cluster.servers[gone].kill();
    let address = format!("127.0.0.1:{}", cluster.servers[gone].port());
    let mut health = cache.health();
    eventually("it is named", async || {
        for key in 0..30 {
            let _ = cache.get::<u64>(&*format!("other:{key}")).await;
        }
        health = cache.health();
        down(&health) == [address.as_str()]
    })
    .await;
    assert_eq!(health.status, Status::Degraded);
    assert!(health.to_string().contains(&format!("master {address} down")), "{health}");
    // The other nodes still report their fields.
    let info = redis.info().await.unwrap();
    assert!(!info.contains_key(&format!("{address}/tcp_port")));
    assert_eq!(info.keys().filter(|name| name.ends_with("/tcp_port")).count(), 2);
    let alert = told.recv_timeout(10 * SECOND).unwrap();
    assert_eq!(alert.threshold, "remote_degraded_for");

    cluster.servers[gone].restart();
    // No call reads: the checks of the monitor detect it.
    eventually("it is back", async || down(&cache.health()).is_empty()).await;
    within(20 * SECOND, "all is well", async || cache.health().is_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_that_sentinels_name() {
    let mut watched = Watched::start(1);
    let (_, cache) = cache(&watched.url(), "named").await;
    let health = cache.probe(SECOND).await;
    assert!(health.is_up(), "{health}");
    let master = |health: &Health| {
        let servers = &health.remote.as_ref().unwrap().servers;
        let [node] = &servers.nodes[..] else { panic!("{servers:?}") };
        assert_eq!(node.role, NodeRole::Master);
        (node.address.clone(), node.link, servers.failovers)
    };
    let at = |place: usize| format!("127.0.0.1:{}", watched.servers[place].port());
    let (first, second) = (at(0), at(1));
    assert_eq!(master(&health), (first, NodeLink::Up, 0));
    watched.servers[0].kill();
    eventually("the other one is in charge", async || {
        let health = cache.probe(SECOND).await;
        master(&health) == (second.clone(), NodeLink::Up, 1)
    })
    .await;
    eventually("all is well", async || cache.probe(SECOND).await.is_up()).await;
}

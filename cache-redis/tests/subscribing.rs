//! Subscriptions survive everything that ends a connection.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_core::{Backend, Message, MessageHandler};
use cache_redis::Redis;
use common::{Proxy, Server, eventually, lasting};

#[derive(Default)]
struct Log(Mutex<Vec<(String, Instant)>>);

impl Log {
    fn add(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push((event.into(), Instant::now()));
    }

    fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(event, _)| event.clone()).collect()
    }

    /// The time from the event at `at` to the next one.
    fn until_next(&self, at: usize) -> Duration {
        let events = self.0.lock().unwrap();
        events[at + 1].1.duration_since(events[at].1)
    }

    async fn reaches(&self, expected: &[&str]) {
        eventually(&format!("{expected:?}"), async || self.events().len() >= expected.len()).await;
        assert_eq!(self.events(), expected);
    }
}

impl MessageHandler for Log {
    fn connected(&self) {
        self.add("connected");
    }
    fn disconnected(&self) {
        self.add("disconnected");
    }
    fn message(&self, message: &[u8]) {
        self.add(String::from_utf8_lossy(message));
    }
}

fn notice(message: &'static str) -> Message {
    Message::new("bus", Bytes::from(message))
}

#[tokio::test]
async fn comes_back_with_the_server() {
    let mut server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    redis.publish(&notice("one")).await.unwrap();
    log.reaches(&["connected", "one"]).await;
    server.kill();
    log.reaches(&["connected", "one", "disconnected"]).await;
    server.restart();
    log.reaches(&["connected", "one", "disconnected", "connected"]).await;
    eventually("published", async || redis.publish(&notice("two")).await.is_ok()).await;
    log.reaches(&["connected", "one", "disconnected", "connected", "two"]).await;
}

/// The network is cut for a while (25 s with `LARDER_LONG`), and no command is sent. The client's
/// own subscriptions stay dead after that until a command is sent over them.
#[tokio::test]
async fn an_idle_subscriber_survives_an_outage() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    proxy.down();
    tokio::time::sleep(lasting(Duration::from_secs(3), Duration::from_secs(25))).await;
    proxy.up();
    log.reaches(&["connected", "disconnected", "connected"]).await;
    assert_eq!(server.cli(&["PUBLISH", "bus", "heard"]), "1");
    log.reaches(&["connected", "disconnected", "connected", "heard"]).await;
}

#[tokio::test]
async fn waits_for_a_server_that_comes_later() {
    let mut server = Server::start();
    server.kill();
    let redis = Redis::lazy(server.url()).unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(log.events().is_empty());
    server.restart();
    log.reaches(&["connected"]).await;
}

#[tokio::test]
async fn a_killed_client_comes_back() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    log.reaches(&["connected", "disconnected", "connected"]).await;
}

/// No message is published, so only the heartbeat can reveal the loss.
#[tokio::test]
async fn a_silent_link_is_noticed_and_replaced() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    let began = Instant::now();
    proxy.freeze();
    log.reaches(&["connected", "disconnected", "connected"]).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    server.cli(&["PUBLISH", "bus", "after"]);
    log.reaches(&["connected", "disconnected", "connected", "after"]).await;
}

#[tokio::test]
async fn heartbeats_keep_a_quiet_link() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    tokio::time::sleep(Duration::from_millis(2300)).await;
    redis.publish(&notice("still")).await.unwrap();
    log.reaches(&["connected", "still"]).await;
}

#[tokio::test]
async fn dropping_ends_it() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    drop(subscription);
    eventually("gone", async || server.cli(&["PUBSUB", "NUMSUB", "bus"]).ends_with('0')).await;
    redis.publish(&notice("nobody")).await.unwrap();
    assert!(!log.events().contains(&"nobody".to_owned()));
    assert_eq!(Arc::strong_count(&log), 1);
}

/// A flood neither loses messages nor starves other subscriptions on the same thread.
#[tokio::test]
async fn a_flood_arrives_whole() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    server.cli(&["EVAL", "for n = 1, 20000 do redis.call('PUBLISH', 'bus', n) end", "0"]);
    eventually("all", async || log.events().len() == 20_001).await;
    assert_eq!(log.events()[20_000], "20000");
}

/// A message in the wire format: bytes 5 to 12 (from 0) are the sender, followed by the number.
fn forged(number: u64, message: &[u8]) -> Vec<u8> {
    let mut frame = b"\xf5LB1\0somebody".to_vec();
    frame.extend(number.to_be_bytes());
    frame.extend(message);
    frame
}

#[tokio::test]
async fn missing_messages_are_noticed_and_late_ones_put_in_order() {
    let server = Server::start();
    let redis = Redis::connect(server.url()).await.unwrap();
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    for number in [7u64, 9, 10, 8, 8] {
        server.publish_bytes("bus", &forged(number, number.to_string().as_bytes()));
    }
    log.reaches(&["connected", "7", "8", "9", "10", "8"]).await;
    server.publish_bytes("bus", &forged(12, b"12"));
    let mut expected = vec!["connected", "7", "8", "9", "10", "8", "12"];
    log.reaches(&expected).await;
    expected.extend(["disconnected", "connected"]);
    log.reaches(&expected).await;
    let alone = log.until_next(6);
    assert!(alone > Duration::from_millis(500), "not held back for what may be lost: {alone:?}");
    // A later version of the format, and nonsense.
    server.publish_bytes("bus", b"\xf5LB2 whatever");
    expected.extend(["disconnected", "connected"]);
    log.reaches(&expected).await;
}

/// A sender without heartbeats may be unreachable.
#[tokio::test]
async fn missing_heartbeats_are_noticed() {
    let server = Server::start();
    let builder = || Redis::builder(server.url()).bus_heartbeat(Duration::from_millis(300));
    let (one, other) = (builder().connect().await.unwrap(), builder().connect().await.unwrap());
    let (log, quiet) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let _subscription = one.subscribe("bus", Arc::clone(&log) as _).unwrap();
    let others = other.subscribe("bus", Arc::clone(&quiet) as _).unwrap();
    log.reaches(&["connected"]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    log.reaches(&["connected"]).await;
    drop(others);
    log.reaches(&["connected", "disconnected", "connected"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    log.reaches(&["connected", "disconnected", "connected"]).await;
}

/// A server that replies, but does not distribute the messages.
#[tokio::test]
async fn a_link_to_the_wrong_place_is_noticed_and_replaced() {
    let (server, wrong) = (Server::start(), Server::start());
    let proxy = Proxy::start(server.port());
    let url = format!("{}?bus_heartbeat=1s", proxy.url());
    let redis = Redis::connect(url).await.unwrap();
    redis.ping().await.unwrap();
    proxy.lead_to(wrong.port());
    let log = Arc::new(Log::default());
    let _subscription = redis.subscribe("bus", Arc::clone(&log) as _).unwrap();
    log.reaches(&["connected"]).await;
    proxy.lead_to(server.port());
    log.reaches(&["connected", "disconnected", "connected"]).await;
    redis.publish(&notice("here")).await.unwrap();
    log.reaches(&["connected", "disconnected", "connected", "here"]).await;
}

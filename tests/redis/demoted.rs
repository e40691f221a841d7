//! A server that has become a replica accepts connections and rejects writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::backend::{Backend, BackendErrorKind, Bytes, SetEntry};
use larder::redis::Redis;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::deaf::deafen_others;
use crate::support::{Proxy, Server, eventually, free_port};

/// Counts the warnings about Redis.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= tracing::Level::WARN {
            self.0.lock().unwrap().push(event.metadata().name().to_owned());
        }
    }
}

fn write() -> SetEntry {
    SetEntry::new("a", Bytes::from("1"))
}

#[tokio::test]
async fn operations_do_not_reconnect_to_a_replica_each_time() {
    deafen_others();
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _logged = tracing::subscriber::set_default(subscriber);
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    redis.set(&[write()], None).await.unwrap();

    server.cli(&["replicaof", "127.0.0.1", &free_port().to_string()]);
    let before = proxy.accepted();
    let tried = tokio::time::Instant::now();
    let mut refused = 0;
    while tried.elapsed() < Duration::from_secs(2) {
        let error = redis.set(&[write()], None).await.expect_err("a replica takes no writes");
        assert!(error.to_string().contains("replica"), "{error}");
        refused += u32::from(error.kind() == BackendErrorKind::Unreachable);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Two attempts immediately, then pauses of 50 to 100 ms, 100 to 200 ms, and so on.
    let connections = proxy.accepted() - before;
    assert!(connections <= 10, "{connections} connections in two seconds");
    assert!(refused > 50, "operations fail without a connection: {refused}");
    let warnings = warnings.0.lock().unwrap().clone();
    assert_eq!(warnings.len(), 1, "one line for the state: {warnings:?}");

    server.cli(&["replicaof", "no", "one"]);
    eventually("writes are taken again", async || redis.set(&[write()], None).await.is_ok()).await;
}

/// The same name may lead to a new master: the first operation after the demotion already finds it.
#[tokio::test]
async fn the_first_reconnection_does_not_wait() {
    let (old, new) = (Server::start(), Server::start());
    let proxy = Proxy::start(old.port());
    let redis = Redis::connect(proxy.url()).await.unwrap();
    redis.set(&[write()], None).await.unwrap();
    old.cli(&["replicaof", "127.0.0.1", &free_port().to_string()]);
    proxy.lead_to(new.port());
    redis.set(&[write()], None).await.unwrap();
    assert_eq!(new.cli(&["get", "a"]), "1");
}

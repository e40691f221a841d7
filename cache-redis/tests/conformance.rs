//! Runs the conformance suite for backends.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::time::Duration;

use cache_redis::Redis;
use cache_testkit::conformance;
use common::Server;

#[tokio::test]
async fn redis_conforms() {
    let server = Server::start();
    // The rules do not depend on speed.
    let redis = Redis::builder(server.url()).operation_timeout(Duration::from_secs(5));
    conformance(&redis.connect().await.unwrap()).await;
}

//! The suite that every backend has to pass.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use cache_core::testing::conformance;
use cache_redis::Redis;
use common::Server;

#[tokio::test]
async fn redis_conforms() {
    let server = Server::start();
    conformance(&Redis::connect(server.url()).await.unwrap()).await;
}

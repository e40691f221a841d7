//! The conformance suite over every backend there is, bare and behind every wrapper.

use std::sync::Arc;

use larder::redis::Redis;
use larder::testing::conformance;
use larder::{Backend, MemoryBackend};

use crate::support::{Proxy, Server};

async fn over_every_wrapper(backend: impl Backend + Clone) {
    conformance(&backend).await;
    let boxed: Box<dyn Backend> = Box::new(backend.clone());
    conformance(&boxed).await;
    let shared: Arc<dyn Backend> = Arc::new(backend.clone());
    conformance(&shared).await;
    let leaked: &'static dyn Backend = Box::leak(Box::new(backend));
    conformance(&leaked).await;
    let nested: Box<dyn Backend> = Box::new(Arc::new(leaked));
    conformance(&nested).await;
}

#[tokio::test]
async fn of_the_memory_backend() {
    over_every_wrapper(MemoryBackend::new()).await;
}

#[tokio::test]
async fn of_redis() {
    let server = Server::start();
    over_every_wrapper(Redis::connect(server.url()).await.unwrap()).await;
}

#[tokio::test]
async fn of_a_redis_that_connects_at_the_first_operation() {
    let server = Server::start();
    conformance(&Redis::lazy(server.url()).unwrap()).await;
}

#[tokio::test]
async fn of_a_distant_redis() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    proxy.delay(std::time::Duration::from_millis(2));
    conformance(&Redis::connect(proxy.url()).await.unwrap()).await;
}

#[tokio::test]
async fn wrapped_backends_are_remote_tiers() {
    let backend = MemoryBackend::new();
    let boxed: Box<dyn Backend> = Box::new(backend.clone());
    let shared: Arc<dyn Backend> = Arc::new(backend.clone());
    let leaked: &'static dyn Backend = Box::leak(Box::new(backend.clone()));
    let builder = larder::Cache::builder;
    let caches = [
        builder().remote(backend).build().unwrap(),
        builder().remote(boxed).build().unwrap(),
        builder().remote(shared).build().unwrap(),
        builder().remote(leaked).build().unwrap(),
    ];
    for (number, writer) in (0u64..).zip(&caches) {
        writer.insert("shared", number).await.unwrap();
        for reader in &caches {
            assert_eq!(reader.get::<u64>("shared").await.unwrap(), Some(number));
        }
    }
}

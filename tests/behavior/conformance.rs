//! The conformance suite over every backend, bare and behind every wrapper.

use std::sync::Arc;
use std::time::Duration;

use larder::backend::{Backend, MemoryBackend};
use larder::redis::Redis;
use larder::testing::conformance;

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

/// As the author of a backend writes it. The expression may be async.
mod as_a_macro {
    use larder::backend::MemoryBackend;
    use larder::testing::{Faulty, conformance};

    mod of_all {
        async fn open() -> Result<larder::backend::MemoryBackend, String> {
            Ok(larder::backend::MemoryBackend::new())
        }
        larder::testing::conformance!(open().await.unwrap());
    }

    mod without_leases {
        use super::*;
        conformance!(Faulty::new(MemoryBackend::new()).without_leases(), leases = false);
    }

    mod without_bus {
        use super::*;
        conformance!(
            Box::new(Faulty::new(MemoryBackend::new()).without_bus()),
            bus = false,
            leases = true
        );
    }

    mod without_either {
        use super::*;
        conformance! {
            Faulty::new(MemoryBackend::new()).without_bus().without_leases(),
            bus = false,
            leases = false,
        }
    }
}

/// The suite detects an option that denies an existing capability.
#[test]
fn options_cannot_hide_a_capability() {
    use larder::testing::{Faulty, check};
    let says = |rule: &'static str, backend: fn() -> Faulty<MemoryBackend>| {
        let panic = std::panic::catch_unwind(|| check(rule, async { backend() })).unwrap_err();
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap()
    };
    let whole = || Faulty::new(MemoryBackend::new());
    assert!(says("has_no_leases", whole).contains("remove `leases = false`"));
    assert!(says("has_no_bus", whole).contains("remove `bus = false`"));
    let bare = || Faulty::new(MemoryBackend::new()).without_bus().without_leases();
    assert!(says("lease_has_one_holder", bare).contains("write `leases = false`"));
    assert!(says("notices_arrive_in_order", bare).contains("write `bus = false`"));
}

/// The rules do not depend on the speed of the machine.
async fn patient(url: String) -> Redis {
    Redis::builder(url).operation_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

#[tokio::test]
async fn of_redis() {
    let server = Server::start();
    over_every_wrapper(patient(server.url()).await).await;
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
    proxy.delay(Duration::from_millis(2));
    conformance(&patient(proxy.url()).await).await;
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

//! A backend without a bus: nobody else can see its store, so that `publish` has nobody to tell.

use std::sync::Arc;
use std::time::Duration;

use larder::{
    Backend, BackendError, BackendErrorKind, BackendResult, Cache, Listener, MemoryBackend, Notice,
    Page, Pattern, Policy, Read, Subscription, Write,
};

/// `publish` and `subscribe` are `Unsupported`.
#[derive(Clone)]
struct Mute(MemoryBackend);

fn unsupported(operation: &'static str) -> BackendError {
    BackendError::new(BackendErrorKind::Unsupported, operation, "there is no bus")
}

impl Backend for Mute {
    fn name(&self) -> &str {
        "mute"
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<Read>>> {
        self.0.get_many(keys, most)
    }
    fn set<'a>(&'a self, entries: &'a [Write], _: Option<&'a Notice>) -> BackendResult<'a, ()> {
        self.0.set(entries, None)
    }
    fn remove<'a>(&'a self, keys: &'a [&'a str], _: Option<&'a Notice>) -> BackendResult<'a, u64> {
        self.0.remove(keys, None)
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        self.0.generations(keys, keep)
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.0.bump(key)
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        self.0.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, _: &'a Notice) -> BackendResult<'a, ()> {
        Box::pin(async { Err(unsupported("publish")) })
    }
    fn subscribe(&self, _: &str, _: Arc<dyn Listener>) -> Result<Subscription, BackendError> {
        Err(unsupported("subscribe"))
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.0.ping()
    }
}

mod rules {
    use larder::MemoryBackend;

    larder::testing::conformance!(super::Mute(MemoryBackend::new()), leases = false, bus = false);
}

#[tokio::test]
async fn evictions_need_nobody_to_tell() {
    for memory in [true, false] {
        let builder = Cache::builder().remote(Mute(MemoryBackend::new()));
        let builder = if memory { builder } else { builder.no_memory() };
        let cache = builder.build().unwrap();
        let fill = async || {
            let policy = Policy::new().tags(&["rows"]);
            cache.insert_with("row:1", 1u64, policy).await.unwrap();
            assert_eq!(cache.get::<u64>("row:1").await.unwrap(), Some(1));
        };
        let gone = async || cache.get::<u64>("row:1").await.unwrap().is_none();
        fill().await;
        assert!(cache.remove("row:1").await.unwrap());
        assert!(gone().await);
        fill().await;
        assert_eq!(cache.evict_pattern("row:*").await.unwrap(), 1);
        assert!(gone().await);
        fill().await;
        cache.evict_tag("rows").await.unwrap();
        assert!(gone().await);
        fill().await;
        cache.clear().await.unwrap();
        assert!(gone().await);
    }
}

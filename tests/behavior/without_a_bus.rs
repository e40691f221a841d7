//! A backend without a bus: no other process can see its store, so `publish` has no receiver.

use std::sync::Arc;
use std::time::Duration;

use larder::{
    Cache, Pattern, Policy,
    backend::{
        Backend, BackendError, BackendErrorKind, BackendResult, MemoryBackend, Message,
        MessageHandler, ScanPage, SetEntry, StoredValue, Subscription,
    },
};

/// `publish` is `Unsupported`, and so is `subscribe` unless `hears` is set.
#[derive(Clone)]
struct Mute {
    store: MemoryBackend,
    hears: bool,
}

impl Mute {
    fn new(hears: bool) -> Self {
        Self { store: MemoryBackend::new(), hears }
    }
}

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
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        self.store.get_many(keys, most)
    }
    fn set<'a>(&'a self, entries: &'a [SetEntry], _: Option<&'a Message>) -> BackendResult<'a, ()> {
        self.store.set(entries, None)
    }
    fn remove<'a>(&'a self, keys: &'a [&'a str], _: Option<&'a Message>) -> BackendResult<'a, u64> {
        self.store.remove(keys, None)
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        self.store.generations(keys, keep)
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.store.bump(key)
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        self.store.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, _: &'a Message) -> BackendResult<'a, ()> {
        Box::pin(async { Err(unsupported("publish")) })
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        match self.hears {
            true => self.store.subscribe(channel, listener),
            false => Err(unsupported("subscribe")),
        }
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.store.ping()
    }
}

mod rules {
    larder::testing::conformance!(super::Mute::new(false), leases = false, bus = false);
}

#[tokio::test]
async fn evictions_need_no_bus() {
    for memory in [true, false] {
        let builder = Cache::builder().remote(Mute::new(false));
        let builder = if memory { builder } else { builder.no_memory() };
        let cache = builder.build().unwrap();
        let fill = async || {
            let policy = Policy::new().tags(&["rows"]);
            cache.entry("row:1").policy(policy).insert(1u64).await.unwrap();
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

/// An unsupported operation is not a failure of the store.
#[tokio::test]
async fn an_unsupported_operation_is_not_a_failure() {
    let cache = Cache::builder().remote(Mute::new(false)).build().unwrap();
    cache.insert("row:1", 1u64).await.unwrap();
    cache.evict_pattern("other:*").await.unwrap();
    // `replace` is unsupported too: the entry is evicted instead.
    cache.expire("row:1", Duration::from_secs(60)).await.unwrap();
    assert_eq!(cache.get::<u64>("row:1").await.unwrap(), None);
    let health = cache.health();
    let remote = health.remote.as_ref().unwrap();
    assert!(health.is_up() && remote.last_error.is_none(), "{health:?}");
    assert!(remote.bus.linked && !remote.bus.supported, "{health:?}");
}

/// If there are subscribers, an eviction that cannot be published has failed.
#[tokio::test]
async fn with_a_bus_an_eviction_that_cannot_be_published_is_an_error() {
    let cache = Cache::builder().remote(Mute::new(true)).build().unwrap();
    cache.insert("row:1", 1u64).await.unwrap();
    assert!(cache.evict_pattern("row:*").await.is_err());
    assert!(cache.clear().await.is_err());
}

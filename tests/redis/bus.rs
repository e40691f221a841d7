//! The bus is cut, or falls silent, while Redis itself works: a value that is evicted meanwhile is served until the
//! cache detects the loss, and no longer.

use std::sync::Arc;
use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Pattern, Source,
    backend::{
        Backend, BackendError, BackendResult, Leases, Message, MessageHandler, ScanPage, SetEntry,
        StoredValue, Subscription,
    },
};

use crate::load::{Load, item};
use crate::support::{Proxy, Server, eventually, lasting};

/// A ping every second, and half a second for its answer.
const NOTICED: Duration = Duration::from_millis(1500);

/// Tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// One connection for requests, another one for the subscription.
struct TwoWays {
    asks: Redis,
    hears: Redis,
}

impl Backend for TwoWays {
    fn name(&self) -> &str {
        self.asks.name()
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        self.asks.get_many(keys, most)
    }
    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        self.asks.set(entries, notice)
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        self.asks.remove(keys, notice)
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        self.asks.generations(keys, keep)
    }
    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        self.asks.prolong(seen, keep)
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.asks.bump(key)
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        self.asks.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        self.asks.publish(notice)
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        self.hears.subscribe(channel, listener)
    }
    fn leases(&self) -> Option<&dyn Leases> {
        self.asks.leases()
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.asks.ping()
    }
}

/// The cache that only receives evictions is subscribed through the proxy.
async fn behind(proxy: &Proxy, server: &Server) -> Load {
    let redis = async |url: String| Redis::connect(url).await.unwrap();
    let ear = TwoWays { asks: redis(server.url()).await, hears: redis(proxy.url()).await };
    let load = Load::over([
        Arc::new(redis(server.url()).await),
        Arc::new(ear),
        Arc::new(redis(server.url()).await),
    ]);
    let load = load.await;
    load.goes_on(Duration::from_secs(1)).await;
    load
}

async fn ends(load: Load, what: &str, bound: Duration) {
    let ear = load.caches[1].clone();
    let origin = load.origin.clone();
    let book = load.end(what).await;
    assert_eq!(book.old, 0, "an acknowledged eviction holds");
    assert!(book.longest_behind < bound + SLACK, "{book:?}");
    assert_eq!(book.unacknowledged, 0, "Redis was there all the time");
    eventually("memory is trusted again", async || {
        item(&ear, &origin, 0).await.unwrap();
        item(&ear, &origin, 0).traced().await.source == Source::Memory
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_for_some_seconds() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let load = behind(&proxy, &server).await;
    proxy.down();
    load.goes_on(lasting(Duration::from_secs(4), Duration::from_secs(30))).await;
    proxy.up();
    load.goes_on(Duration::from_secs(3)).await;
    ends(load, "bus cut", Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_for_some_seconds() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let load = behind(&proxy, &server).await;
    proxy.freeze_all();
    load.goes_on(lasting(Duration::from_secs(4), Duration::from_secs(30))).await;
    proxy.thaw();
    load.goes_on(Duration::from_secs(3)).await;
    ends(load, "bus silent", NOTICED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_can_wait_for_the_link() {
    let server = Server::start();
    let cache = || async {
        let redis = Redis::connect(server.url()).await.unwrap();
        larder::Cache::builder().remote(redis).build().unwrap()
    };
    let linked = cache().await;
    assert!(linked.wait_linked(Duration::from_secs(30)).await && linked.is_linked());
    assert!(linked.wait_linked(Duration::ZERO).await);

    let (lost, closed) = (cache().await, cache().await);
    assert!(lost.wait_linked(Duration::from_secs(30)).await);
    closed.close().await.unwrap();
    let long = tokio::time::timeout(Duration::from_secs(30), closed.wait_linked(Duration::MAX));
    assert!(!long.await.unwrap(), "a closed cache is not waited for");
    drop(server);
    eventually("the loss is noticed", async || !lost.is_linked()).await;
    assert!(!lost.wait_linked(Duration::from_millis(20)).await);
    // In memory there is nothing to wait for.
    assert!(larder::Cache::builder().build().unwrap().wait_linked(Duration::ZERO).await);
}

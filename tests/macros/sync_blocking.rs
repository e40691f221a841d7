//! Sync functions that wait for the remote tier (`blocking`), in programs with and without a runtime.

use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Error, Source, backend::MemoryBackend, cache_evict, cached, call};

use crate::Loads;
use crate::support::Server;

static LOADS: Loads = Loads::new();

#[cached(key = "square:{n}", ttl = "1m", memory_ttl = "30s", blocking, cache = cache, skip(cache))]
fn square(cache: &Cache, n: u64) -> Result<u64, Error> {
    LOADS.count();
    Ok(n * n)
}

/// Two caches over one server are two processes.
fn processes(server: &Server) -> [Cache; 2] {
    [true, false].map(|memory| {
        let redis = larder::block_on(Redis::connect(server.url())).unwrap();
        let builder = Cache::builder().namespace("sync").remote(redis);
        let builder = if memory { builder } else { builder.no_memory() };
        builder.build().unwrap()
    })
}

#[test]
fn without_a_runtime_processes_share_values() {
    let server = Server::start();
    let [one, other] = processes(&server);
    let before = LOADS.get();
    assert_eq!(square(&one, 3).unwrap(), 9);
    assert_eq!(square(&one, 3).unwrap(), 9);
    larder::block_on(one.close()).unwrap();
    assert_eq!(square(&other, 3).unwrap(), 9);
    assert_eq!(square(&other, 3).unwrap(), 9);
    assert_eq!(LOADS.get() - before, 1, "the other process reads the value");
    let traced = larder::block_on(call!(square(&other, 3)).traced());
    assert_eq!((traced.value.unwrap(), traced.source), (9, Source::Remote));
    assert!(larder::block_on(call!(square(&other, 3)).evict()).unwrap());
    assert_eq!(square(&other, 3).unwrap(), 9);
    assert_eq!(LOADS.get() - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_spawn_blocking_it_works_and_the_body_sees_its_runtime() {
    #[cached(key = "runtime", blocking, cache = cache, skip(cache))]
    fn runtime(cache: &Cache) -> bool {
        tokio::runtime::Handle::try_current().is_ok()
    }
    let cache = Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
    let seen = {
        let cache = cache.clone();
        tokio::task::spawn_blocking(move || runtime(&cache)).await.unwrap()
    };
    assert!(seen);
    // Read from the store.
    let source = call!(runtime(&cache)).traced().await.source;
    assert_eq!(source, Source::Remote);
}

#[cached(key = "total:{n}", blocking, cache = cache, skip(cache))]
fn total(cache: &Cache, n: u64) -> u64 {
    if n == 0 { 0 } else { n + total(cache, n - 1) }
}

struct Books {
    cache: Cache,
}

impl Books {
    #[cached(key = "book:{id}", blocking, cache = self.cache, skip(self))]
    pub(crate) fn title(&self, id: u64) -> String {
        format!("book {id}")
    }

    #[cache_evict(call!(self.title(id)))]
    fn rename(&self, id: u64) {}
}

#[test]
fn it_calls_itself_and_methods_are_evicted() {
    let store = MemoryBackend::new();
    let cache = Cache::builder().remote(store).build().unwrap();
    assert_eq!(total(&cache, 50), 1_275);
    let books = Books { cache: cache.clone() };
    assert_eq!(books.title(7), "book 7");
    assert!(larder::block_on(cache.contains::<String>("book:7")).unwrap());
    books.rename(7);
    assert!(!larder::block_on(cache.contains::<String>("book:7")).unwrap());
}

#[derive(Clone, Debug, PartialEq)]
struct Unavailable;

impl From<Error> for Unavailable {
    fn from(_: Error) -> Self {
        Self
    }
}

#[cached(key = "strict:{n}", blocking, on_error = "fail", cache = cache, skip(cache))]
fn strict(cache: &Cache, n: u64) -> Result<u64, Unavailable> {
    Ok(n)
}

#[test]
fn a_dead_server_is_an_error_only_if_that_is_requested() {
    let mut server = Server::start();
    let redis = Redis::builder(server.url()).operation_timeout(Duration::from_millis(200));
    let redis = larder::block_on(redis.connect()).unwrap();
    let cache = Cache::builder().remote(redis).build().unwrap();
    assert_eq!(strict(&cache, 7), Ok(7));
    server.kill();
    assert_eq!(strict(&cache, 8), Err(Unavailable));
    assert_eq!(total(&cache, 3), 6);
}

//! Old values in a real Redis: reads that take them, errors that they replace, loads that see them.

use std::sync::Mutex;

use larder::redis::Redis;
use larder::{Cache, Source, cached};

use crate::support::{Server, eventually};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Failed {
    NotFound,
    Unreachable,
}

/// What the next load returns, and what the loads saw.
#[derive(Default)]
struct Origin {
    next: Mutex<Option<Result<u64, Failed>>>,
    seen: Mutex<Vec<Option<u64>>>,
}

impl Origin {
    fn set(&self, next: Result<u64, Failed>) {
        *self.next.lock().unwrap() = Some(next);
    }

    fn load(&self, old: Option<u64>) -> Result<u64, Failed> {
        self.seen.lock().unwrap().push(old);
        // Without a new value the old one is still right.
        (*self.next.lock().unwrap()).unwrap_or_else(|| old.ok_or(Failed::NotFound))
    }

    fn seen(&self) -> Vec<Option<u64>> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[cached(key = "price", ttl = "1h", stale_if_error = "1h", throttle = "1ms", stale_if = |error| *error == Failed::Unreachable,
    previous = old, cache = cache, skip(cache, origin))]
async fn price(cache: &Cache, origin: &Origin) -> Result<u64, Failed> {
    origin.load(old)
}

/// A process: its cache over the server, without or with a memory tier.
async fn process(server: &Server, memory: bool) -> Cache {
    let redis = Redis::connect(server.url()).await.unwrap();
    let builder = Cache::builder().remote(redis);
    let cache = if memory { builder } else { builder.no_memory() }.build().unwrap();
    eventually("the bus is connected", async || cache.is_linked()).await;
    cache
}

/// For each tiering: the process that stored 1 and marked it stale, and one that has only Redis to find it.
async fn in_each(test: impl AsyncFn(&Cache, &Origin)) {
    for memory in [false, true] {
        for elsewhere in [false, true] {
            let server = Server::start();
            let (writer, origin) = (process(&server, memory).await, Origin::default());
            origin.set(Ok(1));
            assert_eq!(price(&writer, &origin).await, Ok(1));
            // The store of a load ends after the call.
            let info = async || price(&writer, &origin).inspect().await.unwrap();
            eventually("stored", async || info().await.remote.is_some()).await;
            assert!(price(&writer, &origin).mark_stale().await.unwrap());
            origin.seen();
            match elsewhere {
                true => test(&process(&server, memory).await, &origin).await,
                false => test(&writer, &origin).await,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_accepted_by_reads_that_ask_for_them() {
    in_each(async |cache, origin| {
        assert_eq!(cache.get::<u64>("price").await.unwrap(), None);
        assert_eq!(cache.entry("price").accept_stale().get::<u64>().await.unwrap(), Some(1));
        let read = price(cache, origin).accept_stale().traced().await;
        assert_eq!((read.value, read.source), (Ok(1), Source::Stale));
        assert!(origin.seen().is_empty(), "nothing was loaded");
        cache.remove("price").await.unwrap();
        assert_eq!(cache.entry("price").accept_stale().get::<u64>().await.unwrap(), None);
        origin.set(Ok(2));
        assert_eq!(price(cache, origin).accept_stale().await, Ok(2));
        assert_eq!(origin.seen(), [None]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_the_errors_that_the_function_names() {
    in_each(async |cache, origin| {
        for _ in 0..2 {
            origin.set(Err(Failed::NotFound));
            assert_eq!(price(cache, origin).await, Err(Failed::NotFound));
        }
        origin.set(Err(Failed::Unreachable));
        let read = price(cache, origin).traced().await;
        assert_eq!((read.value, read.source), (Ok(1), Source::FailSafe));
        assert_eq!(origin.seen(), [Some(1); 3]);
        cache.remove("price").await.unwrap();
        assert_eq!(price(cache, origin).await, Err(Failed::Unreachable), "there is none any more");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_seen_by_loads_which_can_renew_them() {
    in_each(async |cache, origin| {
        *origin.next.lock().unwrap() = None;
        assert_eq!(price(cache, origin).await, Ok(1));
        assert_eq!(cache.get::<u64>("price").await.unwrap(), Some(1), "fresh again");
        origin.set(Ok(2));
        assert_eq!(price(cache, origin).await, Ok(1), "a hit");
        assert_eq!(price(cache, origin).refresh().await, Ok(2));
        assert_eq!(origin.seen(), [Some(1), Some(1)]);
        cache.remove("price").await.unwrap();
        assert_eq!(price(cache, origin).await, Ok(2));
        assert_eq!(origin.seen(), [None]);
    })
    .await;
}

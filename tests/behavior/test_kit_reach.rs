//! What belongs to a kit: everything that larder does for code that runs in it, including background work.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::testing::Kit;
use larder::{
    Cache, CachedCell, Error, Invalidation, Source, TimedOut, cache_evict, cache_put, cached,
    cached_property, default_cache, scope::TransactionScope, transaction, warm,
};

use crate::origin::{Origin, landed, pass, soon};

type Loads = Arc<AtomicU64>;

/// Called by other loads, on any task. The value is the number of its runs.
#[cached(key = "reach:part", ttl = "1s", skip(loads))]
async fn part(loads: &Loads) -> u64 {
    loads.fetch_add(1, Ordering::SeqCst) + 1
}

#[cached(key = "reach:whole", ttl = "10s", stale = "1m", skip(loads))]
async fn whole(loads: &Loads) -> u64 {
    part(loads).await
}

/// The keys of these tests in the process's default cache.
async fn leaked() -> Vec<String> {
    default_cache().keys("reach:*").await.unwrap()
}

#[tokio::test]
async fn refreshes_in_the_background_belong_to_the_kit() {
    let (kit, loads) = (Kit::manual(), Loads::default());
    kit.run(async {
        assert_eq!(whole(&loads).await, 1);
        kit.advance(Duration::from_secs(11));
        let old = whole(&loads).traced().await;
        assert_eq!((old.value, old.source), (1, Source::Stale));
        kit.settled().await;
        assert_eq!(whole(&loads).await, 2, "refreshed meanwhile");
        let part = part(&loads).peek().await.unwrap();
        assert_eq!(part, Some(2), "and what the refresh called was cached here");
    })
    .await;
    kit.expect().loads(4).stale_hits(1);
    assert!(leaked().await.is_empty(), "{:?}", leaked().await);
}

#[derive(Clone, Debug, PartialEq)]
struct Late;

impl From<TimedOut> for Late {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

#[cached(key = "reach:late", ttl = "1m", hard_timeout = "1s", skip(origin, loads))]
async fn late(origin: Origin, loads: &Loads) -> Result<u64, Late> {
    origin.read().await;
    Ok(part(loads).await)
}

#[tokio::test]
async fn late_loads_belong_to_the_kit() {
    let (kit, origin, loads) = (Kit::manual(), Origin::new(), Loads::default());
    origin.hold(1);
    let caller = kit.spawn({
        let (origin, loads) = (origin.clone(), loads.clone());
        async move { late(origin, &loads).await }
    });
    origin.held().await;
    pass(kit.clock(), Duration::from_secs(2)).await;
    assert_eq!(soon(caller).await.unwrap(), Err(Late));
    origin.release(1);
    kit.settled().await;
    kit.run(async {
        assert_eq!(late(origin.clone(), &loads).await, Ok(1), "it filled the kit's cache");
        assert_eq!(part(&loads).peek().await.unwrap(), Some(1));
    })
    .await;
    assert!(leaked().await.is_empty(), "{:?}", leaked().await);
}

#[cached(key = "reach:item:{id}", each = "id in ids", ttl = "10s", stale = "1m", skip(loads))]
async fn items(ids: &[u64], loads: &Loads) -> HashMap<u64, u64> {
    let part = part(loads).await;
    ids.iter().map(|id| (*id, id * 100 + part)).collect()
}

#[tokio::test]
async fn batches_belong_to_the_kit() {
    let (kit, loads) = (Kit::manual(), Loads::default());
    kit.run(async {
        assert_eq!(items(&[1, 2], &loads).await, HashMap::from([(1, 101), (2, 201)]));
        assert_eq!(items(&[2, 3], &loads).await, HashMap::from([(2, 201), (3, 301)]));
        kit.advance(Duration::from_secs(11));
        assert_eq!(items(&[1], &loads).await[&1], 101, "stale, and refreshed behind");
        kit.settled().await;
        assert_eq!(items(&[1], &loads).await[&1], 102);
        assert_eq!(part(&loads).peek().await.unwrap(), Some(2));
    })
    .await;
    assert!(leaked().await.is_empty(), "{:?}", leaked().await);
}

#[cached(key = "reach:user:{id}", tags = ["reach:users"], skip(name))]
async fn user(id: u64, name: &str) -> String {
    name.to_owned()
}

#[cache_evict(user(id, ""))]
async fn rename(id: u64) {}

#[cache_evict(tags = ["reach:users"])]
async fn rename_all() {}

#[cache_put(user(id, ""))]
async fn save(id: u64, name: &str) -> String {
    name.to_owned()
}

#[tokio::test]
async fn evictions_and_puts_belong_to_the_kit() {
    let (one, two) = (Kit::new(), Kit::new());
    two.run(async { user(1, "two").await }).await;
    one.run(async {
        assert_eq!(user(1, "one").await, "one");
        rename(1).await;
        assert_eq!(user(1, "new").await, "new");
        rename_all().await;
        assert_eq!(user(1, "newer").await, "newer");
        save(1, "saved").await;
        assert_eq!(user(1, "unseen").await, "saved");
        default_cache().clear().await.unwrap();
    })
    .await;
    assert_eq!(two.run(async { user(1, "unseen").await }).await, "two");
}

#[tokio::test]
async fn transactions_defer_evictions_in_the_kit() {
    let (kit, other) = (Kit::new(), Kit::new());
    other.run(async { user(2, "other's").await }).await;
    kit.run(async {
        user(2, "old").await;
        let failed = transaction(async {
            rename(2).await;
            Err::<(), _>("rolled back")
        });
        assert!(failed.await.is_err());
        assert_eq!(user(2, "new").await, "old", "a rollback evicts nothing");
        let scope = transaction(async {
            rename(2).await;
            let scope = TransactionScope::current().unwrap();
            let carried = larder::testing::with_current_kit(async { user(2, "beside").await });
            let beside = tokio::spawn(scope.run(carried)).await.unwrap();
            assert_eq!(beside, "beside", "a key with a deferred eviction bypasses the cache");
            Ok::<_, Error>(())
        });
        scope.await.unwrap();
        assert_eq!(user(2, "new").await, "new", "a commit evicts");
    })
    .await;
    assert_eq!(other.run(async { user(2, "unseen").await }).await, "other's");
}

#[derive(Clone)]
struct Renamed(u64);

#[tokio::test]
async fn events_and_schedules_belong_to_the_kit() {
    let (kit, other) = (Kit::manual(), Kit::manual());
    other.run(async { user(3, "other's").await }).await;
    kit.run(async {
        let rules = default_cache();
        let _rule =
            rules.on::<Renamed>(|event| Invalidation::new().key(format!("reach:user:{}", event.0)));
        user(3, "old").await;
        default_cache().emit(&Renamed(3)).await.unwrap();
        assert_eq!(user(3, "new").await, "new");
        let hourly = Invalidation::new().tag("reach:users");
        let _schedule = default_cache().every(Duration::from_secs(3600), hourly).unwrap();
        pass(kit.clock(), Duration::from_secs(3601)).await;
        landed(&default_cache()).await;
        assert_eq!(user(3, "newest").await, "newest", "evicted by the hour");
    })
    .await;
    other
        .run(async {
            default_cache().emit(&Renamed(3)).await.unwrap();
            assert_eq!(user(3, "unseen").await, "other's", "the rule is the first one's");
        })
        .await;
}

#[derive(Default)]
struct Shelf {
    cell: CachedCell,
    counts: AtomicU64,
}

impl Shelf {
    #[cached_property(cell = self.cell)]
    async fn count(&self) -> u64 {
        self.counts.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[tokio::test]
async fn cells_tenants_and_warming_belong_to_the_kit() {
    let (one, two) = (Kit::new(), Kit::new());
    let tenant = async |kit: &Kit, value: &'static str| {
        kit.run(async { user(4, value).tenant("acme").await }).await
    };
    assert_eq!(tenant(&one, "one").await, "one");
    assert_eq!(tenant(&two, "two").await, "two");
    assert_eq!(tenant(&one, "unseen").await, "one");
    let shelf = Shelf::default();
    for (kit, count) in [(&one, 1), (&two, 2), (&one, 1)] {
        assert_eq!(kit.run(async { shelf.count().await }).await, count);
    }
    one.run(async {
        let report = warm((5..8u64).map(|id| user(id, "warm"))).run().await.unwrap();
        assert_eq!(report.loaded, 3, "{report:?}");
    })
    .await;
    assert_eq!(one.run(async { user(5, "unseen").await }).await, "warm");
    assert_eq!(two.run(async { user(5, "cold").await }).await, "cold");
    assert!(leaked().await.is_empty(), "{:?}", leaked().await);
}

/// A handle always means its own cache.
#[tokio::test]
async fn a_handle_means_its_own_cache() {
    #[cached(key = "handled", cache = cache, skip(cache, value))]
    async fn handled(cache: &Cache, value: u64) -> u64 {
        value
    }
    let cache = Cache::builder().build().unwrap();
    let (one, two) = (Kit::new(), Kit::new());
    assert_eq!(one.run(async { handled(&cache, 1).await }).await, 1);
    assert_eq!(two.run(async { handled(&cache, 2).await }).await, 1);
}

#[test]
fn background_work_without_a_runtime_belongs_to_the_kit() {
    let (kit, loads) = (Kit::manual(), Loads::default());
    let block_on = |work: &mut dyn FnMut() -> u64| kit.run_sync(work);
    let mut call = || pollster_block_on(whole(&loads));
    assert_eq!(block_on(&mut call), 1);
    kit.advance(Duration::from_secs(11));
    assert_eq!(block_on(&mut call), 1);
    pollster_block_on(kit.settled());
    assert_eq!(block_on(&mut call), 2, "refreshed by a thread of larder");
    kit.expect().loads(4).stale_hits(1);
}

/// An executor other than tokio.
fn pollster_block_on<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut work = std::pin::pin!(work);
    loop {
        let mut context = std::task::Context::from_waker(&waker);
        if let std::task::Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        std::thread::park();
    }
}

//! P3 without a memory tier: each read asks the store. A load under way does not give a read a value that another
//! process evicted before the read began, however late the notice of the eviction arrives.

use larder::{Cache, Policy, Source, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::gated::At::After;
use crate::gated::Gated;
use crate::origin::{Origin, landed, soon, soon_at, turns};

const TAGGED: Policy = Policy::new().tags(&["rows"]);

#[cached(key = "row", policy = TAGGED, cache = cache, skip(cache, origin))]
async fn row(cache: &Cache, origin: &Origin) -> u64 {
    origin.read().await
}

fn reader(cache: &Cache, origin: &Origin) -> JoinHandle<larder::Cached<u64>> {
    let (cache, origin) = (cache.clone(), origin.clone());
    tokio::spawn(async move { row(&cache, &origin).traced().await })
}

#[derive(Clone, Copy, Debug)]
enum How {
    Key,
    Pattern,
    Tag,
    Clear,
    Put,
}

const ALL: [How; 5] = [How::Key, How::Pattern, How::Tag, How::Clear, How::Put];

async fn evict(cache: &Cache, how: How) {
    let evicted = soon(async {
        match how {
            How::Key => cache.remove("row").await.map(drop),
            How::Pattern => cache.evict_pattern("ro*").await.map(drop),
            How::Tag => cache.evict_tag("rows").await,
            How::Clear => cache.clear().await,
            How::Put => cache.entry("row").policy(TAGGED).insert(2u64).await,
        }
    });
    evicted.await.unwrap();
}

struct Scene {
    clock: Clock,
    gated: Gated,
    /// Has no memory tier and receives no notices.
    cache: Cache,
    other: Cache,
    origin: Origin,
}

impl Scene {
    fn new(leases: bool) -> Self {
        let clock = Clock::manual();
        let gated = if leases { Gated::leased(&clock) } else { Gated::new() };
        let cache = gated.cache_without_memory(&clock);
        let other = gated.another().cache(&clock);
        gated.backend.faults().drop_messages(true);
        let origin = Origin::at(&clock);
        Self { clock, gated, cache, other, origin }
    }
}

/// The load began before the eviction.
#[tokio::test]
async fn a_read_does_not_join_a_load_that_began_before_an_eviction_elsewhere() {
    for how in ALL {
        let Scene { clock, cache, other, origin, .. } = Scene::new(true);
        origin.hold(1);
        let leader = reader(&cache, &origin);
        origin.held().await;
        origin.set(2);
        evict(&other, how).await;
        let readers: Vec<_> = (0..20).map(|_| reader(&cache, &origin)).collect();
        turns().await;
        origin.release(1);
        assert_eq!(soon(leader).await.unwrap().value, 1, "{how:?}: asked before");
        for reader in readers {
            assert_eq!(soon_at(&clock, reader).await.unwrap().value, 2, "{how:?}");
        }
        landed(&cache).await;
        assert!(origin.reads() <= 2, "{how:?}: {} loads", origin.reads());
    }
}

/// The value was read before the eviction, and the answer is under way.
#[tokio::test]
async fn a_read_does_not_join_a_read_of_the_store_from_before_an_eviction_elsewhere() {
    for leases in [true, false] {
        for how in ALL {
            let Scene { clock, gated, cache, other, origin } = Scene::new(leases);
            other.entry("row").policy(TAGGED).insert(1u64).await.unwrap();
            let answer = gated.hold(After("get"));
            let leader = reader(&cache, &origin);
            answer.arrived().await;
            origin.set(2);
            evict(&other, how).await;
            let readers: Vec<_> = (0..20).map(|_| reader(&cache, &origin)).collect();
            turns().await;
            answer.open();
            soon(leader).await.unwrap();
            for reader in readers {
                let read = soon_at(&clock, reader).await.unwrap();
                assert_eq!(read.value, 2, "leases: {leases}, {how:?}");
            }
            assert!(origin.reads() <= 1, "leases: {leases}, {how:?}");
        }
    }
}

/// Without an eviction, the waiters of a load cause one load and one more request.
#[tokio::test]
async fn waiters_share_one_more_request() {
    for leases in [true, false] {
        let Scene { clock, gated, cache, origin, .. } = Scene::new(leases);
        origin.hold(1);
        let leader = reader(&cache, &origin);
        origin.held().await;
        let readers: Vec<_> = (0..100).map(|_| reader(&cache, &origin)).collect();
        turns().await;
        let answer = gated.hold(After("get"));
        origin.release(1);
        assert_eq!(soon(leader).await.unwrap().source, Source::Loaded);
        answer.arrived().await;
        turns().await;
        answer.open();
        let mut asked = 0;
        for reader in readers {
            let read = soon_at(&clock, reader).await.unwrap();
            assert_eq!(read.value, 1);
            asked += usize::from(read.source == Source::Remote);
        }
        assert_eq!((asked, origin.reads(), gated.calls("get")), (1, 1, 2), "leases: {leases}");
    }
}

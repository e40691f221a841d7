//! P2 for loads that outlast their callers' timeouts, fail, lose leadership to another caller, or run in the
//! background. In each case a load reads the old value and is held, an eviction runs, and the load ends; the next read
//! returns the new value.

use std::time::Duration;

use larder::{Cache, Source, TimedOut, cached, time::Clock};
use tokio::task::JoinHandle;

use crate::origin::{Origin, landed, soon, turns};
use crate::tiers::{self, Tiers};

#[derive(Clone, Debug, PartialEq)]
enum Failed {
    Late,
    /// The origin was down while its value was this.
    Down(u64),
}

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self::Late
    }
}

type Row = Result<u64, Failed>;

async fn load(origin: &Origin) -> Row {
    origin.try_read().await.map_err(Failed::Down)
}

/// The function that evicts, puts and refreshes. All functions below share its key.
#[cached(key = "row", tags = ["rows"], ttl = "1m", cache = cache, skip(cache, origin))]
async fn plain(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

/// Every reader starts a refresh if a load took a second.
#[cached(key = "row", tags = ["rows"], ttl = "1m", early_refresh = 1000000000000.0, cache = cache, skip(cache, origin))]
async fn early(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

#[cached(key = "row", tags = ["rows"], ttl = "1m", stale_if_error = "1h", soft_timeout = "1s", cache = cache, skip(cache, origin))]
async fn soft(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

#[cached(key = "row", tags = ["rows"], ttl = "1m", hard_timeout = "2s", cache = cache, skip(cache, origin))]
async fn hard(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

#[cached(key = "row", tags = ["rows"], ttl = "1m", stale_if_error = "1h", cache = cache, skip(cache, origin))]
async fn fail_safe(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

#[cached(key = "row", tags = ["rows"], ttl = "1m", err_ttl = "1m", cache = cache, skip(cache, origin))]
async fn failing(cache: &Cache, origin: &Origin) -> Row {
    load(origin).await
}

#[derive(Clone, Copy, Debug)]
enum How {
    Remove,
    Evict,
    Pattern,
    Tag,
    Clear,
    Put,
    Refresh,
}

const EVERY: [How; 7] =
    [How::Remove, How::Evict, How::Pattern, How::Tag, How::Clear, How::Put, How::Refresh];

async fn evict(how: How, cache: &Cache, origin: &Origin) {
    match how {
        How::Remove => drop(cache.remove("row").await.unwrap()),
        How::Evict => drop(plain(cache, origin).evict().await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("r*w").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
        How::Put => plain(cache, origin).put(2).await.unwrap(),
        How::Refresh => assert_eq!(plain(cache, origin).refresh().await, Ok(2)),
    }
}

/// Spawns a call of one of the functions.
macro_rules! task {
    ($function:ident, $tiers:expr, $origin:expr) => {{
        let (cache, origin) = ($tiers.cache.clone(), $origin.clone());
        tokio::spawn(async move { $function(&cache, &origin).await })
    }};
}

/// Loads that have read the old value and are held: their number, and the calls that wait for them.
struct Held {
    loads: usize,
    waiting: Vec<JoinHandle<Row>>,
}

/// For every tier and every kind of eviction: starts the load, evicts, reads, releases the load, reads again.
async fn table(
    path: &str,
    begin: impl AsyncFn(&Tiers, &Origin, &Clock) -> Option<Held>,
    read: impl AsyncFn(&Cache, &Origin) -> Row,
) {
    for how in EVERY {
        let clock = Clock::manual();
        for tiers in tiers::every(&clock) {
            let what = format!("{path}, {}, {how:?}", tiers.name);
            let (cache, origin) = (&tiers.cache, Origin::at(&clock));
            let Some(held) = begin(&tiers, &origin, &clock).await else { continue };
            origin.set(2);
            origin.fail(false);
            soon(evict(how, cache, &origin)).await;
            let during = soon(read(cache, &origin)).await;
            assert_eq!(during, Ok(2), "{what}: read while the old load is under way");
            origin.release(held.loads);
            for waiting in held.waiting {
                let _ = soon(waiting).await.unwrap();
            }
            landed(cache).await;
            turns().await;
            assert_eq!(soon(read(cache, &origin)).await, Ok(2), "{what}: read after it ended");
            // Read as another process would.
            if let Some(store) = &tiers.store {
                let other = Cache::builder().clock(clock.clone()).remote(store.clone());
                let other = other.build().unwrap();
                let found = other.get::<u64>("row").await.unwrap();
                assert!(found.is_none_or(|found| found == 2), "{what}: {found:?} in the store");
            }
        }
    }
}

#[tokio::test]
async fn an_early_refresh_stores_nothing_after_an_eviction() {
    let begin = async |tiers: &Tiers, origin: &Origin, _: &Clock| {
        if !tiers.has_memory() {
            return None;
        }
        origin.take(Duration::from_secs(1));
        assert_eq!(early(&tiers.cache, origin).await, Ok(1));
        origin.take(Duration::ZERO);
        origin.hold(1);
        let read = soon(early(&tiers.cache, origin).traced()).await;
        assert_eq!((read.value, read.source), (Ok(1), Source::Memory), "no reader waits for it");
        origin.held().await;
        assert!(tiers.cache.stats().early_refreshes > 0);
        Some(Held { loads: 1, waiting: Vec::new() })
    };
    table("early refresh", begin, async |cache, origin| early(cache, origin).await).await;
}

#[tokio::test]
async fn a_load_that_goes_on_after_its_soft_timeout_stores_nothing_after_an_eviction() {
    let begin = async |tiers: &Tiers, origin: &Origin, clock: &Clock| {
        if !tiers.has_memory() {
            return None;
        }
        assert_eq!(soft(&tiers.cache, origin).await, Ok(1));
        clock.advance(Duration::from_secs(61));
        origin.hold(1);
        let (leader, waiter) = (task!(soft, tiers, origin), task!(soft, tiers, origin));
        origin.held().await;
        turns().await;
        clock.advance(Duration::from_secs(1));
        // Both calls return the old value; the load continues.
        assert_eq!(soon(leader).await.unwrap(), Ok(1));
        assert_eq!(soon(waiter).await.unwrap(), Ok(1));
        Some(Held { loads: 1, waiting: Vec::new() })
    };
    table("soft timeout", begin, async |cache, origin| soft(cache, origin).await).await;
}

#[tokio::test]
async fn a_load_that_goes_on_after_its_hard_timeout_stores_nothing_after_an_eviction() {
    let begin = async |tiers: &Tiers, origin: &Origin, clock: &Clock| {
        origin.hold(1);
        let (leader, waiter) = (task!(hard, tiers, origin), task!(hard, tiers, origin));
        origin.held().await;
        turns().await;
        clock.advance(Duration::from_secs(2));
        assert_eq!(soon(leader).await.unwrap(), Err(Failed::Late));
        assert_eq!(soon(waiter).await.unwrap(), Err(Failed::Late));
        Some(Held { loads: 1, waiting: Vec::new() })
    };
    table("hard timeout", begin, async |cache, origin| hard(cache, origin).await).await;
}

#[tokio::test]
async fn a_load_that_fails_after_an_eviction_does_not_bring_the_old_value_back() {
    let begin = async |tiers: &Tiers, origin: &Origin, clock: &Clock| {
        assert_eq!(fail_safe(&tiers.cache, origin).await, Ok(1));
        clock.advance(Duration::from_secs(61));
        origin.hold(1);
        origin.fail(true);
        let leader = task!(fail_safe, tiers, origin);
        origin.held().await;
        let waiter = task!(fail_safe, tiers, origin);
        turns().await;
        Some(Held { loads: 1, waiting: vec![leader, waiter] })
    };
    table("fail-safe", begin, async |cache, origin| fail_safe(cache, origin).await).await;
}

/// The origin stays down. An evicted value is no fallback, neither for calls during the old load nor for calls after it
/// failed.
#[tokio::test]
async fn an_evicted_value_is_no_fallback() {
    for how in [How::Remove, How::Evict, How::Pattern, How::Tag, How::Clear] {
        let clock = Clock::manual();
        for tiers in tiers::every(&clock) {
            let what = format!("{}, {how:?}", tiers.name);
            let (cache, origin) = (&tiers.cache, Origin::at(&clock));
            assert_eq!(fail_safe(cache, &origin).await, Ok(1));
            clock.advance(Duration::from_secs(61));
            origin.fail(true);
            origin.hold(1);
            let old = task!(fail_safe, tiers, origin);
            origin.held().await;
            origin.set(2);
            soon(evict(how, cache, &origin)).await;
            let during = soon(fail_safe(cache, &origin)).await;
            assert_eq!(during, Err(Failed::Down(2)), "{what}");
            origin.release(1);
            let _ = soon(old).await.unwrap();
            turns().await;
            let after = soon(fail_safe(cache, &origin)).await;
            assert_eq!(after, Err(Failed::Down(2)), "{what}: after the old load failed");
        }
    }
}

#[tokio::test]
async fn neither_a_hung_leader_nor_its_successor_stores_anything_after_an_eviction() {
    let begin = async |tiers: &Tiers, origin: &Origin, clock: &Clock| {
        origin.hold(2);
        let hung = task!(plain, tiers, origin);
        origin.held().await;
        let second = task!(plain, tiers, origin);
        turns().await;
        clock.advance(Duration::from_secs(10));
        origin.held().await;
        Some(Held { loads: 2, waiting: vec![hung, second] })
    };
    table("takeover", begin, async |cache, origin| plain(cache, origin).await).await;
}

#[tokio::test]
async fn a_failure_is_not_kept_after_an_eviction() {
    let begin = async |tiers: &Tiers, origin: &Origin, _: &Clock| {
        origin.fail(true);
        origin.hold(1);
        let old = task!(failing, tiers, origin);
        origin.held().await;
        Some(Held { loads: 1, waiting: vec![old] })
    };
    table("kept failure", begin, async |cache, origin| failing(cache, origin).await).await;
}

/// An eviction also removes a failure that is kept.
#[tokio::test]
async fn a_kept_failure_is_evicted() {
    for how in EVERY {
        let clock = Clock::manual();
        for tiers in tiers::every(&clock) {
            let what = format!("{}, {how:?}", tiers.name);
            let (cache, origin) = (&tiers.cache, Origin::at(&clock));
            origin.fail(true);
            assert_eq!(soon(failing(cache, &origin)).await, Err(Failed::Down(1)), "{what}");
            // The lease is given back to the remote tier in the background.
            turns().await;
            let reads = origin.reads();
            assert_eq!(soon(failing(cache, &origin)).await, Err(Failed::Down(1)), "{what}");
            turns().await;
            assert_eq!(origin.reads() == reads, tiers.has_memory(), "{what}");
            origin.fail(false);
            origin.set(2);
            soon(evict(how, cache, &origin)).await;
            assert_eq!(soon(failing(cache, &origin)).await, Ok(2), "{what}");
        }
    }
}

/// No call reads in between, so no newer entry rejects the failure.
#[tokio::test]
async fn the_failure_of_a_load_from_before_an_eviction_is_not_kept() {
    for how in [How::Remove, How::Evict, How::Pattern, How::Tag, How::Clear] {
        let clock = Clock::manual();
        for tiers in tiers::every(&clock) {
            let (cache, origin) = (&tiers.cache, Origin::at(&clock));
            origin.fail(true);
            origin.hold(1);
            let old = task!(failing, tiers, origin);
            origin.held().await;
            origin.fail(false);
            origin.set(2);
            soon(evict(how, cache, &origin)).await;
            origin.release(1);
            assert_eq!(soon(old).await.unwrap(), Err(Failed::Down(1)));
            turns().await;
            assert_eq!(soon(failing(cache, &origin)).await, Ok(2), "{}, {how:?}", tiers.name);
        }
    }
}

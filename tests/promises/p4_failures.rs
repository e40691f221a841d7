//! P4 and P5: a load that fails is one load for all waiters, whatever its error type is.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, SharedError, cached, time::Clock};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::origin::{Origin, landed, soon, turns};
use crate::tiers::{self, Tiers};

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// An error that can neither be cloned nor made from another error.
#[derive(Debug, PartialEq)]
struct Opaque(String);

/// A user's error that can carry another error, like `anyhow::Error`.
#[derive(Debug)]
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Told {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

#[cached(key = "boxed", cache = cache, skip(cache, origin))]
async fn boxed(cache: &Cache, origin: &Origin) -> Result<u64, Boxed> {
    origin.try_read().await.map_err(|_| "the database is down".into())
}

#[cached(key = "told", cache = cache, skip(cache, origin))]
async fn told(cache: &Cache, origin: &Origin) -> Result<u64, Told> {
    origin.try_read().await.map_err(|_| Told("the database is down".to_owned()))
}

#[cached(key = "opaque", cache = cache, skip(cache, origin))]
async fn opaque(cache: &Cache, origin: &Origin) -> Result<u64, Opaque> {
    origin.try_read().await.map_err(|_| Opaque("the database is down".to_owned()))
}

#[cached(each = "id in ids", key = "each:{id}", cache = cache, skip(cache, origin))]
async fn each(cache: &Cache, origin: &Origin, ids: &[u64]) -> Result<HashMap<u64, u64>, Boxed> {
    origin.try_read().await.map_err(|_| "the database is down")?;
    Ok(ids.iter().map(|id| (*id, *id)).collect())
}

#[cached(each = "id in ids", key = "each:{id}", cache = cache, skip(cache, origin))]
async fn each_opaque(
    cache: &Cache,
    origin: &Origin,
    ids: &[u64],
) -> Result<HashMap<u64, u64>, Opaque> {
    origin.try_read().await.map_err(|_| Opaque("the database is down".to_owned()))?;
    Ok(ids.iter().map(|id| (*id, *id)).collect())
}

/// Starts `callers` calls that all wait for the load of the first one; this load and all later ones fail. Returns the
/// texts of the errors and the number of loads.
async fn wave<F, Fut>(origin: &Origin, callers: usize, call: F) -> (Vec<String>, u64)
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = String> + 'static,
{
    origin.fail(true);
    origin.hold(1);
    let mut texts = Vec::new();
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            let calls = (0..callers).map(|caller| spawn_local(call(caller)));
            let calls: Vec<JoinHandle<String>> = calls.collect();
            origin.held().await;
            turns().await;
            origin.release(1);
            for call in calls {
                texts.push(soon(call).await.unwrap());
            }
        })
        .await;
    (texts, origin.reads())
}

macro_rules! one_load {
    ($name:ident, |$cache:ident, $origin:ident| $call:expr) => {
        #[tokio::test]
        async fn $name() {
            let clock = Clock::manual();
            for Tiers { name, cache, .. } in tiers::every(&clock) {
                let origin = Origin::at(&clock);
                let (texts, loads) = wave(&origin, 40, |_| {
                    let ($cache, $origin) = (cache.clone(), origin.clone());
                    async move { $call.await.unwrap_err().to_string() }
                })
                .await;
                assert_eq!(loads, 1, "{name}");
                assert!(texts.iter().all(|text| text == "the database is down"), "{texts:?}");
                landed(&cache).await;
            }
        }
    };
}

one_load!(a_boxed_error, |cache, origin| boxed(&cache, &origin));
one_load!(an_error_that_is_made_from_any_error, |cache, origin| told(&cache, &origin));
one_load!(a_boxed_error_of_a_batch, |cache, origin| each(&cache, &origin, &[1, 2, 3]));
one_load!(a_boxed_error_of_a_load_by_hand, |cache, origin| cache.get_or_load("k", async || {
    origin.try_read().await.map_err(|_| Boxed::from("the database is down"))
}));
one_load!(a_text_of_a_load_by_hand, |cache, origin| cache.get_or_load("k", async || {
    origin.try_read().await.map_err(|_| "the database is down".to_owned())
}));
one_load!(an_io_error_of_a_load_by_hand, |cache, origin| cache.get_or_load("k", async || {
    origin.try_read().await.map_err(|_| std::io::Error::other("the database is down"))
}));
one_load!(a_shared_error_of_a_load_by_hand, |cache, origin| cache.get_or_load("k", async || {
    origin.try_read().await.map_err(|_| SharedError::new("the database is down"))
}));
one_load!(a_boxed_error_of_a_batch_by_hand, |cache, origin| cache.get_or_load_many(
    ["a", "b"],
    async |_: Vec<String>| {
        let read = origin.try_read().await.map_err(|_| Boxed::from("the database is down"));
        read.map(|read| HashMap::from([("a".to_owned(), read)]))
    }
));

/// The largest number of bodies that ran at the same time.
#[derive(Clone, Debug, Default)]
struct AtOnce(Arc<(AtomicU64, AtomicU64)>);

impl AtOnce {
    async fn run(&self) {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        now.fetch_sub(1, Ordering::SeqCst);
    }
    fn most(&self) -> u64 {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// Each caller needs an error of its own and therefore a load of its own. The loads run one at a time.
#[tokio::test]
async fn an_opaque_error_is_one_load_at_a_time() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let (origin, at_once) = (Origin::at(&clock), AtOnce::default());
        let (texts, loads) = wave(&origin, 200, |_| {
            let (cache, origin, at_once) = (cache.clone(), origin.clone(), at_once.clone());
            let load = async move || {
                at_once.run().await;
                origin.try_read().await.map_err(|_| Opaque("down".to_owned()))
            };
            async move { cache.get_or_load("k", load).await.unwrap_err().0 }
        })
        .await;
        assert!(texts.iter().all(|text| text == "down"));
        assert_eq!((loads, at_once.most()), (200, 1), "{name}");
        landed(&cache).await;
    }
}

/// The end of a load wakes one waiter. Waking all would cost the square of the number of callers.
#[tokio::test]
async fn a_waiter_is_not_woken_before_its_turn() {
    const CALLERS: usize = 200;
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let (origin, polls) = (Origin::at(&clock), Arc::new(AtomicU64::new(0)));
        let (_, loads) = wave(&origin, CALLERS, |_| {
            let (cache, origin, polls) = (cache.clone(), origin.clone(), Arc::clone(&polls));
            async move {
                let load = async || {
                    tokio::task::yield_now().await;
                    origin.try_read().await.map_err(|_| Opaque("down".to_owned()))
                };
                let mut call = pin!(cache.get_or_load("k", load));
                let call = poll_fn(|cx| {
                    polls.fetch_add(1, Ordering::SeqCst);
                    call.as_mut().poll(cx)
                });
                call.await.unwrap_err().0
            }
        })
        .await;
        assert_eq!(loads, CALLERS as u64, "{name}");
        let polls = polls.load(Ordering::SeqCst) / loads;
        assert!(polls < 20, "{name}: each call was polled {polls} times");
        landed(&cache).await;
    }
}

/// The first load that succeeds ends the retries.
#[tokio::test]
async fn the_first_value_after_an_opaque_error_is_for_all() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        origin.fail(true);
        origin.hold(1);
        let calls: Vec<_> = (0..40)
            .map(|_| {
                let (cache, origin) = (cache.clone(), origin.clone());
                tokio::spawn(async move { opaque(&cache, &origin).await })
            })
            .collect();
        origin.held().await;
        turns().await;
        origin.fail(false);
        origin.release(1);
        let mut failed = 0;
        for call in calls {
            failed += usize::from(soon(call).await.unwrap().is_err());
        }
        assert_eq!((failed, origin.reads()), (1, 2), "{name}");
        landed(&cache).await;
    }
}

/// A batch fails as soon as one of its items fails: it does not load the other items again.
#[tokio::test]
async fn a_batch_with_an_opaque_error_is_one_load_for_each_caller_at_most() {
    let clock = Clock::manual();
    for Tiers { name, cache, .. } in tiers::every(&clock) {
        let origin = Origin::at(&clock);
        let (texts, loads) = wave(&origin, 100, |caller| {
            let (cache, origin) = (cache.clone(), origin.clone());
            let ids: Vec<u64> = (0..8).map(|id| (caller as u64 + id) % 16).collect();
            async move { each_opaque(&cache, &origin, &ids).await.unwrap_err().0 }
        })
        .await;
        assert!(texts.iter().all(|text| text == "the database is down"));
        assert!(loads <= 100, "{name}: {loads} loads");
        landed(&cache).await;
    }
}

/// A caller that has waited for the term of a lease does not wait for the retries of others.
#[tokio::test]
async fn waiters_wait_for_hung_retries_for_one_lease_at_most() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let origin = Origin::at(&clock);
    origin.fail(true);
    origin.hold(2);
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { opaque(&cache, &origin).await })
        })
        .collect();
    origin.held().await;
    turns().await;
    // The first load fails, and the second one hangs.
    origin.release(1);
    origin.held().await;
    turns().await;
    assert_eq!(origin.reads(), 2);
    clock.advance(std::time::Duration::from_secs(10));
    turns().await;
    assert_eq!(origin.reads(), 5, "the others have tried");
    origin.release(1);
    for call in calls {
        soon(call).await.unwrap().unwrap_err();
    }
}

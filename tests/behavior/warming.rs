//! Many concurrent calls: bounded, with progress and a report, and stopped with the future.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, Error, Source, cached, call,
    future::{WarmProgress, Warmup},
    warm,
};

/// Counts loads, and the largest number of concurrent ones.
#[derive(Clone, Default)]
struct Origin {
    loads: Arc<AtomicU64>,
    running: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

impl Origin {
    async fn load(&self) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let _running = Running(&self.running);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.loads.fetch_add(1, Ordering::SeqCst);
    }
    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
    fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }
}

/// Ends with its load, even if the load is dropped.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cached(key = "user:{id}", cache = cache, skip(cache, origin))]
async fn user(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, String> {
    origin.load().await;
    if id % 100 == 13 { Err(format!("no user {id}")) } else { Ok(id) }
}

#[cached(key = "plain:{id}", cache = cache, skip(cache, origin))]
async fn plain(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.load().await;
    id
}

/// An error without `Debug` and `Display`.
struct Mute;

#[cached(key = "mute:{id}", cache = cache, skip(cache))]
async fn mute(cache: &Cache, id: u64) -> Result<u64, Mute> {
    if id == 1 { Err(Mute) } else { Ok(id) }
}

#[cached(key = "squares:{n}", cache = cache, skip(cache))]
fn squares(cache: &Cache, n: u64) -> u64 {
    n * n
}

fn cache() -> Cache {
    Cache::builder().build().unwrap()
}

#[tokio::test]
async fn concurrency_is_bounded() {
    for concurrency in [1, 8, 5_000] {
        let (cache, origin) = (cache(), Origin::default());
        let calls = (0..1_000).map(|id| plain(&cache, &origin, id));
        let report = warm(calls).concurrency(concurrency).run().await.unwrap();
        assert_eq!((report.loaded, report.hits, report.failures), (1_000, 0, 0));
        assert_eq!((origin.loads(), origin.most()), (1_000, concurrency.min(1_000) as u64));
        assert_eq!(plain(&cache, &origin, 7).traced().await.source, Source::Memory);
    }
    let (cache, origin) = (cache(), Origin::default());
    warm((0..100).map(|id| plain(&cache, &origin, id))).run().await.unwrap();
    assert_eq!(origin.most(), 16, "the default");
}

#[tokio::test]
async fn failures_are_reported_and_stop_nothing() {
    let (cache, origin) = (cache(), Origin::default());
    let calls = (0..1_000).map(|id| user(&cache, &origin, id));
    let report = warm(calls).concurrency(8).await.unwrap();
    assert_eq!((report.loaded, report.hits, report.failures), (990, 0, 10));
    assert_eq!(origin.most(), 8);
    let mut failed = report.failed;
    failed.sort();
    assert_eq!(failed.len(), 10);
    assert_eq!(failed[0], ("user:113".to_owned(), "no user 113".to_owned()));
    assert!(report.elapsed > Duration::ZERO);

    // Failures are not cached: a second run loads only these ids again.
    let again = warm((0..1_000).map(|id| user(&cache, &origin, id))).run().await.unwrap();
    assert_eq!((again.loaded, again.hits, again.failures), (0, 990, 10));
    assert_eq!(origin.loads(), 1_010);
}

#[tokio::test]
async fn a_limited_number_of_failures_is_listed() {
    let (cache, origin) = (cache(), Origin::default());
    let calls = (0..250).map(|id| user(&cache, &origin, id * 100 + 13));
    let report = warm(calls).run().await.unwrap();
    assert_eq!((report.failures, report.failed.len()), (250, 100));
}

#[tokio::test]
async fn an_error_without_a_text_is_reported_too() {
    let cache = cache();
    let report = warm((0..3).map(|id| mute(&cache, id))).run().await.unwrap();
    assert_eq!((report.loaded, report.failures), (2, 1));
    assert_eq!(report.failed, [("mute:1".to_owned(), "the load failed".to_owned())]);
}

#[tokio::test]
async fn the_same_call_twice_is_one_load() {
    let (cache, origin) = (cache(), Origin::default());
    let report = warm((0..100).map(|_| plain(&cache, &origin, 7))).run().await.unwrap();
    assert_eq!((report.loaded, report.hits, origin.loads()), (1, 99, 1));
}

#[tokio::test]
async fn progress_is_reported_after_each_call() {
    let (cache, origin) = (cache(), Origin::default());
    let mut told: Vec<WarmProgress> = Vec::new();
    let calls: Vec<_> = (0..200).map(|id| user(&cache, &origin, id)).collect();
    let mut warming = warm(calls).on_progress(|progress| told.push(*progress));
    warming.run().await.unwrap();
    drop(warming);
    assert_eq!(told.iter().map(|one| one.done).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    assert!(told.iter().all(|one| one.total == Some(200)));
    assert!(told.windows(2).all(|two| two[0].elapsed <= two[1].elapsed));
    let last = told.last().unwrap();
    assert_eq!((last.failed, last.left()), (2, Some(Duration::ZERO)));
    assert!(last.rate() > 0.0);
}

#[tokio::test]
async fn without_a_known_length_there_is_no_total() {
    let (cache, origin) = (cache(), Origin::default());
    let mut totals = Vec::new();
    let calls = (0..20).filter(|id| id % 2 == 0).map(|id| plain(&cache, &origin, id));
    let mut warming =
        warm(calls).on_progress(|progress| totals.push((progress.total, progress.left())));
    warming.run().await.unwrap();
    drop(warming);
    assert_eq!(totals, [(None, None); 10]);
}

#[tokio::test]
async fn dropping_the_future_stops_it() {
    let (cache, origin) = (cache(), Origin::default());
    let taken = AtomicU64::new(0);
    let calls = (0..1_000_000).map(|id| {
        taken.fetch_add(1, Ordering::SeqCst);
        plain(&cache, &origin, id)
    });
    let mut warming = warm(calls).concurrency(8);
    assert!(tokio::time::timeout(Duration::from_millis(20), warming.run()).await.is_err());
    let (loads, begun) = (origin.loads(), taken.load(Ordering::SeqCst));
    assert!(loads > 0 && begun < 1_000_000 && begun <= loads + 8);
    assert_eq!(origin.running.load(Ordering::SeqCst), 0, "nothing is detached");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!((origin.loads(), taken.load(Ordering::SeqCst)), (loads, begun));
    assert_eq!(cache.stats().in_flight, 0);
}

#[tokio::test]
async fn a_cache_can_be_named_and_sync_functions_take_part() {
    let (cache, other, origin) = (cache(), cache(), Origin::default());
    let report = other.warm((0..3).map(|id| plain(&cache, &origin, id))).run().await.unwrap();
    assert_eq!(report.loaded, 3);
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
    assert_eq!(other.keys("*").await.unwrap(), ["plain:0", "plain:1", "plain:2"]);
    let calls = (0..3).map(|n| larder::call!(squares(&cache, n)));
    assert_eq!(warm(calls).run().await.unwrap().loaded, 3);
    assert_eq!(cache.keys("*").await.unwrap().len(), 3);
}

#[tokio::test]
async fn directions_apply() {
    let (cache, origin) = (cache(), Origin::default());
    let calls = (0..2).map(|id| plain(&cache, &origin, id).tenant("acme").ttl("1m"));
    assert_eq!(warm(calls).run().await.unwrap().loaded, 2);
    assert_eq!(cache.keys("*").await.unwrap(), ["@acme/plain:0", "@acme/plain:1"]);
    let calls = (0..2).map(|id| plain(&cache, &origin, id).tenant("acme").refresh());
    assert_eq!(warm(calls).run().await.unwrap().loaded, 2);
    let calls = [user(&cache, &origin, 13).tenant("acme")];
    let failed = warm(calls).run().await.unwrap().failed;
    assert_eq!(failed[0].0, "@acme/user:13");
}

#[tokio::test]
async fn zero_concurrency_is_rejected_and_an_empty_list_is_allowed() {
    let (cache, origin) = (cache(), Origin::default());
    let refused = warm([plain(&cache, &origin, 1)]).concurrency(0).run().await;
    assert!(matches!(refused, Err(Error::Config { field: "concurrency", .. })), "{refused:?}");
    assert_eq!(origin.loads(), 0);
    let nothing = warm((0..0).map(|id| plain(&cache, &origin, id))).run().await.unwrap();
    assert_eq!((nothing.loaded, nothing.hits, nothing.failures), (0, 0, 0));
    let mut twice = warm([plain(&cache, &origin, 1)]);
    assert_eq!(twice.run().await.unwrap().loaded, 1);
    assert_eq!(twice.run().await.unwrap().hits, 0);
}

/// The future is `Send`.
#[tokio::test]
async fn it_can_be_spawned() {
    let (cache, origin) = (cache(), Origin::default());
    let warmed = tokio::spawn(async move {
        warm((0..50).map(|id| user(&cache, &origin, id))).on_progress(|_| {}).run().await
    });
    let report = warmed.await.unwrap().unwrap();
    assert_eq!((report.loaded, report.failures), (49, 1));
}

#[tokio::test]
async fn different_functions_are_warmed_together() {
    let (cache, origin) = (cache(), Origin::default());
    let progress = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&progress);
    let all = || {
        Warmup::new()
            .add(plain(&cache, &origin, 1000))
            .add_all((0..50).map(|id| plain(&cache, &origin, id)))
            .add_all_with((0..50).map(|id| user(&cache, &origin, id)), |error| error)
            .add_all((0..2).map(|id| mute(&cache, id)))
            .add(call!(squares(&cache, 3)))
    };
    let report = all()
        .concurrency(4)
        .on_progress(move |now: &WarmProgress| told.lock().unwrap().push(*now))
        .run()
        .await
        .unwrap();
    assert_eq!((report.loaded, report.hits, report.failures), (102, 0, 2));
    let failed = [("user:13", "no user 13"), ("mute:1", "the load failed")];
    assert_eq!(report.failed, failed.map(|(key, message)| (key.to_owned(), message.to_owned())));
    assert_eq!(origin.most(), 4, "together, and not for each function");
    let progress = std::mem::take(&mut *progress.lock().unwrap());
    assert_eq!(progress.len(), 104);
    assert!(progress.iter().all(|now| now.total == Some(104)));
    assert_eq!((progress[103].done, progress[103].failed), (104, 2));

    let again = all().run().await.unwrap();
    assert_eq!((again.loaded, again.hits, again.failures), (0, 102, 2));
}

#[tokio::test]
async fn a_warming_of_several_functions_can_be_lazy_spawned_and_dropped() {
    let (cache, origin) = (cache(), Origin::default());
    let refused = Warmup::new().add(plain(&cache, &origin, 1)).concurrency(0).run().await;
    assert!(matches!(refused, Err(Error::Config { field: "concurrency", .. })), "{refused:?}");
    assert_eq!(Warmup::new().await.unwrap().loaded, 0);
    assert_eq!(origin.loads(), 0);

    // Without a known end there is no total.
    let endless = Warmup::new()
        .add(plain(&cache, &origin, 0))
        .add_all((1..).map(|id| plain(&cache, &origin, id)))
        .on_progress(|now| assert_eq!(now.total, None));
    let mut running = Box::pin(endless.run());
    assert!(tokio::time::timeout(Duration::from_millis(20), &mut running).await.is_err());
    drop(running);
    let loads = origin.loads();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(origin.loads(), loads, "it stops with the future");

    let other = cache.clone();
    let spawned = tokio::spawn(async move {
        let origin = Origin::default();
        let users = (0..3).map(|id| user(&other, &origin, id));
        Warmup::new().add_all(users).run().await
    });
    assert_eq!(spawned.await.unwrap().unwrap().loaded, 3);
}

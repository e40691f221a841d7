//! Policies of a cache for its functions and models, which can change while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Expiry, Policies, Policy, Source, cached, cached_impl, call, time::Clock};

use crate::support::Server;
use crate::three_tierings::{in_both, in_memory, in_redis};

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

const fn ttl(count: u64) -> Policy {
    Policy::new().ttl(minutes(count))
}

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cached(key = "open:{id}", skip(cache), cache = cache)]
async fn open(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(ttl = "20m", key = "own:{id}", skip(cache), cache = cache)]
async fn own(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(ttl_with = |n| (*n == 1).then_some("40m"), key = "value:{id}", skip(cache), cache = cache)]
async fn of_value(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(model = "jar", op = "get", skip(cache), cache = cache)]
async fn of_model(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(each = "id in ids", key = "each:{id}", skip(cache), cache = cache)]
async fn each(cache: &Cache, ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(key = "sync:{id}", skip(cache), cache = cache)]
fn in_sync(cache: &Cache, id: u64) -> u64 {
    id
}

/// Minutes, rounded up.
fn left(expiry: Option<Expiry>) -> Option<u64> {
    expiry.map(|expiry| match expiry {
        Expiry::In(left) => left.as_secs().div_ceil(60),
        Expiry::Never => u64::MAX,
    })
}

async fn scenario(cache: &Cache) {
    const FOREVER: Option<u64> = Some(u64::MAX);
    let of = async |id: u64| {
        open(cache, id).await;
        own(cache, id).await;
        of_value(cache, id).await;
        of_model(cache, id).await;
        [
            left(open(cache, id).expiry().await.unwrap()),
            left(own(cache, id).expiry().await.unwrap()),
            left(of_value(cache, id).expiry().await.unwrap()),
            left(of_model(cache, id).expiry().await.unwrap()),
        ]
    };
    assert_eq!(of(1).await, [FOREVER, Some(20), Some(40), FOREVER]);

    // Defaults fill what a function leaves out.
    let policies = Policies::new().all(ttl(10)).model("jar", ttl(5));
    cache.set_policies(policies.clone()).unwrap();
    assert_eq!(of(1).await, [FOREVER, Some(20), Some(40), FOREVER], "stored entries keep theirs");
    assert_eq!(of(2).await, [Some(10), Some(20), Some(10), Some(5)]);
    each(cache, &[7]).await;
    assert_eq!(left(cache.ttl("each:7").await.unwrap()), Some(10));
    cache.insert("by hand", 1u64).await.unwrap();
    cache.get_or_load("loaded by hand", async || Ok::<_, ()>(1u64)).await.unwrap();
    cache.entry("with").policy(ttl(3)).insert(1u64).await.unwrap();
    cache.entry("directed").ttl("2m").insert(1u64).await.unwrap();
    cache.entry("updated").update(|_: Option<u64>| Some(1)).await.unwrap();
    let by_hand = async |key: &str| left(cache.ttl(key).await.unwrap());
    assert_eq!(by_hand("by hand").await, Some(10));
    assert_eq!(by_hand("loaded by hand").await, Some(10));
    assert_eq!(by_hand("with").await, Some(3));
    assert_eq!(by_hand("directed").await, Some(2));
    assert_eq!(by_hand("updated").await, Some(10));
    let jars = cache.typed::<u64, u64>("jar").unwrap();
    jars.insert(&9, 9).await.unwrap();
    assert_eq!(left(jars.ttl(&9).await.unwrap()), Some(5));
    open(cache, 3).put(3).await.unwrap();
    assert_eq!(left(open(cache, 3).expiry().await.unwrap()), Some(10));
    open(cache, 4).ttl("2m").await;
    assert_eq!(left(open(cache, 4).expiry().await.unwrap()), Some(2), "the call decides");

    // A policy of a function has precedence over its attribute.
    let policies = policies.function("*policies::o*", ttl(7)).function("*policies::own", ttl(8));
    cache.set_policies(policies.clone()).unwrap();
    assert_eq!(of(5).await, [Some(7), Some(8), Some(7), Some(7)]);
    cache.set_policies(Policies::new()).unwrap();
    assert_eq!(of(6).await, [FOREVER, Some(20), FOREVER, FOREVER]);
}

#[tokio::test]
async fn they_are_combined_in_every_tiering() {
    let server = Server::start();
    scenario(&in_memory().await).await;
    scenario(&in_redis(&server).await).await;
    server.cli(&["FLUSHALL"]);
    scenario(&in_both(&server).await).await;
}

#[tokio::test]
async fn a_builder_sets_them_too_and_sync_functions_follow() {
    let policies = Policies::new().all(ttl(10)).function("*in_sync", ttl(4));
    let cache = Cache::builder().policies(policies).build().unwrap();
    assert_eq!(in_sync(&cache, 1), 1);
    assert_eq!(left(call!(in_sync(&cache, 1)).expiry().await.unwrap()), Some(4));
    assert_eq!(format!("{:?}", cache.policies()).matches("Policy {").count(), 2);
}

#[tokio::test]
async fn windows_of_a_default_apply_to_entries_that_expire() {
    #[cached(key = "failing:{id}", skip(cache), cache = cache)]
    async fn failing(cache: &Cache, id: u64) -> Result<u64, String> {
        match LOADS.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(id),
            _ => Err("no".to_owned()),
        }
    }

    let clock = Clock::manual();
    let policies = Policies::new().all(Policy::new().stale_if_error(minutes(60)));
    let builder = Cache::builder().clock(clock.clone()).policies(policies);
    let cache = builder.default_ttl(minutes(1)).build().unwrap();
    assert_eq!(failing(&cache, 1).await, Ok(1));
    clock.advance(minutes(2));
    assert_eq!(failing(&cache, 1).traced().await.source, Source::FailSafe);
    // Without an end there is nothing after it.
    cache.set_default_ttl(None).unwrap();
    assert_eq!(open(&cache, 1).await, 1);
    assert_eq!(open(&cache, 1).traced().await.source, Source::Memory);
    assert_eq!(open(&cache, 1).expiry().await.unwrap(), Some(Expiry::Never));
}

#[tokio::test]
async fn windows_may_follow_the_ttl_of_the_cache() {
    static LOADS: AtomicU64 = AtomicU64::new(0);
    const KEPT: Policy = Policy::new().default_ttl().stale_if_error(Duration::from_secs(3_600));

    #[cached(key = "windows:{id}", ttl = "default", stale_if_error = "1h", skip(cache), cache = cache)]
    async fn windows(cache: &Cache, id: u64) -> Result<u64, String> {
        match LOADS.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(id),
            _ => Err("no".to_owned()),
        }
    }

    struct Repository;

    #[cached_impl(ttl = "1s")]
    impl Repository {
        #[cached(key = "windows-of-impl", ttl = "default", skip(self, cache), cache = cache)]
        async fn get(&self, cache: &Cache) -> u64 {
            1
        }
    }

    let clock = Clock::manual();
    let builder = Cache::builder().clock(clock.clone());
    let cache = builder.default_ttl(minutes(1)).build().unwrap();
    assert_eq!(windows(&cache, 1).await, Ok(1));
    assert_eq!(Repository.get(&cache).await, 1);
    assert_eq!(Repository.get(&cache).expiry().await.unwrap(), Some(Expiry::In(minutes(1))));
    cache.entry("by-hand").policy(KEPT).insert(3u64).await.unwrap();
    clock.advance(minutes(2));
    assert_eq!(windows(&cache, 1).traced().await.source, Source::FailSafe);
    let failing = async || Err::<u64, _>("no");
    assert_eq!(cache.entry("by-hand").policy(KEPT).or_load(failing).await, Ok(3));
    clock.advance(minutes(61));
    assert_eq!(windows(&cache, 1).await, Err("no".to_owned()));
    assert_eq!(cache.entry("by-hand").policy(KEPT).or_load(failing).await, Err("no"));
}

#[tokio::test]
async fn a_function_is_switched_off_and_on() {
    static OWN: AtomicU64 = AtomicU64::new(0);

    #[cached(key = "switched:{id}", skip(cache), cache = cache)]
    async fn switched(cache: &Cache, id: u64) -> u64 {
        OWN.fetch_add(1, Ordering::SeqCst) + id
    }

    let cache = Cache::builder().build().unwrap();
    assert_eq!(switched(&cache, 10).await, 10);
    assert_eq!(open(&cache, 1).await, 1);
    let policies = Policies::new().disable("*::switched*").enable("nobody");
    cache.set_policies(policies.clone()).unwrap();
    assert_eq!((switched(&cache, 10).await, switched(&cache, 10).await), (11, 12));
    assert_eq!(switched(&cache, 10).traced().await.source, Source::Bypassed);
    assert_eq!(switched(&cache, 10).peek().await.unwrap(), None);
    assert_eq!(open(&cache, 1).traced().await.source, Source::Memory, "others stay on");
    // The old value must not come back.
    switched(&cache, 10).put(99).await.unwrap();
    cache.set_policies(policies.enable("*::switched*")).unwrap();
    assert_eq!(switched(&cache, 10).peek().await.unwrap(), None);
    assert_eq!(switched(&cache, 10).await, 14);
    assert_eq!(switched(&cache, 10).traced().await.source, Source::Memory);
    // A refresh while it is off evicts, too.
    cache.set_policies(Policies::new().disable("*::switched*")).unwrap();
    assert_eq!(switched(&cache, 10).refresh().await, 15);
    cache.set_policies(Policies::new()).unwrap();
    assert_eq!(switched(&cache, 10).peek().await.unwrap(), None);
}

#[tokio::test]
async fn a_function_without_metrics_is_not_counted_but_cached() {
    #[cached(metrics = false, key = "silent:{id}", tags = ["silent"], skip(cache), cache = cache)]
    async fn silent(cache: &Cache, id: u64) -> u64 {
        id
    }

    let cache = Cache::builder().build().unwrap();
    assert_eq!((silent(&cache, 1).await, silent(&cache, 1).await), (1, 1));
    assert_eq!(silent(&cache, 1).traced().await.source, Source::Memory);
    open(&cache, 1).await;
    let stats = cache.stats();
    assert_eq!((stats.hits(), stats.loads, stats.misses, stats.stores), (0, 1, 1, 1));
    assert_eq!(stats.load_time.count(), 1);
    let counted: Vec<_> = cache.stats_by_function().into_iter().map(|of| of.function).collect();
    assert!(counted.len() == 1 && counted[0].ends_with("policies::open"), "{counted:?}");
    cache.evict_tag("silent").await.unwrap();
    assert_eq!(silent(&cache, 1).peek().await.unwrap(), None);

    // Policies decide instead of the attribute, while the cache is in use.
    let shown = || cache.stats_by_function().into_iter().map(|of| of.function).collect::<Vec<_>>();
    let policies = Policies::new().metrics("*::open", false).metrics("*::silent", true);
    cache.set_policies(policies.clone()).unwrap();
    assert!(shown().len() == 1 && shown()[0].ends_with("::silent"), "{:?}", shown());
    assert_eq!((cache.stats().hits(), cache.stats().loads), (2, 1), "all its calls");
    cache.set_policies(policies.metrics("*", false).metrics("*::open", true)).unwrap();
    assert!(shown().len() == 1 && shown()[0].ends_with("::open"), "{:?}", shown());
    cache.set_policies(Policies::new().metrics("*", false)).unwrap();
    assert!(shown().is_empty());
    assert_eq!(cache.stats().loads, 0);
    assert_eq!(open(&cache, 1).traced().await.source, Source::Memory, "it is cached all the same");
}

#[test]
fn what_belongs_to_the_function_is_refused() {
    let refused = [
        Policy::new().tags(&["a"]),
        ttl(1).early_refresh(1.0),
        Policy::new().ttl(Duration::ZERO),
        ttl(5).stale(minutes(1)).soft_timeout(minutes(2)).hard_timeout(minutes(1)),
    ];
    let cache = Cache::builder().build().unwrap();
    for policy in refused {
        assert!(cache.set_policies(Policies::new().all(policy)).is_err(), "{policy:?}");
        let of_function = Policies::new().function("a", policy);
        assert!(Cache::builder().policies(of_function).build().is_err(), "{policy:?}");
    }
    assert!(cache.set_policies(Policies::new().all(Policy::new().stale(minutes(1)))).is_ok());
}

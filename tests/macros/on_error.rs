//! `on_error`: how a failing cache affects callers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Error, OnError, Policy, Source, cached, time::Clock};

use crate::Loads;
use crate::gated::{At, Gated};
use crate::origin::turns;

const SECOND: Duration = Duration::from_secs(1);

/// The function's own error, which cannot be cloned.
#[derive(Debug)]
enum Failed {
    Cache(Error),
    Origin,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

/// A cache over a store that can be down.
struct Shop {
    store: Gated,
    clock: Clock,
    cache: Cache,
    loads: Loads,
}

impl Shop {
    fn new() -> Self {
        Self::with(&Clock::manual(), Gated::new())
    }

    fn leased() -> Self {
        let clock = Clock::manual();
        Self::with(&clock, Gated::leased(&clock))
    }

    fn with(clock: &Clock, store: Gated) -> Self {
        let cache = store.cache(clock);
        Self { store, clock: clock.clone(), cache, loads: Loads::new() }
    }

    /// Brings the store back and lets the breaker allow a request.
    fn up(&self) {
        self.store.set_down(false);
        self.clock.advance(SECOND * 60);
    }

    #[cached(key = "{id}", cache = self.cache, on_error = "fail", skip(self))]
    async fn failing(&self, id: u64) -> Result<u64, Failed> {
        match id {
            0 => Err(Failed::Origin),
            _ => Ok(self.loads.count()),
        }
    }

    #[cached(key = "{id}", cache = self.cache, skip(self))]
    async fn bypassing(&self, id: u64) -> Result<u64, Failed> {
        let _ = id;
        Ok(self.loads.count())
    }
}

fn is_of_cache<T: std::fmt::Debug>(result: Result<T, Failed>) -> bool {
    match result {
        Err(Failed::Cache(Error::Backend(_))) => true,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn by_default_a_failing_cache_means_a_load() {
    let shop = Shop::new();
    shop.store.set_down(true);
    assert_eq!(shop.bypassing(1).await.unwrap(), 1);
    assert_eq!(shop.bypassing(1).traced().await.source, Source::Memory);
}

#[tokio::test]
async fn a_failing_cache_is_an_error_with_on_error_fail() {
    for shop in [Shop::new(), Shop::leased()] {
        assert_eq!(shop.failing(1).await.unwrap(), 1);
        shop.store.set_down(true);
        // A value in memory is served.
        assert_eq!(shop.failing(1).await.unwrap(), 1);
        let refused = shop.failing(2).traced().await;
        assert_eq!(refused.source, Source::Refused);
        assert!(is_of_cache(refused.value));
        assert_eq!(shop.loads.get(), 1);
        assert_eq!(shop.failing(2).bypass().await.unwrap(), 2);
        // The failure leaves no trace.
        shop.up();
        assert_eq!(shop.failing(2).await.unwrap(), 3);
        // A failure of the origin is returned as it is.
        assert!(matches!(shop.failing(0).await, Err(Failed::Origin)));
    }
}

#[tokio::test]
async fn all_waiters_get_the_error() {
    let shop = Arc::new(Shop::new());
    let gate = shop.store.hold(At::After("get"));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move { shop.failing(1).await })
        })
        .collect();
    gate.arrived().await;
    turns().await;
    // One function loads on its own, on the same flight as the callers that fail.
    let other = {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move { shop.bypassing(1).await })
    };
    turns().await;
    shop.store.lose_answers();
    gate.open();
    for call in calls {
        assert!(is_of_cache(call.await.unwrap()));
    }
    assert_eq!(other.await.unwrap().unwrap(), 1);
    assert_eq!(shop.loads.get(), 1);
}

#[tokio::test]
async fn an_old_value_is_preferred_to_the_error() {
    #[cached(key = "v", cache = shop.cache, ttl = "1s", stale_if_error = "1h", on_error = "fail", skip(shop))]
    async fn value(shop: &Shop) -> Result<u64, Failed> {
        Ok(shop.loads.count())
    }

    let shop = Shop::new();
    assert_eq!(value(&shop).await.unwrap(), 1);
    shop.clock.advance(SECOND * 2);
    shop.store.set_down(true);
    let old = value(&shop).traced().await;
    assert_eq!((old.value.unwrap(), old.source), (1, Source::FailSafe));
    assert_eq!(shop.loads.get(), 1);
    shop.clock.advance(SECOND * 3600);
    assert!(is_of_cache(value(&shop).await));
}

/// No refresh loads in the background either.
#[tokio::test]
async fn a_refresh_in_the_background_does_not_load_either() {
    #[cached(key = "v", cache = context.0.cache, ttl = "1s", stale = "1h", on_error = "fail", skip(context))]
    async fn value(context: &Context) -> Result<u64, Failed> {
        Ok(context.0.loads.count())
    }
    #[derive(Clone)]
    struct Context(Arc<Shop>);

    let context = Context(Arc::new(Shop::new()));
    let shop = &context.0;
    assert_eq!(value(&context).await.unwrap(), 1);
    shop.clock.advance(SECOND * 2);
    shop.store.set_down(true);
    for _ in 0..3 {
        assert_eq!(value(&context).traced().await.source, Source::Stale);
        turns().await;
    }
    assert_eq!(shop.loads.get(), 1);
    shop.up();
    assert_eq!(value(&context).traced().await.source, Source::Stale);
    turns().await;
    assert_eq!((value(&context).await.unwrap(), shop.loads.get()), (2, 2));
}

#[tokio::test]
async fn a_failed_lease_is_a_failing_cache() {
    let shop = Shop::leased();
    let gate = shop.store.hold(At::After("get"));
    let (read, ()) = tokio::join!(shop.failing(1), async {
        gate.arrived().await;
        shop.store.set_down(true);
        gate.open();
    });
    assert!(is_of_cache(read));
    assert_eq!(shop.loads.get(), 0);
}

/// The value was loaded and the caller gets it, even if it could not be stored.
#[tokio::test]
async fn a_value_that_cannot_be_stored_is_returned() {
    #[cached(key = "v", cache = shop.cache, on_error = "fail", skip(shop))]
    async fn value(shop: &Shop) -> Result<u64, Failed> {
        shop.store.set_down(true);
        Ok(shop.loads.count())
    }

    for shop in [Shop::new(), Shop::leased()] {
        assert_eq!(value(&shop).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_missing_cache_is_a_failing_cache() {
    #[cached(cache = "on-error-never-installed", on_error = "fail")]
    async fn orphan(id: u64) -> Result<u64, Failed> {
        Ok(id)
    }

    let refused = orphan(1).traced().await;
    assert_eq!(refused.source, Source::Refused);
    assert!(matches!(refused.value, Err(Failed::Cache(Error::UnknownCache { .. }))));
    assert_eq!(orphan(1).bypass().await.unwrap(), 1);
    // Also for a cache that the call names, and for a tenant without a name.
    let shop = Shop::new();
    assert!(shop.failing(1).cache("on-error-no-such").await.is_err());
    assert!(shop.failing(1).tenant("").await.is_err());
    assert_eq!(shop.bypassing(1).cache("on-error-no-such").await.unwrap(), 1);
}

#[tokio::test]
async fn a_shared_policy_may_set_it() {
    static STRICT: Policy = Policy::new().on_error(OnError::Fail);

    #[cached(key = "a", cache = shop.0.cache, policy = STRICT, skip(shop))]
    async fn can(shop: &Handle) -> Result<u64, Failed> {
        Ok(shop.0.loads.count())
    }
    #[cached(key = "b", cache = shop.0.cache, policy = STRICT, skip(shop))]
    async fn cannot(shop: &Handle) -> u64 {
        shop.0.loads.count()
    }
    #[cached(key = "c", cache = shop.0.cache, policy = STRICT, on_error = "bypass", skip(shop))]
    async fn does_not(shop: &Handle) -> Result<u64, Failed> {
        Ok(shop.0.loads.count())
    }
    #[cached(key = "d", cache = shop.0.cache, policy = Policy::new(), skip(shop))]
    async fn says_nothing(shop: &Handle) -> Result<u64, Failed> {
        Ok(shop.0.loads.count())
    }
    #[derive(Clone)]
    struct Handle(Arc<Shop>);

    let shop = Handle(Arc::new(Shop::new()));
    shop.0.store.set_down(true);
    assert!(is_of_cache(can(&shop).await));
    assert_eq!((cannot(&shop).await, does_not(&shop).await.unwrap()), (1, 2));
    assert_eq!(says_nothing(&shop).await.unwrap(), 3);
}

/// A batch fails as a whole, and loads nothing.
#[tokio::test]
async fn a_batch_gets_the_error_too() {
    #[cached(each = "id in ids", key = "{id}", cache = shop.cache, on_error = "fail", skip(shop))]
    async fn many(shop: &Shop, ids: &[u64]) -> Result<HashMap<u64, u64>, Failed> {
        shop.loads.count();
        Ok(ids.iter().map(|id| (*id, id * 10)).collect())
    }
    #[cached(
        each = "id in ids",
        key = "{id}",
        cache = "on-error-never-installed",
        on_error = "fail"
    )]
    async fn orphans(ids: Vec<u64>) -> Result<Vec<(u64, u64)>, Failed> {
        Ok(ids.into_iter().map(|id| (id, id)).collect())
    }

    for shop in [Shop::new(), Shop::leased()] {
        assert_eq!(many(&shop, &[1, 2]).await.unwrap().len(), 2);
        shop.store.set_down(true);
        assert_eq!(many(&shop, &[1, 2]).await.unwrap()[&2], 20);
        assert!(is_of_cache(many(&shop, &[1, 2, 3]).await));
        assert!(is_of_cache(many(&shop, &[3, 4]).await));
        assert_eq!(shop.loads.get(), 1);
        assert_eq!(many(&shop, &[3, 4]).bypass().await.unwrap()[&4], 40);
        shop.up();
        assert_eq!(many(&shop, &[1, 2, 3]).await.unwrap()[&3], 30);
    }
    let (refused, sources) = orphans(vec![1, 2]).traced().await;
    assert!(matches!(refused, Err(Failed::Cache(Error::UnknownCache { .. }))));
    assert_eq!(sources, [(1, Source::Refused), (2, Source::Refused)]);
}

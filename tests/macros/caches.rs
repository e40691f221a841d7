//! Which cache a function uses, and which of its tiers.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use larder::{
    Cache, Source, backend::MemoryBackend, cache_evict, cache_put, cached, cached_property, call,
    time::Clock,
};

use crate::{Loads, install};

#[cached(cache = "caches-named")]
async fn named(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_named_cache_is_found_by_its_name() {
    let cache = install("caches-named");
    named(1).await;
    assert_eq!(cache.stats().entries, 1);
    // A cache that is installed later replaces the first one.
    let other = install("caches-named");
    assert_eq!(named(1).traced().await.source, Source::Loaded);
    assert_eq!((cache.stats().entries, other.stats().entries), (1, 1));
}

#[tokio::test]
async fn without_its_named_cache_a_function_runs_uncached() {
    #[cached(cache = "caches-never-installed")]
    async fn orphan(id: u64) -> u64 {
        id
    }

    assert_eq!(orphan(1).traced().await.source, Source::Bypassed);
    assert_eq!(orphan(1).await, 1);
    let error = orphan(1).peek().await.unwrap_err();
    assert!(error.to_string().contains("caches-never-installed"), "{error}");
}

#[tokio::test]
async fn a_handle_can_be_any_expression_over_the_arguments() {
    struct App {
        caches: [Cache; 2],
    }

    #[cached(skip(app, at), cache = app.caches[at])]
    async fn by_argument(app: &App, at: usize) -> u64 {
        let _ = app;
        at as u64
    }

    impl App {
        #[cached(skip(self), cache = &self.caches[1])]
        async fn by_self(&self) -> u64 {
            7
        }

        #[cached(skip(self), cache = self.caches[1])]
        fn by_self_sync(&self) -> u64 {
            7
        }
    }

    let build = || Cache::builder().build().unwrap();
    let app = App { caches: [build(), build()] };
    assert_eq!([by_argument(&app, 0).await, by_argument(&app, 1).await], [0, 1]);
    assert_eq!(app.caches.each_ref().map(|cache| cache.stats().entries), [1, 1]);
    assert_eq!([app.by_self().await, app.by_self_sync()], [7, 7]);
    assert_eq!(app.caches.each_ref().map(|cache| cache.stats().entries), [1, 3]);
}

#[tokio::test]
async fn local_stays_in_memory_and_needs_no_serde() {
    static LOADS: Loads = Loads::new();

    #[derive(Clone, Debug)]
    struct NoSerde(u64);

    #[cached(key = "local", local, cache = "caches-local")]
    async fn local() -> NoSerde {
        NoSerde(LOADS.count())
    }
    #[cached(key = "shared", cache = "caches-local")]
    async fn shared() -> u64 {
        1
    }

    let backend = MemoryBackend::new();
    let build = || Cache::builder().name("caches-local").remote(backend.clone()).build().unwrap();
    let (cache, other) = (build(), build());
    cache.install();
    assert_eq!((local().await.0, local().await.0, shared().await), (1, 1, 1));
    // Read as another process would.
    assert_eq!(local().cache(&other).traced().await.source, Source::Loaded);
    assert_eq!(shared().cache(&other).traced().await.source, Source::Remote);
}

fn build() -> Cache {
    Cache::builder().build().unwrap()
}

/// The context that a web framework passes to a request.
#[derive(Clone)]
struct Context {
    caches: Arc<HashMap<&'static str, Cache>>,
    region: &'static str,
}

impl Context {
    fn new(region: &'static str) -> Self {
        Self { caches: Arc::new([("eu", build()), ("us", build())].into()), region }
    }

    fn of(&self, region: &str) -> u64 {
        self.caches[region].stats().entries
    }
}

/// By value.
fn cache_from(context: &Context) -> Cache {
    context.caches[context.region].clone()
}

/// By reference.
fn cache_in<'a>(context: &'a Context, region: &str) -> &'a Cache {
    &context.caches[region]
}

#[tokio::test]
async fn a_cache_is_chosen_by_functions_of_the_arguments() {
    #[cached(key = "{id}", cache = cache_from(&context), skip(context))]
    async fn by_value(context: Context, id: u64) -> u64 {
        drop(context);
        id
    }
    #[cached(key = "{id}", cache = cache_in(context, region), skip(context, region))]
    fn by_reference(context: &Context, region: &str, id: u64) -> u64 {
        let _ = (context, region);
        id
    }
    #[cached(
        key = "{id}",
        cache = if id < 10 { cache_in(context, "eu") } else { cache_in(context, "us") },
        skip(context)
    )]
    async fn by_id(context: &Context, id: u64) -> u64 {
        let _ = context;
        id
    }
    #[cached(key = "{id}", cache = { let region = context.region; &context.caches[region] }, skip(context), ttl = "1m", stale = "1m")]
    async fn in_the_background(context: &Context, id: u64) -> u64 {
        let _ = context;
        id
    }
    // A mutator can choose its cache in the same ways, even if its body consumes the argument that selects the cache.
    #[cache_evict(key = "{id}", cache = cache_from(&context))]
    async fn forget(context: Context, id: u64) {
        drop((context, id));
    }
    #[cache_evict(by_reference_call(context, region, id), before)]
    #[cache_evict(key = "{id}", cache = cache_in(context, "eu"))]
    fn forget_both(context: &Context, region: &str, id: u64) {
        let _ = (context, region, id);
    }
    fn by_reference_call(context: &Context, region: &str, id: u64) -> larder::future::Evict {
        call!(by_reference(context, region, id)).evict()
    }

    let context = Context::new("eu");
    let entries = || (context.of("eu"), context.of("us"));
    assert_eq!(by_value(context.clone(), 1).await, 1);
    assert_eq!(entries(), (1, 0));
    assert_eq!(by_value(Context { region: "us", ..context.clone() }, 1).await, 1);
    assert_eq!(entries(), (1, 1));
    assert_eq!(by_reference(&context, "us", 2), 2);
    assert_eq!((by_id(&context, 3).await, by_id(&context, 30).await), (3, 30));
    assert_eq!(entries(), (2, 3));
    assert_eq!(in_the_background(&context, 4).await, 4);
    assert_eq!(entries(), (3, 3));

    forget(context.clone(), 1).await;
    assert_eq!(entries(), (2, 3));
    forget_both(&context, "us", 2);
    assert_eq!(entries(), (2, 2));
    forget_both(&context, "us", 3);
    assert_eq!(entries(), (1, 2));
}

#[tokio::test]
async fn a_cache_in_any_container() {
    static SHARED: LazyLock<Cache> = LazyLock::new(build);

    struct Pool(Cache);
    impl std::ops::Deref for Pool {
        type Target = Cache;
        fn deref(&self) -> &Cache {
            &self.0
        }
    }
    struct App {
        arc: Arc<Cache>,
        pool: Pool,
        lock: Mutex<Cache>,
        boxed: Box<Cache>,
    }
    impl App {
        #[cached(cache = self.arc, skip(self))]
        async fn arc(&self) -> u64 {
            1
        }
        #[cached(cache = &self.pool, skip(self))]
        async fn pool(&self) -> u64 {
            1
        }
        #[cached(cache = self.lock.lock().unwrap(), skip(self))]
        async fn lock(&self) -> u64 {
            1
        }
        #[cached_property(cache = self.boxed, key_with = self.boxed.namespace())]
        fn boxed(&self) -> u64 {
            1
        }
        #[cached(cache = SHARED, skip(self))]
        async fn shared(&self) -> u64 {
            1
        }

        #[cache_evict(all, cache = self.lock.lock().unwrap())]
        #[cache_evict(all, cache = self.arc)]
        #[cache_evict(all, cache = SHARED)]
        async fn clear(&mut self) {}
    }

    let mut app = App {
        arc: Arc::new(build()),
        pool: Pool(build()),
        lock: Mutex::new(build()),
        boxed: Box::new(build()),
    };
    fn entries(app: &App) -> [u64; 5] {
        let lock = app.lock.lock().unwrap();
        [&*app.arc, &*app.pool, &*lock, &*app.boxed, &*SHARED].map(|cache| cache.stats().entries)
    }
    for _ in 0..2 {
        let asynchronous =
            [app.arc().await, app.pool().await, app.lock().await, app.shared().await];
        assert_eq!((asynchronous, app.boxed()), ([1; 4], 1));
    }
    assert_eq!(entries(&app), [1; 5]);
    app.clear().await;
    assert_eq!(entries(&app), [0, 1, 0, 1, 0]);
}

/// The call of a typed target knows its own cache, even one chosen by an expression.
#[tokio::test]
async fn evictions_and_puts_follow_the_call() {
    struct Shop {
        cache: Cache,
        loads: Loads,
    }
    impl Shop {
        #[cached(key = "item:{id}", cache = self.cache, skip(self))]
        async fn item(&self, id: u64) -> u64 {
            id + self.loads.count()
        }

        #[cache_evict(self.item(id))]
        async fn change(&self, id: u64) {}

        #[cache_put(self.item(id))]
        async fn save(&self, id: u64, to: u64) -> u64 {
            to
        }
    }

    let shop = Shop { cache: build(), loads: Loads::new() };
    assert_eq!(shop.item(10).await, 11);
    shop.change(10).await;
    assert_eq!(shop.item(10).await, 12);
    shop.save(10, 99).await;
    assert_eq!(shop.item(10).await, 99);
    assert_eq!(shop.cache.keys("*").await.unwrap(), ["item:10"]);
}

/// A refresh in the background goes to the cache of its call.
#[tokio::test]
async fn a_refresh_goes_to_the_cache_that_was_chosen() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "value", ttl = "1s", stale = "1m", cache = context.caches["us"], skip(context))]
    async fn value(context: &Context) -> u64 {
        let _ = context;
        LOADS.count()
    }

    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let context = Context { caches: Arc::new([("us", cache.clone())].into()), region: "us" };
    assert_eq!(value(&context).await, 1);
    clock.advance(Duration::from_secs(2));
    assert_eq!(value(&context).traced().await.source, Source::Stale);
    drop(context);
    crate::origin::turns().await;
    assert_eq!(cache.get::<u64>("value").await.unwrap(), Some(2));
}

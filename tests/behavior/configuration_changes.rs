//! Which settings of a cache can change while it runs, and which need a restart.

use std::time::Duration;

use larder::config::{Config, Format, ReloadReport};
use larder::redis::Redis;
use larder::{Cache, Capacity, Error, Eviction, Memory, backend::MemoryBackend, time::Clock};

fn toml(text: &str) -> Config {
    Config::layers().text(Format::Toml, "larder.toml", text).load().unwrap()
}

fn refused(result: Result<(), Error>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn the_default_time_to_live_applies_to_later_entries() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).remote(MemoryBackend::new()).build().unwrap();
    assert_eq!(cache.default_ttl(), None);
    cache.insert("before", 1).await.unwrap();
    cache.set_default_ttl(Duration::from_secs(10)).unwrap();
    assert_eq!(cache.default_ttl(), Some(Duration::from_secs(10)));
    cache.insert("short", 1).await.unwrap();
    cache.set_default_ttl(None).unwrap();
    cache.insert("after", 1).await.unwrap();
    clock.advance(Duration::from_secs(11));
    let keys = ["before", "short", "after"];
    assert_eq!(cache.get_many::<i32>(&keys).await.unwrap(), [Some(1), None, Some(1)]);
    assert_eq!(
        refused(cache.set_default_ttl(Duration::ZERO)),
        "default_ttl: found zero; wanted some time; leave it out, or write `never`, for entries that do not expire"
    );
    assert_eq!(cache.default_ttl(), None);
}

async fn fill(cache: &Cache, count: usize) {
    for n in 0..count {
        cache.insert(format!("key:{n}"), n).await.unwrap();
    }
}

#[tokio::test]
async fn a_smaller_bound_applies_immediately_and_a_larger_one_from_then_on() {
    for eviction in [Eviction::Auto, Eviction::Ttl] {
        let memory = Memory::max_entries(4_096).eviction(eviction);
        let cache = Cache::builder().memory(memory).build().unwrap();
        fill(&cache, 4_096).await;
        let before = cache.stats();
        assert!(before.entries > 3_500, "{eviction:?}: {}", before.entries);

        cache.set_capacity(Capacity::Entries(1_000)).unwrap();
        let small = cache.stats();
        assert!((900..=1_000).contains(&small.entries), "{eviction:?}: {}", small.entries);
        let told = cache.info().await.memory.map(|memory| memory.capacity);
        assert_eq!(told, Some(Capacity::Entries(1_000)));
        let gone = before.entries - small.entries;
        assert_eq!(small.evicted_capacity - before.evicted_capacity, gone, "{eviction:?}");
        assert!(
            small.bytes < before.bytes / 3,
            "{eviction:?}: removed entries are no longer counted"
        );

        fill(&cache, 2_000).await;
        assert!(cache.stats().entries <= 1_000, "{eviction:?}: it stays within its bound");
        cache.set_capacity(Capacity::Entries(4_096)).unwrap();
        fill(&cache, 3_000).await;
        assert!(cache.stats().entries > 2_500, "{eviction:?}: {}", cache.stats().entries);
    }
}

#[tokio::test]
async fn bounds_in_bytes_change_too() {
    for eviction in [Eviction::Auto, Eviction::Ttl] {
        let memory = Memory::max_bytes(32 << 20).eviction(eviction).weigher(|_: &usize| 16 << 10);
        let cache = Cache::builder().memory(memory).build().unwrap();
        fill(&cache, 1_500).await;
        assert!(cache.stats().bytes > 20 << 20);
        cache.set_capacity(Capacity::Bytes(8 << 20)).unwrap();
        let bytes = cache.stats().bytes;
        assert!((4 << 20..=8 << 20).contains(&bytes), "{eviction:?}: {bytes}");
    }
}

/// Removed values are dropped without a lock, so their `Drop` may use the cache.
#[tokio::test]
async fn removed_values_may_use_the_cache() {
    #[derive(Clone)]
    struct Nosy(Cache);
    impl Drop for Nosy {
        fn drop(&mut self) {
            let _ = self.0.stats();
            let _ = self.0.set_capacity(Capacity::Entries(500));
        }
    }
    for eviction in [Eviction::Auto, Eviction::Ttl] {
        let memory = Memory::max_entries(1_000).eviction(eviction);
        let cache = Cache::builder().memory(memory).name("nosy").build().unwrap();
        cache.install();
        for n in 0..1_000 {
            nosy(&cache, n).await;
        }
        let resized = cache.clone();
        let done = tokio::task::spawn_blocking(move || {
            resized.set_capacity(Capacity::Entries(600)).unwrap()
        });
        tokio::time::timeout(Duration::from_secs(10), done).await.expect("a deadlock").unwrap();
        assert!(cache.stats().entries <= 600);
        cache.clear().await.unwrap();
        cache.reclaim();
    }

    #[larder::cached(local, cache = "nosy", skip(cache))]
    async fn nosy(cache: &Cache, n: u64) -> Nosy {
        Nosy(cache.clone())
    }
}

#[tokio::test]
async fn unsupported_changes_are_rejected_and_change_nothing() {
    let cache = |memory: Memory| Cache::builder().memory(memory).build().unwrap();
    let entries = cache(Memory::max_entries(100));
    assert_eq!(
        refused(entries.set_capacity(Capacity::Bytes(1 << 20))),
        "max_bytes: the memory tier is bounded by `max_entries`; build the cache anew"
    );
    let zero = refused(entries.set_capacity(Capacity::Entries(0)));
    assert!(zero.starts_with("max_entries: the memory tier is split into "), "{zero}");
    let bytes = cache(Memory::max_bytes(1 << 20));
    assert_eq!(
        refused(bytes.set_capacity(Capacity::Entries(100))),
        "max_entries: the memory tier is bounded by `max_bytes`; build the cache anew"
    );
    for eviction in [Eviction::Lru, Eviction::Lfu] {
        assert_eq!(
            refused(
                cache(Memory::max_entries(100).eviction(eviction))
                    .set_capacity(Capacity::Entries(50))
            ),
            "max_entries: this engine can't change its bound while it runs; build the cache anew"
        );
    }
    let remote = Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
    assert_eq!(
        refused(remote.set_capacity(Capacity::Entries(100))),
        "memory: this cache has no memory tier; build it with one"
    );
}

#[tokio::test]
async fn a_reloaded_configuration_is_applied_as_far_as_that_is_safe() {
    let before = "default_ttl = '5m'\n[memory]\nmax_entries = 4096\n[caches.a]\n[caches.b]\n[caches.b.memory]\n\
                  eviction = 'lru'\n[caches.gone]";
    let caches = toml(before).build().await.unwrap();
    assert_eq!(caches.apply(&toml(before)).unwrap(), ReloadReport::default());
    let default = caches.get(None).unwrap();
    fill(default, 4_000).await;

    let after = "default_ttl = '10m'\ncodec = 'json'\n[memory]\nmax_entries = 1000\n[caches.a]\nenabled = false\n\
                 default_ttl = 'never'\n[caches.b]\n[caches.b.memory]\neviction = 'lru'\n[caches.fresh]";
    let changes = caches.apply(&toml(after)).unwrap();
    let applied = [
        "default_ttl",
        "memory.max_entries",
        "caches.a.enabled",
        "caches.a.default_ttl",
        "caches.a.memory.max_entries",
        "caches.b.default_ttl",
    ];
    assert_eq!(changes.applied, applied);
    let restart = [
        "codec",
        "caches.a.codec",
        "caches.b.codec",
        "caches.b.memory.max_entries",
        "caches.fresh",
        "caches.gone",
    ];
    assert_eq!(changes.needs_restart, restart);
    assert_eq!(default.default_ttl(), Some(Duration::from_secs(600)));
    assert!(default.stats().entries <= 1_000);
    let a = caches.get("a").unwrap();
    assert_eq!((a.default_ttl(), a.is_enabled()), (None, false));

    // The applied settings stay; settings that need a restart are reported again.
    let again = caches.apply(&toml(after)).unwrap();
    assert_eq!((again.applied.len(), again.needs_restart), (0, changes.needs_restart));
    // Changes back. Without a bound in the configuration, the default bound applies.
    let changes = caches
        .apply(&toml("[caches.a]\n[caches.b.memory]\neviction = 'lru'\n[caches.gone]"))
        .unwrap();
    assert!(changes.applied.contains(&"memory.max_entries".to_owned()));
    assert!(a.is_enabled() && default.default_ttl().is_none());
    fill(default, 9_000).await;
    assert!(default.stats().entries > 8_000);
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing() {
    let caches = toml("default_ttl = '5m'").build().await.unwrap();
    let mut wrong = toml("default_ttl = '10m'");
    wrong.default.memory.max_entries = Some(0);
    assert!(caches.apply(&wrong).is_err());
    assert_eq!(caches.get(None).unwrap().default_ttl(), Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn the_breaker_opens_after_its_threshold_for_its_cool_down() {
    let clock = Clock::manual();
    let cache = Cache::builder()
        .clock(clock.clone())
        .no_memory()
        .remote(Redis::lazy("redis://127.0.0.1:1").unwrap())
        .breaker_threshold(2)
        .breaker_cool_down(Duration::from_secs(60))
        .build()
        .unwrap();
    let opened = async || {
        let error = cache.get::<u64>("a").await.unwrap_err().to_string();
        error.starts_with("the remote tier failed: breaker:")
    };
    assert!(!opened().await && !opened().await);
    assert!(opened().await);
    clock.advance(Duration::from_secs(59));
    assert!(opened().await);
    clock.advance(Duration::from_secs(2));
    assert!(!opened().await && opened().await, "one tries, and fails again");
}

#[test]
fn an_invalid_breaker_is_rejected() {
    let refused = |builder: larder::Builder| builder.build().unwrap_err().to_string();
    assert_eq!(
        refused(Cache::builder().breaker_threshold(0)),
        "breaker_threshold: found zero; wanted 1 failure at least"
    );
    assert_eq!(
        refused(Cache::builder().breaker_cool_down(Duration::ZERO)),
        "breaker_cool_down: found zero; wanted 1 ms at least; leave it out for 1 second"
    );
}

#[tokio::test]
async fn policies_of_functions_and_models_change_at_run_time() {
    use larder::{Expiry, cached};

    #[cached(ttl = "1h", key = "configured:{id}", skip(cache), cache = cache)]
    async fn configured(cache: &Cache, id: u64) -> u64 {
        id
    }

    #[cached(model = "jar", op = "configured", skip(cache), cache = cache)]
    async fn of_model(cache: &Cache, id: u64) -> u64 {
        id
    }

    let left = async |cache: &Cache, id: u64| {
        configured(cache, id).await;
        of_model(cache, id).await;
        let left = [
            configured(cache, id).expiry().await.unwrap(),
            of_model(cache, id).expiry().await.unwrap(),
        ];
        left.map(|left| left.and_then(Expiry::left).map(|left| left.as_secs().div_ceil(60)))
    };
    let before = toml("policy.ttl = '10m'\n[models.jar]\nttl = '5m'");
    let caches = before.build().await.unwrap();
    let cache = caches.get(None).unwrap().clone();
    assert_eq!(left(&cache, 1).await, [Some(60), Some(5)]);

    let text = "policy.ttl = '10m'\n[functions]\n\"*::configured\".ttl = '1m'\n\"*::of_mod*\".enabled = false\n\"*::configured\".metrics = false";
    let report = caches.apply(&toml(text)).unwrap();
    assert_eq!(
        (&report.applied[..], &report.needs_restart[..]),
        (&["models".to_owned(), "functions".to_owned()][..], &[][..])
    );
    assert_eq!(left(&cache, 2).await, [Some(1), None]);
    let shown = || cache.stats_by_function().iter().any(|of| of.function.ends_with("::configured"));
    assert!(!shown());
    caches.apply(&toml("policy.ttl = '9m'")).unwrap();
    assert_eq!(left(&cache, 3).await, [Some(60), Some(9)]);
    assert!(shown());
}

#[test]
fn mistakes_in_policies_have_their_places() {
    let text = "policy.ttl = 0\npolicy.enabled = true\n[models.jar]\njitter = 2\nmetrics = true\n[functions]\n\"shop::search\".lease = 0\n\
                \"shop::*\".soft_timeout = '2s'\n\"shop::*\".ttk = '1m'";
    let error = Config::layers().text(Format::Toml, "larder.toml", text).load().unwrap_err();
    let paths: Vec<_> = error.mistakes().iter().map(|mistake| mistake.path().to_owned()).collect();
    for path in [
        "policy.ttl",
        "policy.enabled",
        "models.jar.jitter",
        "models.jar.metrics",
        "functions.shop::search.lease",
        "functions.shop::*.soft_timeout",
        "functions.shop::*.ttk",
    ] {
        assert!(paths.contains(&path.to_owned()), "{path}: {error}");
    }
}

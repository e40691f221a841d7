//! The tiers of functions, as their attributes and an operator's policies say, on memory, Redis and both.

use std::time::Duration;

use larder::config::{Config, Format};
use larder::{Access, Cache, Policies, Policy, Source, Tiers, cached};

use crate::support::Server;
use crate::three_tierings::{in_both, in_memory, in_redis};

#[cached(key = "all:{id}", cache = cache, skip(cache, value))]
async fn all(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "memory:{id}", tiers = "memory", cache = cache, skip(cache, value))]
async fn memory(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "remote:{id}", tiers = "remote", cache = cache, skip(cache, value))]
async fn remote(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "read:{id}", access = "read_only", cache = cache, skip(cache, value))]
async fn read_only(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "write:{id}", access = "write_only", cache = cache, skip(cache, value))]
async fn write_only(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

const REMOTE: Policy = Policy::new().tiers(Tiers::Remote);

#[cached(key = "shared:{id}", policy = REMOTE, blocking, cache = cache, skip(cache, value))]
fn in_sync(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

#[cached(key = "local:{id}", local, cache = cache, skip(cache, value))]
async fn local(cache: &Cache, id: u64, value: u64) -> u64 {
    value
}

/// Where the second of two calls gets its value.
macro_rules! again {
    ($function:ident, $cache:expr) => {{
        $function($cache, 1, 1).await;
        // A value is stored remotely in the background.
        while $cache.stats().in_flight > 0 {
            tokio::task::yield_now().await;
        }
        $function($cache, 1, 2).traced().await
    }};
}

/// `sources`: of a function that uses all tiers, memory only, the remote tier only.
async fn scenario(cache: &Cache, sources: [Source; 3]) {
    let [of_all, of_memory, of_remote] = sources;
    assert_eq!(again!(all, cache).source, of_all);
    assert_eq!(again!(memory, cache).source, of_memory);
    assert_eq!(again!(remote, cache).source, of_remote);
    assert_eq!(again!(read_only, cache).source, Source::Loaded);
    assert_eq!(read_only(cache, 1, 3).peek().await.unwrap(), None);
    let written = again!(write_only, cache);
    assert_eq!((written.value, written.source), (2, Source::Loaded));
    let read = write_only(cache, 1, 3).access(Access::ReadOnly).await;
    assert_eq!(read, 2, "it was stored");

    // A call chooses other tiers than its function, unless that is local.
    local(cache, 1, 1).await;
    assert_eq!(local(cache, 1, 2).tiers(Tiers::Remote).traced().await.source, Source::Loaded);
    let other = if of_memory == Source::Memory { 1 } else { 2 };
    assert_eq!(memory(cache, 1, 2).await, other);
    memory(cache, 2, 2).tiers(Tiers::All).put(2).await.unwrap();
    let there = memory(cache, 2, 3).tiers(Tiers::Remote).peek().await.unwrap();
    assert_eq!(there, (of_remote == Source::Remote).then_some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_uses_the_tiers_of_its_attribute() {
    use Source::{Loaded, Memory, Remote};
    scenario(&in_memory().await, [Memory, Memory, Loaded]).await;
    let server = Server::start();
    scenario(&in_redis(&server).await, [Remote, Loaded, Remote]).await;
    let server = Server::start();
    scenario(&in_both(&server).await, [Memory, Memory, Remote]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_function_reads_the_remote_tier_only() {
    let server = Server::start();
    let cache = in_both(&server).await;
    let work = tokio::task::spawn_blocking(move || {
        assert_eq!(in_sync(&cache, 1, 1), 1);
        assert_eq!(in_sync(&cache, 1, 2), 1);
        (cache.stats().memory_hits, cache.stats().remote_hits)
    });
    assert_eq!(work.await.unwrap(), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sets_the_tiers_of_functions() {
    let server = Server::start();
    let cache = &in_both(&server).await;
    assert_eq!(again!(all, cache).source, Source::Memory);
    let only = |policy| Policies::new().function("*::all", policy);

    cache.set_policies(only(REMOTE)).unwrap();
    assert_eq!(
        all(cache, 1, 2).traced().await.source,
        Source::Remote,
        "memory has it all the same"
    );
    assert_eq!(again!(memory, cache).source, Source::Memory, "another function");
    all(cache, 1, 2).put(2).await.unwrap();
    assert_eq!(all(cache, 1, 3).tiers(Tiers::Memory).peek().await.unwrap(), None);
    let chosen = all(cache, 1, 3).tiers(Tiers::Memory).traced().await;
    assert_eq!(chosen.source, Source::Loaded, "a call has precedence");

    cache.set_policies(only(Policy::new().access(Access::ReadOnly))).unwrap();
    assert_eq!(all(cache, 2, 2).await, 2);
    assert_eq!(all(cache, 2, 3).await, 3);
    all(cache, 1, 4).put(4).await.unwrap();
    assert_eq!(all(cache, 1, 5).await, 5, "the put has evicted the old value");

    cache.set_policies(only(Policy::new().access(Access::WriteOnly))).unwrap();
    assert_eq!((all(cache, 2, 2).await, all(cache, 2, 3).await), (2, 3));
    cache.set_policies(Policies::new()).unwrap();
    assert_eq!(all(cache, 2, 4).await, 3);
}

#[test]
fn only_functions_have_tiers() {
    let cache = Cache::builder().build().unwrap();
    for policy in [REMOTE, Policy::new().local(), Policy::new().access(Access::ReadOnly)] {
        assert!(cache.set_policies(Policies::new().all(policy)).is_err());
        assert!(cache.set_policies(Policies::new().model("jar", policy)).is_err());
        assert!(cache.set_policies(Policies::new().function("a", policy)).is_ok());
    }
    // What has nothing to do under these tiers does not make the function run uncached.
    let times = Policy::new().memory_ttl(Duration::from_secs(1)).err_ttl(Duration::from_secs(1));
    assert!(times.tiers(Tiers::Remote).check().is_err());
    let both = Policies::new().function("*", REMOTE).function("a::*", times);
    assert!(cache.set_policies(both).is_ok());
}

fn read(text: &str) -> Result<Config, larder::config::ConfigError> {
    Config::layers().text(Format::Toml, "larder.toml", text).load()
}

#[tokio::test]
async fn the_configuration_sets_the_tiers_of_functions() {
    let text = "[functions]\n\"*::tiers::all\".tiers = 'remote'\n\"*::tiers::memory\".access = 'read_only'";
    let caches = read(text).unwrap().build().await.unwrap();
    let cache = caches.get(None).unwrap();
    assert_eq!(again!(all, cache).source, Source::Loaded, "there is no remote tier");
    assert_eq!(again!(memory, cache).source, Source::Loaded);

    let error = read(
        "policy.tiers = 'remote'\n[models.jar]\naccess = 'read_only'\n\
         [functions]\na.tiers = 'redis'\nb.access = 'readonly'\nc.tiers = 'remote'\nc.err_ttl = '1s'",
    )
    .unwrap_err();
    let mut paths: Vec<_> =
        error.mistakes().iter().map(|mistake| mistake.path().to_owned()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "functions.a.tiers",
            "functions.b.access",
            "functions.c.err_ttl",
            "models.jar.access",
            "policy.tiers",
        ],
        "{error}"
    );
    assert!(error.to_string().contains("`read_only`"), "{error}");
}

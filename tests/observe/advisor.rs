//! What an installed cache says in the log, and advice on settings that are often mistakes, each once.

use std::time::Duration;

use larder::redis::Redis;
use larder::testing::{Faulty, Kit};
use larder::{Builder, Cache, Memory, backend::MemoryBackend, cached};
use tracing::Level;

use crate::subscriber::Log;
use crate::support::{Server, eventually};

const HOUR: Duration = Duration::from_secs(3_600);

fn remote(name: &str) -> Builder {
    Cache::builder().name(name).namespace(format!("ns-{name}")).remote(MemoryBackend::new())
}

/// The warnings that name this cache.
fn warnings(log: &Log, cache: &str) -> Vec<String> {
    let about = format!("cache={cache:?}");
    let lines = log.lines().into_iter();
    lines
        .filter(|line| line.level == Level::WARN && line.text.contains(&about))
        .map(|line| line.text)
        .collect()
}

#[tokio::test]
async fn an_installed_cache_is_logged_with_its_settings() {
    let (log, _guard) = Log::listen();
    remote("advisor-a")
        .memory(Memory::max_entries(77))
        .default_ttl(HOUR)
        .build()
        .unwrap()
        .install();
    let installed =
        log.lines().into_iter().filter(|line| line.text.contains("a cache was installed"));
    let installed: Vec<_> = installed.collect();
    assert_eq!(installed.len(), 1);
    assert_eq!(installed[0].level, Level::INFO);
    for part in [
        "cache=\"advisor-a\"",
        "namespace=\"ns-advisor-a\"",
        "memory=\"Auto, Entries(77)\"",
        "remote=\"memory\"",
        "codec=Postcard",
        "encrypted=false",
        "default_ttl=Some(3600s)",
    ] {
        assert!(installed[0].text.contains(part), "{part}: {}", installed[0].text);
    }
    assert_eq!(warnings(&log, "advisor-a"), [""; 0], "there is nothing to advise");
    Cache::builder().name("advisor-b").build().unwrap().install();
    assert_eq!(log.said(Level::INFO, "memory=\"Auto, Entries(10000)\" remote=\"none\""), 1);
    assert_eq!(warnings(&log, "advisor-b"), [""; 0]);
}

#[tokio::test]
async fn a_default_namespace_in_a_store_is_advised_against_once() {
    let (log, _guard) = Log::listen();
    let store = MemoryBackend::new();
    for _ in 0..3 {
        let builder = Cache::builder().name("advisor-namespace").remote(store.clone());
        builder.build().unwrap().install();
    }
    let warnings = warnings(&log, "advisor-namespace");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("its namespace is `larder/advisor-namespace`, the default"));
}

#[tokio::test]
async fn a_missing_bus_is_advised_against_once() {
    let (log, _guard) = Log::listen();
    let store = || Faulty::new(MemoryBackend::new()).without_bus();
    for _ in 0..3 {
        let builder = Cache::builder().name("advisor-bus").namespace("advisor-bus");
        builder.remote(store()).build().unwrap().install();
    }
    let found = warnings(&log, "advisor-bus");
    assert!(found.len() == 1 && found[0].contains("has no bus"), "{found:?}");
    // Without a memory tier there is nothing that must follow.
    let builder = Cache::builder().name("advisor-no-memory").namespace("advisor-no-memory");
    builder.no_memory().remote(store()).build().unwrap().install();
    assert_eq!(warnings(&log, "advisor-no-memory"), [""; 0]);
}

#[cached(key = "endless:{n}", cache = cache, skip(cache))]
async fn endless(cache: &Cache, n: u64) -> u64 {
    n
}

#[cached(key = "never:{n}", ttl = "never", cache = cache, skip(cache))]
async fn never(cache: &Cache, n: u64) -> u64 {
    n
}

#[cached(key = "minute:{n}", ttl = "1m", cache = cache, skip(cache))]
async fn minute(cache: &Cache, n: u64) -> u64 {
    n
}

#[cached(key = "windows:{n}", ttl = "default", stale = "1m", cache = cache, skip(cache))]
async fn windows(cache: &Cache, n: u64) -> u64 {
    n
}

#[tokio::test]
async fn windows_without_a_ttl_are_advised_against_once() {
    let (log, _guard) = Log::listen();
    let with = Cache::builder().name("advisor-with-ttl").default_ttl(HOUR).build().unwrap();
    let without = Cache::builder().name("advisor-without-ttl").build().unwrap();
    for cache in [&with, &without] {
        for n in 0..3 {
            windows(cache, n).await;
        }
    }
    assert_eq!(warnings(&log, "advisor-with-ttl"), [""; 0]);
    let found = warnings(&log, "advisor-without-ttl");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`stale` of `observe::advisor::windows` has no effect"), "{found:?}");
}

async fn stored(cache: &Cache, key: &str) {
    eventually("it is stored", async || cache.inspect(key).await.remote.is_some()).await;
}

#[tokio::test]
async fn a_missing_ttl_is_advised_against_once_for_each_function() {
    let (log, _guard) = Log::listen();
    let bare = remote("advisor-ttl").build().unwrap();
    let default = remote("advisor-default-ttl").default_ttl(HOUR).build().unwrap();
    let here = Cache::builder().name("advisor-ttl-here").build().unwrap();
    for cache in [&bare, &default] {
        for n in 0..3 {
            minute(cache, n).await;
            never(cache, n).await;
            endless(cache, 9).ttl("1m").await;
            stored(cache, &format!("never:{n}")).await;
        }
    }
    // These end, are meant to be endless, or leave no value in a store.
    assert_eq!(warnings(&log, "advisor-ttl"), [""; 0]);
    for cache in [&default, &bare, &here] {
        for n in 0..3 {
            endless(cache, n).await;
        }
    }
    stored(&bare, "endless:2").await;
    stored(&default, "endless:2").await;
    let found = warnings(&log, "advisor-ttl");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("advisor::endless` never expire in the remote tier"), "{found:?}");
    assert_eq!(warnings(&log, "advisor-default-ttl"), [""; 0]);
    assert_eq!(warnings(&log, "advisor-ttl-here"), [""; 0]);
}

#[tokio::test]
async fn the_memory_policy_of_redis_is_checked() {
    let (log, _guard) = Log::listen();
    for (name, maxmemory, policy, level, text) in [
        (
            "advisor-full",
            "50mb",
            "noeviction",
            Level::WARN,
            "has the `maxmemory-policy` `noeviction`",
        ),
        ("advisor-unbounded", "0", "noeviction", Level::INFO, "has no `maxmemory`"),
    ] {
        let server = Server::with_args(&["--maxmemory", maxmemory, "--maxmemory-policy", policy]);
        for _ in 0..2 {
            let redis = Redis::connect(server.url()).await.unwrap();
            let builder = Cache::builder().name(name).namespace(name).remote(redis);
            let cache = builder.build().unwrap();
            cache.install();
            eventually(name, async || log.said(level, text) > 0).await;
            // The second time, the answer comes about now.
            cache.info().await;
        }
        assert_eq!(log.said(level, text), 1);
    }
    let server = Server::with_args(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
    let redis = Redis::connect(server.url()).await.unwrap();
    let cache =
        Cache::builder().name("advisor-lru").namespace("lru").remote(redis).build().unwrap();
    cache.install();
    cache.info().await;
    assert_eq!(warnings(&log, "advisor-lru"), [""; 0]);
}

#[tokio::test]
async fn the_caches_of_a_kit_are_not_logged() {
    let (log, _guard) = Log::listen();
    let kit = Kit::new();
    kit.run(async {
        let store = Faulty::new(MemoryBackend::new()).without_bus();
        Cache::builder().name("advisor-kit").remote(store).build().unwrap().install();
    })
    .await;
    assert_eq!(log.said(Level::INFO, "a cache was installed"), 0);
    assert_eq!(warnings(&log, "advisor-kit"), [""; 0]);
}

//! Invalid input is rejected, and the message names the field and a fix.

use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Builder, Cache, Error, Memory,
    backend::{BackendErrorKind, MemoryBackend},
    cached,
};

use crate::support::free_port;

#[track_caller]
fn says(error: &dyn std::error::Error, pieces: &[&str]) {
    let text = error.to_string();
    for piece in pieces {
        assert!(text.contains(piece), "`{piece}` is not in: {text}");
    }
}

#[track_caller]
fn refused(builder: Builder, field: &str, fix: &[&str]) {
    let error = builder.build().unwrap_err();
    assert!(matches!(&error, Error::Config { field: at, .. } if *at == field), "{error:?}");
    says(&error, &[field]);
    says(&error, fix);
}

#[tokio::test]
async fn an_invalid_url() {
    for url in ["localhost:6379", "127.0.0.1", "", "http://localhost:6379", "redis:localhost"] {
        let error = Redis::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Config);
        says(&error, &["not a Redis URL", "redis://[user:password@]host[:port][/db]"]);
    }
    says(&Redis::lazy("localhost:6379").unwrap_err(), &["`localhost:6379`", "redis://"]);
    says(&Redis::connect("redis://localhost/first").await.unwrap_err(), &["database", "number"]);
}

#[tokio::test]
async fn an_unreachable_server() {
    let port = free_port();
    let error = Redis::connect(format!("redis://:hunter2@127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unreachable);
    says(&error, &[&format!("127.0.0.1:{port}"), "can't connect", "check that the server runs"]);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_time_limit_of_zero() {
    let builder = || Redis::builder("redis://127.0.0.1");
    let error = builder().operation_timeout(Duration::ZERO).build_lazy().unwrap_err();
    says(&error, &["operation_timeout", "1 ms"]);
    let error = builder().connect_timeout(Duration::ZERO).connect().await.unwrap_err();
    says(&error, &["connect_timeout", "1 ms"]);
}

#[test]
fn a_namespace() {
    for namespace in ["", "a:b", "a b", "a*", "[a]", "a~b", "ключ", "a\n"] {
        refused(Cache::builder().namespace(namespace), "namespace", &["letters, digits", "`_`"]);
    }
    refused(Cache::builder().namespace("a:b"), "namespace", &["`a:b`"]);
    for namespace in ["a", "A-1_2.3/4"] {
        let cache = Cache::builder().namespace(namespace).build().unwrap();
        assert_eq!(cache.namespace(), namespace);
    }
}

#[test]
fn an_empty_name() {
    refused(Cache::builder().name(""), "name", &["leave it out"]);
}

#[test]
fn a_ttl_of_zero() {
    let builder = Cache::builder().default_ttl(Duration::ZERO);
    refused(builder, "default_ttl", &["found zero", "leave it out"]);
}

#[test]
fn an_empty_memory_tier() {
    let builder = Cache::builder().memory(Memory::max_entries(0));
    refused(builder, "max_entries", &["found zero", "1 at least", "no_memory()"]);
}

#[test]
fn no_tier() {
    refused(Cache::builder().no_memory(), "memory", &["remote(..)", "no_memory()"]);
    Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
}

#[test]
fn a_cache_that_is_not_installed() {
    let known = |error: Error| error.to_string().split_once("(installed: ").unwrap().1.to_owned();
    let error = Cache::named("nope").unwrap_err();
    says(&error, &["`nope`", "Cache::builder().name(\"nope\").build()?.install()", "(installed: "]);
    Cache::builder().name("bad-input-b").build().unwrap().install();
    Cache::builder().name("bad-input-a").build().unwrap().install();
    Cache::builder().name("bad-input-c").build().unwrap();
    let known = known(Cache::named("nope").unwrap_err());
    assert!(known.contains("`bad-input-a`, `bad-input-b`"), "{known}");
    assert!(!known.contains("bad-input-c") && !known.contains("nope"), "{known}");
    assert_eq!(Cache::named("bad-input-a").unwrap().name(), Some("bad-input-a"));
}

#[cached(key = "bad-input:{id}", cache = "bad-input-missing")]
async fn on_a_missing_cache(id: u64) -> Result<u64, String> {
    Ok(id)
}

/// A function on a cache that is not installed runs uncached; only operations on the cache itself fail.
#[tokio::test]
async fn a_function_on_a_cache_that_is_not_installed() {
    let read = on_a_missing_cache(7).traced().await;
    assert_eq!((read.value, read.source), (Ok(7), larder::Source::Bypassed));
    says(&on_a_missing_cache(7).evict().await.unwrap_err(), &["`bad-input-missing`"]);
    says(&on_a_missing_cache(7).put(8).await.unwrap_err(), &["`bad-input-missing`"]);
    says(&on_a_missing_cache(7).peek().await.unwrap_err(), &["`bad-input-missing`"]);
    assert_eq!(on_a_missing_cache(7).cache("bad-input-other").await, Ok(7));
}

/// Functions that already ran without the cache find it when it is installed later.
#[tokio::test]
async fn a_cache_that_is_installed_late() {
    #[cached(key = "late", cache = "bad-input-late")]
    async fn late() -> u64 {
        7
    }
    assert_eq!(late().traced().await.source, larder::Source::Bypassed);
    Cache::builder().name("bad-input-late").build().unwrap().install();
    assert_eq!(late().traced().await.source, larder::Source::Loaded);
    assert_eq!(late().traced().await.source, larder::Source::Memory);
}

/// A remote tier needs a runtime for its connection; without one `build` returns an error and does not panic.
#[test]
fn a_redis_outside_of_a_runtime() {
    let redis = Redis::lazy("redis://127.0.0.1").unwrap();
    let error = Cache::builder().remote(redis).build().unwrap_err();
    says(&error, &["Tokio runtime"]);
}

//! Functions that share keys but not types: each replaces the entries of the other, which is logged once and counted.

use std::collections::HashMap;

use larder::{Cache, cached};
use tracing::Level;

use crate::subscriber::Log;

#[cached(key = "shared-user:{id}", cache = "observe-shared")]
async fn one_user(id: u64) -> String {
    format!("user {id}")
}

/// With `none_ttl` an id is cached as an `Option`.
#[cached(key = "shared-user:{id}", each = "id in ids", none_ttl = "1m", cache = "observe-shared")]
async fn many_users(ids: &[u64]) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, format!("user {id}"))).collect()
}

#[cached(key = "shared-user:{id}", cache = "observe-shared")]
async fn same_type(id: u64) -> String {
    format!("user {id}")
}

#[tokio::test]
async fn two_types_under_one_key_are_logged_once_and_counted() {
    let (log, _hears) = Log::listen();
    let cache = Cache::builder().name("observe-shared").build().unwrap();
    cache.install();
    // Functions of one type share entries on purpose.
    assert_eq!((one_user(7).await, same_type(7).await), ("user 7".into(), "user 7".into()));
    assert_eq!((cache.stats().loads, cache.stats().mistyped), (1, 0));
    for _ in 0..3 {
        assert_eq!(many_users(&[7]).await[&7], "user 7");
        assert_eq!(one_user(7).await, "user 7");
    }
    assert_eq!(cache.stats().mistyped, 6);
    let lines = log.lines();
    let told: Vec<_> =
        lines.iter().filter(|line| line.text.contains("replace each other")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].level, Level::ERROR);
    for text in ["one_user", "many_users", "shared-user:{}", "Option<alloc::string::String>"] {
        assert!(told[0].text.contains(text), "{told:?}");
    }
    // A value from `insert` has no function.
    cache.insert("shared-user:8", 8_u8).await.unwrap();
    assert_eq!(one_user(8).await, "user 8");
    assert_eq!(cache.stats().mistyped, 7);
}

#[cached(key = "failure:{id}", err_ttl = "1m", cache = "observe-failures")]
async fn failing(id: u64) -> Result<u64, String> {
    Err(format!("no user {id}"))
}

#[tokio::test]
async fn a_cached_error_is_no_value_of_another_type() {
    let (log, _hears) = Log::listen();
    let cache = Cache::builder().name("observe-failures").build().unwrap();
    cache.install();
    for _ in 0..3 {
        assert_eq!(failing(7).await, Err("no user 7".to_owned()));
    }
    assert_eq!((cache.stats().loads, cache.stats().memory_hits, cache.stats().mistyped), (1, 2, 0));
    assert!(!log.lines().iter().any(|line| line.text.contains("replace each other")));
}

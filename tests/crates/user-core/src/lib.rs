//! The runtime and the attributes without the facade, next to a module that is called `larder`.
#![deny(warnings, clippy::pedantic)]
#![cfg(test)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::CachedCell;
use cache_macros::{cache_evict, cache_put, cached, cached_property, call};

/// Not the crate `larder`.
#[allow(dead_code)]
mod larder {}

static LOADS: AtomicU64 = AtomicU64::new(0);

fn loaded<T>(value: T) -> T {
    LOADS.fetch_add(1, Ordering::Relaxed);
    value
}

#[cached(ttl = "1m", key = "name:{id}", tags = ["names"])]
async fn name(id: u64) -> Result<String, String> {
    loaded(Ok(format!("user {id}")))
}

#[cached(each = "id in ids", key = "name:{id}", tags = ["names"])]
async fn names(ids: &[u64]) -> Result<HashMap<u64, String>, String> {
    loaded(Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect()))
}

#[cached(ttl = "1m", stale = "1m")]
async fn refreshed(id: u64) -> u64 {
    loaded(id)
}

// `#[cached]` moves itself behind an attribute that it does not know to be inert.
#[cached]
#[cfg_attr(all(), inline)]
fn fib(n: u64) -> u64 {
    loaded(if n < 2 { n } else { fib(n - 1) + fib(n - 2) })
}

struct Author(CachedCell);

impl Author {
    #[cached_property(cell = self.0)]
    async fn books(&self) -> u64 {
        loaded(7)
    }
}

#[cache_evict(name(id), call!(fib(id)), tags = ["none"])]
async fn forget(id: u64) {}

#[cache_put(name(id))]
async fn rename(id: u64, to: &str) -> Result<String, String> {
    Ok(to.to_owned())
}

#[tokio::test]
async fn every_attribute_finds_the_runtime() -> Result<(), String> {
    let author = Author(CachedCell::new());
    for _ in 0..2 {
        assert_eq!((name(7).await?, names(&[7]).await?.len()), ("user 7".to_owned(), 1));
        assert_eq!((fib(7), refreshed(1).await, author.books().await), (13, 1, 7));
    }
    assert_eq!(LOADS.load(Ordering::Relaxed), 11);
    forget(7).await;
    assert!(matches!(call!(fib(7)).peek().await, Ok(None)));
    rename(7, "Ada").await?;
    assert_eq!(name(7).await?, "Ada");
    assert_eq!(LOADS.load(Ordering::Relaxed), 11);
    Ok(())
}

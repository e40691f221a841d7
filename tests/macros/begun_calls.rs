//! Calls that were polled: directions that come later, and panics in the first poll.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{FutureExt as _, poll};
use larder::{Cache, CachedCell, cached, cached_property};

fn cache() -> Cache {
    Cache::builder().build().unwrap()
}

#[cached(key = "begun:{id}")]
async fn slow(id: u64) -> u64 {
    tokio::task::yield_now().await;
    id
}

#[tokio::test]
async fn a_later_key_counts_for_an_eviction() {
    let cache = cache();
    cache.insert("other", 5u64).await.unwrap();
    let mut call = slow(1).cache(&cache);
    assert!(poll!(&mut call).is_pending());
    call.key("other").evict().await.unwrap();
    assert_eq!(cache.get::<u64>("other").await.unwrap(), None);
}

#[tokio::test]
async fn a_later_cache_counts_for_a_put() {
    let (first, second) = (cache(), cache());
    let mut call = slow(2).cache(&first);
    assert!(poll!(&mut call).is_pending());
    call.cache(&second).put(9).await.unwrap();
    assert_eq!(first.get::<u64>("begun:2").await.unwrap(), None);
    assert_eq!(second.get::<u64>("begun:2").await.unwrap(), Some(9));
}

#[tokio::test]
async fn a_later_tenant_counts_for_a_put() {
    let cache = cache();
    let mut call = slow(3).cache(&cache);
    assert!(poll!(&mut call).is_pending());
    call.tenant("acme").put(9).await.unwrap();
    assert_eq!(cache.get::<u64>("begun:3").await.unwrap(), None);
    let acme = cache.tenant("acme").unwrap();
    assert_eq!(acme.get::<u64>("begun:3").await.unwrap(), Some(9));
}

/// Its first `Display` panics.
struct PanicsOnce(AtomicBool);

impl PanicsOnce {
    fn new() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl fmt::Display for PanicsOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the first time");
        f.write_str("name")
    }
}

struct Author {
    id: u64,
    books: CachedCell,
    name: PanicsOnce,
}

impl Author {
    fn new(id: u64) -> Self {
        Self { id, books: CachedCell::new(), name: PanicsOnce::new() }
    }

    #[cached_property(cell = self.books, tags = ["author:{self.name}"])]
    async fn books(&self) -> u64 {
        self.id
    }
}

#[tokio::test]
async fn a_panic_while_tags_are_written_keeps_the_cell() {
    let (one, two) = (Author::new(1), Author::new(2));
    for (author, id) in [(&one, 1), (&two, 2)] {
        let mut call = author.books();
        AssertUnwindSafe(&mut call).catch_unwind().await.unwrap_err();
        assert_eq!(call.await, id);
    }
}

#[cached(key = "named:{name}", skip(value))]
async fn named(name: &PanicsOnce, value: u64) -> u64 {
    value
}

#[tokio::test]
async fn a_panic_while_the_key_is_written_keeps_the_cache() {
    let (cache, name) = (cache(), PanicsOnce::new());
    let mut call = named(&name, 7).cache(&cache);
    AssertUnwindSafe(&mut call).catch_unwind().await.unwrap_err();
    assert_eq!(call.await, 7);
    assert_eq!(cache.get::<u64>("named:name").await.unwrap(), Some(7));
}

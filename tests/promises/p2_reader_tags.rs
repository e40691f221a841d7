//! P2: an entry that lacks one of the tags that a reader declares is a miss for this reader, on every path. An eviction
//! of the tag would not remove such an entry.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, Error, Invalidation, Key, Policy, Source, backend::MemoryBackend, cache_evict, cached,
    time::Clock,
};

use crate::gated::Gated;
use crate::origin::{Origin, soon, turns};

fn caches(clock: &Clock) -> [Cache; 3] {
    let builder = || Cache::builder().clock(clock.clone());
    let backend = || MemoryBackend::with_clock(clock.clone());
    [
        builder().build().unwrap(),
        builder().no_memory().remote(backend()).build().unwrap(),
        builder().remote(backend()).build().unwrap(),
    ]
}

#[cached(key = "user:{id}", tags = ["users"], ttl = "60s", stale_if_error = "1h", cache = cache, skip(cache, origin))]
async fn tagged(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    let _ = id;
    origin.try_read().await
}

#[cached(key = "user:{id}", ttl = "60s", cache = cache, skip(cache, origin))]
async fn untagged(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    let _ = id;
    origin.try_read().await
}

#[cached(key = "user:{id}", tags = ["user:{id}", "users"], ttl = "60s", cache = cache, skip(cache, origin))]
async fn by_row(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, u64> {
    let _ = id;
    origin.try_read().await
}

#[cached(model = "user", op = "get", ttl = "60s", cache = cache, skip(cache, origin))]
async fn of_model(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    let _ = id;
    origin.read().await
}

#[derive(Debug)]
struct Saved;

#[cached(key = "user:{id}", invalidate_on = [Saved], ttl = "60s", cache = cache, skip(cache, origin))]
async fn on_event(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    let _ = id;
    origin.read().await
}

/// `insert`, and another function with the same template, store entries without the tag.
#[tokio::test]
async fn an_entry_without_the_readers_tag_is_a_miss() {
    let clock = Clock::manual();
    for by_insert in [true, false] {
        for cache in caches(&clock) {
            let origin = Origin::at(&clock);
            match by_insert {
                true => cache.insert("user:7", 1u64).await.unwrap(),
                false => assert_eq!(soon(untagged(&cache, &origin, 7)).await, Ok(1)),
            }
            turns().await;
            assert_eq!(cache.get::<u64>("user:7").await.unwrap(), Some(1));
            cache.evict_tag("users").await.unwrap();
            origin.set(2);
            assert_eq!(tagged(&cache, &origin, 7).peek().await.unwrap(), None);
            let read = soon(tagged(&cache, &origin, 7).traced()).await;
            assert_eq!((read.value, read.source), (Ok(2), Source::Loaded));
            turns().await;
            // The entry that the reader stores has the tag, and serves readers that declare fewer tags.
            let hit = soon(untagged(&cache, &origin, 7).traced()).await;
            assert_eq!(hit.value, Ok(2));
            assert_ne!(hit.source, Source::Loaded);
            assert_ne!(soon(tagged(&cache, &origin, 7).traced()).await.source, Source::Loaded);
            cache.evict_tag("users").await.unwrap();
            origin.set(3);
            assert_eq!(soon(tagged(&cache, &origin, 7)).await, Ok(3));
        }
    }
}

#[tokio::test]
async fn tags_are_compared_as_a_set() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        let policy = Policy::new().tags(&["users", "other", "user:7"]);
        cache.entry("user:7").policy(policy).insert(1u64).await.unwrap();
        assert_eq!(soon(by_row(&cache, &origin, 7)).await, Ok(1));
        assert_eq!(soon(tagged(&cache, &origin, 7)).await, Ok(1));
        assert_eq!(origin.reads(), 0);
        // The tag of another row does not satisfy this reader.
        cache.entry("user:8").policy(policy).insert(1u64).await.unwrap();
        origin.set(2);
        assert_eq!(soon(by_row(&cache, &origin, 8)).await, Ok(2));
    }
}

#[tokio::test]
async fn a_stale_window_does_not_bring_an_entry_without_the_tag() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        let hour = Duration::from_secs(3600);
        let policy = Policy::new().ttl(Duration::from_secs(1)).stale(hour).stale_if_error(hour);
        cache.entry("user:7").policy(policy).insert(1u64).await.unwrap();
        clock.advance(Duration::from_secs(2));
        cache.evict_tag("users").await.unwrap();
        origin.fail(true);
        assert_eq!(soon(tagged(&cache, &origin, 7)).await, Err(1), "no old value to fall back on");
    }
}

/// A caller does not join a flight whose value will lack the tag: its load may have begun before an eviction of the
/// tag.
#[tokio::test]
async fn a_load_that_lacks_the_tag_is_not_waited_for() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        origin.hold(1);
        let leader = {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { untagged(&cache, &origin, 7).await })
        };
        origin.held().await;
        cache.evict_tag("users").await.unwrap();
        origin.set(2);
        let reader = {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { tagged(&cache, &origin, 7).await })
        };
        turns().await;
        origin.release(1);
        assert_eq!(soon(reader).await.unwrap(), Ok(2));
        let _ = soon(leader).await.unwrap();
        turns().await;
        assert_eq!(soon(tagged(&cache, &origin, 7)).await, Ok(2));
    }
}

/// An error that cannot be given to waiters, so they load one after the other.
#[derive(Debug)]
struct Opaque;

#[cached(key = "user:{id}", tags = ["users"], ttl = "60s", cache = cache, skip(cache, origin))]
async fn tagged_opaque(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, Opaque> {
    let _ = id;
    origin.try_read().await.map_err(|_| Opaque)
}

#[cached(key = "user:{id}", ttl = "60s", cache = cache, skip(cache, origin))]
async fn untagged_opaque(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, Opaque> {
    let _ = id;
    origin.try_read().await.map_err(|_| Opaque)
}

/// After a failed load, the first waiter finds an entry of another process without the tag. It shares the entry with
/// the other waiters, but not with a reader that declares the tag.
#[tokio::test]
async fn an_entry_without_the_tag_does_not_end_the_turns_of_a_reader_with_it() {
    let clock = Clock::manual();
    let store = MemoryBackend::with_clock(clock.clone());
    let process = || Cache::builder().clock(clock.clone()).remote(store.clone()).build().unwrap();
    let (cache, other, origin) = (process(), process(), Origin::at(&clock));
    origin.fail(true);
    origin.hold(1);
    let reader = |tagged: bool| {
        let (cache, origin) = (cache.clone(), origin.clone());
        tokio::spawn(async move {
            match tagged {
                true => tagged_opaque(&cache, &origin, 7).await,
                false => untagged_opaque(&cache, &origin, 7).await,
            }
        })
    };
    let leader = reader(true);
    origin.held().await;
    let first = reader(false);
    turns().await;
    let second = reader(true);
    turns().await;
    other.insert("user:7", 1u64).await.unwrap();
    other.evict_tag("users").await.unwrap();
    origin.fail(false);
    origin.set(2);
    origin.release(1);
    soon(leader).await.unwrap().unwrap_err();
    assert_eq!(soon(first).await.unwrap().unwrap(), 1);
    assert_eq!(soon(second).await.unwrap().unwrap(), 2);
}

/// During an outage of the remote tier, memory serves its entries, but not an entry without the tag.
#[tokio::test]
async fn an_outage_does_not_bring_an_entry_without_the_tag() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let (cache, origin) = (gated.cache(&clock), Origin::at(&clock));
    cache.insert("user:7", 1u64).await.unwrap();
    gated.set_down(true);
    gated.set_linked(false);
    origin.set(2);
    assert_eq!(soon(tagged(&cache, &origin, 7)).await, Ok(2));
}

/// A process of the previous release has stored the entry in the remote tier.
#[tokio::test]
async fn a_previous_release_without_the_tag_is_a_miss_through_the_remote_tier() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let process = || {
        let builder = Cache::builder().namespace("shop").clock(clock.clone());
        builder.remote(backend.clone()).build().unwrap()
    };
    let (old, new) = (process(), process());
    let origin = Origin::at(&clock);
    assert_eq!(soon(untagged(&old, &origin, 7)).await, Ok(1));
    turns().await;
    new.evict_tag("users").await.unwrap();
    origin.set(2);
    assert_eq!(tagged(&new, &origin, 7).peek().await.unwrap(), None);
    assert_eq!(soon(tagged(&new, &origin, 7)).await, Ok(2));
}

/// The lease request returns another process's value, which lacks the tag.
#[tokio::test]
async fn a_value_of_another_process_needs_the_tag() {
    let clock = Clock::manual();
    let backend = MemoryBackend::with_clock(clock.clone());
    let process = || {
        let builder = Cache::builder().namespace("shop").clock(clock.clone());
        builder.remote(backend.clone()).build().unwrap()
    };
    let (old, new) = (process(), process());
    let origin = Origin::at(&clock);
    origin.hold(1);
    let leader = {
        let (old, origin) = (old.clone(), origin.clone());
        tokio::spawn(async move { untagged(&old, &origin, 7).await })
    };
    origin.held().await;
    origin.set(2);
    let reader = {
        let (new, origin) = (new.clone(), origin.clone());
        tokio::spawn(async move { tagged(&new, &origin, 7).await })
    };
    turns().await;
    origin.release(1);
    let _ = soon(leader).await.unwrap();
    assert_eq!(soon(reader).await.unwrap(), Ok(2));
}

#[tokio::test]
async fn an_eviction_of_a_model_removes_entries_inserted_under_its_name() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        // A key given as text has no tags, so the function does not read the entry.
        cache.insert("user:get:7,", 10u64).await.unwrap();
        assert_eq!(soon(of_model(&cache, &origin, 7)).await, 1);
        turns().await;
        // A key from the builder has the tags.
        let key = Key::builder().model("user").operation("get").param(&8u64).build().unwrap();
        cache.insert(&key, 10u64).await.unwrap();
        assert_eq!(soon(of_model(&cache, &origin, 8)).await, 10);
        Invalidation::new().cache(&cache).model("user").run().await.unwrap();
        assert_eq!(cache.get::<u64>(&key).await.unwrap(), None);
        origin.set(2);
        assert_eq!(soon(of_model(&cache, &origin, 8)).await, 2);
    }
}

#[tokio::test]
async fn a_built_key_requires_its_tags() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let key = Key::builder().model("user").operation("get").param(&7u64).build().unwrap();
        let tenants = Key::builder().tenant("acme").text("plan").build().unwrap();
        for key in [&key, &tenants] {
            cache.insert(key.as_str(), 1u64).await.unwrap();
            assert_eq!(cache.get::<u64>(key.as_str()).await.unwrap(), Some(1));
            assert_eq!(cache.get::<u64>(key).await.unwrap(), None);
            assert!(!cache.contains::<u64>(key).await.unwrap());
            assert_eq!(cache.ttl(key).await.unwrap(), None);
            assert_eq!(cache.get_many::<u64>([key]).await.unwrap(), [None]);
            let load = || async { Ok::<_, Error>(2u64) };
            assert_eq!(cache.get_or_load(key, load).await.unwrap(), 2);
            assert_eq!(cache.get::<u64>(key).await.unwrap(), Some(2));
            assert!(cache.ttl(key).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn loads_of_many_built_keys_require_and_store_their_tags() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let key = Key::builder().model("user").operation("get").param(&7u64).build().unwrap();
        let tenants = Key::builder().tenant("acme").text("plan").build().unwrap();
        for key in [&key, &tenants] {
            let load = |value: u64| {
                let text = key.as_str().to_owned();
                let found = HashMap::from([(text, value)]);
                cache.get_or_load_many([key], move |_| {
                    let found = found.clone();
                    async move { Ok::<_, Error>(found) }
                })
            };
            cache.insert(key.as_str(), 1u64).await.unwrap();
            assert_eq!(load(2).await.unwrap()[key.as_str()], 2, "the entry lacks the tag");
            assert_eq!(load(3).await.unwrap()[key.as_str()], 2);
        }
        Invalidation::new().cache(&cache).model("user").run().await.unwrap();
        cache.tenant("acme").unwrap().clear().await.unwrap();
        for key in [&key, &tenants] {
            assert_eq!(cache.get::<u64>(key).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_clear_of_a_tenant_removes_entries_inserted_under_its_name() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let acme = cache.tenant("acme").unwrap();
        // The entry lacks the tenant's tag, so `clear` would not remove it, and the tenant does not see it.
        cache.insert("@acme/plan", 1u64).await.unwrap();
        assert_eq!(acme.get::<u64>("plan").await.unwrap(), None);
        let key = Key::builder().tenant("acme").text("plan").build().unwrap();
        cache.insert(&key, 2u64).await.unwrap();
        assert_eq!(acme.get::<u64>("plan").await.unwrap(), Some(2));
        acme.clear().await.unwrap();
        assert_eq!(acme.get::<u64>("plan").await.unwrap(), None);
        assert_eq!(cache.get::<u64>(&key).await.unwrap(), None);

        acme.insert("plan", 3u64).await.unwrap();
        assert_eq!(cache.get::<u64>(&key).await.unwrap(), Some(3));
    }
}

#[tokio::test]
async fn a_models_view_and_its_functions_require_the_same_tags() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        let users = cache.typed::<u64, u64>("user").unwrap();
        cache.insert(users.key(&7).unwrap().as_str(), 10u64).await.unwrap();
        assert_eq!(users.get(&7).await.unwrap(), None);
        assert_eq!(users.get_many(&[7]).await.unwrap(), [None]);
        users.insert(&7, 11).await.unwrap();
        assert_eq!(soon(of_model(&cache, &origin, 7)).await, 11);
        cache.insert(users.key(&8).unwrap(), 12u64).await.unwrap();
        assert_eq!(users.get(&8).await.unwrap(), Some(12));
        users.clear().await.unwrap();
        assert_eq!(users.get_many(&[7, 8]).await.unwrap(), [None, None]);
    }
}

#[tokio::test]
async fn an_event_evicts_every_entry_that_its_reader_can_get() {
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        cache.insert("user:7", 10u64).await.unwrap();
        cache.emit(&Saved).await.unwrap();
        assert_eq!(soon(on_event(&cache, &origin, 7)).await, 1);
    }
}

#[tokio::test]
async fn each_item_of_a_batch_needs_its_tags() {
    #[cached(each = "id in ids", key = "user:{id}", tags = ["users", "user:{id}"], cache = cache, skip(cache, loads))]
    async fn all(cache: &Cache, loads: &AtomicU64, ids: &[u64]) -> Vec<(u64, u64)> {
        let load = loads.fetch_add(1, Ordering::Relaxed);
        ids.iter().map(|id| (*id, 100 * (load + 1) + id)).collect()
    }
    let clock = Clock::manual();
    for cache in caches(&clock) {
        let loads = AtomicU64::new(0);
        cache.insert("user:7", 1u64).await.unwrap();
        cache
            .entry("user:8")
            .policy(Policy::new().tags(&["user:8", "users"]))
            .insert(2u64)
            .await
            .unwrap();
        assert_eq!(all(&cache, &loads, &[7, 8]).peek().await.unwrap(), [(8, 2)]);
        assert_eq!(soon(all(&cache, &loads, &[7, 8])).await, [(7, 107), (8, 2)]);
        turns().await;
        assert_eq!(soon(all(&cache, &loads, &[7, 8])).await, [(7, 107), (8, 2)]);
        cache.evict_tag("user:7").await.unwrap();
        assert_eq!(soon(all(&cache, &loads, &[7, 8])).await, [(7, 207), (8, 2)]);
    }
}

const PRODUCTS: &str = "products";

struct Shop;

trait Shelf {
    const TAG: &str;
}

impl Shelf for Shop {
    const TAG: &str = "shelf:shop";
}

impl Shop {
    const STOCK: &str = "stock";

    #[cached(key = "stock:{id}", tags = [Self::STOCK, PRODUCTS, "stock:{id}"], cache = cache, skip(self, cache, origin))]
    async fn stock(&self, cache: &Cache, origin: &Origin, id: u64) -> u64 {
        let _ = id;
        origin.read().await
    }
}

#[tokio::test]
async fn a_tag_can_be_a_constant() {
    #[cached(key = "product:{id}", tags = [PRODUCTS, "product:{id}"], cache = cache, skip(cache, origin))]
    async fn product(cache: &Cache, origin: &Origin, id: u64) -> u64 {
        let _ = id;
        origin.read().await
    }
    #[cached(key = "shelf:{id}", tags = [S::TAG], cache = cache, skip(cache, origin, S))]
    async fn shelf<S: Shelf>(cache: &Cache, origin: &Origin, id: u64) -> u64 {
        let _ = id;
        origin.read().await
    }
    #[cache_evict(tags = [PRODUCTS, crate::p2_reader_tags::Shop::STOCK], cache = cache)]
    async fn changed(cache: &Cache) {}
    #[cache_evict(tags = [S::TAG], cache = cache)]
    async fn tidied<S: Shelf>(cache: &Cache) {}

    let clock = Clock::manual();
    for cache in caches(&clock) {
        let origin = Origin::at(&clock);
        let read = async || {
            let read = (
                soon(product(&cache, &origin, 7)).await,
                soon(Shop.stock(&cache, &origin, 7)).await,
                soon(shelf::<Shop>(&cache, &origin, 7)).await,
            );
            turns().await;
            read
        };
        assert_eq!(read().await, (1, 1, 1));
        origin.set(2);
        assert_eq!(read().await, (1, 1, 1));
        changed(&cache).await;
        assert_eq!(read().await, (2, 2, 1));
        tidied::<Shop>(&cache).await;
        origin.set(3);
        assert_eq!(read().await, (2, 2, 3));
        cache.evict_tag("stock").await.unwrap();
        assert_eq!(read().await, (2, 3, 3));
        cache.evict_tag("product:7").await.unwrap();
        assert_eq!(read().await, (3, 3, 3));
    }
}

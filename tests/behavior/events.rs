//! Events: rules select what to evict, and live as long as their handles.

use std::sync::Arc;

use larder::{Cache, Error, Invalidation, cached, transaction};

struct Saved {
    id: u64,
}

struct Deleted;

#[cached(key = "evented:{id}", cache = cache, skip(cache))]
async fn evented(cache: &Cache, id: u64) -> u64 {
    id
}

async fn filled() -> Cache {
    let cache = Cache::builder().build().unwrap();
    for key in ["a:1", "a:2", "b:1", "b:2"] {
        cache.insert(key, 1u64).await.unwrap();
    }
    cache
}

async fn keys(cache: &Cache) -> Vec<String> {
    cache.keys("*").await.unwrap()
}

fn key_of_a(event: &Saved) -> Invalidation {
    Invalidation::new().key(format!("a:{}", event.id))
}

#[tokio::test]
async fn all_rules_of_the_type_run_and_no_others() {
    let cache = filled().await;
    let _one = cache.on(key_of_a);
    let _two = cache.on::<Saved>(|event| Invalidation::new().pattern(format!("b:{}*", event.id)));
    let _other = cache.on::<Deleted>(|_| Invalidation::new().all());
    assert_eq!(cache.emit(&Saved { id: 1 }).await.unwrap(), 2);
    assert_eq!(keys(&cache).await, ["a:2", "b:2"]);
    assert_eq!(cache.emit(&"of no rule").await.unwrap(), 0);
    assert_eq!(cache.emit(&Deleted).await.unwrap(), 1);
    assert_eq!(keys(&cache).await, [""; 0]);
}

#[tokio::test]
async fn a_rule_ends_with_its_handle_unless_it_is_kept() {
    let cache = filled().await;
    let rule = cache.on(key_of_a);
    assert_eq!(format!("{rule:?}"), "EventGuard { event: \"behavior::events::Saved\", .. }");
    drop(rule);
    assert_eq!(cache.emit(&Saved { id: 1 }).await.unwrap(), 0);
    assert_eq!(keys(&cache).await.len(), 4);
    cache.on(key_of_a).keep();
    assert_eq!(cache.emit(&Saved { id: 1 }).await.unwrap(), 1);
    assert_eq!(keys(&cache).await, ["a:2", "b:1", "b:2"]);
}

/// A rule drops its captured values when it ends; a kept rule ends with the cache.
#[tokio::test]
async fn a_rule_keeps_no_cache_alive() {
    let witness = Arc::new(());
    let cache = filled().await;
    let owned = Arc::clone(&witness);
    let rule = cache.on::<Saved>(move |_| {
        let _ = &owned;
        Invalidation::new()
    });
    let owned = Arc::clone(&witness);
    cache
        .on::<Saved>(move |_| {
            let _ = &owned;
            Invalidation::new()
        })
        .keep();
    assert_eq!(Arc::strong_count(&witness), 3);
    drop(rule);
    assert_eq!(Arc::strong_count(&witness), 2);
    drop(cache);
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[tokio::test]
async fn typed_targets_and_other_caches_are_reached() {
    let (cache, other) = (filled().await, filled().await);
    evented(&cache, 7).await;
    let there = other.clone();
    let calls = cache.clone();
    let rule = cache.on::<Saved>(move |event| {
        let call = evented(&calls, event.id);
        Invalidation::new().call(call).cache(&there).all()
    });
    cache.emit(&Saved { id: 7 }).await.unwrap();
    assert_eq!((keys(&cache).await.len(), keys(&other).await.len()), (4, 0));
    drop(rule);
}

#[tokio::test]
async fn a_rule_that_panics_does_not_stop_the_others() {
    let cache = filled().await;
    let _before = cache.on(key_of_a);
    let _panics = cache.on::<Saved>(|event| panic!("no rule for {}", event.id));
    let _after = cache.on::<Saved>(|_| Invalidation::new().key("b:2"));
    let failed = cache.emit(&Saved { id: 1 }).await;
    let Err(Error::RulePanicked { event, message, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!((event, message.as_str()), ("behavior::events::Saved", "no rule for 1"));
    assert_eq!(keys(&cache).await, ["a:2", "b:1"]);
}

#[tokio::test]
async fn in_a_transaction_an_event_waits_for_the_commit() {
    let cache = filled().await;
    let _rule = cache.on(key_of_a);
    for commits in [false, true] {
        let _: Result<(), ()> = transaction(async {
            cache.emit(&Saved { id: 1 }).await.unwrap();
            assert_eq!(keys(&cache).await.len(), 4);
            if commits { Ok(()) } else { Err(()) }
        })
        .await;
        assert_eq!(keys(&cache).await.len(), if commits { 3 } else { 4 });
    }
}

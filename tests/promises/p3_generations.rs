//! P3 by generations: what is known of an eviction counts, however it became known.

use std::time::Duration;

use larder::{Cache, Clock, Policy};

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::soon;

const TAGGED: Policy = Policy::new().tags(&["rows"]);

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.ok().flatten()
}

/// Another process's `clear` has been to the store, and its notice is yet to come. Another read of this process
/// has heard of it.
#[tokio::test]
async fn a_clear_that_a_read_has_heard_of_ends_what_memory_has() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, other) = (gated.cache(&clock), theirs.cache(&clock));
    cache.insert("row", 1u64).await.unwrap();
    assert_eq!(found(&cache).await, Some(1));
    let notice = theirs.hold(Before("publish"));
    let clearing = tokio::spawn(async move { other.clear().await });
    notice.arrived().await;
    assert_eq!(found(&cache).await, Some(1), "nobody has told");
    assert_eq!(cache.get::<u64>("another").await.unwrap(), None);
    assert_eq!(found(&cache).await, None);
    notice.open();
    soon(clearing).await.unwrap().unwrap();
}

/// A batch has read a value and is told its tag's generation; then an eviction of the tag is made that the store
/// can't be told of. The value is not to be taken into memory after it.
#[tokio::test]
async fn an_eviction_that_failed_ends_what_was_read_before_it() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    gated.another().cache(&clock).insert_with("row", 1u64, TAGGED).await.unwrap();
    let value = gated.hold(After("get"));
    let batch = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_many::<u64>(&["row"]).await }
    });
    value.arrived().await;
    let generation = gated.hold(After("generations"));
    value.open();
    generation.arrived().await;
    gated.set_down(true);
    soon(cache.evict_tag("rows")).await.unwrap_err();
    generation.open();
    drop(soon(batch).await.unwrap());
    assert_eq!(found(&cache).await, None, "while the store can't be asked");
}

/// The store has a value whose time is over; memory has a newer one, loaded while the store was down, whose time
/// is over, too. Where the load fails, the newer one is served.
#[tokio::test]
async fn an_older_value_of_the_store_does_not_take_a_newer_ones_place() {
    const KEPT: Policy = Policy::new()
        .ttl(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(3_600))
        .throttle(Duration::from_millis(1));
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    let load = |loaded: Result<u64, ()>| {
        soon(cache.get_or_load_with("row", KEPT, move || async move { loaded }))
    };
    assert_eq!(load(Ok(1)).await, Ok(1));
    clock.advance(Duration::from_secs(11));
    gated.set_down(true);
    assert_eq!(load(Ok(2)).await, Ok(2));
    gated.set_down(false);
    clock.advance(Duration::from_secs(11));
    for _ in 0..2 {
        assert_eq!(load(Err(())).await, Ok(2));
        clock.advance(Duration::from_secs(1));
    }
}

//! P3 by generations: an eviction counts however this process learns of it.

use std::time::Duration;

use larder::{Cache, Policy, cached, time::Clock};

use crate::gated::At::{After, Before};
use crate::gated::Gated;
use crate::origin::{Origin, soon};

const TAGGED: Policy = Policy::new().tags(&["rows"]);

async fn found(cache: &Cache) -> Option<u64> {
    soon(cache.get("row")).await.ok().flatten()
}

/// Another process's `clear` has reached the store, and its notice is still to come. This process learns of it from
/// another read.
#[tokio::test]
async fn a_clear_that_a_read_learns_of_invalidates_memory() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, other) = (gated.cache(&clock), theirs.cache(&clock));
    cache.insert("row", 1u64).await.unwrap();
    assert_eq!(found(&cache).await, Some(1));
    let notice = theirs.hold(Before("publish"));
    let clearing = tokio::spawn(async move { other.clear().await });
    notice.arrived().await;
    assert_eq!(found(&cache).await, Some(1), "no notice has arrived");
    assert_eq!(cache.get::<u64>("another").await.unwrap(), None);
    assert_eq!(found(&cache).await, None);
    notice.open();
    soon(clearing).await.unwrap().unwrap();
}

#[cached(cache = cache, key = "part:{id}", tags = ["parts"], skip(cache, origin))]
async fn part(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    origin.read().await + id
}

#[cached(cache = cache, key = "whole:{id}", tags = ["parts"], skip(cache, origin))]
async fn whole(cache: &Cache, origin: &Origin, id: u64) -> u64 {
    100 * part(cache, origin, id).await
}

/// Another process has evicted the common tag of a function and one that calls it, and its notice is still to come. The
/// load of the outer value does not use the old inner value in memory.
#[tokio::test]
async fn a_load_that_learns_of_an_eviction_reads_no_older_inner_value() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let theirs = gated.another();
    let (cache, other) = (gated.cache(&clock), theirs.cache(&clock));
    let origin = Origin::at(&clock);
    assert_eq!(part(&cache, &origin, 0).await, 1);
    origin.set(2);
    let notice = theirs.hold(Before("publish"));
    let evicting = tokio::spawn(async move { other.evict_tag("parts").await });
    soon(notice.arrived()).await;
    assert_eq!(part(&cache, &origin, 0).await, 1, "no notice has arrived");
    assert_eq!(soon(whole(&cache, &origin, 0)).await, 200);
    notice.open();
    soon(evicting).await.unwrap().unwrap();
    assert_eq!(whole(&cache, &origin, 0).await, 200);
}

/// A batch has read a value and receives its tag's generation; then an eviction of the tag fails, because the store is
/// down. Memory does not take the value after it.
#[tokio::test]
async fn a_failed_eviction_invalidates_values_read_before_it() {
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    gated.another().cache(&clock).entry("row").policy(TAGGED).insert(1u64).await.unwrap();
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
    assert_eq!(found(&cache).await, None, "while the store is down");
}

/// The store has an expired value; memory has a newer one that was loaded while the store was down, and has expired
/// too. If the load fails, the newer value is served.
#[tokio::test]
async fn an_older_value_of_the_store_does_not_replace_a_newer_one() {
    const KEPT: Policy = Policy::new()
        .ttl(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(3_600))
        .throttle(Duration::from_millis(1));
    let clock = Clock::manual();
    let gated = Gated::leased(&clock);
    let cache = gated.cache(&clock);
    let load = |loaded: Result<u64, ()>| {
        soon(cache.entry("row").policy(KEPT).or_load(move || async move { loaded }))
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

//! Changes of an entry's life in transactions, for tenants, and as other processes see them.

use std::time::Duration;

use larder::redis::Redis;
use larder::{Cache, Error, Expiry, Policy, backend::MemoryBackend, time::Clock, transaction};

use crate::gated::At::Before;
use crate::gated::Gated;
use crate::management::tierings;
use crate::origin::{pass, soon, turns};
use crate::support::{Server, eventually};

const HOUR: Duration = Duration::from_secs(3600);
const KEPT: Policy = Policy::new().ttl(HOUR).stale_if_error(HOUR);

async fn ttl(cache: &Cache) -> Option<Expiry> {
    cache.ttl("k").await.unwrap()
}

async fn old(cache: &Cache) -> Result<u64, ()> {
    cache.entry("k").policy(KEPT).or_load(async || Err(())).await
}

#[tokio::test]
async fn a_transaction_defers_changes_until_its_commit() {
    for (name, cache) in tierings().await.caches {
        cache.insert("k", 1u64).await.unwrap();
        let in_scope = transaction(async {
            assert!(!cache.expire("k", HOUR).await?, "{name}: not known yet");
            assert_eq!(cache.get::<u64>("k").await?, Some(1), "{name}: it is no eviction");
            assert_eq!(cache.ttl("k").await?, Some(Expiry::Never), "{name}");
            Ok::<_, Error>(())
        });
        in_scope.await.unwrap();
        assert!(ttl(&cache).await.unwrap() <= Expiry::In(HOUR), "{name}: after the commit");

        cache.entry("k").policy(KEPT).insert(2u64).await.unwrap();
        let other = cache.clone();
        let in_scope = transaction(async {
            assert!(!cache.mark_stale("k").await?, "{name}: not known yet");
            assert_eq!(cache.get::<u64>("k").await?, None, "{name}: old for the scope itself");
            let outside = tokio::spawn(async move { other.get::<u64>("k").await });
            assert_eq!(outside.await.unwrap()?, Some(2), "{name}: and for no other caller");
            Ok::<_, Error>(())
        });
        in_scope.await.unwrap();
        assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "{name}: after the commit");
        assert_eq!(old(&cache).await, Ok(2), "{name}: but kept");
    }
}

#[tokio::test]
async fn a_rollback_drops_deferred_changes() {
    for (name, cache) in tierings().await.caches {
        cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
        let in_scope = transaction(async {
            cache.mark_stale("k").await.unwrap();
            cache.expire("k", Duration::from_secs(1)).await.unwrap();
            cache.remove_many(["k", "other"]).await.unwrap();
            Err::<(), _>("no")
        });
        in_scope.await.unwrap_err();
        assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(1), "{name}");
        assert!(ttl(&cache).await.unwrap() > Expiry::In(HOUR / 2), "{name}");
    }
}

/// Operations take effect in order, as without a transaction.
#[tokio::test]
async fn deferred_changes_take_effect_in_order() {
    for (name, cache) in tierings().await.caches {
        for removed_first in [true, false] {
            cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
            let in_scope = transaction(async {
                if removed_first {
                    cache.remove("k").await?;
                }
                cache.mark_stale("k").await?;
                cache.remove("k").await?;
                Ok::<_, Error>(())
            });
            in_scope.await.unwrap();
            assert_eq!(old(&cache).await, Err(()), "{name}: nothing is kept, {removed_first}");
        }
        let in_scope = transaction(async {
            cache.insert_many([("k", 3u64), ("l", 4)]).await?;
            assert_eq!(cache.get::<u64>("l").await?, Some(4), "{name}: its own put");
            cache.expire("k", HOUR).await?;
            Ok::<_, Error>(())
        });
        in_scope.await.unwrap();
        assert_eq!(cache.get_many::<u64>(&["k", "l"]).await.unwrap(), [Some(3), Some(4)], "{name}");
        assert!(ttl(&cache).await.unwrap() <= Expiry::In(HOUR), "{name}: after the put");
        assert_eq!(cache.ttl("l").await.unwrap(), Some(Expiry::Never), "{name}");
        cache.clear().await.unwrap();
    }
}

/// The outcome of the transaction is unknown. An earlier expiry is safe, and an eviction is the earliest.
#[tokio::test]
async fn a_cancelled_transaction_evicts_its_deferred_changes() {
    let cache = Cache::builder().build().unwrap();
    cache.entry("k").policy(KEPT).insert(1u64).await.unwrap();
    let inside = cache.clone();
    let scope = tokio::spawn(transaction(async move {
        inside.expire("k", HOUR).await?;
        std::future::pending::<Result<(), Error>>().await
    }));
    turns().await;
    scope.abort();
    scope.await.unwrap_err();
    turns().await;
    assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
}

#[tokio::test]
async fn changes_reach_other_processes() {
    let server = Server::start();
    let cache = async || {
        let redis = Redis::connect(server.url()).await.unwrap();
        Cache::builder().remote(redis).build().unwrap()
    };
    let (one, two) = (cache().await, cache().await);
    for cache in [&one, &two] {
        eventually("the bus is connected", async || cache.is_linked()).await;
    }
    one.entry("k").policy(KEPT).insert(1u64).await.unwrap();
    assert_eq!(two.get::<u64>("k").await.unwrap(), Some(1), "in its memory now");
    one.expire("k", Duration::from_secs(60)).await.unwrap();
    let shorter = async || ttl(&two).await.unwrap() <= Expiry::In(Duration::from_secs(60));
    eventually("the other memory has forgotten the former life", shorter).await;
    assert_eq!(two.get::<u64>("k").await.unwrap(), Some(1), "and takes it up again");
    one.mark_stale("k").await.unwrap();
    eventually("the value is old", async || two.get::<u64>("k").await.unwrap().is_none()).await;
    assert_eq!(old(&two).await, Ok(1), "but kept");
    let found = two.get_or_load("k", async || Ok::<_, ()>(2u64)).await;
    assert_eq!(found, Ok(1), "a load that failed a moment ago is throttled");
}

/// Values that only memory has, next to a remote tier.
#[tokio::test]
async fn local_values() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    // Makes the generation of the namespace known.
    cache.insert("shared", 1u64).await.unwrap();
    cache.entry("k").policy(KEPT.local()).insert(1u64).await.unwrap();
    assert!(cache.expire("k", HOUR / 2).await.unwrap());
    assert!(ttl(&cache).await.unwrap() <= Expiry::In(HOUR / 2));
    assert!(cache.mark_stale("k").await.unwrap());
    assert_eq!(cache.get::<u64>("k").await.unwrap(), None);
    assert_eq!(old(&cache).await, Ok(1));
}

/// `close` waits for writes under way and carries out pending evictions.
#[tokio::test]
async fn close_waits_for_writes_and_pending_evictions() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
    gated.set_down(true);
    cache.remove("owed").await.unwrap_err();
    gated.set_down(false);
    let write = gated.hold(Before("set"));
    let load = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_or_load("k", async || Ok::<_, ()>(1u64)).await }
    });
    write.arrived().await;
    let close = tokio::spawn({
        let cache = cache.clone();
        async move { cache.close().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!close.is_finished(), "a write is under way");
    write.open();
    soon(close).await.unwrap().unwrap();
    assert_eq!(soon(load).await.unwrap(), Ok(1));
    let other = Cache::builder().remote(gated.another().backend).build().unwrap();
    assert_eq!(other.get::<u64>("k").await.unwrap(), Some(1), "it was written");
    assert_eq!(gated.calls("remove"), 2, "the one that failed, and its retry");
}

#[tokio::test]
async fn close_reports_pending_evictions() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.backend.clone()).build().unwrap();
    cache.insert("k", 1u64).await.unwrap();
    gated.set_down(true);
    cache.remove("k").await.unwrap_err();
    cache.evict_pattern("x*").await.unwrap_err();
    // `close` retries for some seconds, and then returns the number of pending evictions.
    let closed = soon(cache.close()).await;
    assert!(matches!(closed, Err(Error::Pending { evictions: 2, .. })), "{closed:?}");
    assert!(closed.unwrap_err().to_string().starts_with("2 evictions are still pending: "));
    assert!(cache.is_closed());
    gated.set_down(false);
    soon(cache.close()).await.unwrap();
    assert_eq!(cache.health().remote.unwrap().pending_evictions, 0);
}

#[tokio::test]
async fn close_waits_for_the_tier_to_come_back() {
    let clock = Clock::manual();
    let gated = Gated::new();
    let cache = gated.cache(&clock);
    gated.set_down(true);
    for key in 0..20 {
        cache.remove(&format!("k:{key}")).await.unwrap_err();
    }
    let close = tokio::spawn({
        let cache = cache.clone();
        async move { cache.close().await }
    });
    pass(&clock, Duration::from_secs(3)).await;
    assert!(!close.is_finished(), "it waits");
    gated.set_down(false);
    pass(&clock, Duration::from_secs(2)).await;
    soon(close).await.unwrap().unwrap();
    assert_eq!(cache.health().remote.unwrap().pending_evictions, 0);
}

#[tokio::test]
async fn tenants_have_their_own() {
    for (name, cache) in tierings().await.caches {
        let (one, two) = (cache.tenant("one").unwrap(), cache.tenant("two").unwrap());
        for tenant in [&one, &two] {
            tenant
                .entry("k")
                .policy(Policy::new().stale_if_error(HOUR).ttl(2 * HOUR))
                .insert(1u64)
                .await
                .unwrap();
        }
        assert!(one.expire("k", HOUR).await.unwrap(), "{name}");
        assert!(one.ttl("k").await.unwrap().unwrap() <= Expiry::In(HOUR), "{name}");
        assert!(two.ttl("k").await.unwrap().unwrap() > Expiry::In(HOUR), "{name}");
        assert!(one.persist("k").await.unwrap(), "{name}");
        assert!(one.mark_stale("k").await.unwrap(), "{name}");
        assert_eq!(one.get::<u64>("k").await.unwrap(), None, "{name}");
        assert_eq!(two.get::<u64>("k").await.unwrap(), Some(1), "{name}");
        two.insert("l", 1u64).await.unwrap();
        assert_eq!(two.remove_many(["k", "l"]).await.unwrap(), 2, "{name}");
        assert_eq!(ttl(&cache).await, None, "{name}: not an entry of the cache itself");
    }
}

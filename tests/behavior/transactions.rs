//! Evictions that are deferred until a commit: nested, rolled back, cancelled, carried into tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::redis::Redis;
use larder::{
    Cache, Invalidation, Policy, Source, Transaction, backend::MemoryBackend, cache_evict,
    cache_put, cached, scope::TransactionScope, transaction,
};
use tokio::sync::Notify;

use crate::support::{Proxy, Server, eventually};

/// The user's table: its value, and how often it was read.
#[derive(Clone, Default)]
struct Table {
    value: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

impl Table {
    fn set(&self, value: u64) {
        self.value.store(value, Ordering::SeqCst);
    }
    fn read(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.value.load(Ordering::SeqCst)
    }
}

#[cached(key = "row:{id}", tags = ["rows", "row:{id}"], cache = cache, skip(cache, table))]
async fn row(cache: &Cache, table: &Table, id: u64) -> Result<u64, String> {
    let _ = id;
    Ok(table.read())
}

#[cache_evict(row(cache, table, id))]
async fn update(cache: &Cache, table: &Table, id: u64, value: u64) -> Result<(), String> {
    let _ = cache;
    table.set(value);
    if value == 0 { Err("refused".into()) } else { Ok(()) }
}

#[cache_put(row(cache, table, id))]
async fn save(cache: &Cache, table: &Table, id: u64, value: u64) -> Result<u64, String> {
    let _ = cache;
    table.set(value);
    Ok(value)
}

fn caches() -> [Cache; 3] {
    let builder = Cache::builder;
    [
        builder().build().unwrap(),
        builder().no_memory().remote(MemoryBackend::new()).build().unwrap(),
        builder().remote(MemoryBackend::new()).build().unwrap(),
    ]
}

async fn filled(cache: &Cache) -> Table {
    let table = Table::default();
    table.set(1);
    for id in 1..4 {
        assert_eq!(row(cache, &table, id).await, Ok(1));
    }
    table
}

async fn peek(cache: &Cache, id: u64) -> Option<u64> {
    row(cache, &Table::default(), id).peek().await.unwrap()
}

async fn peeks(cache: &Cache) -> [Option<u64>; 3] {
    [peek(cache, 1).await, peek(cache, 2).await, peek(cache, 3).await]
}

/// Reads from outside the scope.
async fn outside(cache: &Cache) -> [Option<u64>; 3] {
    let cache = cache.clone();
    tokio::spawn(async move { peeks(&cache).await }).await.unwrap()
}

const OLD: [Option<u64>; 3] = [Some(1); 3];

/// Runs one of several kinds of eviction, all of which evict row 2.
async fn evict(how: usize, cache: &Cache, table: &Table) {
    match how {
        0 => assert!(!cache.remove("row:2").await.unwrap(), "nothing was forgotten yet"),
        1 => assert_eq!(cache.evict_pattern("row:2*").await.unwrap(), 0),
        2 => cache.evict_tag("row:2").await.unwrap(),
        3 => cache.clear().await.unwrap(),
        4 => assert!(!row(cache, table, 2).evict().await.unwrap()),
        5 => update(cache, table, 2, 2).await.unwrap(),
        6 => drop(update(cache, table, 2, 0).await),
        7 => Invalidation::new().cache(cache).key("row:2").run().await.unwrap(),
        8 => drop(save(cache, table, 2, 2).await),
        9 => {
            let policy = Policy::new().tags(&["rows", "row:2"]);
            cache.entry("row:2").policy(policy).insert(2u64).await.unwrap();
        }
        10 => row(cache, table, 2).put(2).await.unwrap(),
        11 => drop(row(cache, table, 2).refresh().await),
        _ => panic!("no such way"),
    }
}

/// From this number on the operations put a value.
const PUTS: usize = 8;
const WAYS: usize = 12;
const REFRESH: usize = 11;

#[tokio::test]
async fn evictions_of_every_kind_wait_for_the_commit() {
    for how in 0..WAYS {
        for cache in caches() {
            let table = filled(&cache).await;
            let done: Result<(), String> = transaction(async {
                evict(how, &cache, &table).await;
                assert_eq!(outside(&cache).await, OLD, "{how}");
                Ok(())
            })
            .await;
            assert_eq!(done, Ok(()));
            let new = (PUTS..REFRESH).contains(&how).then_some(2);
            let others = (how != 3).then_some(1);
            assert_eq!(peeks(&cache).await, [others, new, others], "{how}");
        }
    }
}

#[tokio::test]
async fn a_rollback_drops_evictions_of_every_kind() {
    for how in 0..WAYS {
        for cache in caches() {
            let table = filled(&cache).await;
            let failed: Result<(), &str> = transaction(async {
                evict(how, &cache, &table).await;
                Err("rolled back")
            })
            .await;
            assert_eq!(failed, Err("rolled back"));
            assert_eq!(peeks(&cache).await, OLD, "{how}");
        }
    }
}

#[tokio::test]
async fn keys_that_the_scope_evicts_bypass_the_cache() {
    // The scope reads the values that it has put: see `transaction_loads`.
    for how in (0..PUTS).chain([REFRESH]) {
        for cache in caches() {
            let table = filled(&cache).await;
            let done: Result<(), String> = transaction(async {
                evict(how, &cache, &table).await;
                table.set(7);
                let read = row(&cache, &table, 2).traced().await;
                assert_eq!((read.value, read.source), (Ok(7), Source::Bypassed), "{how}");
                assert_eq!(peek(&cache, 2).await, None);
                assert_eq!(cache.get::<u64>("row:2").await.unwrap(), None);
                assert_eq!(cache.get_many::<u64>(&["row:2"]).await.unwrap(), [None]);
                let loaded = cache.get_or_load("row:2", async || Ok::<_, ()>(8u64)).await;
                assert_eq!(loaded, Ok(8), "{how}");
                // Not stored, because the value may be uncommitted.
                assert_eq!(outside(&cache).await, OLD, "{how}");
                // Other keys work as usual.
                let other = row(&cache, &table, 1).traced().await;
                assert_eq!(other.source == Source::Bypassed, how == 3, "{how}");
                Ok(())
            })
            .await;
            assert_eq!(done, Ok(()));
        }
    }
}

#[tokio::test]
async fn a_read_inside_joins_no_load_of_others() {
    let [cache, ..] = caches();
    let (slow, ends) = (cache.clone(), Arc::new(Notify::new()));
    let end = Arc::clone(&ends);
    let led = tokio::spawn(async move {
        slow.get_or_load("k", async || {
            ends.notified().await;
            Ok::<_, ()>(1u64)
        })
        .await
    });
    eventually("it loads", async || cache.stats().in_flight == 1).await;
    let inside = transaction(async {
        cache.remove("k").await.unwrap();
        cache.get_or_load("k", async || Ok::<_, ()>(2u64)).await
    });
    let read = tokio::time::timeout(Duration::from_secs(60), inside).await;
    assert_eq!(read.expect("it does not wait for the load"), Ok(2));
    end.notify_one();
    assert_eq!(led.await.unwrap(), Ok(1));
    assert_eq!(cache.get::<u64>("k").await.unwrap(), None, "its load began before the commit");
}

/// A body that reads through the cache after its write and before its eviction.
#[cache_evict(row(cache, table, 9))]
async fn write_then_read(cache: &Cache, table: &Table, value: u64) -> Result<u64, String> {
    table.set(value);
    row(cache, table, 9).await
}

#[tokio::test]
async fn a_load_from_before_its_eviction_does_not_survive_a_rollback() {
    for cache in caches() {
        let table = Table::default();
        table.set(1);
        let failed: Result<(), String> = transaction(async {
            assert_eq!(write_then_read(&cache, &table, 2).await, Ok(2));
            assert_eq!(cache.keys("*").await.unwrap(), [""; 0], "nor is it seen before");
            Err("rolled back".into())
        })
        .await;
        assert!(failed.is_err());
        table.set(1);
        assert_eq!(row(&cache, &table, 9).await, Ok(1));
    }
}

#[tokio::test]
async fn a_hit_inside_is_not_a_load() {
    for cache in &caches()[..1] {
        let table = filled(cache).await;
        let failed: Result<(), ()> = transaction(async {
            let load = async || Ok::<_, ()>(9u64);
            assert_eq!(cache.get_or_load("row:2", load).await, Ok(1));
            cache.evict_pattern("row:*").await.unwrap();
            Err(())
        })
        .await;
        assert_eq!(failed, Err(()));
        assert_eq!((peeks(cache).await, table.reads.load(Ordering::SeqCst)), (OLD, 3));
    }
}

#[tokio::test]
async fn an_inner_commit_waits_for_the_outer_one() {
    for outer_commits in [true, false] {
        for cache in caches() {
            let table = filled(&cache).await;
            let outer: Result<(), ()> = transaction(async {
                update(&cache, &table, 1, 5).await.unwrap();
                let inner: Result<(), ()> = transaction(async {
                    assert_eq!(peek(&cache, 1).await, None, "the outer one's too");
                    save(&cache, &table, 2, 6).await.unwrap();
                    Ok(())
                })
                .await;
                assert_eq!(inner, Ok(()));
                assert_eq!(outside(&cache).await, OLD);
                assert_eq!(peeks(&cache).await, [None, Some(6), Some(1)], "the scope still knows");
                if outer_commits { Ok(()) } else { Err(()) }
            })
            .await;
            assert_eq!(outer.is_ok(), outer_commits);
            let then = if outer_commits { [None, Some(6), Some(1)] } else { OLD };
            assert_eq!(peeks(&cache).await, then);
        }
    }
}

#[tokio::test]
async fn an_inner_rollback_drops_its_own_only() {
    for cache in caches() {
        let table = filled(&cache).await;
        let outer: Result<(), ()> = transaction(async {
            update(&cache, &table, 1, 5).await.unwrap();
            let inner: Result<(), ()> = transaction(async {
                update(&cache, &table, 2, 6).await.unwrap();
                Err(())
            })
            .await;
            assert_eq!(inner, Err(()));
            assert_eq!(peeks(&cache).await, [None, Some(1), Some(1)]);
            update(&cache, &table, 3, 7).await.unwrap();
            Ok(())
        })
        .await;
        assert_eq!(outer, Ok(()));
        assert_eq!(peeks(&cache).await, [None, Some(1), None]);
    }
}

#[tokio::test]
async fn the_order_is_kept() {
    for cache in caches() {
        let done: Result<(), larder::Error> = transaction(async {
            cache.insert("put last", 0u64).await?;
            cache.remove("put last").await?;
            cache.insert("put last", 1u64).await?;
            cache.insert("evicted last", 0u64).await?;
            cache.insert("evicted last", 1u64).await?;
            cache.remove("evicted last").await?;
            Ok(())
        })
        .await;
        done.unwrap();
        assert_eq!(cache.keys("*").await.unwrap(), ["put last"]);
        assert_eq!(cache.get::<u64>("put last").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn a_transaction_dropped_half_way_evicts() {
    for cache in caches() {
        let table = filled(&cache).await;
        let cancelled = transaction(async {
            update(&cache, &table, 1, 5).await.unwrap();
            save(&cache, &table, 2, 6).await.unwrap();
            std::future::pending::<Result<(), ()>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), cancelled).await.is_err());
        eventually("all is carried out", async || peeks(&cache).await == [None, None, Some(1)])
            .await;
    }
}

/// Dropped while a mutator inside it is under way: the mutator evicts in its own drop.
#[cache_evict(row(cache, table, 1))]
async fn hangs(cache: &Cache, table: &Table) {
    let _ = (cache, table);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_transaction_dropped_within_a_mutator_evicts() {
    for cache in caches() {
        let table = filled(&cache).await;
        let cancelled = transaction(async {
            hangs(&cache, &table).await;
            Ok::<_, ()>(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), cancelled).await.is_err());
        eventually("carried out", async || peek(&cache, 1).await.is_none()).await;
    }
}

#[tokio::test]
async fn a_cancelled_inner_transaction_belongs_to_the_outer_one() {
    for outer_commits in [true, false] {
        let [cache, ..] = caches();
        let table = filled(&cache).await;
        let _: Result<(), ()> = transaction(async {
            let inner = transaction(async {
                save(&cache, &table, 1, 5).await.unwrap();
                std::future::pending::<Result<(), ()>>().await
            });
            assert!(tokio::time::timeout(Duration::from_millis(20), inner).await.is_err());
            assert_eq!(outside(&cache).await, OLD);
            if outer_commits { Ok(()) } else { Err(()) }
        })
        .await;
        assert_eq!(peek(&cache, 1).await, (!outer_commits).then_some(1), "a put only evicts");
    }
}

#[tokio::test]
async fn a_panic_evicts() {
    for cache in caches() {
        let table = filled(&cache).await;
        let (inside, there) = (cache.clone(), table.clone());
        let panicked = tokio::spawn(transaction(async move {
            update(&inside, &there, 1, 5).await.unwrap();
            save(&inside, &there, 2, 6).await.unwrap();
            if there.read() > 0 {
                panic!("on purpose");
            }
            Ok::<_, ()>(())
        }));
        assert!(panicked.await.is_err());
        eventually("carried out", async || peeks(&cache).await == [None, None, Some(1)]).await;
    }
}

#[tokio::test]
async fn evictions_in_two_caches_are_independent() {
    let [one, two, _] = caches();
    let tables = (filled(&one).await, filled(&two).await);
    let done: Result<(), String> = transaction(async {
        update(&one, &tables.0, 1, 5).await?;
        assert_eq!((peek(&one, 1).await, peek(&two, 1).await), (None, Some(1)));
        two.evict_tag("row:2").await.unwrap();
        assert_eq!((peek(&one, 2).await, peek(&two, 2).await), (Some(1), None));
        Ok(())
    })
    .await;
    assert_eq!(done, Ok(()));
    assert_eq!(peeks(&one).await, [None, Some(1), Some(1)]);
    assert_eq!(peeks(&two).await, [Some(1), None, Some(1)]);
}

#[tokio::test]
async fn a_spawned_task_is_outside_unless_the_scope_is_carried_along() {
    let [cache, ..] = caches();
    let table = filled(&cache).await;
    assert!(TransactionScope::current().is_none());
    let failed: Result<(), ()> = transaction(async {
        let (own, there) = (cache.clone(), table.clone());
        let alone = tokio::spawn(async move { update(&own, &there, 1, 5).await });
        alone.await.unwrap().unwrap();
        assert_eq!(outside(&cache).await, [None, Some(1), Some(1)], "immediately");
        let scope = TransactionScope::current().unwrap();
        let (own, there) = (cache.clone(), table.clone());
        let along = tokio::spawn(scope.run(async move { update(&own, &there, 2, 5).await }));
        along.await.unwrap().unwrap();
        assert_eq!(outside(&cache).await, [None, Some(1), Some(1)], "held");
        assert_eq!(peek(&cache, 2).await, None);
        Err(())
    })
    .await;
    assert_eq!(failed, Err(()));
    assert_eq!(peeks(&cache).await, [None, Some(1), Some(1)]);
}

#[tokio::test]
async fn a_task_that_outlives_the_transaction_evicts_at_once() {
    for commits in [true, false] {
        let [cache, ..] = caches();
        let table = filled(&cache).await;
        let transaction = Transaction::new();
        let scope = transaction.scope();
        if commits {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback()
        }
        scope
            .run(async {
                update(&cache, &table, 1, 5).await.unwrap();
                save(&cache, &table, 2, 6).await.unwrap();
                assert_eq!(peek(&cache, 1).await, None);
            })
            .await;
        // A value that a rolled back transaction computed is not stored.
        assert_eq!(peeks(&cache).await, [None, commits.then_some(6), Some(1)]);
    }
}

#[tokio::test]
async fn a_late_eviction_of_an_inner_scope_belongs_to_the_outer_one() {
    let [cache, ..] = caches();
    let table = filled(&cache).await;
    let failed: Result<(), ()> = transaction(async {
        let inner = Transaction::new();
        let scope = inner.scope();
        inner.commit().await.unwrap();
        scope.run(update(&cache, &table, 1, 5)).await.unwrap();
        assert_eq!(outside(&cache).await, OLD);
        Err(())
    })
    .await;
    assert_eq!(failed, Err(()));
    assert_eq!(peeks(&cache).await, OLD);
}

#[tokio::test]
async fn a_transaction_is_committed_rolled_back_or_dropped_by_hand() {
    for cache in caches() {
        let table = filled(&cache).await;
        let run = async || {
            let transaction = Transaction::new();
            assert!(transaction.is_empty());
            transaction.run(update(&cache, &table, 1, 5)).await.unwrap();
            transaction.run(update(&cache, &table, 1, 6)).await.unwrap();
            transaction.run(save(&cache, &table, 2, 7)).await.unwrap();
            assert_eq!((transaction.len(), peeks(&cache).await), (2, OLD));
            transaction
        };
        run().await.rollback();
        assert_eq!(peeks(&cache).await, OLD);
        drop(run().await);
        eventually("evicted", async || peeks(&cache).await == [None, None, Some(1)]).await;
        table.set(1);
        row(&cache, &table, 1).await.unwrap();
        row(&cache, &table, 2).await.unwrap();
        run().await.commit().await.unwrap();
        assert_eq!(peeks(&cache).await, [None, Some(7), Some(1)]);
    }
}

#[cached(key = "squared:{n}", cache = cache, skip(cache))]
fn squared(cache: &Cache, n: u64) -> u64 {
    n * n
}

#[cache_evict(key = "squared:{n}", cache = cache)]
fn resquare(cache: &Cache, n: u64) {
    let _ = (cache, n);
}

#[test]
fn sync_code_can_be_inside() {
    let [cache, ..] = caches();
    assert_eq!(squared(&cache, 3), 9);
    let transaction = Transaction::new();
    transaction.run_sync(|| {
        resquare(&cache, 3);
        assert_eq!(squared(&cache, 3), 9);
    });
    let peek = || larder::call!(squared(&cache, 3)).peek();
    assert_eq!((transaction.len(), pollster(peek())), (1, Some(9)));
    transaction.rollback();
    let transaction = Transaction::new();
    transaction.run_sync(|| resquare(&cache, 3));
    drop(transaction);
    assert_eq!(pollster(peek()), None);
}

fn pollster<T>(work: impl Future<Output = Result<T, larder::Error>>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work).unwrap()
}

#[tokio::test]
async fn a_long_list_becomes_everything() {
    let [cache, ..] = caches();
    let table = filled(&cache).await;
    let transaction = Transaction::new();
    transaction
        .run(async {
            for id in 0..25_000 {
                cache.remove(format!("absent:{id}")).await.unwrap();
            }
        })
        .await;
    assert!(transaction.len() <= 10_000);
    transaction
        .run(async { assert_eq!(row(&cache, &table, 1).traced().await.source, Source::Bypassed) })
        .await;
    transaction.commit().await.unwrap();
    assert_eq!(peeks(&cache).await, [None; 3]);
}

#[tokio::test]
async fn without_caching_a_put_inside_is_a_deferred_eviction() {
    let [cache, ..] = caches();
    filled(&cache).await;
    let done: Result<(), larder::Error> = transaction(async {
        larder::without_cache(cache.insert("row:1", 9u64)).await?;
        assert_eq!(outside(&cache).await, OLD);
        Ok(())
    })
    .await;
    done.unwrap();
    assert_eq!(peeks(&cache).await, [None, Some(1), Some(1)]);
}

#[tokio::test]
async fn tags_of_insertions_count_in_every_tiering() {
    for cache in caches() {
        let policy = Policy::new().tags(&["things"]);
        cache.entry("tagged").policy(policy).insert(1u64).await.unwrap();
        cache.insert("plain", 1u64).await.unwrap();
        let failed: Result<(), ()> = transaction(async {
            cache.evict_tag("things").await.unwrap();
            assert_eq!(cache.get::<u64>("tagged").await.unwrap(), None);
            let both = cache.get_many::<u64>(&["tagged", "plain"]).await.unwrap();
            assert_eq!(both, [None, Some(1)]);
            Err(())
        })
        .await;
        assert_eq!(failed, Err(()));
        assert_eq!(cache.get::<u64>("tagged").await.unwrap(), Some(1));
    }
}

/// A value that was loaded with the scope of an ended inner transaction is still evicted when its task evicts it.
#[tokio::test]
async fn a_late_load_of_an_inner_scope_belongs_to_the_outer_one() {
    let [cache, ..] = caches();
    let table = Table::default();
    table.set(1);
    let failed: Result<(), ()> = transaction(async {
        let inner = Transaction::new();
        let scope = inner.scope();
        inner.commit().await.unwrap();
        scope.clone().run(write_then_read(&cache, &table, 2)).await.unwrap();
        assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
        Err(())
    })
    .await;
    assert_eq!(failed, Err(()));
    table.set(1);
    assert_eq!(row(&cache, &table, 9).await, Ok(1));
}

#[tokio::test]
async fn many_keys_of_several_caches_go_together() {
    let [one, two, three] = caches();
    let all = [&one, &two, &three];
    for cache in all {
        for id in 0..300 {
            cache.insert(format!("k:{id}"), id as u64).await.unwrap();
        }
    }
    let transaction = Transaction::new();
    transaction
        .run(async {
            for id in 0..150 {
                one.remove(format!("k:{id}")).await.unwrap();
            }
            for id in 0..250 {
                two.remove(format!("k:{id}")).await.unwrap();
                three.remove(format!("k:{id}")).await.unwrap();
            }
            one.insert("k:0", 7u64).await.unwrap();
            for id in 150..299 {
                one.remove(format!("k:{id}")).await.unwrap();
            }
        })
        .await;
    transaction.commit().await.unwrap();
    assert_eq!(one.keys("*").await.unwrap(), ["k:0", "k:299"]);
    assert_eq!(
        (two.keys("*").await.unwrap().len(), three.keys("*").await.unwrap().len()),
        (50, 50)
    );
}

/// The remote tier is down at the commit: the evictions stay pending, and memory has evicted.
#[tokio::test]
async fn a_commit_during_an_outage_loses_nothing() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let connect = async |url: String| {
        let redis = Redis::connect(url).await.unwrap();
        Cache::builder().namespace("held").remote(redis).build().unwrap()
    };
    let (here, there) = (connect(proxy.url()).await, connect(server.url()).await);
    eventually("linked", async || here.is_linked() && there.is_linked()).await;
    let table = filled(&here).await;
    // Loaded values are stored in the background.
    eventually("stored", async || outside(&there).await == OLD).await;

    let transaction = Transaction::new();
    transaction.run(update(&here, &table, 1, 5)).await.unwrap();
    transaction.run(here.evict_tag("row:2")).await.unwrap();
    assert_eq!(outside(&there).await, OLD, "other processes do not know yet");
    proxy.down();
    let failed = transaction.commit().await;
    assert!(matches!(failed, Err(larder::Error::Backend(_))), "{failed:?}");
    proxy.up();
    let new = [None, None, Some(1)];
    eventually("carried out", async || {
        // Pending evictions are carried out before the tier is used again.
        let _ = here.get::<u64>("row:1").await;
        outside(&there).await == new && outside(&here).await == new
    })
    .await;
}

/// The task may still have the connection whose writes were rolled back.
#[tokio::test]
async fn a_task_that_outlives_a_rollback_stores_nothing() {
    let [cache, ..] = caches();
    let table = Table::default();
    let transaction = Transaction::new();
    let scope = transaction.scope();
    transaction.rollback();
    table.set(9);
    let read = scope.run(row(&cache, &table, 1).traced()).await;
    assert_eq!((read.value, read.source), (Ok(9), Source::Bypassed));
    assert_eq!(cache.keys("*").await.unwrap(), [""; 0]);
}

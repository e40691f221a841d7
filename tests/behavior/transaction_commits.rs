//! `larder::commit`: the evictions of a transaction follow the database's own commit.

use larder::redis::Redis;
use larder::{
    Cache, Error, Source, Transaction, backend::MemoryBackend, scope::TransactionScope, transaction,
};

use crate::support::{Server, eventually};

/// The commit of a database.
async fn commits() -> Result<(), &'static str> {
    tokio::task::yield_now().await;
    Ok(())
}

async fn fails() -> Result<(), &'static str> {
    Err("the connection broke")
}

fn caches() -> Vec<Cache> {
    let builder = Cache::builder;
    vec![
        builder().build().unwrap(),
        builder().no_memory().remote(MemoryBackend::new()).build().unwrap(),
        builder().remote(MemoryBackend::new()).build().unwrap(),
    ]
}

/// Reads from outside of the scope.
async fn outside(cache: &Cache, key: &'static str) -> Option<u64> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.get::<u64>(key).await.unwrap() }).await.unwrap()
}

async fn fill(cache: &Cache) {
    for key in ["key", "pattern", "tagged", "put"] {
        cache.entry(key).tag(key).insert(1_u64).await.unwrap();
    }
}

/// Evicts three keys in three ways, and puts the fourth.
async fn change(cache: &Cache) {
    cache.remove("key").await.unwrap();
    cache.evict_pattern("patt*").await.unwrap();
    cache.evict_tag("tagged").await.unwrap();
    cache.entry("put").tag("put").insert(2_u64).await.unwrap();
}

async fn seen(cache: &Cache) -> [Option<u64>; 4] {
    let mut seen = [None; 4];
    for (at, key) in ["key", "pattern", "tagged", "put"].into_iter().enumerate() {
        seen[at] = outside(cache, key).await;
    }
    seen
}

const OLD: [Option<u64>; 4] = [Some(1); 4];
const NEW: [Option<u64>; 4] = [None, None, None, Some(2)];

#[tokio::test]
async fn code_that_fails_after_the_commit_loses_no_eviction() {
    for cache in caches() {
        fill(&cache).await;
        let failed: Result<(), &str> = transaction(async {
            change(&cache).await;
            assert_eq!(seen(&cache).await, OLD);
            larder::commit(commits()).await?;
            assert_eq!(seen(&cache).await, NEW, "carried out when it returns");
            Err("no mail was sent")
        })
        .await;
        assert_eq!(failed, Err("no mail was sent"));
        assert_eq!(seen(&cache).await, NEW);
    }
}

#[tokio::test]
async fn over_redis_other_processes_see_it_too() {
    let server = Server::start();
    let mut caches = Vec::new();
    for _ in 0..2 {
        let redis = Redis::connect(server.url()).await.unwrap();
        caches.push(Cache::builder().namespace("n").remote(redis).build().unwrap());
    }
    for cache in &caches {
        eventually("the bus is connected", async || cache.is_linked()).await;
    }
    fill(&caches[0]).await;
    assert_eq!(seen(&caches[1]).await, OLD);
    let failed: Result<(), &str> = transaction(async {
        change(&caches[0]).await;
        larder::commit(commits()).await?;
        Err("later")
    })
    .await;
    assert!(failed.is_err());
    eventually("the other process follows", async || seen(&caches[1]).await == NEW).await;
}

#[tokio::test]
async fn code_that_panics_or_is_dropped_after_the_commit_keeps_the_puts() {
    for cache in caches() {
        fill(&cache).await;
        let running = {
            let cache = cache.clone();
            tokio::spawn(transaction(async move {
                change(&cache).await;
                larder::commit(commits()).await?;
                panic!("as the test wants");
                #[allow(unreachable_code)]
                Ok::<(), &str>(())
            }))
        };
        assert!(running.await.unwrap_err().is_panic());
        assert_eq!(seen(&cache).await, NEW);
    }
}

#[tokio::test]
async fn a_commit_with_an_unknown_result_evicts() {
    for cache in caches() {
        for how in ["fails", "is dropped", "panics"] {
            fill(&cache).await;
            let result = transaction(async {
                change(&cache).await;
                match how {
                    "fails" => larder::commit(fails()).await?,
                    "is dropped" => {
                        let mut never =
                            Box::pin(larder::commit(std::future::pending::<Result<(), &str>>()));
                        assert!(futures_util::poll!(&mut never).is_pending());
                        drop(never);
                    }
                    _ => {
                        let panics = async { panic!("as the test wants") };
                        let panics = larder::commit::<(), &str>(panics);
                        assert!(tokio::spawn(scoped(panics)).await.unwrap_err().is_panic());
                    }
                }
                Err::<(), _>("rolled back")
            });
            assert!(result.await.is_err());
            eventually("all is evicted", async || seen(&cache).await == [None; 4]).await;
        }
    }
}

/// Carries the transaction into a task.
fn scoped<T>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send + 'static
where
    T: Send + 'static,
{
    TransactionScope::current().unwrap().run(work)
}

#[tokio::test]
async fn after_the_commit_the_scope_uses_the_cache_as_usual() {
    for cache in caches() {
        fill(&cache).await;
        transaction(async {
            cache.remove("key").await.unwrap();
            let load = || async { Ok::<_, &str>(3_u64) };
            // Of the transaction, until the commit.
            assert_eq!(cache.get_or_load("loaded", load).await?, 3);
            assert_eq!(outside(&cache, "loaded").await, None);
            larder::commit(commits()).await?;
            assert!(cache.remove("pattern").await.unwrap(), "carried out immediately");
            assert_eq!(cache.get_or_load("key", load).await?, 3);
            assert_eq!(outside(&cache, "key").await, Some(3));
            // A second one decides nothing.
            larder::commit(commits()).await
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn in_an_inner_transaction_it_evicts_at_once_and_again() {
    for outer_fails in [false, true] {
        for cache in caches() {
            fill(&cache).await;
            let outer = transaction(async {
                let inner: Result<(), &str> = transaction(async {
                    change(&cache).await;
                    larder::commit(commits()).await?;
                    Err("later")
                })
                .await;
                assert!(inner.is_err());
                assert_eq!(seen(&cache).await, [None; 4], "at once");
                // Others read what the outer transaction has not committed yet.
                let others = cache.clone();
                tokio::spawn(async move { fill(&others).await }).await.unwrap();
                if outer_fails { Err("rolled back") } else { Ok(()) }
            });
            assert_eq!(outer.await.is_err(), outer_fails);
            let expected = if outer_fails { OLD } else { NEW };
            assert_eq!(seen(&cache).await, expected, "again at the outer commit");
        }
    }
}

#[tokio::test]
async fn a_transaction_by_hand_is_decided_by_it() {
    for cache in caches() {
        fill(&cache).await;
        let by_hand = Transaction::new();
        by_hand.run(change(&cache)).await;
        by_hand.run(larder::commit(commits())).await.unwrap();
        assert_eq!((by_hand.len(), seen(&cache).await), (0, NEW));
        by_hand.rollback();
        assert_eq!(seen(&cache).await, NEW);
    }
}

#[tokio::test]
async fn outside_of_a_transaction_it_only_commits() {
    let cache = Cache::builder().build().unwrap();
    fill(&cache).await;
    assert_eq!(larder::commit(commits()).await, Ok(()));
    assert_eq!(larder::commit(fails()).await, Err("the connection broke"));
    assert_eq!(seen(&cache).await, OLD);
}

/// Without a runtime.
#[test]
fn a_sync_program_commits_too() {
    let cache = Cache::builder().remote(MemoryBackend::new()).build().unwrap();
    larder::block_on(fill(&cache));
    let failed: Result<(), &str> = larder::block_on(transaction(async {
        cache.remove("key").await.unwrap();
        larder::commit(async { Ok::<_, &str>(()) }).await?;
        Err("later")
    }));
    assert!(failed.is_err());
    let load = || Ok::<_, Error>(7_u64);
    let loaded = cache.blocking().entry("key").traced().or_load(load);
    assert_eq!((loaded.value.unwrap(), loaded.source), (7, Source::Loaded));
}

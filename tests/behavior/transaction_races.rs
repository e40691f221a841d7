//! Transactions concurrent with readers on other threads: no reader sees uncommitted data, and a read after a commit
//! returns the committed value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Cache, backend::MemoryBackend, cache_evict, cached, scope::TransactionScope, transaction,
};

/// A table with one row, which writers lock. Uncommitted values are odd.
#[derive(Clone, Default)]
struct Table {
    committed: Arc<AtomicU64>,
    /// The lowest value that a read that begins now may return.
    promised: Arc<AtomicU64>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

tokio::task_local! {
    /// The value that the transaction itself has written, as its connection would return it.
    static OWN: u64;
}

impl Table {
    fn read(&self) -> u64 {
        OWN.try_with(|own| *own).unwrap_or_else(|_| self.committed.load(Ordering::SeqCst))
    }
}

#[cached(key = "raced", tags = ["raced"], cache = cache, skip(cache, table))]
async fn row(cache: &Cache, table: &Table) -> u64 {
    let value = table.read();
    // A load takes a while, so that evictions run during it.
    tokio::task::yield_now().await;
    value
}

#[cache_evict(row(cache, table))]
async fn touch(cache: &Cache, table: &Table) {
    let _ = (cache, table);
    tokio::task::yield_now().await;
}

/// Runs one transaction. `how` selects its end: committed, rolled back, or cancelled before or after the commit of the
/// database.
async fn write(cache: &Cache, table: &Table, how: u64) {
    let _row = table.writing.lock().await;
    let old = table.committed.load(Ordering::SeqCst);
    let work = transaction(OWN.scope(old + 1, async {
        touch(cache, table).await;
        assert_eq!(row(cache, table).await, old + 1, "its own write");
        if let Some(scope) = TransactionScope::current() {
            let (cache, table) = (cache.clone(), table.clone());
            let own = OWN.scope(old + 1, async move {
                touch(&cache, &table).await;
                assert_eq!(row(&cache, &table).await, old + 1, "in a task of its own");
            });
            tokio::spawn(scope.run(own)).await.unwrap();
        }
        match how {
            0 => return Err("rolled back"),
            1 => std::future::pending::<()>().await,
            2 => {
                table.committed.store(old + 2, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            _ => table.committed.store(old + 2, Ordering::SeqCst),
        }
        Ok(())
    }));
    let _ = tokio::time::timeout(Duration::from_millis(5), work).await;
    table.promised.store(table.committed.load(Ordering::SeqCst), Ordering::SeqCst);
}

async fn race(cache: Cache) {
    let (table, stop) = (Table::default(), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (cache, table, stop) = (cache.clone(), table.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut reads = 0u64;
                while !stop.load(Ordering::SeqCst) {
                    let promised = table.promised.load(Ordering::SeqCst);
                    let found = row(&cache, &table).await;
                    assert!(found.is_multiple_of(2), "uncommitted: {found}");
                    assert!(found >= promised, "old: {found} after {promised}");
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    let writers: Vec<_> = (0..2)
        .map(|seed| {
            let (cache, table) = (cache.clone(), table.clone());
            tokio::spawn(async move {
                for turn in 0..150u64 {
                    // Usually commits, and sometimes one of the other ends.
                    write(&cache, &table, (turn * 7 + seed) % 11).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    race(Cache::builder().build().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_remote_tier() {
    race(Cache::builder().remote(MemoryBackend::new()).build().unwrap()).await;
}

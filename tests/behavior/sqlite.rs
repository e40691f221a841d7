//! The example's backend keeps every rule, and the guarantees of a cache hold with it.

#[path = "../../examples/custom_backend/sqlite.rs"]
mod backend;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::Sqlite;
use larder::Cache;

/// A temporary directory with the database and the other files of SQLite.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("larder-sqlite-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(self.0.join("cache.sqlite")).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One file for all rules, which run concurrently; each rule has a separate connection.
mod conforms {
    use std::path::Path;
    use std::sync::Once;

    use super::Sqlite;

    fn open() -> Sqlite {
        static EMPTIED: Once = Once::new();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite-conformance");
        EMPTIED.call_once(|| {
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
        });
        Sqlite::open(dir.join("cache.sqlite")).unwrap()
    }

    larder::testing::conformance!(open());
}

/// Two connections, as in two processes.
async fn two_caches(dir: &Dir) -> [Cache; 2] {
    let cache = || Cache::builder().remote(dir.open()).build().unwrap();
    let both = [cache(), cache()];
    for cache in &both {
        crate::support::eventually("linked", async || cache.is_linked()).await;
    }
    both
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_over_one_file_loads_once() {
    let (dir, loads) = (Dir::new(), AtomicU64::new(0));
    let [one, two] = two_caches(&dir).await;
    let load = async || {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Ok::<_, ()>(loads.fetch_add(1, Ordering::SeqCst) + 1)
    };
    let (a, b) = tokio::join!(one.get_or_load("k", load), two.get_or_load("k", load));
    assert_eq!((a, b), (Ok(1), Ok(1)), "one load for both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_reaches_every_memory_tier() {
    let dir = Dir::new();
    let [one, two] = two_caches(&dir).await;
    one.insert("k", 1u64).await.unwrap();
    assert_eq!(two.get::<u64>("k").await.unwrap(), Some(1));
    one.remove("k").await.unwrap();
    let gone = async || two.get::<u64>("k").await.unwrap().is_none();
    crate::support::eventually("the other forgets", gone).await;
}

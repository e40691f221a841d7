//! `each` on sync functions.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::backend::MemoryBackend;
use larder::{Cache, Source, cached, call, entries};

/// The lists that were asked for, sorted: ids that are loaded together may come in any order.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<Vec<u64>>>);

impl Asked {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn ask(&self, ids: &[u64]) -> HashMap<u64, u64> {
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        self.0.lock().unwrap().push(sorted);
        ids.iter().filter(|id| **id < 100).map(|id| (*id, id * 10)).collect()
    }

    fn take(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn install(name: &str) -> Cache {
    let cache = Cache::builder().name(name).build().unwrap();
    cache.install();
    cache
}

mod functions {
    use super::*;

    pub(super) static ASKED: Asked = Asked::new();

    #[cached(each = "id in ids", key = "user:{team}:{id}", cache = "sync-each")]
    pub(super) fn users(team: &str, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        if ids.contains(&99) {
            return Err(format!("{team} has no 99"));
        }
        Ok(ASKED.ask(ids))
    }

    pub(super) struct Shop(pub(super) Asked);

    impl Shop {
        #[cached(each = "id in ids", skip(self), cache = "sync-each", none_ttl = "1m", ttl = "1h")]
        pub(super) fn prices(&self, ids: Vec<u64>) -> HashMap<u64, u64> {
            self.0.ask(&ids)
        }
    }

    pub(super) trait Stock {
        fn stock(&self, ids: &[u64]) -> HashMap<u64, u64>;
    }

    impl Stock for Shop {
        #[cached(each = "id in ids", skip(self), cache = "sync-each")]
        fn stock(&self, ids: &[u64]) -> HashMap<u64, u64> {
            self.0.ask(ids)
        }
    }
}

#[test]
fn only_missing_ids_are_loaded_without_a_runtime() {
    use functions::{ASKED, Shop, Stock as _, users};

    install("sync-each");
    let sorted = |map: HashMap<u64, u64>| {
        let mut pairs: Vec<_> = map.into_iter().collect();
        pairs.sort_unstable();
        pairs
    };
    let read = |ids: &[u64]| users("red", ids).map(sorted);
    assert_eq!(read(&[1, 2]), Ok(vec![(1, 10), (2, 20)]));
    assert_eq!(read(&[2, 3, 2]), Ok(vec![(2, 20), (3, 30)]));
    assert_eq!(read(&[1, 2, 3]), Ok(vec![(1, 10), (2, 20), (3, 30)]));
    assert_eq!(read(&[]), Ok(vec![]));
    assert_eq!(ASKED.take(), [vec![1, 2], vec![3]]);
    // A failure is an output, and nothing is stored.
    assert_eq!(read(&[1, 99]), Err("red has no 99".to_owned()));
    assert!(users("blue", &[1]).is_ok());
    assert_eq!(ASKED.take(), [[1]]);

    // The `Batch`, with its directions.
    let (values, sources) = larder::block_on(call!(users("red", &[1, 4])).traced());
    assert_eq!(values.map(sorted), Ok(vec![(1, 10), (4, 40)]));
    assert_eq!(sources, [(1, Source::Memory), (4, Source::Loaded)]);
    assert_eq!(larder::block_on(call!(users("red", &[1, 2])).evict()).unwrap(), 2);
    assert!(read(&[1, 3]).is_ok());
    assert_eq!(ASKED.take(), [[4], [1]]);
    larder::block_on(entries!(call!(users("red", ..))).evict()).unwrap();
    assert!(read(&[3]).is_ok() && users("blue", &[1]).is_ok());
    assert_eq!(ASKED.take(), [[3]]);

    // Methods; an absent id is remembered with `none_ttl`.
    let shop = Shop(Asked::new());
    assert_eq!(sorted(shop.prices(vec![1, 100])), [(1, 10)]);
    assert_eq!(sorted(shop.prices(vec![1, 100, 2])), [(1, 10), (2, 20)]);
    assert_eq!(shop.0.take(), [vec![1, 100], vec![2]]);
    assert_eq!(sorted(shop.stock(&[5])), [(5, 50)]);
    assert_eq!(sorted(shop.stock(&[5, 6])), [(5, 50), (6, 60)]);
    assert_eq!(shop.0.take(), [[5], [6]]);
}

/// Threads share loads, whichever asks first, and no one waits for ever.
#[test]
fn threads_share_loads() {
    static LOADS: [AtomicU64; 50] = [const { AtomicU64::new(0) }; 50];

    #[cached(each = "id in ids", key = "thread:{id}", cache = "sync-each-threads")]
    fn load(ids: &[usize]) -> HashMap<usize, usize> {
        for id in ids {
            LOADS[*id].fetch_add(1, Ordering::SeqCst);
        }
        std::thread::yield_now();
        ids.iter().map(|id| (*id, *id)).collect()
    }

    install("sync-each-threads");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for start in 0..40 {
                    let ids: Vec<usize> = (0..10).map(|at| (start + at * thread) % 50).collect();
                    assert!(ids.iter().all(|id| load(&ids)[id] == *id));
                }
            });
        }
    });
    // 3,200 reads of 50 ids. (A leader that gets no processor for a second is replaced, so an id may be loaded again.)
    let loads: u64 = LOADS.iter().map(|loads| loads.load(Ordering::SeqCst)).sum();
    assert!((50..400).contains(&loads), "{loads} loads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_function_uses_the_remote_tier() {
    static ASKED: Asked = Asked::new();

    #[cached(each = "id in ids", key = "remote:{id}", cache = "sync-each-remote", blocking)]
    fn users(ids: &[u64]) -> HashMap<u64, u64> {
        ASKED.ask(ids)
    }

    let backend = MemoryBackend::new();
    for _ in 0..2 {
        // Another process with the same store.
        let builder = Cache::builder().name("sync-each-remote").remote(backend.clone());
        builder.build().unwrap().install();
        let read = tokio::task::spawn_blocking(|| users(&[1, 2])).await.unwrap();
        assert_eq!(read.len(), 2);
    }
    assert_eq!(ASKED.take(), [[1, 2]]);
}

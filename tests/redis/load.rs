//! Readers and writers that run while servers die, and a record of the values that they saw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::redis::Redis;
use larder::{Cache, backend::Backend, cached};

use crate::support::eventually;

const KEYS: u64 = 60;

/// The longest time a call may take, whatever happens to Redis: a lease that its holder could not give back lasts three
/// seconds, and a few operations may run into their timeouts.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// A load takes half a millisecond; the rest is tolerance for a busy machine.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// The current versions, and the versions below which no cache may read.
#[derive(Clone, Default)]
pub(crate) struct Origin(Arc<State>);

#[derive(Default)]
struct State {
    entries: Mutex<Vec<Entry>>,
    loads: AtomicU64,
}

#[derive(Clone, Default)]
struct Entry {
    current: u64,
    /// The times at which evictions of all versions before this one were acknowledged.
    acknowledged: Vec<(u64, Instant)>,
}

impl Origin {
    fn with<T>(&self, key: u64, use_it: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.0.entries.lock().unwrap();
        entries.resize(KEYS as usize, Entry::default());
        use_it(&mut entries[key as usize])
    }

    fn change(&self, key: u64) -> u64 {
        self.with(key, |entry| {
            entry.current += 1;
            entry.current
        })
    }

    fn acknowledge(&self, key: u64, version: u64) {
        self.with(key, |entry| entry.acknowledged.push((version, Instant::now())));
    }

    /// How long ago, at `when`, an eviction of this value was acknowledged.
    fn overdue(&self, key: u64, value: u64, when: Instant) -> Option<Duration> {
        self.with(key, |entry| {
            let newer = entry.acknowledged.iter().filter(|(version, _)| *version > value);
            newer.filter_map(|(_, at)| when.checked_duration_since(*at)).max()
        })
    }
}

#[cached(key = "item:{id}", ttl = "1h", cache = cache, skip(cache, origin))]
pub(crate) async fn item(cache: &Cache, origin: &Origin, id: u64) -> Result<u64, String> {
    origin.0.loads.fetch_add(1, Ordering::SeqCst);
    let seen = origin.with(id, |entry| entry.current);
    tokio::time::sleep(Duration::from_micros(500)).await;
    Ok(seen)
}

/// The results of a run.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) calls: u64,
    pub(crate) loads: u64,
    pub(crate) longest: Duration,
    pub(crate) longest_eviction: Duration,
    pub(crate) evictions: u64,
    /// These evictions were pending, and carried out later.
    pub(crate) unacknowledged: u64,
    /// Old values that the evicting cache returned, or the cache without memory. For the latter, values of loads under
    /// way do not count until the bus could have ended these loads.
    pub(crate) old: u64,
    /// Those that the evicting cache returned.
    pub(crate) old_at_home: u64,
    pub(crate) last_old: Option<Instant>,
    /// The longest time for which the memory of the receiving cache served an old value.
    pub(crate) longest_behind: Duration,
}

impl Book {
    fn call(&mut self, place: usize, took: Duration, overdue: Option<Duration>) {
        self.calls += 1;
        self.longest = self.longest.max(took);
        match overdue {
            Some(behind) if place == 1 => self.longest_behind = self.longest_behind.max(behind),
            Some(behind) if place == 2 && behind < UNDER_WAY => {}
            Some(_) => {
                self.old += 1;
                self.old_at_home += u64::from(place == 0);
                self.last_old = Some(Instant::now());
            }
            None => {}
        }
    }

    fn eviction(&mut self, took: Duration, acknowledged: bool) {
        self.evictions += 1;
        self.unacknowledged += u64::from(!acknowledged);
        self.longest_eviction = self.longest_eviction.max(took);
    }
}

/// Three caches of one namespace: one that evicts, one that receives the evictions, and one without memory.
pub(crate) struct Load {
    pub(crate) caches: [Cache; 3],
    pub(crate) origin: Origin,
    book: Arc<Mutex<Book>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub(crate) async fn start(url: &str) -> Self {
        let redis = async || Arc::new(Redis::connect(url).await.unwrap()) as Arc<dyn Backend>;
        Self::over([redis().await, redis().await, redis().await]).await
    }

    /// Like `start`, with a separate backend for each cache.
    pub(crate) async fn over([evicts, hears, asks]: [Arc<dyn Backend>; 3]) -> Self {
        let cache = |backend| Cache::builder().namespace("load").remote(backend);
        let caches = [
            cache(evicts).build().unwrap(),
            cache(hears).build().unwrap(),
            cache(asks).no_memory().build().unwrap(),
        ];
        for cache in &caches {
            eventually("the bus is connected", async || cache.is_linked()).await;
        }
        let mut load = Self {
            caches,
            origin: Origin::default(),
            book: Arc::default(),
            stop: Arc::default(),
            tasks: Vec::new(),
        };
        for (place, cache) in load.caches.clone().into_iter().enumerate() {
            for reader in 0..6 {
                load.tasks.push(tokio::spawn(load.reader(cache.clone(), place, reader)));
            }
        }
        for writer in 0..2 {
            load.tasks.push(tokio::spawn(load.writer(writer)));
        }
        load
    }

    fn reader(&self, cache: Cache, place: usize, reader: u64) -> impl Future<Output = ()> + use<> {
        let (origin, book, stop) = (self.origin.clone(), self.book.clone(), self.stop.clone());
        async move {
            let mut key = reader * 7;
            while !stop.load(Ordering::SeqCst) {
                key = (key + 11) % KEYS;
                let began = Instant::now();
                let value = item(&cache, &origin, key).await.unwrap();
                let took = began.elapsed();
                let overdue = origin.overdue(key, value, began);
                book.lock().unwrap().call(place, took, overdue);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    fn writer(&self, writer: u64) -> impl Future<Output = ()> + use<> {
        let (origin, book, stop) = (self.origin.clone(), self.book.clone(), self.stop.clone());
        let cache = self.caches[0].clone();
        async move {
            let mut key = writer;
            while !stop.load(Ordering::SeqCst) {
                key = (key + 17) % KEYS;
                let version = origin.change(key);
                let began = Instant::now();
                let evicted = cache.remove(&format!("item:{key}")).await;
                let took = began.elapsed();
                if evicted.is_ok() {
                    origin.acknowledge(key, version);
                }
                book.lock().unwrap().eviction(took, evicted.is_ok());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The keys in Redis that the calls read and write.
    pub(crate) fn keys(&self) -> impl Iterator<Item = String> + use<> {
        (0..KEYS).map(|key| format!("load:item:{key}"))
    }

    pub(crate) async fn goes_on(&self, time: Duration) {
        let calls = || self.book.lock().unwrap().calls;
        let before = calls();
        tokio::time::sleep(time).await;
        eventually("calls are answered", async || calls() > before).await;
    }

    /// Ends the load, and checks what all tests have in common.
    pub(crate) async fn end(self, what: &str) -> Book {
        self.recovers().await;
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("no call fails");
        }
        let mut book = std::mem::take(&mut *self.book.lock().unwrap());
        book.loads = self.origin.0.loads.load(Ordering::SeqCst);
        eprintln!("{what}: {book:?}");
        let longest = book.longest.max(book.longest_eviction);
        assert!(longest < LONGEST_CALL, "the longest call took {longest:?}");
        book
    }

    /// Checks that every cache sees the evictions and the values of the others.
    async fn recovers(&self) {
        for key in 0..KEYS {
            let name = format!("recovered:{key}");
            eventually("an insert is accepted", async || {
                self.caches[0].insert(&name, key).await.is_ok()
            })
            .await;
            eventually("the others find it", async || {
                self.caches[1].get::<u64>(&name).await.ok().flatten() == Some(key)
            })
            .await;
            eventually("a removal is acknowledged", async || {
                self.caches[2].remove(&name).await.is_ok()
            })
            .await;
            eventually("the others learn of it", async || {
                self.caches[1].get::<u64>(&name).await.unwrap().is_none()
            })
            .await;
        }
    }
}

//! P2 with the remote tier in between: its answers and writes are held while an eviction runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Backend, BackendError, BackendErrorKind, BackendResult, Cache, Listener, MemoryBackend, Notice,
    Page, Pattern, Subscription, Write,
};
use tokio::sync::{Notify, Semaphore};

/// A gate: closed, whoever comes waits until it is opened.
struct Gate {
    open: Semaphore,
    arrived: Notify,
    closed: AtomicU64,
}

impl Gate {
    fn new() -> Self {
        Self { open: Semaphore::new(0), arrived: Notify::new(), closed: AtomicU64::new(0) }
    }

    /// The next one waits.
    fn close(&self) {
        self.closed.store(1, Ordering::SeqCst);
    }

    async fn pass(&self) {
        if self.closed.swap(0, Ordering::SeqCst) == 1 {
            self.arrived.notify_one();
            self.open.acquire().await.unwrap().forget();
        }
    }

    fn open(&self) {
        self.open.add_permits(1);
    }
}

/// A store whose answers to reads and whose writes can be held, and which can be down.
#[derive(Clone)]
struct Gated {
    store: MemoryBackend,
    reads: Arc<Gate>,
    writes: Arc<Gate>,
    down: Arc<AtomicU64>,
}

impl Gated {
    fn new() -> Self {
        Self {
            store: MemoryBackend::new(),
            reads: Arc::new(Gate::new()),
            writes: Arc::new(Gate::new()),
            down: Arc::default(),
        }
    }

    fn set_down(&self, down: bool) {
        self.down.store(u64::from(down), Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), BackendError> {
        if self.down.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        Err(BackendError::new(BackendErrorKind::Unreachable, "test", "down"))
    }
}

impl Backend for Gated {
    fn name(&self) -> &str {
        "gated"
    }
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<bytes::Bytes>>> {
        Box::pin(async move {
            self.check()?;
            let found = self.store.get_many(keys).await;
            self.reads.pass().await;
            found
        })
    }
    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move {
            self.check()?;
            self.writes.pass().await;
            self.store.set(entries, notice).await
        })
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            self.check()?;
            self.store.remove(keys, notice).await
        })
    }
    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            self.check()?;
            self.store.generations(keys).await
        })
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            self.check()?;
            self.store.bump(key).await
        })
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        self.store.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        self.store.publish(notice)
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        self.store.subscribe(channel, listener)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.store.ping()
    }
}

async fn load(cache: &Cache, value: u64) -> u64 {
    cache.get_or_load("row", || async { Ok::<_, ()>(value) }).await.unwrap()
}

#[derive(Clone, Copy, Debug)]
enum How {
    Key,
    Pattern,
    Tag,
    Clear,
    Insert,
}

const EVERY: [How; 5] = [How::Key, How::Pattern, How::Tag, How::Clear, How::Insert];

async fn evict(how: How, cache: &Cache) {
    match how {
        How::Key => drop(cache.remove("row").await.unwrap()),
        How::Pattern => drop(cache.evict_pattern("ro*").await.unwrap()),
        How::Tag => cache.evict_tag("rows").await.unwrap(),
        How::Clear => cache.clear().await.unwrap(),
        How::Insert => cache.insert("row", 2u64).await.unwrap(),
    }
}

/// A value read from the remote tier before an eviction is not promoted after it.
#[tokio::test]
async fn a_promotion_that_was_overtaken_does_not_fill_memory() {
    for how in EVERY {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.clone()).build().unwrap();
        let tagged = larder::Policy::new().tags(&["rows"]);
        // Filled by "another process".
        let other = Cache::builder().remote(gated.store.clone()).build().unwrap();
        other.insert_with("row", 1u64, tagged).await.unwrap();
        gated.reads.close();
        let old = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get::<u64>("row").await.unwrap() }
        });
        gated.reads.arrived.notified().await;
        evict(how, &cache).await;
        gated.reads.open();
        let _ = old.await.unwrap();
        assert_eq!(load(&cache, 2).await, 2, "{how:?}");
        assert_eq!(load(&cache, 2).await, 2, "{how:?}: again");
    }
}

/// A fill whose remote write is under way when an eviction comes is gone when that returns.
#[tokio::test]
async fn a_remote_write_that_was_overtaken_is_removed() {
    for how in [How::Key, How::Pattern, How::Clear, How::Insert] {
        let gated = Gated::new();
        let cache = Cache::builder().remote(gated.clone()).build().unwrap();
        gated.writes.close();
        let old = tokio::spawn({
            let cache = cache.clone();
            async move { load(&cache, 1).await }
        });
        gated.writes.arrived.notified().await;
        let evicting = tokio::spawn({
            let cache = cache.clone();
            async move { evict(how, &cache).await }
        });
        // The eviction runs as far as it can; then the write is let go.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        gated.writes.open();
        old.await.unwrap();
        evicting.await.unwrap();
        assert_eq!(load(&cache, 2).await, 2, "{how:?}");
        // A cache without that memory: what does the remote tier hold?
        let fresh = Cache::builder().remote(gated.store.clone()).build().unwrap();
        assert_eq!(load(&fresh, 2).await, 2, "{how:?}: in the remote tier");
    }
}

/// P7: an eviction that the remote tier could not take is carried out before it is read again.
#[tokio::test]
async fn an_eviction_made_during_an_outage_is_not_lost() {
    for how in [How::Key, How::Pattern, How::Tag, How::Clear] {
        let gated = Gated::new();
        let cache = Cache::builder().no_memory().remote(gated.clone()).build().unwrap();
        let tagged = larder::Policy::new().tags(&["rows"]);
        cache.insert_with("row", 1u64, tagged).await.unwrap();
        gated.set_down(true);
        match how {
            How::Key => drop(cache.remove("row").await.unwrap_err()),
            How::Pattern => match cache.evict_pattern("ro*").await {
                // Scanning works; removing does not.
                Err(_) => {}
                Ok(_) => panic!("removal reported although the store is down"),
            },
            How::Tag => drop(cache.evict_tag("rows").await.unwrap_err()),
            How::Clear => drop(cache.clear().await.unwrap_err()),
            How::Insert => unreachable!(),
        }
        assert_eq!(load(&cache, 2).await, 2, "{how:?}: during the outage the function answers");
        gated.set_down(false);
        // The breaker leaves the tier alone for a second; the first read that gets through must not
        // see the old value.
        let read = loop {
            match cache.get::<u64>("row").await {
                Ok(read) => break read,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        assert_eq!(read, None, "{how:?}: after it");
    }
}

/// P7: a value that could not be written through does not leave the old one behind.
#[tokio::test]
async fn a_put_made_during_an_outage_leaves_no_old_value() {
    let gated = Gated::new();
    let cache = Cache::builder().remote(gated.clone()).build().unwrap();
    cache.insert("row", 1u64).await.unwrap();
    gated.set_down(true);
    cache.insert("row", 2u64).await.unwrap_err();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), Some(2), "memory has it");
    gated.set_down(false);
    cache.get::<u64>("another").await.unwrap();
    let fresh = Cache::builder().remote(gated.store.clone()).build().unwrap();
    assert_ne!(fresh.get::<u64>("row").await.unwrap(), Some(1), "the old value is gone");
}

/// P7: an eviction whose caller goes away half-way is carried out before the tier is read again.
#[tokio::test]
async fn a_cancelled_eviction_is_not_lost() {
    let gated = Gated::new();
    let cache = Cache::builder().no_memory().remote(gated.clone()).build().unwrap();
    cache.insert("row", 1u64).await.unwrap();
    // A write of the key is under way, so the eviction has to wait; then its caller gives up.
    gated.writes.close();
    let writing = tokio::spawn({
        let cache = cache.clone();
        async move { load_forced(&cache).await }
    });
    gated.writes.arrived.notified().await;
    let gave_up = tokio::time::timeout(Duration::from_millis(20), cache.remove("row")).await;
    assert!(gave_up.is_err(), "the eviction waits for the write");
    gated.writes.open();
    writing.await.unwrap();
    assert_eq!(cache.get::<u64>("row").await.unwrap(), None);
}

async fn load_forced(cache: &Cache) {
    cache.clear().await.unwrap();
    load(cache, 1).await;
}

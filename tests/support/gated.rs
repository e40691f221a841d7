//! A store whose answers can be held, and which can be down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use larder::{
    Backend, BackendError, BackendErrorKind, BackendResult, Listener, MemoryBackend, Notice, Page,
    Pattern, Subscription, Write,
};
use tokio::sync::{Notify, Semaphore};

/// A gate: closed, whoever comes waits until it is opened.
pub(crate) struct Gate {
    open: Semaphore,
    pub(crate) arrived: Notify,
    closed: AtomicU64,
}

impl Gate {
    fn new() -> Self {
        Self { open: Semaphore::new(0), arrived: Notify::new(), closed: AtomicU64::new(0) }
    }

    /// The next one waits.
    pub(crate) fn close(&self) {
        self.closed.store(1, Ordering::SeqCst);
    }

    async fn pass(&self) {
        if self.closed.swap(0, Ordering::SeqCst) == 1 {
            self.arrived.notify_one();
            self.open.acquire().await.unwrap().forget();
        }
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

/// A store whose answers to reads and whose writes can be held, and which can be down.
#[derive(Clone)]
pub(crate) struct Gated {
    pub(crate) store: MemoryBackend,
    pub(crate) reads: Arc<Gate>,
    pub(crate) writes: Arc<Gate>,
    pub(crate) removals: Arc<Gate>,
    pub(crate) bumps: Arc<Gate>,
    pub(crate) ears: Arc<Mutex<Vec<Arc<dyn Listener>>>>,
    down: Arc<AtomicU64>,
}

impl Gated {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryBackend::new(),
            reads: Arc::new(Gate::new()),
            writes: Arc::new(Gate::new()),
            removals: Arc::new(Gate::new()),
            bumps: Arc::new(Gate::new()),
            ears: Arc::default(),
            down: Arc::default(),
        }
    }

    pub(crate) fn set_down(&self, down: bool) {
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
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
    ) -> BackendResult<'a, Vec<Option<larder::Bytes>>> {
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
            self.removals.pass().await;
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
            self.bumps.pass().await;
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
        self.ears.lock().unwrap().push(Arc::clone(&listener));
        self.store.subscribe(channel, listener)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.store.ping()
    }
}

//! A store whose operations can be held, before they take effect or after, and which can be down.

#![allow(dead_code, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use larder::{
    Acquire, Acquired, Backend, BackendError, BackendErrorKind, BackendResult, Bytes, Cache, Clock,
    Leases, Listener, MARK, MemoryBackend, Notice, Page, Pattern, Subscription, Write,
};
use tokio::sync::Semaphore;

use crate::origin::soon;

/// Where an operation is held, which goes by its method's name; `get_many` is `get`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// It has not reached the store yet.
    Before(&'static str),
    /// Its answer is under way.
    After(&'static str),
}

/// Whoever comes waits until it is opened.
#[derive(Debug)]
pub(crate) struct Gate {
    open: Semaphore,
    arrived: Semaphore,
}

impl Gate {
    /// Waits until an operation is held that was not waited for yet.
    #[track_caller]
    pub(crate) fn arrived(&self) -> impl Future<Output = ()> {
        let arrived = soon(self.arrived.acquire());
        async move { arrived.await.unwrap().forget() }
    }

    /// For those who wait, and for those who come.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        // Given back at once: the next one passes too.
        drop(self.open.acquire().await.unwrap());
    }
}

/// One process's way to a store, which others share.
#[derive(Clone)]
pub(crate) struct Gated {
    pub(crate) store: MemoryBackend,
    has_leases: bool,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    gates: Mutex<Vec<(At, Arc<Gate>)>>,
    ears: Mutex<Vec<Arc<dyn Listener>>>,
    down: AtomicBool,
    lost: AtomicBool,
    calls: Mutex<Vec<&'static str>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Gated {
    /// Without leases: what is loaded is stored by `set`.
    pub(crate) fn new() -> Self {
        Self { store: MemoryBackend::new(), has_leases: false, faults: Arc::default() }
    }

    /// With leases: what is loaded is stored by `commit`.
    pub(crate) fn leased(clock: &Clock) -> Self {
        let store = MemoryBackend::with_clock(clock.clone());
        Self { store, has_leases: true, faults: Arc::default() }
    }

    /// Another process's way to the same store.
    pub(crate) fn another(&self) -> Self {
        Self { faults: Arc::default(), ..self.clone() }
    }

    pub(crate) fn cache(&self, clock: &Clock) -> Cache {
        Cache::builder().remote(self.clone()).clock(clock.clone()).build().unwrap()
    }

    pub(crate) fn cache_without_memory(&self, clock: &Clock) -> Cache {
        let builder = Cache::builder().no_memory().remote(self.clone());
        builder.clock(clock.clone()).build().unwrap()
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, name: &str) -> usize {
        lock(&self.faults.calls).iter().filter(|called| **called == name).count()
    }

    /// Holds an operation from now on.
    pub(crate) fn hold(&self, at: At) -> Arc<Gate> {
        let gate = Arc::new(Gate { open: Semaphore::new(0), arrived: Semaphore::new(0) });
        lock(&self.faults.gates).push((at, Arc::clone(&gate)));
        gate
    }

    /// What is under way fails too, though it may have taken effect.
    pub(crate) fn lose_answers(&self) {
        self.set_down(true);
        self.faults.lost.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.faults.down.store(down, Ordering::SeqCst);
    }

    /// The caches hear that the bus is there, or that it is not.
    pub(crate) fn set_linked(&self, linked: bool) {
        for ear in lock(&self.faults.ears).iter() {
            if linked { ear.connected() } else { ear.disconnected() }
        }
    }

    async fn pass(&self, at: At) {
        let gates: Vec<_> = lock(&self.faults.gates).clone();
        for (_, gate) in gates.iter().filter(|(place, _)| *place == at) {
            gate.pass().await;
        }
    }

    fn through<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        operation: impl Future<Output = Result<T, BackendError>> + Send + 'a,
    ) -> BackendResult<'a, T> {
        lock(&self.faults.calls).push(name);
        Box::pin(async move {
            if self.faults.down.load(Ordering::SeqCst) {
                return Err(BackendError::new(BackendErrorKind::Unreachable, name, "down"));
            }
            self.pass(At::Before(name)).await;
            let done = operation.await;
            self.pass(At::After(name)).await;
            match self.faults.lost.load(Ordering::SeqCst) {
                true => Err(BackendError::new(BackendErrorKind::Unreachable, name, "lost")),
                false => done,
            }
        })
    }
}

impl Backend for Gated {
    fn name(&self) -> &str {
        "gated"
    }
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<Bytes>>> {
        self.through("get", self.store.get_many(keys))
    }
    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        self.through("set", self.store.set(entries, notice))
    }
    fn replace<'a>(
        &'a self,
        seen: [u8; MARK],
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool> {
        self.through("replace", self.store.replace(seen, write, notice))
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        self.through("remove", self.store.remove(keys, notice))
    }
    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        self.through("generations", self.store.generations(keys))
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.through("bump", self.store.bump(key))
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        self.store.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        self.through("publish", self.store.publish(notice))
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        lock(&self.faults.ears).push(Arc::clone(&listener));
        self.store.subscribe(channel, listener)
    }
    fn leases(&self) -> Option<&dyn Leases> {
        self.has_leases.then_some(self)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.store.ping()
    }
}

impl Leases for Gated {
    fn acquire<'a>(&'a self, request: Acquire<'a>) -> BackendResult<'a, Acquired> {
        self.through("acquire", self.store.acquire(request))
    }
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool> {
        self.through("commit", self.store.commit(token, write, notice))
    }
    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        self.through("renew", self.store.renew(key, token, ttl))
    }
    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        self.through("abort", self.store.abort(key, token))
    }
    fn revoke<'a>(&'a self, pattern: &'a Pattern) -> BackendResult<'a, u64> {
        self.through("revoke", self.store.revoke(pattern))
    }
}

/// A store without what a backend need not have.
pub(crate) struct Plain(pub(crate) Gated);

impl Backend for Plain {
    fn name(&self) -> &str {
        "plain"
    }
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<Bytes>>> {
        self.0.get_many(keys)
    }
    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        self.0.set(entries, notice)
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        self.0.remove(keys, notice)
    }
    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        self.0.generations(keys)
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.0.bump(key)
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        self.0.scan(pattern, cursor)
    }
    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        self.0.publish(notice)
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        self.0.subscribe(channel, listener)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.0.ping()
    }
}

//! A store that can be down or silent, and that reports the information that a test sets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use larder::{
    Cache, Pattern,
    backend::{
        Backend, BackendError, BackendErrorKind, BackendResult, BackendState, MemoryBackend,
        Message, MessageHandler, ScanPage, SetEntry, StoredValue, Subscription,
    },
    time::Clock,
};

#[derive(Clone)]
pub(crate) struct Telling {
    store: MemoryBackend,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    fault: Option<(BackendErrorKind, String)>,
    silent: bool,
    alone: bool,
    calls: Vec<&'static str>,
    ears: Vec<Arc<dyn MessageHandler>>,
    state: BackendState,
    info: BTreeMap<String, String>,
}

impl Telling {
    pub(crate) fn new() -> Self {
        Self { store: MemoryBackend::new(), told: Arc::default() }
    }

    /// Another process's connection to the same store.
    pub(crate) fn another(&self) -> Self {
        Self { told: Arc::default(), ..self.clone() }
    }

    pub(crate) fn cache(&self, clock: &Clock) -> Cache {
        Cache::builder().remote(self.clone()).clock(clock.clone()).build().unwrap()
    }

    pub(crate) fn cache_without_memory(&self, clock: &Clock) -> Cache {
        let builder = Cache::builder().no_memory().remote(self.clone());
        builder.clock(clock.clone()).build().unwrap()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(crate) fn set_down(&self, down: bool) {
        let fault = || (BackendErrorKind::Unreachable, "down".to_owned());
        self.told().fault = down.then(fault);
    }

    /// Makes every operation fail with this error.
    pub(crate) fn fail(&self, kind: BackendErrorKind, message: &str) {
        self.told().fault = Some((kind, message.to_owned()));
    }

    /// Makes every operation hang from now on.
    pub(crate) fn set_silent(&self) {
        self.told().silent = true;
    }

    /// Makes every subscription fail from now on.
    pub(crate) fn set_alone(&self) {
        self.told().alone = true;
    }

    /// Tells the caches whether the bus is connected.
    pub(crate) fn set_linked(&self, linked: bool) {
        let ears = self.told().ears.clone();
        for ear in ears {
            if linked { ear.connected() } else { ear.disconnected() }
        }
    }

    pub(crate) fn set_state(&self, state: BackendState) {
        self.told().state = state;
    }

    pub(crate) fn set_info(&self, field: &str, value: &str) {
        self.told().info.insert(field.to_owned(), value.to_owned());
    }

    /// How often the operation with this name was called, or any operation.
    pub(crate) fn calls(&self, name: &str) -> usize {
        let told = self.told();
        told.calls.iter().filter(|called| name == "*" || **called == name).count()
    }

    fn through<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        operation: impl Future<Output = Result<T, BackendError>> + Send + 'a,
    ) -> BackendResult<'a, T> {
        let (fault, silent) = {
            let mut told = self.told();
            told.calls.push(name);
            (told.fault.clone(), told.silent)
        };
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            match fault {
                Some((kind, message)) => Err(BackendError::new(kind, name, message)),
                None => operation.await,
            }
        })
    }
}

impl Backend for Telling {
    fn name(&self) -> &str {
        "store"
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        self.through("get", self.store.get_many(keys, most))
    }
    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        self.through("set", self.store.set(entries, notice))
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        self.through("remove", self.store.remove(keys, notice))
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        self.through("generations", self.store.generations(keys, keep))
    }
    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        self.through("prolong", self.store.prolong(seen, keep))
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.through("bump", self.store.bump(key))
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        self.through("scan", self.store.scan(pattern, cursor))
    }
    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        self.through("publish", self.store.publish(notice))
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        if self.told().alone {
            let kind = BackendErrorKind::Unsupported;
            return Err(BackendError::new(kind, "subscribe", "no other process can see it"));
        }
        self.told().ears.push(Arc::clone(&listener));
        self.store.subscribe(channel, listener)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        self.through("ping", self.store.ping())
    }
    fn state(&self) -> BackendState {
        self.told().state.clone()
    }
    fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
        let info = self.told().info.clone();
        self.through("info", async { Ok(info) })
    }
}

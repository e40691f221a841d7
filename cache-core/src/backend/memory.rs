//! A backend in this process's memory: for tests, and as the shortest example of a backend.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::lease::{
    LEASE_GRACE, LeaseCommit, LeaseOutcome, LeaseRequest, Leases, RevokePage, VERSION_LEN,
};
use super::{
    Backend, BackendResult, GENERATION_TTL, Message, MessageHandler, SERIES, ScanPage, SetEntry,
    StoredValue, Subscription,
};
use crate::base::{BackendError, BoxFuture, Clock, Pattern, Timestamp};

/// A [`Backend`] that stores its bytes in this process. Clones share the store, so several caches over clones
/// of one backend behave like several processes over one Redis.
#[derive(Clone, Default)]
pub struct MemoryBackend {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Default)]
struct Shared {
    store: Mutex<Store>,
    listeners: Mutex<HashMap<u64, Subscriber>>,
    next: AtomicU64,
}

/// Values and leases under one lock, so each operation is atomic over both.
#[derive(Default)]
struct Store {
    entries: BTreeMap<String, Held>,
    leases: BTreeMap<String, Lease>,
}

struct Lease {
    token: u64,
    generation: u64,
    takeovers: u32,
    /// The lease belongs to the token exclusively until then, and stays with it until another caller takes
    /// it.
    until: Timestamp,
}

/// A channel and its listener.
type Subscriber = (String, Arc<dyn MessageHandler>);

struct Held {
    value: Stored,
    until: Timestamp,
}

enum Stored {
    Bytes(Bytes),
    Generation(u64),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    fn value(&self, key: &str, now: Timestamp) -> Option<&Bytes> {
        match self.entries.get(key) {
            Some(Held { value: Stored::Bytes(bytes), until }) if now < *until => Some(bytes),
            _ => None,
        }
    }

    fn read(&self, key: &str, now: Timestamp) -> Option<StoredValue> {
        let value = self.value(key, now)?.clone();
        let left = self.entries.get(key)?.until.since(now);
        Some(StoredValue { value, left })
    }

    /// The generation under a key, and when it expires.
    fn generation(&self, key: &str, now: Timestamp) -> Option<(u64, Timestamp)> {
        match self.entries.get(key) {
            Some(Held { value: Stored::Generation(generation), until }) if now < *until => {
                Some((*generation, *until))
            }
            _ => None,
        }
    }

    fn keep_generation(&mut self, key: &str, generation: u64, until: Timestamp) {
        let value = Stored::Generation(generation);
        self.entries.insert(key.to_owned(), Held { value, until });
    }

    fn write(&mut self, write: &SetEntry, now: Timestamp) {
        let until = write.ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        let value = Stored::Bytes(write.value.clone());
        self.entries.insert(write.key.clone(), Held { value, until });
    }

    fn holds(&self, key: &str, token: u64) -> bool {
        self.leases.get(key).is_some_and(|lease| lease.token == token)
    }

    fn forget_expired_leases(&mut self, now: Timestamp) {
        self.leases.retain(|_, lease| now < lease.until.after(LEASE_GRACE));
    }

    fn acquire(&mut self, request: LeaseRequest<'_>, now: Timestamp) -> LeaseOutcome {
        let LeaseRequest { key, token, ttl, seen, generation, steal, .. } = request;
        let mark = |read: &StoredValue| read.value.last_chunk::<VERSION_LEN>().copied();
        let other = self.read(key, now).filter(|read| mark(read).is_none() || mark(read) != seen);
        if let Some(read) = other.filter(|_| !steal) {
            return LeaseOutcome::Value(read);
        }
        let takeovers = match self.leases.get(key) {
            Some(lease) if lease.token == token => lease.takeovers,
            Some(lease) if steal || lease.generation < generation => 0,
            Some(lease) if now < lease.until => {
                return LeaseOutcome::Wait(lease.until.since(now).unwrap_or(ttl));
            }
            Some(lease) => lease.takeovers.saturating_add(1),
            None => 0,
        };
        if self.leases.len() >= 1024 && self.leases.len().is_power_of_two() {
            // Otherwise the leases of keys that are never requested again would stay.
            self.forget_expired_leases(now);
        }
        self.leases
            .insert(key.to_owned(), Lease { token, generation, takeovers, until: now.after(ttl) });
        LeaseOutcome::Lead { takeovers }
    }
}

impl Shared {
    fn mint(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The first generation of a new series.
    fn series(&self) -> u64 {
        self.mint().saturating_mul(SERIES)
    }

    fn tell(&self, notice: Option<&Message>) {
        let Some(notice) = notice else { return };
        // Cloned so that the lock is released: a listener may use the backend.
        let heard: Vec<_> = lock(&self.listeners)
            .values()
            .filter(|(channel, _)| *channel == notice.channel)
            .map(|(_, listener)| Arc::clone(listener))
            .collect();
        for listener in heard {
            listener.message(&notice.message);
        }
    }
}

impl MemoryBackend {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose times to live follow `clock`.
    pub fn with_clock(clock: Clock) -> Self {
        Self { shared: Arc::default(), clock }
    }
}

impl std::fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("entries", &lock(&self.shared.store).entries.len())
            .finish()
    }
}

impl Backend for MemoryBackend {
    fn store(&self) -> Option<String> {
        // The address of the shared store: unique while a clone lives.
        Some(format!("memory {:p}", Arc::as_ptr(&self.shared)))
    }

    fn name(&self) -> &str {
        "memory"
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        _: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        Box::pin(async move {
            let now = self.clock.now();
            let store = lock(&self.shared.store);
            Ok(keys.iter().map(|key| store.read(key, now)).collect())
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            for write in entries {
                store.leases.remove(&write.key);
                store.write(write, now);
            }
            drop(store);
            self.shared.tell(notice);
            Ok(())
        })
    }

    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            let value = store.value(&write.key, now);
            let same = value.and_then(|value| value.last_chunk::<VERSION_LEN>()) == Some(&seen);
            if same {
                store.leases.remove(&write.key);
                store.write(write, now);
            }
            drop(store);
            if same {
                self.shared.tell(notice);
            }
            Ok(same)
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            let mut removed = 0;
            for key in keys {
                store.leases.remove(*key);
                let gone = store.entries.remove(*key);
                removed += u64::from(gone.is_some_and(|gone| now < gone.until));
            }
            drop(store);
            self.shared.tell(notice);
            Ok(removed)
        })
    }

    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            let mut read = |key: &&str| {
                if let Some((generation, _)) = store.generation(key, now) {
                    return generation;
                }
                let generation = self.shared.series();
                store.keep_generation(key, generation, now.after(keep));
                generation
            };
            Ok(keys.iter().map(&mut read).collect())
        })
    }

    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            for (key, seen) in seen {
                if let Some((generation, until)) = store.generation(key, now)
                    && generation == *seen
                {
                    store.keep_generation(key, generation, until.max(now.after(keep)));
                }
            }
            Ok(())
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            let kept = store.generation(key, now).map_or(now, |(_, until)| until);
            let generation = self.shared.series();
            store.keep_generation(key, generation, kept.max(now.after(GENERATION_TTL)));
            Ok(generation)
        })
    }

    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            let (old, kept) = store.generation(key, now).unwrap_or((SERIES - 1, now));
            let is_last = (old + 1).is_multiple_of(SERIES);
            let generation = if is_last { self.shared.series() } else { old + 1 };
            store.keep_generation(key, generation, kept.max(now.after(GENERATION_TTL)));
            Ok(generation)
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, _: u64) -> BackendResult<'a, ScanPage> {
        Box::pin(async move {
            let now = self.clock.now();
            let held = &lock(&self.shared.store).entries;
            // One page has all keys: a cursor into a changing map could skip some.
            let keys = held
                .iter()
                .filter(|(key, entry)| now < entry.until && pattern.matches(key))
                .map(|(key, _)| key.clone())
                .collect();
            Ok(ScanPage { keys, next: None })
        })
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        Box::pin(async move {
            self.shared.tell(Some(notice));
            Ok(())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        struct Stop(Weak<Shared>, u64);
        impl Drop for Stop {
            fn drop(&mut self) {
                if let Some(shared) = self.0.upgrade() {
                    lock(&shared.listeners).remove(&self.1);
                }
            }
        }
        let id = self.shared.mint();
        let heard = (channel.to_owned(), Arc::clone(&listener));
        lock(&self.shared.listeners).insert(id, heard);
        listener.connected();
        Ok(Subscription::new(Stop(Arc::downgrade(&self.shared), id)))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Leases for MemoryBackend {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        Box::pin(async move {
            let now = self.clock.now();
            Ok(lock(&self.shared.store).acquire(request, now))
        })
    }

    fn acquire_each<'a>(
        &'a self,
        requests: &'a [LeaseRequest<'a>],
    ) -> BoxFuture<'a, Vec<Result<LeaseOutcome, BackendError>>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            requests.iter().map(|request| Ok(store.acquire(*request, now))).collect()
        })
    }

    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        Box::pin(async move { Ok(self.commit_now(LeaseCommit { token, entry: write, notice })) })
    }

    fn commit_each<'a>(
        &'a self,
        commits: &'a [LeaseCommit<'a>],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(async move { commits.iter().map(|commit| Ok(self.commit_now(*commit))).collect() })
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        Box::pin(async move { Ok(self.renew_now(key, token, ttl)) })
    }

    fn renew_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64, Duration)],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        Box::pin(async move {
            let renew =
                |(key, token, ttl): &(&str, u64, Duration)| Ok(self.renew_now(key, *token, *ttl));
            leases.iter().map(renew).collect()
        })
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        Box::pin(async move {
            self.abort_now(key, token);
            Ok(())
        })
    }

    fn abort_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64)],
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            leases.iter().for_each(|(key, token)| self.abort_now(key, *token));
            vec![Ok(()); leases.len()]
        })
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, _: u64) -> BackendResult<'a, RevokePage> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut store = lock(&self.shared.store);
            store.forget_expired_leases(now);
            let before = store.leases.len();
            store.leases.retain(|key, _| !pattern.matches(key));
            Ok(RevokePage { count: (before - store.leases.len()) as u64, next: None })
        })
    }
}

impl MemoryBackend {
    fn commit_now(&self, LeaseCommit { token, entry: write, notice }: LeaseCommit<'_>) -> bool {
        let now = self.clock.now();
        let mut store = lock(&self.shared.store);
        let holds = store.holds(&write.key, token);
        if holds {
            store.leases.remove(&write.key);
            store.write(write, now);
        }
        drop(store);
        if holds {
            self.shared.tell(notice);
        }
        holds
    }

    fn renew_now(&self, key: &str, token: u64, ttl: Duration) -> bool {
        let now = self.clock.now();
        let mut store = lock(&self.shared.store);
        let holds = store.holds(key, token);
        if let Some(lease) = store.leases.get_mut(key).filter(|_| holds) {
            lease.until = now.after(ttl);
        }
        holds
    }

    fn abort_now(&self, key: &str, token: u64) {
        let mut store = lock(&self.shared.store);
        if store.holds(key, token) {
            store.leases.remove(key);
        }
    }
}

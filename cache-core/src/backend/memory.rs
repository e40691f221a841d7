//! A backend in this process's memory: for tests, and as the shortest example of a backend.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use super::{Backend, BackendResult, Listener, Notice, Page, Subscription, Write};
use crate::clock::{Clock, Timestamp};
use crate::{BackendError, Pattern};

/// A [`Backend`] that keeps its bytes in this process. Clones share the store, so several caches
/// over clones of one backend behave like several processes over one Redis.
#[derive(Clone, Default)]
pub struct MemoryBackend {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Default)]
struct Shared {
    entries: Mutex<BTreeMap<String, Held>>,
    listeners: Mutex<HashMap<u64, Subscriber>>,
    next: AtomicU64,
}

/// A channel and who listens to it.
type Subscriber = (String, Arc<dyn Listener>);

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

impl Shared {
    fn mint(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn tell(&self, notice: Option<&Notice>) {
        let Some(notice) = notice else { return };
        // Cloned out of the lock: a listener may use the backend.
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
        f.debug_struct("MemoryBackend").field("entries", &lock(&self.shared.entries).len()).finish()
    }
}

impl Backend for MemoryBackend {
    fn name(&self) -> &str {
        "memory"
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let now = self.clock.now();
            let entries = lock(&self.shared.entries);
            let get = |key: &&str| match entries.get(*key) {
                Some(Held { value: Stored::Bytes(bytes), until }) if now < *until => {
                    Some(bytes.clone())
                }
                _ => None,
            };
            Ok(keys.iter().map(get).collect())
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut held = lock(&self.shared.entries);
            for write in entries {
                let until = write.ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
                let value = Stored::Bytes(write.value.clone());
                held.insert(write.key.clone(), Held { value, until });
            }
            drop(held);
            self.shared.tell(notice);
            Ok(())
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut held = lock(&self.shared.entries);
            let mut removed = 0;
            for key in keys {
                removed += u64::from(held.remove(*key).is_some_and(|gone| now < gone.until));
            }
            drop(held);
            self.shared.tell(notice);
            Ok(removed)
        })
    }

    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            let mut held = lock(&self.shared.entries);
            let mut read = |key: &&str| {
                if let Some(Held { value: Stored::Generation(generation), .. }) = held.get(*key) {
                    return *generation;
                }
                let generation = self.shared.mint();
                let value = Stored::Generation(generation);
                held.insert((*key).to_owned(), Held { value, until: Timestamp::NEVER });
                generation
            };
            Ok(keys.iter().map(&mut read).collect())
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let mut held = lock(&self.shared.entries);
            let generation = self.shared.mint();
            let value = Stored::Generation(generation);
            held.insert(key.to_owned(), Held { value, until: Timestamp::NEVER });
            Ok(generation)
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, _: u64) -> BackendResult<'a, Page> {
        Box::pin(async move {
            let now = self.clock.now();
            let held = lock(&self.shared.entries);
            // One page holds them all: a cursor into a changing map could skip keys.
            let keys = held
                .iter()
                .filter(|(key, entry)| now < entry.until && pattern.matches(key))
                .map(|(key, _)| key.clone())
                .collect();
            Ok(Page { keys, next: None })
        })
    }

    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        Box::pin(async move {
            self.shared.tell(Some(notice));
            Ok(())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
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

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

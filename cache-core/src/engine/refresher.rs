//! Scheduled refreshes (`refresh_every`): the keys that are refreshed while they are in use, and the one task of a
//! cache that does it.
//!
//! The task sleeps on the cache's clock until the next key is due, and ends when no key is left. It holds the cache
//! weakly. [`scheduled`](super::scheduled) says what the turn of a key is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::{Notify, Semaphore};

use super::handle::Engine;
use super::scheduled::Scheduled;
use crate::base::{
    Clock, Error, Mutex, MutexGuard, PrehashedMap, Timestamp, spawn_boxed, warn_once,
};
use crate::key::KeyId;

/// How many refreshes of a cache run at the same time.
const TOGETHER: usize = 16;

/// How many keys of a cache are scheduled at most.
const MOST: usize = 10_000;

/// The scheduled keys of one cache.
pub(crate) struct Refresher {
    keys: Mutex<Keys>,
    /// Wakes the task: there may be an earlier moment, or no cache any more.
    signal: Arc<Notify>,
    running: Arc<AtomicBool>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Keys {
    all: PrehashedMap<KeyId, Slot>,
    /// The keys that wait for their turn, in its order. The number makes each place unique.
    due: BTreeMap<Place, KeyId>,
    next: u64,
}

type Place = (Timestamp, u64);

struct Slot {
    key: Arc<Scheduled>,
    /// Its place among those that wait; `None` during its turn.
    at: Option<Place>,
}

impl Default for Refresher {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(TOGETHER));
        Self { keys: Mutex::default(), signal: Arc::default(), running: Arc::default(), places }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.signal.notify_one();
    }
}

impl Keys {
    fn wait(&mut self, id: KeyId, at: Timestamp) {
        let place = (at, self.next);
        self.next += 1;
        if let Some(slot) = self.all.get_mut(&id) {
            let before = slot.at.replace(place);
            if let Some(before) = before {
                self.due.remove(&before);
            }
            self.due.insert(place, id);
        }
    }

    fn remove(&mut self, id: KeyId) -> Option<Slot> {
        let slot = self.all.remove(&id)?;
        if let Some(at) = slot.at {
            self.due.remove(&at);
        }
        Some(slot)
    }

    /// Whether this schedule of its key was neither replaced nor ended.
    fn has(&self, key: &Arc<Scheduled>) -> bool {
        self.all.get(&key.id()).is_some_and(|slot| Arc::ptr_eq(&slot.key, key))
    }
}

// What is removed is dropped after the lock is released: arguments have their own `Drop`.
impl Refresher {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schedule of a key.
    pub(super) fn find(&self, id: KeyId) -> Option<Arc<Scheduled>> {
        self.keys().all.get(&id).map(|slot| Arc::clone(&slot.key))
    }

    /// Schedules a key. A former schedule of it ends.
    fn insert(&self, key: Arc<Scheduled>, due: Timestamp) -> bool {
        let mut keys = self.keys();
        let (id, former) = (key.id(), keys.remove(key.id()));
        let fits = keys.all.len() < MOST;
        if fits {
            keys.all.insert(id, Slot { key, at: None });
            keys.wait(id, due);
        }
        drop(keys);
        drop(former);
        self.signal.notify_one();
        fits
    }

    /// Gives a key its next turn, after a turn of it.
    pub(super) fn again(&self, key: &Arc<Scheduled>, due: Timestamp) {
        let mut keys = self.keys();
        if keys.has(key) {
            keys.wait(key.id(), due);
        }
        drop(keys);
        self.signal.notify_one();
    }

    /// Ends a schedule.
    pub(super) fn end(&self, key: &Arc<Scheduled>) {
        let mut keys = self.keys();
        let ended = if keys.has(key) { keys.remove(key.id()) } else { None };
        drop(keys);
        drop(ended);
        self.signal.notify_one();
    }

    /// Whether there is no place for another key.
    pub(super) fn is_full(&self) -> bool {
        self.keys().all.len() >= MOST
    }

    /// The schedules for which `wanted` is true.
    pub(super) fn select(&self, wanted: impl Fn(&Scheduled) -> bool) -> Vec<Arc<Scheduled>> {
        let all: Vec<_> = self.keys().all.values().map(|slot| Arc::clone(&slot.key)).collect();
        all.into_iter().filter(|key| wanted(key)).collect()
    }

    /// Ends all schedules.
    pub(crate) fn clear(&self) {
        let ended = std::mem::take(&mut *self.keys());
        drop(ended);
        self.signal.notify_one();
    }

    /// Takes a key whose turn has come.
    fn take_due(&self, now: Timestamp) -> Option<Arc<Scheduled>> {
        let mut keys = self.keys();
        let first = keys.due.first_entry().filter(|first| first.key().0 <= now)?;
        let id = first.remove();
        let slot = keys.all.get_mut(&id)?;
        slot.at = None;
        Some(Arc::clone(&slot.key))
    }

    /// How many turns have come or are in progress.
    #[cfg(feature = "testing")]
    pub(crate) fn under_way(&self, now: Timestamp) -> usize {
        let keys = self.keys();
        keys.all.len() - keys.due.range((now, u64::MAX)..).count()
    }

    /// When the next turn comes; `None` if there are no keys.
    fn next(&self) -> Option<Timestamp> {
        let keys = self.keys();
        let first = keys.due.first_key_value().map_or(Timestamp::NEVER, |((at, _), _)| *at);
        (!keys.all.is_empty()).then_some(first)
    }
}

impl Engine {
    /// Refreshes a key from now on while it is in use, for the first time at `due`.
    pub(crate) fn schedule(self: &Arc<Self>, key: Arc<Scheduled>, due: Timestamp) {
        if self.switch.is_closed() {
            return;
        }
        if !self.refresher.insert(key, due) {
            let message = format!("more than {MOST} keys of a cache are in use");
            let error = Error::config("refresh_every", message);
            warn_once("some keys are not refreshed on schedule", &error);
        }
        self.refresh_on_schedule();
    }

    /// Starts the task, unless it runs.
    fn refresh_on_schedule(self: &Arc<Self>) {
        let refresher = &self.refresher;
        // A model checker takes the turns itself.
        if cfg!(shuttle) || refresher.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let running = Running(Arc::clone(&refresher.running));
        let (clock, signal) = (self.clock.clone(), Arc::clone(&refresher.signal));
        // Not in the caller's transaction.
        spawn_boxed(Box::pin(run(Arc::downgrade(self), clock, signal, running)));
    }

    /// Begins the turns that have come.
    async fn take_turns(self: &Arc<Self>) {
        loop {
            let place = Arc::clone(&self.refresher.places).acquire_owned().await;
            let Some(key) = self.refresher.take_due(self.clock.now()) else { return };
            spawn_boxed(Box::pin(key.take_turn(Arc::clone(self), place.ok())));
        }
    }
}

/// Marks the task as ended, even if its runtime ends, so that the next schedule starts another one.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn run(engine: Weak<Engine>, clock: Clock, signal: Arc<Notify>, running: Running) {
    // The cache may be dropped during a wait.
    while let Some(engine) = engine.upgrade() {
        engine.take_turns().await;
        let Some(next) = engine.refresher.next() else {
            drop(running);
            // A key that came after the last look and before the line above has started no other task.
            if engine.refresher.next().is_some() {
                engine.refresh_on_schedule();
            }
            return;
        };
        drop(engine);
        tokio::select! {
            biased;
            () = signal.notified() => {}
            () = clock.sleep_until(next) => {}
        }
    }
}

//! A clock that tests move, and its sleepers.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Sleepers ordered by wake time; the second number makes each unique.
type Sleepers = BTreeMap<(u64, u64), Waker>;

#[derive(Debug)]
pub(crate) struct Manual {
    id: u64,
    millis: AtomicU64,
    next: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

/// Removes a sleeper from the list when dropped.
struct Place<'a> {
    clock: &'a Manual,
    at: (u64, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.clock.sleepers().remove(&self.at);
    }
}

#[cfg_attr(not(feature = "testing"), allow(dead_code))]
impl Manual {
    pub(super) fn new(millis: u64, id: u64) -> Self {
        let (millis, next) = (AtomicU64::new(millis), AtomicU64::new(0));
        Self { id, millis, next, sleepers: Mutex::default() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.millis.load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, by: u64) {
        let add = |millis: u64| Some(millis.saturating_add(by));
        let before = self.millis.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        let now = before.unwrap_or_default().saturating_add(by);
        let late = {
            let mut sleepers = self.sleepers();
            let later = sleepers.split_off(&(now.saturating_add(1), 0));
            std::mem::replace(&mut *sleepers, later)
        };
        late.into_values().for_each(Waker::wake);
    }

    pub(super) async fn sleep_until(self: Arc<Self>, at: u64) {
        let place = Place { clock: &self, at: (at, self.next.fetch_add(1, Ordering::Relaxed)) };
        poll_fn(|cx| {
            let mut sleepers = self.sleepers();
            // Checked under the lock: otherwise an `advance` between the check and the insertion would be
            // missed.
            if self.now() >= at {
                return Poll::Ready(());
            }
            sleepers.insert(place.at, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

//! Detects whether a leader's task polls it.
//!
//! A future that is not polled makes no progress, even if everything for which it waits is ready: `select!`
//! between a pinned call and another future, and streams that hold their futures back, can leave a call
//! unpolled for any time. A [`Pulse`] wraps the waker of the call's task, and records when the call was woken
//! and whether it was polled since. A load that was not woken waits for its own I/O and is left alone.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::{Clock, Timestamp};

/// The pause between two looks at a leader that was woken and not polled.
const PAUSE: Duration = Duration::from_millis(50);
/// After this many looks in time, which take a second, the leader counts as parked. With a shorter time, a
/// leader counts as parked whose thread waits for a processor while the thread of the waiter has one, and the
/// key is loaded twice. On two cores with twelve busy threads, 50 ms were too short in a third of all
/// stampedes.
const LOOKS: u32 = 20;
/// A look that is this late does not count: the machine delayed the waiter, too, which says nothing about the leader.
const LATE: Duration = Duration::from_millis(25);

/// Wraps the waker of a future's task.
#[derive(Debug)]
pub(crate) struct Pulse {
    clock: Clock,
    task: Mutex<Option<Waker>>,
    polling: AtomicBool,
    /// When the future was woken, if it was not polled since; otherwise zero.
    woken: AtomicU64,
    wakes: Notify,
}

/// The future's side of a [`Pulse`]. After it is dropped the leader never counts as parked: the rest of the
/// future, if any, is polled by another task.
#[derive(Debug)]
pub(crate) struct Beat {
    pulse: Arc<Pulse>,
    waker: Waker,
}

impl Beat {
    pub(crate) fn new(clock: &Clock) -> Self {
        let pulse = Arc::new(Pulse {
            clock: clock.clone(),
            task: Mutex::default(),
            polling: AtomicBool::new(false),
            woken: AtomicU64::new(0),
            wakes: Notify::new(),
        });
        Self { waker: Waker::from(Arc::clone(&pulse)), pulse }
    }

    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Polls the future once, with a waker that records wake-ups.
    pub(crate) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        let pulse = &self.pulse;
        pulse.polled_by(cx.waker());
        pulse.polling.store(true, Ordering::Release);
        pulse.woken.store(0, Ordering::Release);
        let polled = poll(&mut Context::from_waker(&self.waker));
        let woken = pulse.woken.load(Ordering::Acquire) != 0;
        if woken {
            // It was woken during the poll: its task is late only from now on.
            pulse.woken.store(pulse.clock.now().millis(), Ordering::Release);
        }
        pulse.polling.store(false, Ordering::Release);
        if woken {
            pulse.wakes.notify_waiters();
        }
        polled
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.pulse.polling.store(true, Ordering::Release);
        let task = self.pulse.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(task);
    }
}

impl Pulse {
    fn polled_by(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let before = task.replace(waker.clone());
        drop(task);
        // A waker's `Drop` is the executor's code: not under the lock.
        drop(before);
    }

    /// Since when it has been woken and not polled, if it is.
    fn waits_since(&self) -> Option<Timestamp> {
        let woken = self.woken.load(Ordering::Acquire);
        (woken != 0 && !self.polling.load(Ordering::Acquire)).then_some(Timestamp(woken))
    }

    /// Waits until it is woken and not polled. Cancel-safe.
    async fn woken(&self) -> Timestamp {
        loop {
            let mut wakes = pin!(self.wakes.notified());
            // Enabled before the check: a wake between the check and the wait is not missed.
            wakes.as_mut().enable();
            if let Some(since) = self.waits_since() {
                return since;
            }
            wakes.await;
        }
    }

    /// Waits until the leader is parked: woken, and then not polled for [`LOOKS`] looks. Cancel-safe.
    pub(crate) async fn parked(&self) {
        loop {
            let since = self.woken().await;
            if self.stays_unpolled(since).await {
                return;
            }
        }
    }

    /// Looks at the leader until it was polled, or was found unpolled often enough.
    async fn stays_unpolled(&self, since: Timestamp) -> bool {
        let mut looks = 0;
        while looks < LOOKS {
            let look = self.clock.now().after(PAUSE);
            self.clock.sleep_until(look).await;
            if self.waits_since() != Some(since) {
                return false;
            }
            if self.clock.now() <= look.after(LATE) {
                looks += 1;
            }
        }
        true
    }
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let now = self.clock.now().millis();
        let _ = self.woken.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.into_iter().for_each(Waker::wake);
        self.wakes.notify_waiters();
    }
}

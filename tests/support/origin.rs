//! An origin for cached functions that tests control.

#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, time::Clock};
use tokio::sync::Semaphore;

/// An origin whose reads can be held between the read and the return, can fail, and can take time.
#[derive(Clone, Debug)]
pub(crate) struct Origin(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    value: AtomicU64,
    reads: AtomicU64,
    holding: AtomicU64,
    failing: AtomicBool,
    cost: AtomicU64,
    clock: Clock,
    started: Semaphore,
    release: Semaphore,
}

impl Origin {
    pub(crate) fn new() -> Self {
        Self::at(&Clock::manual())
    }

    /// An origin whose reads take time by advancing `clock`.
    pub(crate) fn at(clock: &Clock) -> Self {
        Self(Arc::new(Inner {
            value: AtomicU64::new(1),
            reads: AtomicU64::new(0),
            holding: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            cost: AtomicU64::new(0),
            clock: clock.clone(),
            started: Semaphore::new(0),
            release: Semaphore::new(0),
        }))
    }

    /// Holds the next `reads` reads after they have read the value.
    pub(crate) fn hold(&self, reads: u64) {
        self.0.holding.store(reads, Ordering::SeqCst);
    }

    /// Waits until a read is held.
    pub(crate) async fn held(&self) {
        soon(self.0.started.acquire()).await.unwrap().forget();
    }

    /// Releases this many held reads.
    pub(crate) fn release(&self, reads: usize) {
        self.0.release.add_permits(reads);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.value.store(value, Ordering::SeqCst);
    }

    /// Makes reads that begin from now on fail or succeed.
    pub(crate) fn fail(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::SeqCst);
    }

    /// How long each read takes.
    pub(crate) fn take(&self, cost: Duration) {
        self.0.cost.store(cost.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::SeqCst)
    }

    /// # Errors
    /// Returns the value that was read, if the origin fails.
    pub(crate) async fn try_read(&self) -> Result<u64, u64> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let seen = self.0.value.load(Ordering::SeqCst);
        let failing = self.0.failing.load(Ordering::SeqCst);
        self.0.clock.advance(Duration::from_millis(self.0.cost.load(Ordering::SeqCst)));
        let take = |left: u64| left.checked_sub(1);
        if self.0.holding.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            self.0.started.add_permits(1);
            self.0.release.acquire().await.unwrap().forget();
        }
        if failing { Err(seen) } else { Ok(seen) }
    }

    pub(crate) async fn read(&self) -> u64 {
        self.try_read().await.unwrap_or(0)
    }
}

/// Fails a test that would hang. (In real time, which passes only if the test fails.)
#[track_caller]
pub(crate) fn soon<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let done = tokio::time::timeout(Duration::from_secs(60), work).await;
        done.unwrap_or_else(|_| panic!("still waiting, at {place}"))
    }
}

/// Lets the other tasks of a single-threaded runtime run as far as they can.
pub(crate) async fn turns() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Waits until no load is under way.
pub(crate) async fn landed(cache: &Cache) {
    soon(async {
        while cache.stats().in_flight > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Advances the clock by `span`, in steps that are shorter than any pause between two polls.
pub(crate) async fn pass(clock: &Clock, mut span: Duration) {
    while !span.is_zero() {
        let step = span.min(Duration::from_millis(500));
        clock.advance(step);
        turns().await;
        span -= step;
    }
}

/// Waits for `span` of a time that other tasks advance by [`pass`].
pub(crate) async fn last(clock: &Clock, span: Duration) {
    let end = clock.now().after(span);
    while clock.now() < end {
        tokio::task::yield_now().await;
    }
}

/// Waits for `work` while time passes slowly, so that a wait for another process polls again.
#[track_caller]
pub(crate) fn soon_at<T>(clock: &Clock, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let clock = clock.clone();
    soon(async move {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = turns() => clock.advance(Duration::from_millis(1)),
            }
        }
    })
}

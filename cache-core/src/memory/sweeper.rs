//! The process's thread that frees the memory of dead entries.
//!
//! It decides when to sweep; the cache decides what to remove. It holds caches weakly, and ends with the last
//! one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A cache, as the sweeper sees it.
pub(crate) trait Sweep: Send + Sync {
    /// Removes dead entries, if there can be any.
    fn sweep(&self);
}

struct Listed {
    cache: Weak<dyn Sweep>,
    every: Duration,
    next: Instant,
}

struct Sweeper {
    caches: Vec<Listed>,
    running: bool,
}

static SWEEPER: Mutex<Sweeper> = Mutex::new(Sweeper { caches: Vec::new(), running: false });
/// Signals a new cache, which may be due earlier than all others.
static CAME: Condvar = Condvar::new();

fn sweeper() -> MutexGuard<'static, Sweeper> {
    SWEEPER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The moment `every` from now, but at most a day, so that no sum overflows.
fn after(now: Instant, every: Duration) -> Instant {
    now + every.min(Duration::from_secs(24 * 60 * 60))
}

/// Registers a cache to be swept while it lives.
pub(crate) fn list(cache: Weak<dyn Sweep>, every: Duration) {
    let mut sweeper = sweeper();
    let next = after(Instant::now(), every);
    sweeper.caches.push(Listed { cache, every, next });
    if sweeper.running {
        CAME.notify_one();
        return;
    }
    match std::thread::Builder::new().name("larder-sweeper".to_owned()).spawn(run) {
        Ok(_) => sweeper.running = true,
        // The next cache tries again. Without the thread, dead entries stay until eviction needs their place.
        Err(error) => {
            tracing::warn!(target: "larder::memory", %error, "larder: no thread to reclaim expired entries")
        }
    }
}

fn run() {
    let mut sweeper = sweeper();
    loop {
        sweeper.caches.retain(|listed| listed.cache.strong_count() > 0);
        let Some(next) = sweeper.caches.iter().map(|listed| listed.next).min() else {
            sweeper.running = false;
            return;
        };
        let now = Instant::now();
        if next > now {
            let woken = CAME.wait_timeout(sweeper, next - now);
            sweeper = woken.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let mut due = Vec::new();
        for listed in sweeper.caches.iter_mut().filter(|listed| listed.next <= now) {
            listed.next = after(now, listed.every);
            due.push(listed.cache.clone());
        }
        drop(sweeper);
        due.into_iter().for_each(sweep);
        sweeper = self::sweeper();
    }
}

/// A value's own `Drop` may panic; that must not end the sweeps of other caches.
fn sweep(cache: Weak<dyn Sweep>) {
    let swept = catch_unwind(AssertUnwindSafe(|| {
        if let Some(cache) = cache.upgrade() {
            cache.sweep();
        }
    }));
    if swept.is_err() {
        tracing::error!(target: "larder::memory", "larder: a value panicked while it was reclaimed");
    }
}

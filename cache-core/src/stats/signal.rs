//! Events for listeners: entries that left memory, and changes of state.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why an entry left the memory tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalCause {
    /// There was no room for the entry, or for a newer one.
    Capacity,
    /// It expired and was reclaimed.
    Expired,
    /// One of its tags was evicted, or the cache was cleared, and it was reclaimed.
    Tag,
    /// Its key was evicted in this process, or the instance to which it belonged ended.
    Key,
    /// A matching pattern was evicted in this process.
    Pattern,
    /// [`Cache::clear`](crate::engine::Cache::clear) was called.
    Cleared,
    /// Another process evicted or replaced it.
    Elsewhere,
    /// A newer value replaced it. (Signalled but not counted: see
    /// [`Stats::stores`](super::snapshot::Stats::stores).)
    Replaced,
}

impl RemovalCause {
    /// The causes that are counted.
    pub(crate) const ALL: [Self; 7] = [
        Self::Capacity,
        Self::Expired,
        Self::Tag,
        Self::Key,
        Self::Pattern,
        Self::Cleared,
        Self::Elsewhere,
    ];

    /// Returns the name in metrics and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Expired => "expired",
            Self::Tag => "tag",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::Cleared => "cleared",
            Self::Elsewhere => "elsewhere",
            Self::Replaced => "replaced",
        }
    }
}

/// An event for a [`CacheListener`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheEvent<'a> {
    /// An entry left the memory tier. Entries that expired, or whose tag was evicted, leave it when they are
    /// reclaimed: some time after they were last served.
    #[non_exhaustive]
    Removed {
        /// The whole key, without the namespace.
        key: &'a str,
        /// Why it left.
        cause: RemovalCause,
    },
    /// A load returned an error.
    #[non_exhaustive]
    LoadFailed {
        /// The whole key, without the namespace.
        key: &'a str,
        /// The function's path; `None` for loads by hand.
        function: Option<&'a str>,
    },
    /// The remote tier failed for the first time after a success (`up` is false), or succeeded again.
    #[non_exhaustive]
    Remote {
        /// Whether it works.
        up: bool,
    },
    /// The breaker of the remote tier opened after several failures, or closed again.
    #[non_exhaustive]
    Breaker {
        /// Whether it is open.
        open: bool,
    },
    /// The remote tier could not carry out an eviction, including one by `#[cache_evict]` or `#[cache_put]`.
    /// The eviction is pending: it is tried again in the background, and before the tier is read.
    #[non_exhaustive]
    EvictionPending {
        /// The number of pending evictions, including this one.
        pending: usize,
    },
    /// The bus connected or disconnected: evictions by other processes arrive from now on, or not.
    #[non_exhaustive]
    Bus {
        /// Whether it is connected.
        connected: bool,
    },
}

/// Receives the events of a cache; set it with [`Builder::listener`](crate::registry::Builder::listener).
///
/// The listener is called synchronously on the thread of the event: the thread that stores or evicts, a
/// runtime's worker, larder's sweeper, or the backend's own task. No lock of the cache is held, so the
/// listener may use the cache. (A store in it may evict another entry and call it again: make sure that this
/// ends.) It should return quickly; send longer work through a channel. Hits never call it. A panic in it is
/// logged and ends nothing.
///
/// If two threads change one key at the same time, the events may come in another order than the changes.
///
/// ```
/// # use cache_core::facade as larder;
/// # use larder::{Cache, Error, stats::CacheEvent};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let (told, signals) = std::sync::mpsc::channel();
/// let cache = Cache::builder()
///     .listener(move |signal: &CacheEvent<'_>| {
///         if let CacheEvent::Removed { key, cause, .. } = signal {
///             told.send(format!("{key}: {}", cause.name())).ok();
///         }
///     })
///     .build()?;
/// cache.insert("a", 1_u64).await?;
/// cache.remove("a").await?;
/// assert_eq!(signals.recv().as_deref(), Ok("a: key"));
/// # Ok(())
/// # }
/// ```
pub trait CacheListener: Send + Sync + 'static {
    /// Handles an event.
    fn on_event(&self, signal: &CacheEvent<'_>);
}

impl<F: Fn(&CacheEvent<'_>) + Send + Sync + 'static> CacheListener for F {
    fn on_event(&self, signal: &CacheEvent<'_>) {
        self(signal);
    }
}

impl<L: CacheListener> CacheListener for Arc<L> {
    fn on_event(&self, signal: &CacheEvent<'_>) {
        (**self).on_event(signal);
    }
}

/// The listener of one cache, and its counts of entries that left memory.
pub(crate) struct Signals {
    /// The name of the cache in all events.
    pub(crate) cache: String,
    listener: Option<Box<dyn CacheListener>>,
    left: [AtomicU64; RemovalCause::ALL.len()],
    /// The values of `left` at the last reset of the statistics, and the evictions for capacity at that time.
    baseline: Mutex<[u64; RemovalCause::ALL.len()]>,
    /// Changes of state that were seen while an async lock may be held, to be reported after it.
    pending: Mutex<Vec<Change>>,
}

/// A change of the remote tier's state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Remote { up: bool },
    Breaker { open: bool },
    Pending { evictions: usize },
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Signals {
    pub(crate) fn new(cache: Option<&str>, listener: Option<Box<dyn CacheListener>>) -> Self {
        let cache = cache.unwrap_or("default").to_owned();
        let (left, baseline) = Default::default();
        Self { cache, listener, left, baseline, pending: Mutex::default() }
    }

    /// Whether there is a listener; otherwise keys need not be kept for events.
    pub(crate) fn is_heard(&self) -> bool {
        self.listener.is_some()
            || tracing::enabled!(target: "larder::memory", tracing::Level::TRACE)
    }

    pub(crate) fn tell(&self, signal: &CacheEvent<'_>) {
        let Some(listener) = &self.listener else { return };
        if catch_unwind(AssertUnwindSafe(|| listener.on_event(signal))).is_err() {
            tracing::error!(target: "larder::listener", cache = self.cache, "larder: the listener panicked");
        }
    }

    /// Reports that entries left the memory tier: their number, and their keys if there is a listener. Called
    /// under no lock.
    pub(crate) fn left<'a>(
        &self,
        cause: RemovalCause,
        entries: u64,
        keys: impl IntoIterator<Item = &'a str>,
    ) {
        if let Some(count) = self.left.get(cause as usize) {
            count.fetch_add(entries, Ordering::Relaxed);
        }
        if self.is_heard() {
            for key in keys {
                let (cache, why) = (&*self.cache, cause.name());
                tracing::trace!(target: "larder::memory", cache, key, cause = why, "larder: an entry left memory");
                self.tell(&CacheEvent::Removed { key, cause });
            }
        }
    }

    /// How many entries left for this cause. (The engines count evictions for capacity.)
    pub(crate) fn count(&self, cause: RemovalCause) -> u64 {
        self.left.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn reset(&self, evicted_capacity: u64) {
        let mut baseline = RemovalCause::ALL.map(|cause| self.count(cause));
        baseline[RemovalCause::Capacity as usize] = evicted_capacity;
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) = baseline;
    }

    /// The counts at the last reset, which must be subtracted.
    pub(crate) fn baseline(&self) -> impl Fn(RemovalCause) -> u64 + use<> {
        let baseline = *self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        move |cause| baseline.get(cause as usize).copied().unwrap_or(0)
    }

    /// Records a change, to be [reported](Self::tell_changes) after all locks are released.
    pub(crate) fn note(&self, change: Change) {
        let cache = &*self.cache;
        match change {
            // Reported as a change of the tier's state, where an operator looks; one line is enough.
            Change::Remote { .. } => {}
            Change::Pending { evictions } => {
                tracing::debug!(target: "larder::eviction", cache, evictions, "larder: an eviction is pending");
            }
            Change::Breaker { open: true } => {
                tracing::debug!(
                    target: "larder::health",
                    cache,
                    "larder: the breaker of the remote tier is open after repeated failures"
                );
            }
            Change::Breaker { open: false } => {
                tracing::debug!(target: "larder::health", cache, "larder: the breaker of the remote tier is closed again");
            }
        }
        if self.listener.is_some() {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        }
    }

    pub(crate) fn tell_changes(&self) {
        if self.listener.is_none() {
            return;
        }
        let pending =
            || std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for change in pending() {
            self.tell(&match change {
                Change::Remote { up } => CacheEvent::Remote { up },
                Change::Breaker { open } => CacheEvent::Breaker { open },
                Change::Pending { evictions } => CacheEvent::EvictionPending { pending: evictions },
            });
        }
    }
}

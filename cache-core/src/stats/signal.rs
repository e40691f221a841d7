//! What a cache tells those who listen: entries that left memory, and changes of state.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why an entry left the memory tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// There was no room: for it, or for a newer one.
    Capacity,
    /// It expired and was reclaimed.
    Expired,
    /// A tag of it was evicted, or everything was, and it was reclaimed.
    Tag,
    /// Its key was evicted in this process, or the instance ended that it belonged to.
    Key,
    /// A pattern that it matches was evicted in this process.
    Pattern,
    /// [`Cache::clear`](crate::engine::Cache::clear).
    Cleared,
    /// Another process evicted or replaced it.
    Elsewhere,
    /// A newer value took its place. (Told, but not counted: see [`Stats::stores`](super::snapshot::Stats::stores).)
    Replaced,
}

impl Cause {
    /// Those that are counted.
    pub(crate) const ALL: [Self; 7] = [
        Self::Capacity,
        Self::Expired,
        Self::Tag,
        Self::Key,
        Self::Pattern,
        Self::Cleared,
        Self::Elsewhere,
    ];

    /// Its name in metrics and events.
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

/// What a [`CacheListener`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal<'a> {
    /// An entry left the memory tier. Entries that expired, or whose tag was evicted, leave it when they are
    /// reclaimed: some time after they were last served.
    Removed {
        /// The whole key, below the namespace.
        key: &'a str,
        /// Why.
        cause: Cause,
    },
    /// A load returned an error, or the value was not taken because of one.
    LoadFailed {
        /// The whole key, below the namespace.
        key: &'a str,
        /// The function's path; `None` for loads by hand.
        function: Option<&'a str>,
    },
    /// The remote tier failed for the first time after it had answered (`up` is false), or answered again.
    Remote {
        /// Whether it answers.
        up: bool,
    },
    /// After several failures the remote tier is left alone (`open`), or it is used again.
    Breaker {
        /// Whether it is left alone.
        open: bool,
    },
    /// The remote tier could not carry out an eviction, that of `#[cache_evict]` and `#[cache_put]` included. It is
    /// pending: it is tried again in the background, and before the tier is read.
    EvictionPending {
        /// How many are pending, this one included.
        pending: usize,
    },
    /// Other processes' evictions arrive from now on, or do not.
    Bus {
        /// Whether they do.
        connected: bool,
    },
}

/// Is told what happens in a cache; given to [`Builder::listener`](crate::registry::Builder::listener).
///
/// It is called on the thread on which it happened, in the middle of it: the thread of whoever stores or evicts, a
/// runtime's worker, larder's sweeper, or the backend's own task. No lock of the cache's is held, so it may use the
/// cache. (What it stores may push out something, of which it is told in turn: see to it that there is an end.) It should
/// return at once; send what takes longer through a channel. Hits never call it, and a panic in it is logged and ends
/// nothing.
///
/// Signals of one key may come in another order than what they tell of if two threads change it at the same time.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, Signal};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let (told, signals) = std::sync::mpsc::channel();
/// let cache = Cache::builder()
///     .listener(move |signal: &Signal<'_>| {
///         if let Signal::Removed { key, cause } = signal {
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
    /// Something happened.
    fn on_signal(&self, signal: &Signal<'_>);
}

impl<F: Fn(&Signal<'_>) + Send + Sync + 'static> CacheListener for F {
    fn on_signal(&self, signal: &Signal<'_>) {
        self(signal);
    }
}

impl<L: CacheListener> CacheListener for Arc<L> {
    fn on_signal(&self, signal: &Signal<'_>) {
        (**self).on_signal(signal);
    }
}

/// One cache's listener, and its counts of what left memory.
pub(crate) struct Signals {
    /// How the cache is called in signals of all kinds.
    pub(crate) cache: String,
    listener: Option<Box<dyn CacheListener>>,
    left: [AtomicU64; Cause::ALL.len()],
    /// What `left` said when the statistics were last reset, and what capacity had cost by then.
    baseline: Mutex<[u64; Cause::ALL.len()]>,
    /// Changes of state that were seen where an async lock may be held, to be told behind it.
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

    /// Whether somebody listens: else keys need not be kept to be told.
    pub(crate) fn is_heard(&self) -> bool {
        self.listener.is_some()
            || tracing::enabled!(target: "larder::memory", tracing::Level::TRACE)
    }

    pub(crate) fn tell(&self, signal: &Signal<'_>) {
        let Some(listener) = &self.listener else { return };
        if catch_unwind(AssertUnwindSafe(|| listener.on_signal(signal))).is_err() {
            tracing::error!(target: "larder::listener", cache = self.cache, "larder: the listener panicked");
        }
    }

    /// Entries left the memory tier: so many, and these if somebody listens. Called under no lock.
    pub(crate) fn left<'a>(
        &self,
        cause: Cause,
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
                self.tell(&Signal::Removed { key, cause });
            }
        }
    }

    /// How many left for this cause. (What capacity costs, the engines count.)
    pub(crate) fn count(&self, cause: Cause) -> u64 {
        self.left.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn reset(&self, evicted_capacity: u64) {
        let mut baseline = Cause::ALL.map(|cause| self.count(cause));
        baseline[Cause::Capacity as usize] = evicted_capacity;
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) = baseline;
    }

    /// What is to be subtracted.
    pub(crate) fn baseline(&self) -> impl Fn(Cause) -> u64 + use<> {
        let baseline = *self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        move |cause| baseline.get(cause as usize).copied().unwrap_or(0)
    }

    /// Takes note of a change, to be [told](Self::told_changes) behind all locks.
    pub(crate) fn note(&self, change: Change) {
        let cache = &*self.cache;
        match change {
            // Told as a change of the tier's state: that is where an operator looks, and one line is enough.
            Change::Remote { .. } => {}
            Change::Pending { evictions } => {
                tracing::debug!(target: "larder::eviction", cache, evictions, "larder: an eviction is pending");
            }
            Change::Breaker { open: true } => {
                tracing::debug!(
                    target: "larder::health",
                    cache,
                    "larder: the remote tier is left alone after repeated failures"
                );
            }
            Change::Breaker { open: false } => {
                tracing::debug!(target: "larder::health", cache, "larder: the remote tier is used again");
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
                Change::Remote { up } => Signal::Remote { up },
                Change::Breaker { open } => Signal::Breaker { open },
                Change::Pending { evictions } => Signal::EvictionPending { pending: evictions },
            });
        }
    }
}

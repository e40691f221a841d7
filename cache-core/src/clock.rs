//! Time: a coarse monotonic clock that costs a few nanoseconds, or one that tests drive.
//!
//! Freshness never needs more than milliseconds, and a precise clock on every hit costs more than
//! the lookup. The kernel's coarse clock (resolution 1 to 4 ms on Linux) is read instead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in this process's time, in milliseconds. Never compared between machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `span` later; a span below a millisecond counts as one.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let rounded = u64::from(span.as_millis() == 0 && !span.is_zero());
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis).saturating_add(rounded))
    }

    /// The moment `span` earlier.
    pub(crate) fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long from `earlier` to this moment; zero if it is not earlier. `None`: for ever.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_millis(self.0.saturating_sub(earlier.0)))
    }
}

/// Where the count begins: entries of the remote tier may be older than this process.
const EPOCH: u64 = 1 << 42;

/// Milliseconds since the process first asked; without the crate's shared "recent" cell, which
/// would be a cache line that every hit writes.
#[inline]
fn coarse_millis() -> u64 {
    static START: OnceLock<coarsetime::Instant> = OnceLock::new();
    let start = START.get_or_init(coarsetime::Instant::now_without_cache_update);
    coarsetime::Instant::now_without_cache_update().duration_since(*start).as_millis() + EPOCH
}

/// Where a cache reads the time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Coarse,
    #[cfg_attr(not(feature = "testing"), allow(dead_code))]
    Manual(Arc<Hands>),
}

/// What a test turns, and who waits for it.
#[derive(Debug)]
#[cfg_attr(not(feature = "testing"), allow(dead_code))]
struct Hands {
    millis: AtomicU64,
    turned: tokio::sync::Notify,
}

impl Clock {
    /// The system's coarse monotonic clock.
    pub fn coarse() -> Self {
        Self(Source::Coarse)
    }

    /// A clock that stands still until [`advance`](Self::advance) moves it.
    #[cfg(feature = "testing")]
    pub fn manual() -> Self {
        let hands = Hands { millis: AtomicU64::new(EPOCH), turned: tokio::sync::Notify::new() };
        Self(Source::Manual(Arc::new(hands)))
    }

    /// Moves a manual clock on; does nothing to a real one.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hands) = &self.0 {
            let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            hands.millis.fetch_add(by, Ordering::SeqCst);
            hands.turned.notify_waiters();
        }
    }

    /// Now.
    #[inline]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Coarse => Timestamp(coarse_millis()),
            Source::Manual(hands) => Timestamp(hands.millis.load(Ordering::SeqCst)),
        }
    }

    /// Ends when `span` has passed since this call; by a manual clock, when it was advanced past that.
    pub(crate) fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send + 'static {
        let (clock, until) = (self.clone(), self.now().after(span));
        async move {
            match &clock.0 {
                Source::Coarse => tokio::time::sleep(span).await,
                Source::Manual(hands) => {
                    let mut turned = std::pin::pin!(hands.turned.notified());
                    loop {
                        // Enabled before the look: a turn between the look and the wait is not missed.
                        turned.as_mut().enable();
                        if clock.now() >= until {
                            return;
                        }
                        turned.as_mut().await;
                        turned.set(hands.turned.notified());
                    }
                }
            }
        }
    }

    /// Milliseconds since 1970, for what is written to the remote tier.
    pub(crate) fn wall(&self) -> u64 {
        match &self.0 {
            Source::Coarse => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
            Source::Manual(hands) => hands.millis.load(Ordering::SeqCst),
        }
    }
}

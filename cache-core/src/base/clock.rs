//! Time: a coarse monotonic clock that costs a few nanoseconds, or one that tests drive.
//!
//! Freshness never needs more than milliseconds, and a precise clock on every hit costs more than
//! the lookup. The kernel's coarse clock (resolution 1 to 4 ms on Linux) is read instead.
//!
//! The clock is also what waits: whoever waits for a moment asks the clock that tells when it has
//! come. The real one needs no runtime, so that sync functions and runtimes without a time driver can
//! wait too.

mod manual;

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::future::BoxFuture;
use manual::Manual;

/// A point in this process's time, in milliseconds. Never compared between machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub(crate) u64);

impl Timestamp {
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// For those who keep a moment in an atomic.
    pub(crate) const fn millis(self) -> u64 {
        self.0
    }

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

/// A number that nobody else has.
fn new_id() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Where a cache reads the time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "testing"), allow(dead_code))]
enum Source {
    #[default]
    Coarse,
    Manual(Arc<Manual>),
    Tokio(tokio::time::Instant, u64),
}

/// Measures how long something takes.
pub(crate) enum Stopwatch {
    Precise(Instant),
    /// By a clock that a test drives.
    Driven(Clock, Timestamp),
}

impl Stopwatch {
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Self::Precise(began) => began.elapsed(),
            Self::Driven(clock, began) => clock.now().since(*began).unwrap_or_default(),
        }
    }
}

/// Time ran out before the work was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed;

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Clock {
    /// The system's coarse monotonic clock.
    pub fn coarse() -> Self {
        Self(Source::Coarse)
    }

    /// A clock that stands still until [`advance`](Self::advance) moves it.
    #[cfg(feature = "testing")]
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(Manual::new(EPOCH, new_id()))))
    }

    /// Tokio's clock, from now on: where that is paused (`#[tokio::test(start_paused = true)]`), time
    /// passes at once whenever every task waits. Needs a runtime with time wherever larder waits.
    #[cfg(feature = "testing")]
    pub fn tokio() -> Self {
        Self(Source::Tokio(tokio::time::Instant::now(), new_id()))
    }

    /// Moves a manual clock on, and wakes whoever waited for a moment that has come; does nothing to
    /// other clocks.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            manual.advance(millis(by));
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }

    /// Now.
    #[inline]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Coarse => Timestamp(coarse_millis()),
            Source::Manual(manual) => Timestamp(manual.now()),
            Source::Tokio(start, _) => Timestamp(EPOCH.saturating_add(millis(start.elapsed()))),
        }
    }

    /// Begins to measure how long something takes: to the microsecond, which no hit is to pay for.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        match &self.0 {
            Source::Coarse => Stopwatch::Precise(Instant::now()),
            Source::Manual(_) | Source::Tokio(..) => Stopwatch::Driven(self.clone(), self.now()),
        }
    }

    /// Tells this clock from all others, those of other processes included. Only moments of one clock can be compared.
    pub(crate) fn id(&self) -> u64 {
        static COARSE: OnceLock<u64> = OnceLock::new();
        match &self.0 {
            Source::Coarse => *COARSE.get_or_init(new_id),
            Source::Manual(manual) => manual.id(),
            Source::Tokio(_, id) => *id,
        }
    }

    /// Milliseconds since 1970, for what is told to operators.
    pub(crate) fn wall(&self) -> u64 {
        match &self.0 {
            Source::Coarse => {
                millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
            }
            Source::Manual(_) | Source::Tokio(..) => self.now().0,
        }
    }

    /// Waits until `at`, which may be [`Timestamp::NEVER`]. Cancel-safe.
    pub(crate) fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let Some(span) = at.since(self.now()) else { return Box::pin(std::future::pending()) };
        match &self.0 {
            // The coarse clock may lag behind by its resolution; whoever waits looks at it again.
            Source::Coarse => {
                Box::pin(futures_timer::Delay::new(span.max(Duration::from_millis(1))))
            }
            Source::Manual(manual) => Box::pin(Arc::clone(manual).sleep_until(at.0)),
            Source::Tokio(..) => Box::pin(tokio::time::sleep(span)),
        }
    }

    /// Waits for `span` from now on. Cancel-safe.
    pub(crate) fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().after(span))
    }

    /// Runs `work` until `at` at the latest.
    pub(crate) async fn timeout_at<T>(
        &self,
        at: Timestamp,
        work: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        if at == Timestamp::NEVER {
            return Ok(work.await);
        }
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.sleep_until(at) => Err(Elapsed),
        }
    }
}

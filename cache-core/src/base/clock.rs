//! Time: a coarse monotonic clock that costs a few nanoseconds, or a clock that tests control.
//!
//! Freshness never needs more than milliseconds, and a precise clock costs more than the lookup of a hit. The
//! clock therefore reads the kernel's coarse clock (resolution 1 to 4 ms on Linux).
//!
//! The clock also provides timers, so that a wait and the time agree. The real clock needs no runtime: sync
//! functions and runtimes without a time driver can wait, too.

mod manual;

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::future::BoxFuture;
use manual::Manual;

/// A point in this process's time, in milliseconds. Not comparable between machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub(crate) u64);

impl Timestamp {
    /// Later than every other moment.
    pub const NEVER: Self = Self(u64::MAX);

    /// The number, to be stored in an atomic.
    pub(crate) const fn millis(self) -> u64 {
        self.0
    }

    /// The moment `span` later. A span below a millisecond counts as one millisecond.
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

    /// The time from `earlier` to this moment; zero if `earlier` is later. `None` if this is
    /// [`NEVER`](Self::NEVER).
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_millis(self.0.saturating_sub(earlier.0)))
    }
}

/// The start of the count. It is high, because entries of the remote tier may be older than this process.
const EPOCH: u64 = 1 << 42;

/// Milliseconds since the first call in this process. Does not use `coarsetime`'s shared "recent" cell, a
/// cache line that every hit would write.
#[inline]
fn coarse_millis() -> u64 {
    static START: OnceLock<coarsetime::Instant> = OnceLock::new();
    let start = START.get_or_init(coarsetime::Instant::now_without_cache_update);
    coarsetime::Instant::now_without_cache_update().duration_since(*start).as_millis() + EPOCH
}

/// A random number that identifies a clock.
fn new_id() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The clock of a cache. Clones share it.
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

/// Measures a duration.
pub(crate) enum Stopwatch {
    Precise(Instant),
    /// Reads a clock that a test controls.
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

/// The time ran out before the work was done.
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
    #[cfg(any(feature = "testing", shuttle))]
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(Manual::new(EPOCH, new_id()))))
    }

    /// Tokio's clock, starting now. If it is paused (`#[tokio::test(start_paused = true)]`), time advances
    /// immediately whenever every task waits. Every task that waits in larder needs a Tokio runtime with
    /// time.
    #[cfg(feature = "testing")]
    pub fn tokio() -> Self {
        Self(Source::Tokio(tokio::time::Instant::now(), new_id()))
    }

    /// Advances a manual clock and wakes the tasks whose moment has come. Does nothing to other clocks.
    #[cfg(any(feature = "testing", shuttle))]
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            manual.advance(millis(by));
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }

    /// The current moment.
    #[inline]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Coarse => Timestamp(coarse_millis()),
            Source::Manual(manual) => Timestamp(manual.now()),
            Source::Tokio(start, _) => Timestamp(EPOCH.saturating_add(millis(start.elapsed()))),
        }
    }

    /// Starts a measurement with a precision of microseconds. Too expensive for hits.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        match &self.0 {
            Source::Coarse => Stopwatch::Precise(Instant::now()),
            Source::Manual(_) | Source::Tokio(..) => Stopwatch::Driven(self.clone(), self.now()),
        }
    }

    /// Identifies this clock among those of all processes. Only moments of one clock can be compared.
    pub(crate) fn id(&self) -> u64 {
        static COARSE: OnceLock<u64> = OnceLock::new();
        match &self.0 {
            Source::Coarse => *COARSE.get_or_init(new_id),
            Source::Manual(manual) => manual.id(),
            Source::Tokio(_, id) => *id,
        }
    }

    /// Milliseconds since 1970, for reports to operators.
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
            // The coarse clock may lag by its resolution; callers check the time again.
            Source::Coarse => {
                Box::pin(futures_timer::Delay::new(span.max(Duration::from_millis(1))))
            }
            Source::Manual(manual) => Box::pin(Arc::clone(manual).sleep_until(at.0)),
            Source::Tokio(..) => Box::pin(tokio::time::sleep(span)),
        }
    }

    /// Waits for `span` from now. Cancel-safe.
    pub(crate) fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().after(span))
    }

    /// Waits between two looks at something that other tasks do. These run in real time, so a manual clock need not be
    /// advanced for it. Cancel-safe.
    pub(crate) fn pause(&self, span: Duration) -> BoxFuture<'static, ()> {
        match &self.0 {
            Source::Manual(_) => Box::pin(futures_timer::Delay::new(span)),
            Source::Coarse | Source::Tokio(..) => self.sleep(span),
        }
    }

    /// Runs `work`, but only until `at`.
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

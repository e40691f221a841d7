//! Isolated caches for a test.

mod builder;
mod counts;
mod expect;
#[cfg(feature = "tower")]
mod layer;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cache_core::__testing::{self as hooks, TestScope};
use cache_core::{Cache, Clock, Error, Stats};

pub use builder::KitBuilder;
pub use counts::Counts;
pub use expect::Expect;
#[cfg(feature = "tower")]
pub use layer::{KitLayer, KitService};

/// How long a background load may take, in real time, before a test that waits for it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Isolated caches for a test: code that runs in the kit gets the kit's caches from
/// [`default_cache`](cache_core::default_cache()), [`Cache::named`] and every cached function.
///
/// So the tests of one process run in parallel and do not see each other's entries, even if they call the
/// same functions. A kit is cheap to create and to clone; clones are the same kit.
///
/// ```
/// use larder::{Error, default_cache, testing::Kit};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let kit = Kit::manual();
/// kit.run(async {
///     default_cache().insert("k", 1u64).await?;
///     assert_eq!(default_cache().get::<u64>("k").await?, Some(1));
///     Ok::<_, Error>(())
/// })
/// .await?;
/// kit.expect().hits(1).misses(0);
/// assert_eq!(default_cache().get::<u64>("k").await?, None, "other caches do not have it");
/// # Ok(())
/// # }
/// ```
///
/// # What it covers
///
/// - Everything that `work` itself awaits, and the background work of larder: refreshes, loads whose callers
///   timed out, batches, scheduled evictions.
/// - Not the tasks and threads that `work` starts itself: they use the process's caches, unless you pass the
///   kit on ([`spawn`](Self::spawn), [`with_current_kit`], [`run_sync`](Self::run_sync), and `layer` for services).
/// - Not functions with an explicit handle (`cache = self.cache`): they use that cache. Such a handle can be
///   built in the kit.
///
/// In the kit, [`Cache::install`] installs for the kit only, so a program's own setup can run in it, and
/// [`disable`](cache_core::disable()) and [`enable`](cache_core::enable()) affect the kit only. A cache that is built
/// in the kit uses the kit's clock, unless it is given another one.
///
/// # The caches
///
/// Each cache is created when it is first used: a memory tier of 10,000 entries, no remote tier, no default
/// time to live. [`KitBuilder::caches`] changes that. Named caches need not be installed.
///
/// # Its end
///
/// A kit inside another one hides the outer one until its work ends: by returning, by a panic, or by being
/// dropped. The caches live while there is a handle of the kit, or work in it.
#[derive(Clone)]
pub struct Kit {
    scope: Arc<TestScope>,
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Kit {
    /// Creates a kit in real time.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a kit whose clock stands still until [`advance`](Self::advance) moves it.
    ///
    /// Everything that larder does by the clock (timeouts, leases, schedules) happens when the clock is
    /// moved, and not before.
    pub fn manual() -> Self {
        Self::builder().clock(Clock::manual()).build()
    }

    /// Returns a builder for a kit with your own clock or caches.
    pub fn builder() -> KitBuilder {
        KitBuilder::new()
    }

    /// Returns the innermost kit in which the caller runs.
    pub fn current() -> Option<Self> {
        hooks::current().map(|scope| Self { scope })
    }

    /// Runs `work` in the kit, on any executor. Dropping the future ends it.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.scope.run(work)
    }

    /// Runs sync code in the kit, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        self.scope.run_sync(work)
    }

    /// Spawns a task that runs in the kit.
    ///
    /// # Panics
    /// Outside a tokio runtime, as [`tokio::spawn`] does.
    #[track_caller]
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        tokio::spawn(self.run(work))
    }

    /// Returns the kit's default cache.
    pub fn cache(&self) -> Cache {
        self.scope.default()
    }

    /// Returns the kit's cache of that name.
    ///
    /// # Errors
    /// If the cache cannot be built with the settings of [`KitBuilder::caches`].
    pub fn named(&self, name: &str) -> Result<Cache, Error> {
        self.scope.find(Some(name))
    }

    /// Returns the clock of the kit's caches.
    pub fn clock(&self) -> &Clock {
        &self.scope.clock
    }

    /// Advances the kit's clock, and wakes the tasks whose moment has come.
    ///
    /// # Panics
    /// If the clock is not a manual one.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        let is_manual = hooks::is_manual(&self.scope.clock);
        assert!(is_manual, "this kit's clock can't be moved: make it with `Kit::manual()`");
        self.scope.clock.advance(by);
    }

    /// Waits until no load, read or write of the kit's caches is in progress, for example in the background, and no
    /// scheduled refresh is due.
    /// Advance a manual clock first if they wait for it.
    ///
    /// # Panics
    /// If that takes more than ten seconds of real time.
    #[track_caller]
    pub fn settled(&self) -> impl Future<Output = ()> + use<> {
        let (kit, place) = (self.clone(), std::panic::Location::caller());
        async move {
            let since = std::time::Instant::now();
            let is_busy = |cache: &Cache, now: &Stats| {
                now.in_flight > 0 || hooks::refreshes_under_way(cache) > 0
            };
            while kit.scope.counted().iter().any(|(cache, _, now)| is_busy(cache, now)) {
                let kept = since.elapsed() < PATIENCE;
                assert!(kept, "at {place}: loads are still in progress{}", kit.report());
                futures_timer::Delay::new(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Runs `work` with its own caches, in real time: [`Kit::run`] in a new [`Kit`].
///
/// ```
/// use larder::{default_cache, testing::isolated};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let found = isolated(async { default_cache().get::<u64>("k").await }).await;
/// assert_eq!(found.unwrap(), None);
/// # }
/// ```
pub fn isolated<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    Kit::new().scope.run(work)
}

/// Makes `work` run in the kit of the caller, for a task to be spawned. Without a kit, `work` stays as it is.
///
/// ```
/// use larder::{default_cache, testing::{Kit, with_current_kit}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let kit = Kit::new();
/// let spawned = kit.run(async {
///     tokio::spawn(with_current_kit(async { default_cache().insert("k", 1u64).await }))
/// });
/// spawned.await.await.unwrap().unwrap();
/// assert_eq!(kit.cache().get::<u64>("k").await.unwrap(), Some(1));
/// # }
/// ```
pub fn with_current_kit<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    hooks::with_scope(hooks::current(), work)
}

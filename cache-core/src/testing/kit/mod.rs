//! Caches of a test's own.

mod builder;
mod counts;
mod expect;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Clock, Error};
use crate::engine::{Cache, TestScope, test_scope as world};

pub use builder::KitBuilder;
pub use counts::Counts;
pub use expect::Expect;

/// So long a background load may take, in real time, before a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Caches of a test's own: for those who run in it, [`default_cache`](crate::default_cache()),
/// [`Cache::named`] and every cached function find caches that nobody else knows.
///
/// So tests of one process run side by side without seeing each other's entries, though they call the same
/// functions. A kit is cheap to make and to clone; clones are the same kit.
///
/// ```
/// # use cache_core as larder;
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
/// assert_eq!(default_cache().get::<u64>("k").await?, None, "nobody else has it");
/// # Ok(())
/// # }
/// ```
///
/// # What it reaches
///
/// - All that `work` itself awaits, and what larder goes on with in the background: refreshes, loads whose
///   callers timed out, batches, scheduled evictions.
/// - Not the tasks and threads that `work` starts by itself: there its caches are the process's, unless the kit is
///   brought along ([`spawn`](Self::spawn), [`with_current_kit`], [`run_sync`](Self::run_sync)).
/// - Not functions that were given a handle (`cache = self.cache`): that is another cache by intent. Such a handle
///   can be built in the kit.
///
/// In the kit, [`Cache::install`] installs for the kit only, so a program's own set-up can run in it, and
/// [`disable`](crate::disable()) and [`enable`](crate::enable()) concern the kit only. A cache that is built in it goes by the
/// kit's clock, unless it is given another one.
///
/// # The caches
///
/// Each is made when it is first asked for: a memory tier of 10,000 entries, no remote tier, no default time to live.
/// [`KitBuilder::caches`] makes them otherwise. Named caches need not be installed.
///
/// # Its end
///
/// A kit inside another one hides it, until its work has ended: by returning, by a panic, or by being dropped. The
/// caches live as long as somebody has the kit, or runs in it.
#[derive(Clone)]
pub struct Kit {
    world: Arc<TestScope>,
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
    /// A kit in real time.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A kit whose clock stands still until [`advance`](Self::advance) moves it.
    ///
    /// Whatever larder waits for by the clock (time-outs, leases, schedules) comes when it is moved, and not before.
    pub fn manual() -> Self {
        Self::builder().clock(Clock::manual()).build()
    }

    /// A kit with a clock, or caches, of one's own.
    pub fn builder() -> KitBuilder {
        KitBuilder::new()
    }

    /// The innermost kit that the caller runs in.
    pub fn current() -> Option<Self> {
        world::current().map(|world| Self { world })
    }

    /// Runs `work` in the kit. On any executor; dropping the future ends it.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.world.run(work)
    }

    /// Runs sync code in the kit, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        self.world.run_sync(work)
    }

    /// Starts a task that runs in the kit.
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

    /// The kit's default cache.
    pub fn cache(&self) -> Cache {
        self.world.default()
    }

    /// The kit's cache of that name.
    ///
    /// # Errors
    /// What [`KitBuilder::caches`] made of its builder can't be.
    pub fn named(&self, name: &str) -> Result<Cache, Error> {
        self.world.find(Some(name))
    }

    /// The clock of the kit's caches.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// Moves the kit's clock on, and wakes whoever waited for a moment that has come.
    ///
    /// # Panics
    /// The clock is not a manual one.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        let is_manual = self.world.clock.is_manual();
        assert!(is_manual, "this kit's clock can't be moved: make it with `Kit::manual()`");
        self.world.clock.advance(by);
    }

    /// Waits until no load, look or write of the kit's caches is under way: for what goes on in the background. Those
    /// that wait for a manual clock have to be woken first.
    ///
    /// # Panics
    /// Ten seconds (of real time) were not enough.
    #[track_caller]
    pub fn settled(&self) -> impl Future<Output = ()> + use<> {
        let (kit, place) = (self.clone(), std::panic::Location::caller());
        async move {
            let since = std::time::Instant::now();
            while kit.world.counted().iter().any(|(.., now)| now.in_flight > 0) {
                let kept = since.elapsed() < PATIENCE;
                assert!(kept, "at {place}: loads are still under way{}", kit.report());
                futures_timer::Delay::new(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Runs `work` with caches of its own, in real time: [`Kit::run`] in a new [`Kit`].
///
/// ```
/// # use cache_core as larder;
/// use larder::{default_cache, testing::isolated};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let found = isolated(async { default_cache().get::<u64>("k").await }).await;
/// assert_eq!(found.unwrap(), None);
/// # }
/// ```
pub fn isolated<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    Kit::new().world.run(work)
}

/// `work` in the kit that the caller runs in, for a task that is to be spawned; as it is, if the caller runs in none.
///
/// ```
/// # use cache_core as larder;
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
    world::carried(world::current(), work)
}

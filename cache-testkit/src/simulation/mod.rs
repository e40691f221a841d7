//! A simulator for a program's own readers and mutators.

mod history;
mod world;

use std::fmt;
use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use cache_core::Builder;

use history::Failure;
use world::World;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Call<S> = Arc<dyn Fn(Arc<S>, u64) -> Work<String> + Send + Sync>;
type Furnish = Arc<dyn Fn(Option<&str>, Builder) -> Builder + Send + Sync>;

/// A function of the program, and the numbers with which it is called.
struct Operation<S> {
    name: &'static str,
    count: u64,
    call: Call<S>,
}

impl<S> Clone for Operation<S> {
    fn clone(&self) -> Self {
        Self { name: self.name, count: self.count, call: Arc::clone(&self.call) }
    }
}

/// Searches for changes that leave an old value in a cache.
///
/// It runs your cached functions and your mutators in random order, side by side, in several processes that share a
/// store, while the connections to the store fail. Whenever they have ended and the faults are over, it calls each cached
/// function twice: as usual, and [without the cache](cache_core::without_cache()). If the results differ, a change did not evict
/// what it had changed, or evicted it too early, and [`run`](Self::run) panics with the seed and the history.
///
/// ```
/// use larder::{cache_evict, cached, testing::Simulation};
/// use std::sync::Mutex;
///
/// type Db = Mutex<[u64; 3]>;
///
/// #[cached(key = "price:{id}", skip(db))]
/// async fn price(db: &Db, id: usize) -> u64 {
///     db.lock().unwrap()[id]
/// }
///
/// #[cached(key = "total", skip(db))]
/// async fn total(db: &Db) -> u64 {
///     db.lock().unwrap().iter().sum()
/// }
///
/// #[cache_evict(price(db, id), total(db))]
/// async fn raise(db: &Db, id: usize) {
///     db.lock().unwrap()[id] += 1;
/// }
///
/// Simulation::new(|| Mutex::new([10, 20, 30]))
///     .read("price", 3, |db, id| async move { price(&db, id as usize).await })
///     .read("total", 1, |db, _| async move { total(&db).await })
///     .change("raise", 3, |db, id| async move { raise(&db, id as usize).await })
///     .run();
/// ```
///
/// # What it finds
/// A cached function that a mutator forgets to evict; a key or a tag that does not match; an eviction before the change is visible
/// (`before`); a change outside of the program's mutators. It does not judge what happens while operations run side by side: a
/// read during a change may return either value.
///
/// # Time
/// Each run has a runtime of its own with one thread and tokio's paused clock, so it takes no time to wait, and a seed always gives
/// the same run, unless the functions use real I/O, threads, or randomness of their own. Changes whose values end by their
/// `ttl` alone are not for the simulation: it would report them.
///
/// # Functions that call cached functions
/// If the store fails during an eviction, another process may load the outer function from the old value of the inner one, before the
/// eviction of the inner one is repeated. Give both one tag, and evict that: then the outer value ends with it.
#[must_use = "a simulation does nothing until `run`"]
pub struct Simulation<S> {
    fresh: Arc<dyn Fn() -> S + Send + Sync>,
    reads: Vec<Operation<S>>,
    changes: Vec<Operation<S>>,
    furnish: Furnish,
    processes: usize,
    rounds: u64,
    faults: bool,
    seeds: Range<u64>,
}

impl<S> Debug for Simulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |all: &[Operation<S>]| all.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
        f.debug_struct("Simulation")
            .field("reads", &names(&self.reads))
            .field("changes", &names(&self.changes))
            .field("processes", &self.processes)
            .field("seeds", &self.seeds)
            .finish_non_exhaustive()
    }
}

impl<S: Send + Sync + 'static> Simulation<S> {
    /// Creates a simulation. `fresh` makes the state of each run that functions read and change: the stand-in of a
    /// database.
    pub fn new(fresh: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self {
            fresh: Arc::new(fresh),
            reads: Vec::new(),
            changes: Vec::new(),
            furnish: Arc::new(|_, builder| builder),
            processes: 2,
            rounds: 20,
            faults: true,
            seeds: 0..100,
        }
    }

    /// Adds a cached function. It is called with the numbers below `count`: the ids of a few rows, which should be few, so that
    /// operations meet. Its result is compared by its `Debug` text.
    pub fn read<T, F>(
        mut self,
        name: &'static str,
        count: u64,
        call: impl Fn(Arc<S>, u64) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Debug,
        F: Future<Output = T> + Send + 'static,
    {
        self.reads.push(operation(name, count, call));
        self
    }

    /// Adds a mutator, which is called with numbers below `count`. Its result is only shown.
    pub fn change<T, F>(
        mut self,
        name: &'static str,
        count: u64,
        call: impl Fn(Arc<S>, u64) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Debug,
        F: Future<Output = T> + Send + 'static,
    {
        self.changes.push(operation(name, count, call));
        self
    }

    /// Sets how each cache of each process is built, as [`KitBuilder::caches`](crate::KitBuilder::caches) does. The builder has
    /// a memory tier, and the store that the processes share.
    pub fn caches(
        mut self,
        furnish: impl Fn(Option<&str>, Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        self.furnish = Arc::new(furnish);
        self
    }

    /// Sets the number of processes. Default: 2. A single process has no remote tier, so its caches are in memory only.
    pub fn processes(mut self, count: usize) -> Self {
        self.processes = count.max(1);
        self
    }

    /// Keeps the connections to the store intact. Default: in some rounds, operations fail, lose their answers, or take long.
    pub fn without_faults(mut self) -> Self {
        self.faults = false;
        self
    }

    /// Sets the seeds, one run each. Default: `0..100`. A failure names its seed: `.seeds(17..18)` runs that one again.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Runs all seeds, on a thread of its own.
    ///
    /// # Panics
    /// With the first seed that leaves an old value, or whose functions panic, and its history. Also if there is nothing to
    /// read, to change, or to run, and if a function gives different results without its cache (a `HashMap` does).
    #[track_caller]
    pub fn run(self) {
        assert!(
            !self.reads.is_empty(),
            "the simulation has no cached function: add one with `read`"
        );
        assert!(!self.changes.is_empty(), "the simulation has no mutator: add one with `change`");
        assert!(!self.seeds.is_empty(), "the simulation has no seeds: the default is `0..100`");
        for Operation { name, count, .. } in self.reads.iter().chain(&self.changes) {
            assert!(*count > 0, "`{name}` is called with the numbers below 0, so never");
        }
        let done = std::thread::scope(|scope| {
            scope.spawn(|| self.seeds.clone().try_for_each(|seed| self.run_seed(seed))).join()
        });
        match done {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => panic!("{failure}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn run_seed(&self, seed: u64) -> Result<(), Box<Failure>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| Failure::of_runtime(seed, &error))?;
        runtime.block_on(async { World::new(self, seed).live().await })
    }
}

fn operation<S, T, F>(
    name: &'static str,
    count: u64,
    call: impl Fn(Arc<S>, u64) -> F + Send + Sync + 'static,
) -> Operation<S>
where
    T: Debug,
    F: Future<Output = T> + Send + 'static,
{
    let call: Call<S> = Arc::new(move |state, number| {
        let work = call(state, number);
        Box::pin(async move { format!("{:?}", work.await) })
    });
    Operation { name, count, call }
}

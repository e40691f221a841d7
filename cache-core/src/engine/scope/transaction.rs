//! Transactions: evictions, puts and loads that wait for the user's own commit.

use std::sync::Arc;

use super::log::{Outcome, PendingOperations, TransactionLog};
use crate::base::Error;
use crate::engine::nesting::Nesting;
use crate::engine::what::report;

tokio::task_local! {
    static CURRENT: Arc<TransactionLog>;
}

/// The innermost transaction that the caller runs in.
pub(crate) fn current() -> Option<Arc<TransactionLog>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Runs `work` and holds its evictions until it is known whether it counts: they are carried out, in
/// order, if it returns `Ok`, and dropped if it returns `Err`.
///
/// Put the database's transaction inside, its commit included:
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("balance", 100u64).await?;
///
/// let failed: Result<(), &str> = larder::transaction(async {
///     cache.remove("balance").await.map_err(|_| "cache")?;
///     Err("the database rolled back")
/// })
/// .await;
/// assert!(failed.is_err());
/// assert_eq!(cache.get::<u64>("balance").await?, Some(100), "nothing was evicted");
///
/// larder::transaction(async { cache.remove("balance").await }).await?;
/// assert_eq!(cache.get::<u64>("balance").await?, None);
/// # Ok(())
/// # }
/// ```
///
/// # What is held
///
/// Every eviction (by attributes, [`Call::evict`](crate::call::Call::evict), [`Invalidation`](crate::Invalidation),
/// events, and the methods of [`Cache`](crate::Cache)) and every value that is put, each for the cache it was made on. Inside
/// the scope they return at once: a removal says `false`, a count says 0, because nothing was forgotten
/// yet. Above 10,000 they are replaced by one eviction of everything in the caches concerned.
///
/// # Reads inside
///
/// A read sees what the transaction itself has done:
///
/// - A value that the scope has put is the answer of `get`, `peek` and cached functions, until the scope evicts it.
/// - What the scope has evicted (by key, by a tag that the call carries, by a pattern, or everything) is read beside the cache:
///   cached functions run their bodies each time, `get` and `peek` find nothing, and nothing is stored. So does a
///   `refresh`, which holds the key's eviction.
/// - Everything else may be served from the cache as it was before the transaction. A stale value is loaded anew, and no refresh runs
///   in the background.
///
/// What a read loads may be uncommitted data, so it is the transaction's own: its later reads see it, and nobody else does. The load
/// neither waits for another caller's load nor is waited for, and takes no lease. At the commit the value is published to the
/// memory tier of this process, unless something of the key or of its tags was evicted since the transaction began. (Then the value
/// may be old: databases show a transaction how things were at its begin.) The remote tier gets it with the next load
/// outside. At a rollback, a cancellation or a panic it is dropped. Above 10,000 values in one cache, further ones are not kept.
///
/// # Cancellation and panics
///
/// If the future is dropped, or `work` panics, the database's commit may have happened or not. Then
/// the evictions are carried out (memory at once, the remote tier in the background) and what was
/// put is evicted: an eviction is always safe, a lost one is not.
///
/// # Nesting
///
/// An inner transaction that succeeds hands its list and its values to the outer one; one that fails drops its own
/// only. The scope does not reach tasks that are spawned inside, unless
/// [`TransactionScope::run`] carries it there: a task outside publishes what it loads at once, even if its connection shows
/// uncommitted data.
///
/// # Errors
/// What `work` returns. A remote tier that fails at the commit is logged, and the evictions stay owed;
/// to learn of it use a [`Transaction`].
pub async fn transaction<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Declared before the work runs: it outlives the work's own locals, whose `drop` may still evict.
    let transaction = Transaction::new();
    let result = transaction.run(work).await;
    let outcome = if result.is_ok() { Outcome::Committed } else { Outcome::RolledBack };
    report(&transaction.end(outcome).run().await);
    result
}

/// A [`transaction`] for code that commits elsewhere: run in it, then decide.
///
/// Dropped undecided it counts as cancelled: what it holds is evicted. One that is made inside
/// another transaction is an inner one of that.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, Transaction};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("balance", 100u64).await?;
/// let transaction = Transaction::new();
/// transaction.run(cache.remove("balance")).await?;
/// assert_eq!((transaction.len(), cache.get::<u64>("balance").await?), (1, Some(100)));
/// // .. the database commits ..
/// transaction.commit().await?;
/// assert_eq!(cache.get::<u64>("balance").await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropped undecided, it evicts what it holds"]
pub struct Transaction {
    held: Arc<TransactionLog>,
}

impl Default for Transaction {
    fn default() -> Self {
        Self::new()
    }
}

impl Transaction {
    /// Begins one, inside the one that the caller runs in if there is one.
    pub fn new() -> Self {
        Self { held: TransactionLog::new(current()) }
    }

    /// Runs `work` in it; any number of times, also at once. Dropping the future decides nothing.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        CURRENT.scope(Arc::clone(&self.held), work)
    }

    /// Runs sync code in it, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(&self.held), work)
    }

    /// The scope, for tasks that are spawned.
    pub fn scope(&self) -> TransactionScope {
        TransactionScope { held: Arc::clone(&self.held), nesting: Nesting::current() }
    }

    /// How many evictions and puts it holds. (Evictions of the same target count once.)
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Carries out what it holds, in order; an inner one hands it to the outer one.
    ///
    /// Once polled it is decided. If it is dropped half-way the rest is evicted in the background.
    ///
    /// # Errors
    /// The first failure of a remote tier, after everything was tried. Evictions stay owed; a value
    /// that could not be written everywhere is evicted.
    pub async fn commit(self) -> Result<(), Error> {
        self.end(Outcome::Committed).run().await
    }

    /// Drops what it holds.
    pub fn rollback(self) {
        self.end(Outcome::RolledBack).detach();
    }

    fn end(&self, outcome: Outcome) -> PendingOperations {
        self.held.end(outcome)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Nothing is left of one that was decided.
        self.end(Outcome::Unknown).detach();
    }
}

/// The scope of a transaction, to carry it into tasks that are spawned. Cheap to clone.
///
/// It decides nothing. What a task evicts after the transaction has ended is evicted at once. After any
/// end but a commit, what it puts is evicted too, and all its reads go beside the cache: they may
/// still see what never came to count.
///
/// A scope that is taken inside a load carries the load, too: what the task asks for under the load's own key is not
/// waited for, as in the load itself.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error, TransactionScope};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let cache = Cache::builder().build()?;
/// larder::transaction(async {
///     if let Some(scope) = TransactionScope::current() {
///         let cache = cache.clone();
///         let spawned = tokio::spawn(scope.run(async move { cache.remove("k").await }));
///         let _ = spawned.await;
///     }
///     Ok::<_, Error>(())
/// })
/// .await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TransactionScope {
    held: Arc<TransactionLog>,
    /// The loads that it was taken in.
    nesting: Nesting,
}

impl TransactionScope {
    /// The innermost one that the caller runs in.
    pub fn current() -> Option<Self> {
        let held = current()?;
        Some(Self { held, nesting: Nesting::current() })
    }

    /// Runs `work` in the scope.
    pub fn run<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        CURRENT.scope(self.held, self.nesting.carried(work))
    }

    /// Runs sync code in the scope, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        let work = || self.nesting.carried_sync(work);
        CURRENT.sync_scope(Arc::clone(&self.held), work)
    }
}

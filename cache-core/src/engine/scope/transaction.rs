//! Transactions: evictions, puts and loads that wait for the user's own commit.

use std::sync::Arc;

use super::log::{Outcome, PendingOperations, TransactionLog};
use crate::base::Error;
use crate::engine::mutation::report;
use crate::engine::nesting::Nesting;

tokio::task_local! {
    static CURRENT: Arc<TransactionLog>;
}

/// The innermost transaction in which the caller runs.
pub(crate) fn current() -> Option<Arc<TransactionLog>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Runs `work` and holds its evictions until the outcome is known: they are carried out in order if it
/// returns `Ok`, and dropped if it returns `Err`.
///
/// Put the database's transaction inside, including its commit. If code follows the commit that may fail, wrap the
/// commit: [`commit`].
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
/// Every eviction (by attributes, [`Call::evict`](crate::call::Call::evict),
/// [`Invalidation`](crate::Invalidation), events, and the methods of [`Cache`](crate::Cache)) and every put,
/// each for its own cache. Inside the scope they return immediately: a removal returns `false`, a count 0,
/// because nothing is removed yet. More than 10,000 are replaced by one eviction of everything in the
/// affected caches.
///
/// # Reads inside
///
/// A read sees the transaction's own operations:
///
/// - A value that the scope has put is returned by `get`, `peek` and cached functions, until the scope evicts
///   it.
/// - For a value that the scope has evicted (by key, by a tag that the call carries, by a pattern, or
///   everything) the cache is not used: cached functions run their bodies each time, `get` and `peek` find
///   nothing, and nothing is stored. The same applies to a `refresh`, whose eviction of the key is held.
/// - Everything else may be served from the cache as it was before the transaction. A stale value is loaded
///   again, and no refresh runs in the background.
///
/// A loaded value may be uncommitted data, so it belongs to the transaction: its later reads see it, and no
/// other caller does. The load neither waits for another caller's load nor is waited for, and takes no lease.
/// At the commit the value is published to the memory tier of this process, unless its key or one of its tags
/// was evicted since the transaction began. (In that case the value may be old: a database may show a
/// transaction the state at its start.) The remote tier gets it with the next load outside. At a rollback, a
/// cancellation or a panic it is dropped. At most 10,000 values are kept for one cache.
///
/// # Cancellation and panics
///
/// If the future is dropped, or `work` panics, the database's commit may have happened or not. The evictions
/// are then carried out (memory immediately, the remote tier in the background), and put values are evicted:
/// an eviction is always safe, a lost one is not.
///
/// # Nesting
///
/// An inner transaction that succeeds hands its operations and its values to the outer one; one that fails
/// drops only its own. The scope does not include tasks that are spawned inside, unless
/// [`TransactionScope::run`] passes it on: a task outside the scope publishes its loads immediately, even if
/// its connection shows uncommitted data.
///
/// # Errors
/// The error of `work`. A failure of the remote tier at the commit is logged, and the evictions are pending;
/// to get such errors use a [`Transaction`].
pub async fn transaction<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Declared before the work runs, so that it outlives the work's own locals, whose `drop` may still evict.
    let transaction = Transaction::new();
    let result = transaction.run(work).await;
    let outcome = if result.is_ok() { Outcome::Committed } else { Outcome::RolledBack };
    report(&transaction.end(outcome).run().await);
    result
}

/// Runs the database's commit, inside a [`transaction`], and decides the transaction by its result. So what happens
/// after the commit no longer matters for the cache: if later code fails, panics or is cancelled, the evictions stay.
///
/// ```
/// # use cache_core as larder;
/// # use larder::{Cache, Error};
/// # struct Tx;
/// # impl Tx { async fn commit(self) -> Result<(), String> { Ok(()) } }
/// # async fn send_mail() -> Result<(), String> { Err("the mail server is away".into()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let cache = Cache::builder().build()?;
/// cache.insert("balance", 100u64).await?;
///
/// let failed: Result<(), String> = larder::transaction(async {
///     let tx = Tx;                                        // of sqlx, of a driver, ..
///     cache.remove("balance").await.map_err(|error| error.to_string())?;
///     larder::commit(tx.commit()).await?;
///     send_mail().await                                   // too late to undo the commit
/// })
/// .await;
/// assert!(failed.is_err());
/// assert_eq!(cache.get::<u64>("balance").await?, None, "the eviction followed the commit");
/// # Ok(())
/// # }
/// ```
///
/// | the commit | the held operations |
/// | --- | --- |
/// | returns `Ok` | are carried out, in order, before this returns |
/// | returns `Err`, panics, or is dropped half-way | evict, puts included: the database may have committed all the same |
///
/// The transaction is over then: later evictions and puts in its scope are carried out immediately (after an `Err`,
/// puts evict and reads do not use the cache), and its own result changes nothing. To roll back, return `Err` from
/// the transaction without calling this.
///
/// In a transaction inside another one, evictions are carried out at once, because the commit may have been a real
/// one, and again at the end of the outer one, because it may only have released a savepoint. Puts evict at once, and
/// are stored with the outer one. Outside of a transaction this only runs the commit.
///
/// # Errors
/// The error of the commit. A failure of the remote tier is logged, and the evictions are pending.
pub async fn commit<T, E>(committing: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let Some(held) = current() else { return committing.await };
    let undecided = Undecided(held);
    let result = committing.await;
    let decided = match &result {
        Ok(_) => undecided.0.commit_now(),
        Err(_) => [undecided.0.end(Outcome::Unknown), PendingOperations::default()],
    };
    for operations in decided {
        report(&operations.run().await);
    }
    result
}

/// The database may have committed: evicts when dropped, unless the transaction is decided.
struct Undecided(Arc<TransactionLog>);

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.end(Outcome::Unknown).detach();
    }
}

/// A [`transaction`] for code that commits elsewhere: run code in it, then commit or roll back.
///
/// If it is dropped without either, it counts as cancelled, and everything that it holds is evicted. A
/// transaction that is created inside another one is nested in it.
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
    /// Begins a transaction, nested in the one in which the caller runs, if there is one.
    pub fn new() -> Self {
        Self { held: TransactionLog::new(current()) }
    }

    /// Runs `work` in the transaction; any number of times, also concurrently. Dropping the future does not
    /// end the transaction.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(&self.held), work)
    }

    /// Runs sync code in the transaction, on this thread.
    pub fn run_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(&self.held), work)
    }

    /// Returns the scope, for spawned tasks.
    pub fn scope(&self) -> TransactionScope {
        TransactionScope { held: Arc::clone(&self.held), nesting: Nesting::current() }
    }

    /// Returns the number of held evictions and puts. (Evictions of the same target count once.)
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Carries out the held operations, in order; a nested transaction hands them to the outer one.
    ///
    /// The decision is final once this is polled. If the future is dropped half-way, the rest is evicted in
    /// the background.
    ///
    /// # Errors
    /// The first failure of a remote tier, after everything was tried. The failed evictions are pending; a
    /// value that could not be written everywhere is evicted.
    pub async fn commit(self) -> Result<(), Error> {
        self.end(Outcome::Committed).run().await
    }

    /// Drops the held operations.
    pub fn rollback(self) {
        self.end(Outcome::RolledBack).detach();
    }

    fn end(&self, outcome: Outcome) -> PendingOperations {
        self.held.end(outcome)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Does nothing after a commit or a rollback.
        self.end(Outcome::Unknown).detach();
    }
}

/// The scope of a transaction, to be passed to spawned tasks. Cheap to clone.
///
/// It cannot end the transaction. Evictions by a task after the end of the transaction are carried out
/// immediately. After any end but a commit, the puts of the task evict, and its reads do not use the cache:
/// they may still see uncommitted data.
///
/// A scope that is created inside a load includes the load: a request of the task for the load's own key does
/// not wait, as in the load itself.
///
/// ```
/// # use cache_core::facade as larder;
/// # use larder::{Cache, Error, scope::TransactionScope};
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
    /// The loads in which it was created.
    nesting: Nesting,
}

impl TransactionScope {
    /// Returns the scope of the innermost transaction in which the caller runs.
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

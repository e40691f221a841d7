//! SQLite in an async service: a small pool of connections, whose queries run on tokio's threads for blocking work.
//!
//! A service with PostgreSQL has `sqlx::PgPool` in the place of this file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ShopError;

const CONNECTIONS: usize = 4;

/// The database. Clones share its connections; cached functions need this, because a load may go on in the background
/// with arguments of its own.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    temporary: bool,
    free: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    /// SQLite has one writer. A transaction may also read through the pool (a cached function knows nothing of it), so
    /// transactions must not take all connections and then wait for one more.
    writer: Arc<Semaphore>,
    queries: AtomicU64,
}

impl Database {
    /// Opens the file, and creates the tables if they are missing.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a database of this shop.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ShopError> {
        Self::create(path.as_ref().to_owned(), false)
    }

    /// Opens a new database in the folder for temporary files. It is removed with the last clone.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn temporary() -> Result<Self, ShopError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shop-{}-{count}.db", std::process::id()));
        remove(&path); // of an earlier process with this id
        Self::create(path, true)
    }

    fn create(path: PathBuf, temporary: bool) -> Result<Self, ShopError> {
        let free = (0..CONNECTIONS).map(|_| connect(&path)).collect::<Result<Vec<_>, _>>()?;
        free[0].execute_batch(include_str!("schema.sql"))?;
        let pool = Pool {
            path,
            temporary,
            free: Mutex::new(free),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            writer: Arc::new(Semaphore::new(1)),
            queries: AtomicU64::new(0),
        };
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Runs queries on a connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, ShopError> {
        let connection = self.connection().await?;
        connection.run(work).await.map(|(_, result)| result)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Another process writes for more than five seconds.
    pub async fn begin(&self) -> Result<Transaction, ShopError> {
        let turn = acquire(&self.pool.writer).await?;
        let connection = self.connection().await?;
        let (connection, ()) = connection.run(|db| db.execute_batch("BEGIN IMMEDIATE")).await?;
        Ok(Transaction { connection: Some(connection), _turn: turn })
    }

    /// The number of queries so far. Tests use it to show what the cache saves.
    pub fn queries(&self) -> u64 {
        self.pool.queries.load(Ordering::Relaxed)
    }

    async fn connection(&self) -> Result<Pooled, ShopError> {
        let permit = acquire(&self.pool.permits).await?;
        let free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // A permit without a connection: the thread of a query panicked.
        let connection = free.map_or_else(|| connect(&self.pool.path), Ok)?;
        Ok(Pooled { connection: Some(connection), pool: self.pool.clone(), _permit: permit })
    }
}

/// A transaction. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    /// `None` after a query whose future was dropped: the thread still has the connection, and rolls back.
    connection: Option<Pooled>,
    _turn: OwnedSemaphorePermit,
}

impl Transaction {
    /// Runs queries in the transaction.
    ///
    /// # Errors
    /// The error of `work`. The transaction is over then.
    pub async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, ShopError> {
        let ended = || ShopError::Database("the transaction has ended".to_owned());
        let connection = self.connection.take().ok_or_else(ended)?;
        let (connection, result) = connection.run(work).await?;
        self.connection = Some(connection);
        Ok(result)
    }

    /// Commits.
    ///
    /// # Errors
    /// The database refuses; the transaction is rolled back.
    pub async fn commit(mut self) -> Result<(), ShopError> {
        self.run(|db| db.execute_batch("COMMIT")).await
    }
}

/// A connection that returns to the pool when it is dropped, on whichever thread this happens.
#[derive(Debug)]
struct Pooled {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pooled {
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<(Self, T), ShopError> {
        self.pool.queries.fetch_add(1, Ordering::Relaxed);
        let on_thread = tokio::task::spawn_blocking(move || {
            let result = match &self.connection {
                Some(connection) => work(connection),
                None => Err(rusqlite::Error::InvalidQuery), // never: only `drop` takes it
            };
            result.map(|result| (self, result))
        });
        match on_thread.await {
            Ok(outcome) => Ok(outcome?),
            Err(panicked) => Err(ShopError::Database(panicked.to_string())),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A transaction that was neither committed nor rolled back. Without this, the next user would continue it.
        let is_clean = connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok();
        if is_clean && !std::thread::panicking() {
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.temporary {
            self.free.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
            remove(&self.path);
        }
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?; // while another process writes
    // With a write-ahead log, this risks only the last transactions if the machine loses power.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.to_owned().into_os_string();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ShopError> {
    let closed = |_| ShopError::Database("the pool is closed".to_owned());
    semaphore.clone().acquire_owned().await.map_err(closed)
}

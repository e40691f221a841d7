//! A remote tier in an SQLite file: values, generations, leases and a bus, for all processes that
//! open it.
//!
//! Every operation is one transaction. So a lock and its value change in one step, and a crash
//! cannot separate them. `cargo test -p tests --test behavior sqlite` runs the conformance suite over it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::{
    Pattern,
    backend::{
        Backend, BackendError, BackendErrorKind, BackendResult, Bytes, LeaseOutcome, LeaseRequest,
        Leases, Message, MessageHandler, RevokePage, SERIES, ScanPage, SetEntry, StoredValue,
        Subscription, VERSION_LEN,
    },
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

/// How long an operation waits for transactions of other processes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum length of a value in SQLite.
const MOST: i64 = 1 << 31;

/// The interval at which a listener looks for messages.
const POLL: Duration = Duration::from_millis(10);

/// How long messages are kept for late listeners.
const NEWS_KEPT: Duration = Duration::from_secs(60);

/// The number of keys on a page of a scan.
const PAGE: u32 = 500;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL, until INTEGER);
    CREATE TABLE IF NOT EXISTS generations (key TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS minted (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS leases (
        key TEXT PRIMARY KEY, token INTEGER NOT NULL, generation INTEGER NOT NULL, takeovers INTEGER NOT NULL,
        until INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS news (
        id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, message BLOB NOT NULL, at INTEGER NOT NULL);
";

/// The file. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl Sqlite {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// # Errors
    /// The error of SQLite.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let path = path.as_ref().to_owned();
        let connection = connect(&path).map_err(|error| failed("open", &error))?;
        Ok(Self { path, connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs one operation: a transaction, on a thread that may block. It goes on if its caller is
    /// dropped.
    fn step<'a, T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> BackendResult<'a, T> {
        let connection = Arc::clone(&self.connection);
        Box::pin(async move {
            let step = move || {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                // `IMMEDIATE`: otherwise another transaction could come between the read and the
                // write.
                let behavior = TransactionBehavior::Immediate;
                let transaction = connection.transaction_with_behavior(behavior)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            };
            let done = tokio::task::spawn_blocking(step).await;
            let lost = |_| BackendError::new(BackendErrorKind::Unreachable, operation, "cancelled");
            done.map_err(lost)?.map_err(|error| failed(operation, &error))
        })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(TIMEOUT)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn failed(operation: &'static str, error: &rusqlite::Error) -> BackendError {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy) => BackendErrorKind::TimedOut,
        Some(rusqlite::ErrorCode::CannotOpen) => BackendErrorKind::Unreachable,
        _ => BackendErrorKind::Refused,
    };
    BackendError::new(kind, operation, error.to_string())
}

/// Milliseconds since 1970. Processes on one machine share the clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The end of `ttl`; less than a millisecond counts as one.
fn until(ttl: Duration) -> i64 {
    now().saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1))
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

// --- the steps, inside a transaction -----------------------------------------------------------

/// A value, or its first bytes up to one more than the caller takes, and its remaining time.
fn read(db: &Transaction<'_>, key: &str, most: usize) -> rusqlite::Result<Option<StoredValue>> {
    let sql = "SELECT coalesce(substr(value, 1, ?3), x''), until FROM entries WHERE key = ?1 AND (until IS NULL OR until > ?2)";
    let mut statement = db.prepare_cached(sql)?;
    let (now, first) = (now(), i64::try_from(most).unwrap_or(MOST).min(MOST) + 1);
    let read = |row: &rusqlite::Row<'_>| {
        let left = |until: i64| Duration::from_millis((until - now).max(0).cast_unsigned());
        let until: Option<i64> = row.get(1)?;
        Ok(StoredValue::new(Bytes::from(row.get::<_, Vec<u8>>(0)?), until.map(left)))
    };
    statement.query_row((key, now, first), read).optional()
}

/// The entry keeps its number, so that a scan by numbers does not miss it.
fn store(db: &Transaction<'_>, write: &SetEntry) -> rusqlite::Result<()> {
    let sql = "INSERT INTO entries (key, value, until) VALUES (?1, ?2, ?3)
               ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until";
    let until = write.ttl.map(until);
    db.prepare_cached(sql)?.execute((&write.key, &write.value[..], until)).map(drop)
}

fn end_lease(db: &Transaction<'_>, key: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM leases WHERE key = ?1")?.execute([key]).map(drop)
}

fn tell(db: &Transaction<'_>, notice: Option<&Message>) -> rusqlite::Result<()> {
    let Some(Message { channel, message, .. }) = notice else { return Ok(()) };
    let sql = "INSERT INTO news (channel, message, at) VALUES (?1, ?2, ?3)";
    db.prepare_cached(sql)?.execute((channel, &message[..], now()))?;
    let old = now().saturating_sub(i64::try_from(NEWS_KEPT.as_millis()).unwrap_or(i64::MAX));
    db.prepare_cached("DELETE FROM news WHERE at < ?1")?.execute([old]).map(drop)
}

/// A number that was never used before: above the last one, and above all numbers of a deleted
/// file.
fn mint(db: &Transaction<'_>, key: &str) -> rusqlite::Result<u64> {
    let sql = "INSERT INTO minted VALUES (1, ?1)
               ON CONFLICT (one) DO UPDATE SET last = max(last + 1, excluded.last) RETURNING last";
    let new: i64 =
        db.prepare_cached(sql)?.query_row([now().saturating_mul(1000)], |row| row.get(0))?;
    let new = new.saturating_mul(SERIES.cast_signed());
    let sql = "INSERT OR REPLACE INTO generations VALUES (?1, ?2)";
    db.prepare_cached(sql)?.execute((key, new))?;
    Ok(new.cast_unsigned())
}

/// Takes the next number of the generation's series, if there is one.
fn next_in_series(db: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<u64>> {
    let sql = "UPDATE generations SET generation = generation + 1
               WHERE key = ?1 AND (generation + 1) % ?2 > 0 RETURNING generation";
    let mut statement = db.prepare_cached(sql)?;
    let next = statement.query_row((key, SERIES.cast_signed()), |row| row.get::<_, i64>(0));
    Ok(next.optional()?.map(i64::cast_unsigned))
}

fn generation(db: &Transaction<'_>, key: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT generation FROM generations WHERE key = ?1";
    let found: Option<i64> =
        db.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?;
    found.map_or_else(|| mint(db, key), |found| Ok(found.cast_unsigned()))
}

/// The holder of a key's lease. SQLite's integers are signed, so numbers of 64 bits are stored as
/// such.
struct Held {
    token: u64,
    generation: u64,
    takeovers: u32,
    until: i64,
}

fn held(db: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<Held>> {
    let sql = "SELECT token, generation, takeovers, until FROM leases WHERE key = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Held {
            token: row.get::<_, i64>(0)?.cast_unsigned(),
            generation: row.get::<_, i64>(1)?.cast_unsigned(),
            takeovers: row.get(2)?,
            until: row.get(3)?,
        })
    };
    db.prepare_cached(sql)?.query_row([key], read).optional()
}

fn holds(db: &Transaction<'_>, key: &str, token: u64) -> rusqlite::Result<bool> {
    Ok(held(db, key)?.is_some_and(|lease| lease.token == token))
}

/// A [`LeaseRequest`] that owns its key.
struct Asked {
    key: String,
    token: u64,
    ttl: Duration,
    seen: Option<[u8; VERSION_LEN]>,
    generation: u64,
    steal: bool,
}

fn acquire(db: &Transaction<'_>, asked: &Asked) -> rusqlite::Result<LeaseOutcome> {
    if !asked.steal
        && let Some(found) = read(db, &asked.key, usize::MAX)?
    {
        let mark = found.value.last_chunk::<VERSION_LEN>().copied();
        if mark.is_none() || mark != asked.seen {
            return Ok(LeaseOutcome::Value(found));
        }
    }
    let takeovers = match held(db, &asked.key)? {
        None => 0,
        Some(lease) if lease.token == asked.token => lease.takeovers,
        Some(lease) if asked.steal || lease.generation < asked.generation => 0,
        Some(lease) if lease.until > now() => {
            let left = u64::try_from(lease.until - now()).unwrap_or_default().max(1);
            return Ok(LeaseOutcome::Wait(Duration::from_millis(left)));
        }
        Some(lease) => lease.takeovers.saturating_add(1),
    };
    let sql = "INSERT OR REPLACE INTO leases VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute((
        &asked.key,
        asked.token.cast_signed(),
        asked.generation.cast_signed(),
        takeovers,
        until(asked.ttl),
    ))?;
    Ok(LeaseOutcome::Lead { takeovers })
}

// --- the backend -------------------------------------------------------------------------------

impl Backend for Sqlite {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        let keys = owned(keys);
        self.step("get_many", move |db| keys.iter().map(|key| read(db, key, most)).collect())
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        let (entries, notice) = (entries.to_vec(), notice.cloned());
        self.step("set", move |db| {
            for write in &entries {
                end_lease(db, &write.key)?;
                store(db, write)?;
            }
            tell(db, notice.as_ref())
        })
    }

    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let (write, notice) = (write.clone(), notice.cloned());
        self.step("replace", move |db| {
            let found = read(db, &write.key, usize::MAX)?;
            let same = found.is_some_and(|found| found.value.last_chunk() == Some(&seen));
            if same {
                end_lease(db, &write.key)?;
                store(db, &write)?;
                tell(db, notice.as_ref())?;
            }
            Ok(same)
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        let (keys, notice) = (owned(keys), notice.cloned());
        self.step("remove", move |db| {
            let mut removed = 0;
            for key in &keys {
                end_lease(db, key)?;
                removed += u64::from(read(db, key, 0)?.is_some());
                db.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute([key])?;
                db.prepare_cached("DELETE FROM generations WHERE key = ?1")?.execute([key])?;
            }
            tell(db, notice.as_ref())?;
            Ok(removed)
        })
    }

    fn generations<'a>(&'a self, keys: &'a [&'a str], _: Duration) -> BackendResult<'a, Vec<u64>> {
        let keys = owned(keys);
        self.step("generations", move |db| keys.iter().map(|key| generation(db, key)).collect())
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        let key = key.to_owned();
        self.step("bump", move |db| mint(db, &key))
    }

    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        let key = key.to_owned();
        self.step("bump", move |db| match next_in_series(db, &key)? {
            Some(next) => Ok(next),
            None => mint(db, &key),
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        let pattern = pattern.clone();
        self.step("scan", move |db| {
            let sql = "SELECT id, key FROM entries WHERE id > ?1 AND (until IS NULL OR until > ?2)
                       ORDER BY id LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map((cursor.cast_signed(), now(), PAGE), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let next = rows
                .last()
                .filter(|_| rows.len() == PAGE as usize)
                .map(|(id, _)| id.cast_unsigned());
            let keys = rows.into_iter().map(|(_, key)| key).filter(|key| pattern.matches(key));
            Ok(ScanPage::new(keys, next))
        })
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        let notice = notice.clone();
        self.step("publish", move |db| tell(db, Some(&notice)))
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        let ended = Arc::new(AtomicBool::new(false));
        let ear = Ear { path: self.path.clone(), channel: channel.to_owned(), listener };
        let stop = Stop(Arc::clone(&ended));
        let started =
            std::thread::Builder::new().name("sqlite-bus".into()).spawn(move || ear.listen(&ended));
        let unstarted = |error: std::io::Error| {
            BackendError::new(BackendErrorKind::Unreachable, "subscribe", error.to_string())
        };
        started.map_err(unstarted)?;
        Ok(Subscription::new(stop))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        self.step("ping", |db| db.query_row("SELECT 1", [], |_| Ok(())))
    }
}

impl Leases for Sqlite {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        let LeaseRequest { key, token, ttl, seen, generation, steal, .. } = request;
        let asked = Asked { key: key.to_owned(), token, ttl, seen, generation, steal };
        self.step("acquire", move |db| acquire(db, &asked))
    }

    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let (write, notice) = (write.clone(), notice.cloned());
        self.step("commit", move |db| {
            let holds = holds(db, &write.key, token)?;
            if holds {
                end_lease(db, &write.key)?;
                store(db, &write)?;
                tell(db, notice.as_ref())?;
            }
            Ok(holds)
        })
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        let key = key.to_owned();
        self.step("renew", move |db| {
            let sql = "UPDATE leases SET until = ?3 WHERE key = ?1 AND token = ?2";
            let renewed =
                db.prepare_cached(sql)?.execute((&key, token.cast_signed(), until(ttl)))?;
            Ok(renewed > 0)
        })
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        let key = key.to_owned();
        self.step("abort", move |db| {
            let sql = "DELETE FROM leases WHERE key = ?1 AND token = ?2";
            db.prepare_cached(sql)?.execute((&key, token.cast_signed())).map(drop)
        })
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, _: u64) -> BackendResult<'a, RevokePage> {
        let pattern = pattern.clone();
        self.step("revoke", move |db| {
            let mut statement = db.prepare_cached("SELECT key FROM leases")?;
            let keys = statement.query_map([], |row| row.get::<_, String>(0))?;
            let keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut count = 0;
            for key in keys.iter().filter(|key| pattern.matches(key)) {
                end_lease(db, key)?;
                count += 1;
            }
            Ok(RevokePage::new(count, None))
        })
    }
}

// --- the bus -----------------------------------------------------------------------------------

/// A thread that reads the messages of a channel.
struct Ear {
    path: PathBuf,
    channel: String,
    listener: Arc<dyn MessageHandler>,
}

struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Ear {
    fn listen(&self, ended: &AtomicBool) {
        while !ended.load(Ordering::SeqCst) {
            // Whatever the error is: the link is lost, and is opened again.
            let _ = self.follow(ended);
            self.listener.disconnected();
            std::thread::sleep(POLL);
        }
    }

    /// Reads the messages from now on, until some may have been missed.
    fn follow(&self, ended: &AtomicBool) -> rusqlite::Result<()> {
        let connection = connect(&self.path)?;
        let newest = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'news'";
        let mut last: i64 = connection.query_row(newest, [], |row| row.get(0))?;
        self.listener.connected();
        let mut heard_at = now();
        // If this thread did not run for so long, messages may have been deleted before it read
        // them.
        while !ended.load(Ordering::SeqCst) && now() - heard_at < NEWS_KEPT.as_millis() as i64 / 2 {
            heard_at = now();
            let sql = "SELECT id, channel, message FROM news WHERE id > ?1 ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([last])?;
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                if row.get_ref(1)?.as_str()? == self.channel && !ended.load(Ordering::SeqCst) {
                    self.listener.message(row.get_ref(2)?.as_blob()?);
                }
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

//! The interface of remote tiers: bytes under text keys, and a channel for notices.
//!
//! **The documentation of this trait is its specification**; `testing::conformance` checks it.

mod lease;
mod memory;
mod state;
mod wrappers;

pub(crate) use lease::newest;
pub use lease::{
    LEASE_GRACE, LeaseCommit, LeaseOutcome, LeaseRequest, Leases, RevokePage, VERSION_LEN,
};
pub use memory::MemoryBackend;
pub use state::{BackendState, NodeLink, NodeRole, NodeState};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{BackendError, BackendErrorKind, BoxFuture, Pattern};

/// The result of a backend's operations.
pub type BackendResult<'a, T> = BoxFuture<'a, Result<T, BackendError>>;

/// One entry to store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetEntry {
    /// The whole key, namespace included.
    pub key: String,
    /// The bytes to store.
    pub value: Bytes,
    /// How long the store keeps the value; `None`: until it is removed.
    pub ttl: Option<Duration>,
}

impl SetEntry {
    /// An entry that the store keeps until it is removed.
    pub fn new(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: value.into(), ttl: None }
    }

    /// Sets how long the store keeps the value; `None`: until it is removed.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredValue {
    /// The bytes. If the value is longer than the reader's limit: at least one byte more than the limit, from
    /// the start.
    pub value: Bytes,
    /// How much longer the store keeps the value. Never more than that; less only by the time that passes
    /// within the operation. `None`: until the value is removed. If another client replaces the value during
    /// the operation, this may be the remaining time of the value that it replaced.
    ///
    /// The reader computes the value's age from it. Clocks of two machines are never compared.
    pub left: Option<Duration>,
}

impl StoredValue {
    /// A value that the store keeps for `left`; `None`: until it is removed.
    pub fn new(value: impl Into<Bytes>, left: impl Into<Option<Duration>>) -> Self {
        Self { value: value.into(), left: left.into() }
    }
}

/// A read of values together with the generations by which the reader judges them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReadRequest<'a> {
    /// The keys of the values.
    pub keys: &'a [&'a str],
    /// See [`Backend::get_many`].
    pub most: usize,
    /// The keys of the generations.
    pub generations: &'a [&'a str],
    /// See [`Backend::generations`].
    pub keep: Duration,
}

impl<'a> ReadRequest<'a> {
    /// A read of these keys, of values up to `most` bytes, without generations.
    pub fn new(keys: &'a [&'a str], most: usize) -> Self {
        Self { keys, most, generations: &[], keep: GENERATION_TTL }
    }

    /// Also reads these generations, and keeps them for `keep`.
    #[must_use]
    pub fn generations(mut self, generations: &'a [&'a str], keep: Duration) -> Self {
        (self.generations, self.keep) = (generations, keep);
        self
    }
}

/// The minimum time for which a store keeps a generation that it has created or incremented: as long as a
/// late load may still store its value under it ([`LEASE_GRACE`]).
pub const GENERATION_TTL: Duration = LEASE_GRACE;

/// Generations come in series of this many numbers: `generation / SERIES` tells the series.
///
/// [`Backend::bump`] begins a new series, and ends the entries of the old one.
/// [`Backend::bump_softly`] takes the next number of the same series, and only makes the entries stale.
pub const SERIES: u64 = 1_000;

/// A message for every process that shares the store, sent together with the operation that it reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The channel, one per namespace.
    pub channel: String,
    /// The message; opaque to the backend.
    pub message: Bytes,
}

impl Message {
    /// A message for this channel.
    pub fn new(channel: impl Into<String>, message: impl Into<Bytes>) -> Self {
        Self { channel: channel.into(), message: message.into() }
    }
}

/// The result of removing many keys.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RemoveOutcome {
    /// The number of keys that existed.
    pub count: u64,
    /// The positions of the keys that were not removed, or may not have been, with the errors.
    pub failed: Vec<(usize, BackendError)>,
}

impl RemoveOutcome {
    /// A result in which `count` keys existed and were removed, and these positions failed.
    pub fn new(count: u64, failed: Vec<(usize, BackendError)>) -> Self {
        Self { count, failed }
    }

    /// A result in which none of `keys` keys was removed.
    pub fn none(keys: usize, error: &BackendError) -> Self {
        Self { count: 0, failed: (0..keys).map(|place| (place, error.clone())).collect() }
    }
}

/// A page of keys.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ScanPage {
    /// The keys found.
    pub keys: Vec<String>,
    /// The cursor of the next page; `None`: this was the last page.
    pub next: Option<u64>,
}

impl ScanPage {
    /// A page, and the cursor of the next one; `None`: this is the last page.
    pub fn new(keys: impl IntoIterator<Item = String>, next: impl Into<Option<u64>>) -> Self {
        Self { keys: keys.into_iter().collect(), next: next.into() }
    }
}

/// Receives what [`Backend::subscribe`] delivers. Called on the backend's own task, so it must not block.
pub trait MessageHandler: Send + Sync + 'static {
    /// The subscription is active: every message published from now on arrives.
    fn connected(&self);
    /// The link is lost: messages may be missed until the next [`connected`](Self::connected).
    fn disconnected(&self);
    /// A message arrived.
    fn message(&self, message: &[u8]);
    /// Any client changed the value under a key. Only backends that track the changes of other clients call
    /// this. The key includes its namespace.
    fn changed(&self, key: &str) {
        let _ = key;
    }
}

/// A subscription, which ends when this is dropped.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    _stop: Box<dyn Send + Sync>,
}

impl Subscription {
    /// Creates a subscription that ends when `stop` is dropped.
    pub fn new(stop: impl Send + Sync + 'static) -> Self {
        Self { _stop: Box::new(stop) }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}

/// A store of bytes that several processes may share: the remote tier.
///
/// # Behaviour of every operation
/// - Keys are opaque text that includes the namespace; a backend adds nothing.
/// - Cancel-safe: a dropped future leaves the backend usable. The operation may still take effect.
/// - Bounded: it answers within the backend's own operation timeout, with
///   [`TimedOut`](crate::base::BackendErrorKind::TimedOut) at the latest.
/// - Operations that one task awaits one after the other take effect in that order.
/// - It never panics, whatever the store contains.
pub trait Backend: Send + Sync + 'static {
    /// The kind of store, for statistics and logs: `"redis"`, without address or password.
    fn name(&self) -> &str;

    /// Returns the values of `keys`, in their order, each with its remaining time; `None` for keys that are
    /// absent or expired.
    ///
    /// # Behaviour
    /// - There are as many results as keys; a key given twice has two results.
    /// - A value is never older than the last [`set`](Self::set) that returned.
    /// - The remaining time belongs to the value, or to the one that it replaced during the operation: it is
    ///   never that of a later value under the same key.
    /// - The reader accepts at most `most` bytes of each value. For a longer value the result has more than
    ///   `most` bytes, so that the reader notices, but it need not be complete: a store should not send bytes
    ///   that no reader accepts.
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>>;

    /// Returns the values of `keys`, with one result for each key: if only a part of the store is
    /// unreachable, the other keys have values.
    ///
    /// # Behaviour
    /// - As [`get_many`](Self::get_many), except for the errors. A store that can only fail as a whole need
    ///   not implement it.
    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BoxFuture<'a, Vec<Result<Option<StoredValue>, BackendError>>> {
        Box::pin(async move {
            match self.get_many(keys, most).await {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(error) => keys.iter().map(|_| Err(error.clone())).collect(),
            }
        })
    }

    /// Returns generations and values: what [`generations`](Self::generations) and
    /// [`get_many`](Self::get_many) return. Every read of a cached value begins with this.
    ///
    /// Default: both operations at the same time. A store that can answer them with one request should do so.
    ///
    /// # Behaviour
    /// - As the two operations. If one of them fails, the result is its error.
    fn read<'a>(
        &'a self,
        read: ReadRequest<'a>,
    ) -> BackendResult<'a, (Vec<u64>, Vec<Option<StoredValue>>)> {
        Box::pin(async move {
            let generations = self.generations(read.generations, read.keep);
            let (generations, values) =
                tokio::join!(generations, self.get_many(read.keys, read.most));
            Ok((generations?, values?))
        })
    }

    /// Returns generations, and either the value of `lease.key` or the answer to a request for its lease. A read that
    /// expects to find nothing begins with this.
    ///
    /// Default: [`read`](Self::read), and if there is no value, [`Leases::acquire`]. A store that can answer both with one
    /// request should do so.
    ///
    /// # Behaviour
    /// - The generations and the value are what [`read`](Self::read) returns.
    /// - If there is no value, the answer is that of [`Leases::acquire`]. The generation of the request is the newest of the
    ///   returned ones: their newest series, with the sum of their places in their series; at most the last number of that
    ///   series.
    /// - `seen` and `steal` are not set.
    ///
    /// # Errors
    /// `Unsupported` if there is no value and the store has no leases.
    fn read_or_acquire<'a>(
        &'a self,
        lease: LeaseRequest<'a>,
        generations: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, (Vec<u64>, LeaseOutcome)> {
        Box::pin(async move {
            let mut request = lease;
            let keys = [request.key];
            let read = ReadRequest { keys: &keys, most: request.most, generations, keep };
            let (known, values) = self.read(read).await?;
            if let Some(value) = values.into_iter().next().flatten() {
                return Ok((known, LeaseOutcome::Value(value)));
            }
            let Some(leases) = self.leases() else {
                let message = "the store has no leases";
                return Err(BackendError::new(BackendErrorKind::Unsupported, "lease", message));
            };
            request.generation = LeaseRequest::newest(&known);
            let outcome = leases.acquire(request).await?;
            Ok((known, outcome))
        })
    }

    /// Stores the entries and replaces existing values and their times to live.
    ///
    /// # Behaviour
    /// - An entry with a `ttl` is absent after that time; a `ttl` below a millisecond counts as one
    ///   millisecond.
    /// - Not atomic over several entries; each one is stored completely or not at all.
    /// - The leases of the keys end.
    /// - `notice` is published after the entries are stored.
    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()>;

    /// Stores the entries, with one result for each entry: an entry that cannot be stored does not prevent
    /// the others.
    ///
    /// # Behaviour
    /// - As [`set`](Self::set), except for the errors. There are as many results as entries, in their order.
    ///   A store that stores all or nothing need not implement it.
    /// - `notice` is published after the entries are stored, if any was. If it cannot be published, all
    ///   entries count as failed.
    fn set_each<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            let stored = self.set(entries, notice).await;
            entries.iter().map(|_| stored.clone()).collect()
        })
    }

    /// Replaces a value with the entry, if the last [`VERSION_LEN`] bytes of the value are `seen`; otherwise changes
    /// nothing. Returns whether it replaced the value. Used to change a lifetime (`expire`, `mark_stale`).
    ///
    /// A store that cannot do this safely omits it: the default returns
    /// [`Unsupported`](BackendErrorKind::Unsupported), and larder evicts the entry instead of
    /// changing it.
    ///
    /// # Behaviour
    /// - Atomic: no other change comes between the comparison and the write.
    /// - If it stores, the key's lease ends, and `notice` is published. If not, neither happens.
    /// - A value that is absent, expired or shorter than [`VERSION_LEN`] is not replaced.
    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let _ = (seen, write, notice);
        let message = "this backend has no conditional replacement of values";
        let error = BackendError::new(BackendErrorKind::Unsupported, "replace", message);
        Box::pin(async move { Err(error) })
    }

    /// Removes `keys` and returns how many existed.
    ///
    /// # Behaviour
    /// - Absent keys are not an error. The leases of all keys end, including those of absent keys.
    /// - `notice` is published in the same step, so a crash cannot come between the two; it is published even
    ///   if none of the keys existed.
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64>;

    /// Removes `keys`, with an error for each key that failed: if only a part of the store is unreachable,
    /// the other keys are removed.
    ///
    /// # Behaviour
    /// - As [`remove`](Self::remove), except for the errors. A store that can only fail as a whole need not
    ///   implement it.
    /// - `notice` is published after the keys are removed, if any was. If it cannot be published, all keys
    ///   count as failed.
    fn remove_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BoxFuture<'a, RemoveOutcome> {
        Box::pin(async move {
            match self.remove(keys, notice).await {
                Ok(count) => RemoveOutcome { count, failed: Vec::new() },
                Err(error) => RemoveOutcome::none(keys.len(), &error),
            }
        })
    }

    /// Returns the generations under `keys`, and creates those that do not exist.
    ///
    /// # Behaviour
    /// - A new generation is one that this key has never had, even if the store lost the old one or let it
    ///   expire. It is of a [series](SERIES) that the key has never had.
    /// - A new generation is kept for at least `keep`. An existing one keeps its remaining time.
    /// - [`remove`](Self::remove) removes generations like values.
    /// - A store may keep generations for longer, or without limit.
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>>;

    /// Keeps generations while entries depend on them: each of `seen` that is still current is kept for at
    /// least `keep` from now.
    ///
    /// Default: nothing, which is right for a store that keeps generations without limit.
    ///
    /// # Behaviour
    /// - An absent generation stays absent, and an incremented one stays as it is: a caller with an old
    ///   number cannot restore it.
    /// - It never shortens a remaining time.
    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        let _ = (seen, keep);
        Box::pin(async { Ok(()) })
    }

    /// Increments the generation under `key` and returns the new one, which is greater than the old one.
    ///
    /// # Behaviour
    /// - Atomic: two concurrent calls return different numbers.
    /// - The new generation is of a later [series](SERIES) than the old one.
    /// - It succeeds in a full store: an eviction must not wait for space.
    /// - The new generation is kept for at least the remaining time of the old one, and for at least
    ///   [`GENERATION_TTL`].
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64>;

    /// Increments the generation under `key` within its [series](SERIES), and returns the new one: entries of the
    /// old generation become stale, and can still replace failed loads.
    ///
    /// Default: [`bump`](Self::bump), which ends the entries.
    ///
    /// # Behaviour
    /// - As [`bump`](Self::bump), except that the new generation is of the same series as the old one, if the
    ///   store has an old one and its series has another number.
    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.bump(key)
    }

    /// Returns a page of the keys that match. `cursor` is 0 for the first page.
    ///
    /// # Behaviour
    /// - Every key that exists from the first page to the last is returned at least once; keys may come
    ///   twice, and pages before the last may be empty.
    /// - It does not block the store for other clients for more than some milliseconds.
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage>;

    /// Sends a notice to every subscriber of its channel.
    ///
    /// # Behaviour
    /// - A backend whose [`subscribe`](Self::subscribe) returns `Unsupported` has no subscribers: it returns
    ///   `Ok`, or `Unsupported`, which counts as success. Its other operations ignore their notices.
    /// - A backend with subscribers never returns `Unsupported`: other processes would keep evicted values.
    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()>;

    /// Subscribes to the channel until the subscription is dropped, and reconnects without limit.
    ///
    /// # Behaviour
    /// - Returns immediately. [`MessageHandler::connected`] is called when the subscription is active, and again
    ///   after each reconnection; until the first call, [`MessageHandler::disconnected`] is assumed.
    /// - Messages of one sender arrive in order, including the process's own.
    /// - A backend that only this process can reach may return `Unsupported`: then no other process is
    ///   expected to change anything.
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError>;

    /// Returns the lease operations, if the backend has them. Without them single flight works within each
    /// process only, and a load of one process may store over an eviction by another process that came during
    /// the load.
    fn leases(&self) -> Option<&dyn Leases> {
        None
    }

    /// Checks that the store answers.
    fn ping(&self) -> BackendResult<'_, ()>;

    /// Identifies the store: two backends with the same text keep their bytes in the same place. Default:
    /// `None`, unknown.
    ///
    /// A process refuses to build two caches with different names in one namespace of one store. If the store
    /// is unknown, it cannot detect this.
    ///
    /// # Behaviour
    /// - Returns immediately, without a request to the store.
    /// - The text never changes during the life of the backend, and contains no user name and no password.
    fn store(&self) -> Option<String> {
        None
    }

    /// Returns the state of the backend's connections. Default: empty.
    ///
    /// # Behaviour
    /// - Returns immediately, without a request to the store and without waiting.
    /// - Operators see the addresses and errors: they contain no user name and no password.
    fn state(&self) -> BackendState {
        BackendState::default()
    }

    /// Returns the store's own information, under the store's own names. Default: empty.
    ///
    /// # Behaviour
    /// - If the store has several servers, each name is prefixed with its server's address and a slash, as in
    ///   `10.0.0.1:7000/used_memory`. Unreachable servers are omitted; an error if all are.
    /// - It contains no user name and no password.
    fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
}

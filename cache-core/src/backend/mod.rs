//! The seam for remote tiers: bytes under text keys, and a channel for notices.
//!
//! **This trait's docs are its specification**; `testing::conformance` checks them.

mod lease;
mod memory;
mod state;
mod wrappers;

pub use lease::{Acquire, Acquired, KEPT, Leases, MARK, Revoked};
pub use memory::MemoryBackend;
pub use state::{BackendState, NodeLink, NodeState};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{BackendError, BoxFuture, Pattern};

/// What a backend's operations return.
pub type BackendResult<'a, T> = BoxFuture<'a, Result<T, BackendError>>;

/// One entry to store.
#[derive(Clone, Debug)]
pub struct Write {
    /// The whole key, namespace included.
    pub key: String,
    /// The bytes to store.
    pub value: Bytes,
    /// How long the store keeps it; `None`: until it is removed.
    pub ttl: Option<Duration>,
}

/// One value as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The bytes. Of a value that is longer than the reader takes: at least its first bytes, one more than that.
    pub value: Bytes,
    /// How much longer the store keeps the value; never more than that, and less only by what passes between two
    /// looks at it. `None`: until it is removed.
    ///
    /// A reader learns from it how old the value is. The clocks of two machines are never compared.
    pub left: Option<Duration>,
}

/// The least time for which a store keeps a generation that it has minted or moved on: for as long as a late load may still
/// store its value under it ([`KEPT`]).
pub const GENERATION_KEPT: Duration = KEPT;

/// A message for every process that shares the store, sent with the operation that it tells of.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The channel, one per namespace.
    pub channel: String,
    /// The message; opaque to the backend.
    pub message: Bytes,
}

/// What came of removing many keys.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// How many were there.
    pub count: u64,
    /// The places of those that could not be removed, or may not have been, and why.
    pub failed: Vec<(usize, BackendError)>,
}

impl Removed {
    /// None of so many was removed.
    pub fn none(keys: usize, error: &BackendError) -> Self {
        Self { count: 0, failed: (0..keys).map(|place| (place, error.clone())).collect() }
    }
}

/// A page of keys.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The keys found.
    pub keys: Vec<String>,
    /// Where to go on; `None`: this was the last page.
    pub next: Option<u64>,
}

/// Hears what [`Backend::subscribe`] brings. Called on the backend's own task: it must not block.
pub trait Listener: Send + Sync + 'static {
    /// The subscription stands: whatever is published from now on arrives.
    fn connected(&self);
    /// The link is lost: messages may be missed until the next [`connected`](Self::connected).
    fn disconnected(&self);
    /// A message arrived.
    fn message(&self, message: &[u8]);
    /// The value under a key was changed, by whoever it was: of backends that watch what others write. The
    /// key has its namespace.
    fn changed(&self, key: &str) {
        let _ = key;
    }
}

/// Ends the subscription when it is dropped.
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    _stop: Box<dyn Send + Sync>,
}

impl Subscription {
    /// A subscription that ends when `stop` is dropped.
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
/// - Keys are opaque text. The namespace is already in them; a backend adds nothing.
/// - Cancel-safe: a dropped future leaves the backend usable. The operation may still take effect.
/// - Bounded: it answers within the backend's own operation timeout, with
///   [`TimedOut`](crate::base::BackendErrorKind::TimedOut) at the latest.
/// - Operations that one task awaits one after the other take effect in that order.
/// - No panic, whatever the store holds.
pub trait Backend: Send + Sync + 'static {
    /// What it is, for statistics and logs: `"redis"`, without address or password.
    fn name(&self) -> &str;

    /// The values of `keys`, in their order, each with the time that it has left; `None` for those that are absent or
    /// expired.
    ///
    /// # Behaviour
    /// - As many results as keys; a key given twice is answered twice.
    /// - Never an older value than the last [`set`](Self::set) that returned.
    /// - The time left belongs to the value: it is never that of a later one under the same key.
    /// - The reader takes at most `most` bytes of each value. Of a longer one more than `most` bytes are answered, so
    ///   that the reader can tell, but they need not be all of it: a store should not send what nobody takes.
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<Read>>>;

    /// The same, each key by itself: where only a part of the store is away, the rest is answered.
    ///
    /// # Behaviour
    /// - As [`get_many`](Self::get_many), but for the errors. A store that is there or not as a whole need not
    ///   implement it.
    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BoxFuture<'a, Vec<Result<Option<Read>, BackendError>>> {
        Box::pin(async move {
            match self.get_many(keys, most).await {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(error) => keys.iter().map(|_| Err(error.clone())).collect(),
            }
        })
    }

    /// Stores the entries, replacing what was there, time to live included.
    ///
    /// # Behaviour
    /// - An entry with a `ttl` is absent once that has passed; below a millisecond counts as one.
    /// - Not atomic over several entries; each one is either stored whole or not at all.
    /// - The leases of the keys end, where there are any.
    /// - `notice` is published after the entries are stored.
    fn set<'a>(&'a self, entries: &'a [Write], notice: Option<&'a Notice>)
    -> BackendResult<'a, ()>;

    /// The same, each entry by itself: one that can't be stored keeps none of the others from being stored.
    ///
    /// # Behaviour
    /// - As [`set`](Self::set), but for the errors. As many results as entries, in their order. A store that takes
    ///   all or nothing need not implement it.
    /// - `notice` is published after what could be stored, and if anything could. Where it can't be published, all
    ///   entries count as failed.
    fn set_each<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        Box::pin(async move {
            let stored = self.set(entries, notice).await;
            entries.iter().map(|_| stored.clone()).collect()
        })
    }

    /// Stores the entry in the place of the value whose last [`MARK`] bytes are `seen`, if that is the one that
    /// is there; else changes nothing. Says which. What changes a life uses it (`expire`, `mark_stale`).
    ///
    /// A store that can't do it safely leaves it out: the default answers
    /// [`Unsupported`](crate::base::BackendErrorKind::Unsupported), and what was to be changed is evicted instead.
    ///
    /// # Behaviour
    /// - One step: nobody else's change comes between the comparison and the storing.
    /// - If it stores, the key's lease ends, and `notice` is published. If not, neither.
    /// - A value that is absent, expired or shorter than [`MARK`] is none to be replaced.
    fn replace<'a>(
        &'a self,
        seen: [u8; MARK],
        write: &'a Write,
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, bool> {
        let _ = (seen, write, notice);
        let message = "this backend can't replace a value only if it is still the same";
        let error =
            BackendError::new(crate::base::BackendErrorKind::Unsupported, "replace", message);
        Box::pin(async move { Err(error) })
    }

    /// Removes `keys` and says how many were there.
    ///
    /// # Behaviour
    /// - Absent keys are no error. The leases of the keys end, of absent ones too.
    /// - `notice` is published in the same step, so that a crash cannot come between the two; it
    ///   is published even if none of the keys was there.
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64>;

    /// The same, each key by itself: where only a part of the store is away, the rest is removed.
    ///
    /// # Behaviour
    /// - As [`remove`](Self::remove), but for the errors. A store that is there or not as a whole need not
    ///   implement it.
    /// - `notice` is published after what could be removed, and if anything could. Where it can't be published, all
    ///   keys count as failed.
    fn remove_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BoxFuture<'a, Removed> {
        Box::pin(async move {
            match self.remove(keys, notice).await {
                Ok(count) => Removed { count, failed: Vec::new() },
                Err(error) => Removed::none(keys.len(), &error),
            }
        })
    }

    /// The generations under `keys`, minting a new one where there is none.
    ///
    /// # Behaviour
    /// - A minted generation is one that this key has never had, also after the store lost it or let it expire.
    /// - One that is minted is kept for `keep` at least. One that is there keeps the time that it has left.
    /// - They are removed by [`remove`](Self::remove), as values are.
    /// - A store may keep them for longer, also without end.
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>>;

    /// Keeps generations for as long as entries depend on them: each of `seen` that is still the one under its key is
    /// kept for `keep` at least, from now on.
    ///
    /// Default: nothing, which is right for a store that keeps them without end.
    ///
    /// # Behaviour
    /// - One that is absent stays absent, and one that was moved on stays as it is: whoever has `seen` an old number can't
    ///   bring it back.
    /// - It shortens no time.
    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        let _ = (seen, keep);
        Box::pin(async { Ok(()) })
    }

    /// Moves the generation under `key` on and returns the new one, greater than the old.
    ///
    /// # Behaviour
    /// - Atomic: of two concurrent calls each returns its own number.
    /// - It succeeds in a store that is full: an eviction must not wait for room.
    /// - The new one is kept for at least as long as the old one would have been, and for [`GENERATION_KEPT`].
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64>;

    /// A page of the keys that match, from `cursor` (0 to begin).
    ///
    /// # Behaviour
    /// - Every key that is there from the first page to the last is returned at least once; keys
    ///   may come twice, and pages may be empty before the last.
    /// - Does not block the store for other clients for longer than some milliseconds.
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page>;

    /// Sends a notice to every subscriber of its channel.
    ///
    /// # Behaviour
    /// - A backend whose [`subscribe`](Self::subscribe) answers `Unsupported` has nobody to tell: it returns `Ok`, or `Unsupported`,
    ///   which counts as told. Its other operations leave their notices out.
    /// - A backend with subscribers never answers `Unsupported`: other processes would keep what was evicted.
    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()>;

    /// Hears the channel until the subscription is dropped, reconnecting without limit.
    ///
    /// # Behaviour
    /// - Returns at once; [`Listener::connected`] tells when the subscription stands, again after
    ///   each reconnection; before it, [`Listener::disconnected`] is assumed.
    /// - Messages of one sender arrive in order, also the process's own.
    /// - A backend that only this process can see may answer `Unsupported`: then no other process
    ///   is expected to change anything.
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError>;

    /// The lease operations, where the backend has them. Without them one load per key is promised per
    /// process only, and a load of one process may store over an eviction of another that came while it ran.
    fn leases(&self) -> Option<&dyn Leases> {
        None
    }

    /// Whether the store answers.
    fn ping(&self) -> BackendResult<'_, ()>;

    /// Tells the store from other stores: two backends with the same text keep their bytes in the same place. Default: `None`, it
    /// is not known.
    ///
    /// A process refuses to build two caches with different names in one namespace of one store. Where the store
    /// is not known, it cannot notice them.
    ///
    /// # Behaviour
    /// - At once: without asking the store.
    /// - It is the same for the whole life of the backend, and holds no user and no password.
    fn store(&self) -> Option<String> {
        None
    }

    /// What it knows of its connections. Default: nothing.
    ///
    /// # Behaviour
    /// - At once: without asking the store, and without waiting for anybody.
    /// - Addresses and errors are shown to operators: they hold no user and no password.
    fn state(&self) -> BackendState {
        BackendState::default()
    }

    /// What the store tells of itself, by the store's own names. Default: nothing.
    ///
    /// # Behaviour
    /// - Of a store of several servers, each name stands behind its server's address and a slash, as in
    ///   `10.0.0.1:7000/used_memory`; those that can't be asked are left out. An error if that is all of them.
    /// - No user and no password is in it.
    fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
}

//! Leases: the right to fill a key, granted by the store to one caller at a time.
//!
//! The lock and the value are in one store, so "check the lease, then store" is one step: fencing that no
//! pause of the caller can bypass. (Nishtala et al., "Scaling Memcache at Facebook", 2013, part 3.2.1.)

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::{BackendResult, Message, SERIES, SetEntry, StoredValue};
use crate::base::{BackendError, BoxFuture, Pattern};

/// The number of requests that a default method on many leases sends at the same time.
const AT_ONCE: usize = 128;

/// The number of bytes at the end of a value that identify it.
pub const VERSION_LEN: usize = 16;

/// How long a store keeps an expired lease that no caller has taken.
pub const LEASE_GRACE: Duration = Duration::from_secs(600);

/// A request of [`Leases::acquire`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LeaseRequest<'a> {
    /// The value's key, namespace included.
    pub key: &'a str,
    /// Identifies this attempt; never zero.
    pub token: u64,
    /// How long the lease belongs to the caller exclusively, if it is neither renewed nor returned.
    pub ttl: Duration,
    /// The last [`VERSION_LEN`] bytes of the value that the caller knows and wants to replace.
    pub seen: Option<[u8; VERSION_LEN]>,
    /// The newest generation that the caller has read for the entry. A value that was loaded under an older
    /// generation is useless to a caller that knows a newer one, so such a caller need not wait for it.
    pub generation: u64,
    /// Takes the lease even if another caller holds it, and even if there is a value.
    pub steal: bool,
    /// The maximum size of a value that the caller accepts, as in
    /// [`Backend::get_many`](super::Backend::get_many).
    pub most: usize,
}

/// The answer of [`Leases::acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// There is a value other than the one the caller has seen.
    Value(StoredValue),
    /// The caller has the lease.
    Lead {
        /// How many times in a row the lease was taken from a holder whose time was over.
        takeovers: u32,
    },
    /// Another caller has the lease, for this long at most if it is not renewed.
    Wait(Duration),
}

/// One entry that is stored under a lease: see [`Leases::commit_each`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LeaseCommit<'a> {
    /// The token that holds the lease of the entry's key.
    pub token: u64,
    /// The entry to store.
    pub entry: &'a SetEntry,
    /// The notice to publish if the entry is stored.
    pub notice: Option<&'a Message>,
}

/// The result of one page of [`Leases::revoke`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevokePage {
    /// The number of leases that ended.
    pub count: u64,
    /// The cursor of the next page; `None`: this was the last page.
    pub next: Option<u64>,
}

impl RevokePage {
    /// A page in which `count` leases ended, and the cursor of the next one; `None`: this is the last page.
    pub fn new(count: u64, next: impl Into<Option<u64>>) -> Self {
        Self { count, next: next.into() }
    }
}

impl<'a> LeaseCommit<'a> {
    /// An entry that is stored under the lease of `token`, without a notice.
    pub fn new(token: u64, entry: &'a SetEntry) -> Self {
        Self { token, entry, notice: None }
    }

    /// Sets the notice to publish if the entry is stored.
    #[must_use]
    pub fn notice(mut self, notice: impl Into<Option<&'a Message>>) -> Self {
        self.notice = notice.into();
        self
    }
}

impl<'a> LeaseRequest<'a> {
    /// A request of a caller that knows neither a value nor a generation, takes no lease away, and accepts values of any size.
    pub fn new(key: &'a str, token: u64, ttl: Duration) -> Self {
        Self { key, token, ttl, seen: None, generation: 0, steal: false, most: usize::MAX }
    }

    /// Sets the end of the value that the caller knows and wants to replace.
    #[must_use]
    pub fn seen(mut self, seen: impl Into<Option<[u8; VERSION_LEN]>>) -> Self {
        self.seen = seen.into();
        self
    }

    /// Sets the newest generation that the caller has read.
    #[must_use]
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Sets whether the lease is taken in any case.
    #[must_use]
    pub fn steal(mut self, steal: bool) -> Self {
        self.steal = steal;
        self
    }

    /// Sets the maximum size of a value that the caller accepts.
    #[must_use]
    pub fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
}

impl LeaseRequest<'_> {
    /// The newest of several generations, as one number: their newest series, with the sum of their places in their series, at
    /// most the last number of that series.
    pub fn newest(generations: &[u64]) -> u64 {
        newest(generations.iter().copied())
    }
}

/// [`LeaseRequest::newest`] without a list.
pub(crate) fn newest(generations: impl Iterator<Item = u64> + Clone) -> u64 {
    let series = generations.clone().fold(0, |newest: u64, seen| newest.max(seen / SERIES));
    let places = generations.fold(0, |sum: u64, seen| sum.saturating_add(seen % SERIES));
    series.saturating_mul(SERIES).saturating_add(places.min(SERIES - 1))
}

/// The lease operations of a [`Backend`](super::Backend) that supports them.
///
/// # Behaviour
/// - A key has one lease at a time. Lease and value are independent: either can exist without the other.
/// - [`Backend::set`](super::Backend::set) and [`Backend::remove`](super::Backend::remove) end the leases of
///   their keys in the step that changes the value, even if there is no value.
/// - An expired lease still exists: any caller may take it. Until one does, its holder may renew it and
///   commit. (So a slow load is stored if no caller took over and no eviction came.) A store may forget the
///   lease [`LEASE_GRACE`] after it expired.
/// - Each operation on one lease is atomic. All are safe to repeat.
/// - An operation on many leases (`acquire_each` and related methods) does for each item what the operation on
///   one lease does; items of one key in their order. It is not atomic over several items. It returns as many
///   results as items, in their order, and a failed item does not affect the others. larder passes at most 1,000
///   items. The default methods run the operation on one lease for each item, 128 at a time. A store that can
///   process many items in one request should override them.
pub trait Leases: Send + Sync {
    /// Asks for the lease of a key.
    ///
    /// # Behaviour
    /// - Without `steal`: if there is a value whose last [`VERSION_LEN`] bytes differ from `seen`, the value is
    ///   returned and no lease is given. A shorter value is always returned.
    /// - Otherwise the token gets the lease for `ttl` if there is no holder, the token holds it already, it
    ///   has expired, it was given under a smaller `generation`, or it is stolen. The number of takeovers
    ///   grows by one if the lease had expired, stays the same if the token held it already, and is zero
    ///   otherwise.
    /// - Otherwise the answer is how long the holder's lease lasts.
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome>;

    /// Requests the leases of many keys: [`acquire`](Self::acquire) for each.
    fn acquire_each<'a>(
        &'a self,
        requests: &'a [LeaseRequest<'a>],
    ) -> BoxFuture<'a, Vec<Result<LeaseOutcome, BackendError>>> {
        some_at_once(requests.iter().map(|request| (request.key, self.acquire(*request))))
    }

    /// Stores the entry and ends its key's lease if the token still holds the lease, expired or not;
    /// otherwise stores nothing. Returns whether it stored. Publishes `notice` if it stored.
    ///
    /// A backend that sends a request again after a lost reply should also return `true` if the key
    /// has exactly these bytes already: they are those of the first request.
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool>;

    /// Stores many entries under their leases: [`commit`](Self::commit) for each.
    fn commit_each<'a>(
        &'a self,
        commits: &'a [LeaseCommit<'a>],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        let commit = |commit: &LeaseCommit<'a>| {
            let LeaseCommit { token, entry, notice } = *commit;
            (entry.key.as_str(), self.commit(token, entry, notice))
        };
        some_at_once(commits.iter().map(commit))
    }

    /// Extends the lease to `ttl` from now, if the token still holds it. Returns whether it does.
    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool>;

    /// Extends many leases: [`renew`](Self::renew) for each key, token and `ttl`.
    fn renew_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64, Duration)],
    ) -> BoxFuture<'a, Vec<Result<bool, BackendError>>> {
        some_at_once(leases.iter().map(|(key, token, ttl)| (*key, self.renew(key, *token, *ttl))))
    }

    /// Ends the lease if the token holds it.
    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()>;

    /// Ends many leases: [`abort`](Self::abort) for each key and token.
    fn abort_each<'a>(
        &'a self,
        leases: &'a [(&'a str, u64)],
    ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
        some_at_once(leases.iter().map(|(key, token)| (*key, self.abort(key, *token))))
    }

    /// Ends one page of the leases whose keys match, including leases of keys without a value. `cursor` is 0
    /// for the first page.
    ///
    /// # Behaviour
    /// - Every lease that exists from the first page to the last is ended; pages before the last may be
    ///   empty.
    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage>;
}

/// Runs some operations at a time, and returns their results in order. The operations on one key run one after the other.
fn some_at_once<'a, T: Send + 'a>(
    operations: impl Iterator<Item = (&'a str, BackendResult<'a, T>)>,
) -> BoxFuture<'a, Vec<Result<T, BackendError>>> {
    let (mut keys, mut places) = (HashSet::new(), [Vec::new(), Vec::new()]);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for (place, (key, operation)) in operations.enumerate() {
        let is_first = keys.insert(key);
        places[usize::from(!is_first)].push(place);
        if is_first { first.push(operation) } else { again.push(operation) }
    }
    Box::pin(async move {
        let mut done: Vec<_> = stream::iter(first).buffered(AT_ONCE).collect().await;
        for operation in again {
            done.push(operation.await);
        }
        let mut placed: Vec<_> = places.concat().into_iter().zip(done).collect();
        placed.sort_unstable_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, done)| done).collect()
    })
}

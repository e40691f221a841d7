//! A backend with a layer around it: every operation passes through one method of the layer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Backend, BackendError, BackendErrorKind, BackendResult, BackendState, BoxFuture, LeaseCommit,
    LeaseOutcome, LeaseRequest, Leases, Message, MessageHandler, Pattern, RevokePage, ScanPage,
    SetEntry, StoredValue, Subscription, VERSION_LEN,
};

use super::answer::Answer;
use super::operation::Operation;

/// What an operation on each of many items returns.
pub(crate) type EachResult<'a, T> = BoxFuture<'a, Vec<Result<T, BackendError>>>;

/// An operation on many leases.
pub(crate) type EachLease<I, T> = for<'a> fn(&'a dyn Leases, &'a [I]) -> EachResult<'a, T>;

/// What happens to the operations of a backend.
pub(crate) trait Layer: Send + Sync + 'static {
    /// Passes on one operation, whose future is `next`: the layer may do anything with it.
    fn around<'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<String>,
        next: BackendResult<'a, T>,
    ) -> BackendResult<'a, T>;

    /// Passes on an operation on many leases.
    fn around_each<'a, I: Copy + Send + Sync + 'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<String>,
        leases: &'a dyn Leases,
        items: &'a [I],
        next: EachLease<I, T>,
    ) -> EachResult<'a, T>;

    /// Subscribes.
    fn subscribe(
        &self,
        backend: &dyn Backend,
        channel: &str,
        handler: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError>;

    /// Whether the backend's leases can be used.
    fn has_leases(&self) -> bool {
        true
    }
}

/// A backend with a layer around it. Clones share what the layer and the backend share.
#[derive(Clone, Debug)]
pub struct Layered<B, L> {
    pub(super) backend: B,
    pub(super) layer: L,
}

/// The error of an operation that the backend does not support.
pub(crate) fn unsupported(operation: &'static str) -> BackendError {
    let message = "the backend does not support it";
    BackendError::new(BackendErrorKind::Unsupported, operation, message)
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

// The layers are those of this crate.
#[allow(private_bounds)]
impl<B: Backend, L: Layer> Layered<B, L> {
    fn lends(&self) -> Option<&dyn Leases> {
        self.backend.leases().filter(|_| self.layer.has_leases())
    }

    /// An operation that returns a result for each item. The layer treats it as one operation, whose failure
    /// is a failure of each item.
    fn each<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<String>,
        next: EachResult<'a, T>,
    ) -> EachResult<'a, T>
    where
        Vec<Result<T, BackendError>>: Answer,
    {
        let count = keys.len();
        let next = Box::pin(async move { Ok(next.await) });
        let done = self.layer.around(operation, keys, next);
        Box::pin(async move {
            done.await.unwrap_or_else(|error| (0..count).map(|_| Err(error.clone())).collect())
        })
    }

    /// A lease operation of a backend that has leases.
    fn lease<'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        key: &str,
        next: impl FnOnce(&'a dyn Leases) -> BackendResult<'a, T>,
    ) -> BackendResult<'a, T> {
        match self.lends() {
            Some(leases) => self.layer.around(operation, owned(&[key]), next(leases)),
            None => Box::pin(std::future::ready(Err(unsupported(operation.name())))),
        }
    }

    /// A lease operation on many items.
    fn lease_each<'a, I: Copy + Send + Sync + 'a, T: Answer + 'a>(
        &'a self,
        operation: Operation,
        items: &'a [I],
        key: impl Fn(&I) -> &str,
        next: EachLease<I, T>,
    ) -> EachResult<'a, T> {
        let keys = items.iter().map(|item| key(item).to_owned()).collect();
        match self.lends() {
            Some(leases) => self.layer.around_each(operation, keys, leases, items, next),
            None => {
                let none = items.iter().map(|_| Err(unsupported(operation.name())));
                Box::pin(std::future::ready(none.collect()))
            }
        }
    }
}

#[allow(private_bounds)]
impl<B: Backend, L: Layer> Backend for Layered<B, L> {
    fn name(&self) -> &str {
        self.backend.name()
    }

    fn store(&self) -> Option<String> {
        self.backend.store()
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        self.layer.around(Operation::Get, owned(keys), self.backend.get_many(keys, most))
    }

    fn get_each<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> EachResult<'a, Option<StoredValue>> {
        self.each(Operation::Get, owned(keys), self.backend.get_each(keys, most))
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        let keys = entries.iter().map(|entry| entry.key.clone()).collect();
        self.layer.around(Operation::Set, keys, self.backend.set(entries, notice))
    }

    fn set_each<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> EachResult<'a, ()> {
        let keys = entries.iter().map(|entry| entry.key.clone()).collect();
        self.each(Operation::Set, keys, self.backend.set_each(entries, notice))
    }

    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let next = self.backend.replace(seen, write, notice);
        self.layer.around(Operation::Replace, owned(&[&write.key]), next)
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        self.layer.around(Operation::Remove, owned(keys), self.backend.remove(keys, notice))
    }

    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        let next = self.backend.generations(keys, keep);
        self.layer.around(Operation::Generations, owned(keys), next)
    }

    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        let keys = seen.iter().map(|(key, _)| (*key).to_owned()).collect();
        self.layer.around(Operation::Prolong, keys, self.backend.prolong(seen, keep))
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.layer.around(Operation::Bump, owned(&[key]), self.backend.bump(key))
    }

    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        self.layer.around(Operation::Bump, owned(&[key]), self.backend.bump_softly(key))
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        let next = self.backend.scan(pattern, cursor);
        self.layer.around(Operation::Scan, vec![pattern.to_string()], next)
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        let next = self.backend.publish(notice);
        self.layer.around(Operation::Publish, owned(&[&notice.channel]), next)
    }

    fn subscribe(
        &self,
        channel: &str,
        handler: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        self.layer.subscribe(&self.backend, channel, handler)
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.lends().map(|_| self as &dyn Leases)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        self.layer.around(Operation::Ping, Vec::new(), self.backend.ping())
    }

    fn state(&self) -> BackendState {
        self.backend.state()
    }

    fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
        self.layer.around(Operation::Info, Vec::new(), self.backend.info())
    }
}

#[allow(private_bounds)]
impl<B: Backend, L: Layer> Leases for Layered<B, L> {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        self.lease(Operation::Acquire, request.key, |leases| leases.acquire(request))
    }

    fn acquire_each<'a>(
        &'a self,
        requests: &'a [LeaseRequest<'a>],
    ) -> EachResult<'a, LeaseOutcome> {
        let next: EachLease<_, _> = |leases, requests| leases.acquire_each(requests);
        self.lease_each(Operation::Acquire, requests, |request| request.key, next)
    }

    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let next = |leases: &'a dyn Leases| leases.commit(token, write, notice);
        self.lease(Operation::Commit, &write.key, next)
    }

    fn commit_each<'a>(&'a self, commits: &'a [LeaseCommit<'a>]) -> EachResult<'a, bool> {
        let next: EachLease<_, _> = |leases, commits| leases.commit_each(commits);
        self.lease_each(Operation::Commit, commits, |commit| &commit.entry.key, next)
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        self.lease(Operation::Renew, key, |leases| leases.renew(key, token, ttl))
    }

    fn renew_each<'a>(&'a self, renewals: &'a [(&'a str, u64, Duration)]) -> EachResult<'a, bool> {
        let next: EachLease<_, _> = |leases, renewals| leases.renew_each(renewals);
        self.lease_each(Operation::Renew, renewals, |renewal| renewal.0, next)
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        self.lease(Operation::Abort, key, |leases| leases.abort(key, token))
    }

    fn abort_each<'a>(&'a self, aborts: &'a [(&'a str, u64)]) -> EachResult<'a, ()> {
        let next: EachLease<_, _> = |leases, aborts| leases.abort_each(aborts);
        self.lease_each(Operation::Abort, aborts, |abort| abort.0, next)
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        let next = |leases: &'a dyn Leases| leases.revoke(pattern, cursor);
        self.lease(Operation::Revoke, &pattern.to_string(), next)
    }
}

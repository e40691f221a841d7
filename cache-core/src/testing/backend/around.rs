//! Wraps a backend: every operation goes through one method of the wrapping type.

use crate::backend::Leases;
use crate::base::{BackendError, BackendErrorKind, BoxFuture};

/// What an operation on each of many items returns.
pub(crate) type EachResult<'a, T> = BoxFuture<'a, Vec<Result<T, BackendError>>>;

/// An operation on many leases.
pub(crate) type EachLease<I, T> = for<'a> fn(&'a dyn Leases, &'a [I]) -> EachResult<'a, T>;

pub(crate) fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// The error of an operation that the backend does not support.
pub(crate) fn unsupported(operation: &'static str) -> BackendError {
    let message = "the backend does not support it";
    BackendError::new(BackendErrorKind::Unsupported, operation, message)
}

/// Turns the failure of a whole operation into one failure for each item.
pub(crate) fn each_of<T>(
    done: Result<Vec<Result<T, BackendError>>, BackendError>,
    count: usize,
) -> Vec<Result<T, BackendError>> {
    done.unwrap_or_else(|error| (0..count).map(|_| Err(error.clone())).collect())
}

/// Implements `Backend` and `Leases` for a type that has a field `backend`, and these methods:
///
/// - `around(operation, keys, does)`, which may do anything with the future `does`;
/// - `around_each(operation, keys, leases, items, does)`, the same for an operation on many leases;
/// - `listen(channel, listener)`, which subscribes;
/// - `lends()`, which returns the backend's leases.
macro_rules! around {
    ($name:ident) => {
        impl<B: Backend> Backend for $name<B> {
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
                self.around(Operation::Get, owned(keys), self.backend.get_many(keys, most))
            }
            fn get_each<'a>(
                &'a self,
                keys: &'a [&'a str],
                most: usize,
            ) -> BoxFuture<'a, Vec<Result<Option<StoredValue>, BackendError>>> {
                let each = self.backend.get_each(keys, most);
                let each = Box::pin(async move { Ok(each.await) });
                let done = self.around(Operation::Get, owned(keys), each);
                Box::pin(async move { each_of(done.await, keys.len()) })
            }
            fn set<'a>(
                &'a self,
                entries: &'a [SetEntry],
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, ()> {
                let keys = entries.iter().map(|write| write.key.clone()).collect();
                self.around(Operation::Set, keys, self.backend.set(entries, notice))
            }
            fn set_each<'a>(
                &'a self,
                entries: &'a [SetEntry],
                notice: Option<&'a Message>,
            ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
                let keys = entries.iter().map(|write| write.key.clone()).collect();
                let each = self.backend.set_each(entries, notice);
                let each = Box::pin(async move { Ok(each.await) });
                let done = self.around(Operation::Set, keys, each);
                Box::pin(async move { each_of(done.await, entries.len()) })
            }
            fn replace<'a>(
                &'a self,
                seen: [u8; VERSION_LEN],
                write: &'a SetEntry,
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, bool> {
                let keys = vec![write.key.clone()];
                self.around(Operation::Replace, keys, self.backend.replace(seen, write, notice))
            }
            fn remove<'a>(
                &'a self,
                keys: &'a [&'a str],
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, u64> {
                self.around(Operation::Remove, owned(keys), self.backend.remove(keys, notice))
            }
            fn generations<'a>(
                &'a self,
                keys: &'a [&'a str],
                keep: Duration,
            ) -> BackendResult<'a, Vec<u64>> {
                let generations = self.backend.generations(keys, keep);
                self.around(Operation::Generations, owned(keys), generations)
            }
            fn prolong<'a>(
                &'a self,
                seen: &'a [(&'a str, u64)],
                keep: Duration,
            ) -> BackendResult<'a, ()> {
                let keys = seen.iter().map(|(key, _)| (*key).to_owned()).collect();
                self.around(Operation::Prolong, keys, self.backend.prolong(seen, keep))
            }
            fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
                self.around(Operation::Bump, owned(&[key]), self.backend.bump(key))
            }
            fn scan<'a>(
                &'a self,
                pattern: &'a Pattern,
                cursor: u64,
            ) -> BackendResult<'a, ScanPage> {
                let keys = vec![pattern.to_string()];
                self.around(Operation::Scan, keys, self.backend.scan(pattern, cursor))
            }
            fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
                let keys = vec![notice.channel.clone()];
                self.around(Operation::Publish, keys, self.backend.publish(notice))
            }
            fn subscribe(
                &self,
                channel: &str,
                listener: Arc<dyn MessageHandler>,
            ) -> Result<Subscription, BackendError> {
                self.listen(channel, listener)
            }
            fn leases(&self) -> Option<&dyn Leases> {
                self.lends().map(|_| self as &dyn Leases)
            }
            fn ping(&self) -> BackendResult<'_, ()> {
                self.around(Operation::Ping, Vec::new(), self.backend.ping())
            }
            fn state(&self) -> BackendState {
                self.backend.state()
            }
            fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
                self.around(Operation::Info, Vec::new(), self.backend.info())
            }
        }

        impl<B: Backend> $name<B> {
            /// A lease operation of a backend that has leases.
            fn lease<'a, T: Answer + 'a>(
                &'a self,
                operation: Operation,
                key: &str,
                ask: impl FnOnce(&'a dyn Leases) -> BackendResult<'a, T>,
            ) -> BackendResult<'a, T> {
                let keys = vec![key.to_owned()];
                match self.lends() {
                    Some(leases) => self.around(operation, keys, ask(leases)),
                    None => Box::pin(std::future::ready(Err(unsupported(operation.name())))),
                }
            }

            /// A lease operation on many items.
            fn lease_each<'a, I: Copy + Send + Sync + 'a, T: Answer + 'a>(
                &'a self,
                operation: Operation,
                items: &'a [I],
                key: impl Fn(&I) -> &str,
                does: EachLease<I, T>,
            ) -> EachResult<'a, T> {
                let keys = items.iter().map(|item| key(item).to_owned()).collect();
                match self.lends() {
                    Some(leases) => self.around_each(operation, keys, leases, items, does),
                    None => {
                        let none = items.iter().map(|_| Err(unsupported(operation.name())));
                        Box::pin(std::future::ready(none.collect()))
                    }
                }
            }
        }

        impl<B: Backend> Leases for $name<B> {
            fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
                self.lease(Operation::Acquire, request.key, |leases| leases.acquire(request))
            }
            fn acquire_each<'a>(
                &'a self,
                requests: &'a [LeaseRequest<'a>],
            ) -> EachResult<'a, LeaseOutcome> {
                let acquire: EachLease<_, _> = |leases, requests| leases.acquire_each(requests);
                self.lease_each(Operation::Acquire, requests, |request| request.key, acquire)
            }
            fn commit<'a>(
                &'a self,
                token: u64,
                write: &'a SetEntry,
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, bool> {
                let commit = |leases: &'a dyn Leases| leases.commit(token, write, notice);
                self.lease(Operation::Commit, &write.key, commit)
            }
            fn commit_each<'a>(&'a self, commits: &'a [LeaseCommit<'a>]) -> EachResult<'a, bool> {
                let commit: EachLease<_, _> = |leases, commits| leases.commit_each(commits);
                self.lease_each(Operation::Commit, commits, |commit| &commit.entry.key, commit)
            }
            fn renew<'a>(
                &'a self,
                key: &'a str,
                token: u64,
                ttl: Duration,
            ) -> BackendResult<'a, bool> {
                self.lease(Operation::Renew, key, |leases| leases.renew(key, token, ttl))
            }
            fn renew_each<'a>(
                &'a self,
                renewals: &'a [(&'a str, u64, Duration)],
            ) -> EachResult<'a, bool> {
                let renew: EachLease<_, _> = |leases, renewals| leases.renew_each(renewals);
                self.lease_each(Operation::Renew, renewals, |renewal| renewal.0, renew)
            }
            fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
                self.lease(Operation::Abort, key, |leases| leases.abort(key, token))
            }
            fn abort_each<'a>(&'a self, aborts: &'a [(&'a str, u64)]) -> EachResult<'a, ()> {
                let abort: EachLease<_, _> = |leases, aborts| leases.abort_each(aborts);
                self.lease_each(Operation::Abort, aborts, |abort| abort.0, abort)
            }
            fn revoke<'a>(
                &'a self,
                pattern: &'a Pattern,
                cursor: u64,
            ) -> BackendResult<'a, RevokePage> {
                let keys = pattern.to_string();
                self.lease(Operation::Revoke, &keys, |leases| leases.revoke(pattern, cursor))
            }
        }
    };
}
pub(super) use around;

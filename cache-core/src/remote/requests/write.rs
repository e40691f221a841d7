//! Changes single values: stores, replaces, removes them.

use std::sync::Arc;
use std::time::Duration;

use super::Remote;
use super::lease::no_leases;
use crate::backend::{LeaseCommit, Message, SetEntry, VERSION_LEN};
use crate::base::{BackendError, Selection};
use crate::codec::Envelope;
use crate::remote::pending::Affected;

/// A value to be stored.
#[derive(Clone)]
pub(crate) struct Writing {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ttl: Option<Duration>,
    /// Whether other processes must forget their entry of it in memory.
    pub(crate) announce: bool,
    /// The generations on which it depends, by their keys.
    pub(crate) depends: Vec<(String, u64)>,
}

/// A value to store under the lease of its key.
pub(crate) struct Committing {
    pub(crate) key: String,
    pub(crate) token: u64,
    pub(crate) writing: Writing,
}

/// The generations that some values depend on, each once.
fn dependencies<'a>(writes: impl Iterator<Item = &'a Writing>) -> Vec<(String, u64)> {
    let mut depends: Vec<_> = writes.flat_map(|writing| writing.depends.iter().cloned()).collect();
    depends.sort_unstable();
    depends.dedup();
    depends
}

impl Remote {
    /// Carries out pending evictions, before a write of `key` takes its turn.
    ///
    /// The order of waits is: pending evictions, then the turn to write a key, then the store. Pending
    /// evictions wait for writes that have their turn, so a write that waited for them in its turn would
    /// deadlock.
    pub(crate) async fn before_write(self: &Arc<Self>, key: &str) -> Result<(), BackendError> {
        let settled = self.settled(Affected::Keys(&[key])).await;
        self.signals.tell_changes();
        settled
    }

    /// Whether a write of `key` would have to wait for pending evictions.
    pub(crate) fn hinders_write(&self, key: &str) -> bool {
        self.pending.blocks(Affected::Keys(&[key]))
    }

    /// Stores a value; under a lease only if that still holds. Returns whether it stored. Called in the key's
    /// turn, after [`before_write`](Self::before_write).
    pub(crate) async fn write(
        self: &Arc<Self>,
        key: &str,
        write: Writing,
        lease: Option<u64>,
    ) -> Result<bool, BackendError> {
        let Writing { bytes, ttl, announce, depends } = write;
        let write = SetEntry { key: self.value_key(key), value: bytes.into(), ttl };
        let notice = announce.then(|| self.notice(Selection::Keys(vec![key.to_owned()])));
        let notice = notice.as_ref();
        let writes = std::slice::from_ref(&write);
        let writing = async {
            match (lease, self.backend.leases()) {
                (Some(token), Some(leases)) => leases.commit(token, &write, notice).await,
                _ => self.backend.set(writes, notice).await.map(|()| true),
            }
        };
        let writing = async { tokio::join!(writing, self.prolong(&depends, ttl)).0 };
        let written = self.tried(writing).await;
        self.signals.tell_changes();
        written
    }

    /// The generations on which an entry depends, by their keys.
    pub(crate) fn depends(&self, envelope: &Envelope) -> Vec<(String, u64)> {
        let tags = envelope.tags.iter().map(|(tag, seen)| (self.tag_key(tag), *seen));
        std::iter::once((self.space_key.clone(), envelope.space)).chain(tags).collect()
    }

    /// Keeps generations as long as the entry that depends on them. If that fails, the entry becomes a miss
    /// when they are gone, which only costs a load.
    async fn prolong(&self, depends: &[(String, u64)], keep: Option<Duration>) {
        let seen: Vec<(&str, u64)> =
            depends.iter().map(|(at, seen)| (at.as_str(), *seen)).collect();
        if let Some(keep) = keep.filter(|_| !seen.is_empty())
            && let Err(error) = self.backend.prolong(&seen, keep).await
        {
            tracing::debug!(target: "larder::remote",%error, "larder: generations were not prolonged");
        }
    }

    /// Like [`write`](Self::write) without leases, for many values in one request; one result each.
    pub(crate) async fn write_each(
        &self,
        writes: Vec<(String, Writing)>,
    ) -> Vec<Result<(), BackendError>> {
        let announced = writes.iter().filter(|(_, write)| write.announce);
        let announced: Vec<String> = announced.map(|(key, _)| key.clone()).collect();
        let longest = writes.iter().filter_map(|(_, write)| write.ttl).max();
        let depends = dependencies(writes.iter().map(|(_, writing)| writing));
        let notice = (!announced.is_empty()).then(|| self.notice(Selection::Keys(announced)));
        let write = |(key, Writing { bytes, ttl, .. }): (String, Writing)| SetEntry {
            key: self.value_key(&key),
            value: bytes.into(),
            ttl,
        };
        let writes: Vec<SetEntry> = writes.into_iter().map(write).collect();
        let storing = async {
            let set = self.backend.set_each(&writes, notice.as_ref());
            tokio::join!(set, self.prolong(&depends, longest)).0
        };
        let written = self.tried_each(writes.len(), storing).await;
        self.signals.tell_changes();
        written
    }

    /// Like [`write`](Self::write) under leases, for many values in one request. Returns for each whether it was stored.
    pub(crate) async fn commit_each(
        &self,
        commits: Vec<Committing>,
    ) -> Vec<Result<bool, BackendError>> {
        let Some(leases) = self.backend.leases() else {
            return commits.iter().map(|_| Err(no_leases())).collect();
        };
        let longest = commits.iter().filter_map(|commit| commit.writing.ttl).max();
        let depends = dependencies(commits.iter().map(|commit| &commit.writing));
        let parts = commits.into_iter().map(|Committing { key, token, writing }| {
            let Writing { bytes, ttl, announce, .. } = writing;
            let write = SetEntry { key: self.value_key(&key), value: bytes.into(), ttl };
            // Its own: a notice for a key whose commit is refused would end the load that another process runs for it.
            let notice = announce.then(|| self.notice(Selection::Keys(vec![key])));
            (token, write, notice)
        });
        let parts: Vec<(u64, SetEntry, Option<Message>)> = parts.collect();
        let commits = parts.iter().map(|(token, entry, notice)| {
            let notice = notice.as_ref();
            LeaseCommit { token: *token, entry, notice }
        });
        let commits: Vec<LeaseCommit<'_>> = commits.collect();
        let storing =
            async { tokio::join!(leases.commit_each(&commits), self.prolong(&depends, longest)).0 };
        let written = self.tried_each(commits.len(), storing).await;
        self.signals.tell_changes();
        written
    }

    /// Replaces the value with the mark `seen`, if it is still there. Returns whether it was.
    pub(crate) async fn replace(
        self: &Arc<Self>,
        key: &str,
        seen: [u8; VERSION_LEN],
        Writing { bytes, ttl, depends, .. }: Writing,
    ) -> Result<bool, BackendError> {
        let write = SetEntry { key: self.value_key(key), value: bytes.into(), ttl };
        let notice = self.notice(Selection::Keys(vec![key.to_owned()]));
        let replacing = self.backend.replace(seen, &write, Some(&notice));
        let replacing = async { tokio::join!(replacing, self.prolong(&depends, ttl)).0 };
        self.guarded(Affected::Keys(&[key]), replacing).await
    }

    /// Removes a key's value immediately, and ends its lease.
    pub(crate) async fn remove(self: &Arc<Self>, key: &str) -> Result<u64, BackendError> {
        let place = self.value_key(key);
        let notice = self.notice(Selection::Keys(vec![key.to_owned()]));
        self.guarded(Affected::Keys(&[key]), self.backend.remove(&[&place], Some(&notice))).await
    }
}

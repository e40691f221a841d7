//! Fail-safe: serves old values when a load fails or takes too long, and pauses further loads.
//!
//! The old value is the memory tier's entry (or, without one, the remote tier's). It is not stored again, so
//! its lifetime does not change; only a mark on the entry says that its loads pause.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Answer, Fault, Hit};
use super::find::{Miss, ReadPurpose};
use super::flight::{FlightLeader, FlightResult};
use super::handle::Engine;
use super::life::ATTEMPTS;
use super::lookup::source;
use super::read_context::ReadContext;
use super::terms::Terms;
use crate::base::{Cached, Expiry, Policy, SharedFailure, Source};
use crate::entry::{EntryHeader, Freshness, Lifetime, Stored};
use crate::key::KeyId;
use crate::memory::Ticket;
use crate::tags::{Declared, Validity};

/// An error that is cached for the next callers. (It has the value's type: functions that share a key but not
/// a type do not read each other's errors.)
#[derive(Clone)]
pub(crate) struct Failure {
    error: SharedFailure,
    of: TypeId,
}

impl Engine {
    /// Whether the last operation of the remote tier failed.
    pub(crate) fn remote_fails(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.fails())
    }

    /// The memory tier's entry. If soft evictions have outdated it, a copy that says so replaces it first: its life tells that
    /// it is old, and loads that failed before the eviction do not delay the next one.
    pub(super) fn marked(&self, id: KeyId) -> Option<Stored> {
        let memory = self.memory.as_ref()?;
        for _ in 0..ATTEMPTS {
            let entry = memory.get(id)?;
            let Some(stamps) = self.generations.since_outdated(&entry.stamps) else {
                return Some(entry);
            };
            let now = self.clock.now();
            let life = entry.life().outdated(now);
            if now >= life.keep_until {
                return None;
            }
            let again = entry.again(life, stamps);
            // The load that may run is not older than the evictions.
            if self.fences.exchange(id, memory, (&entry, &again), false) {
                return Some(again);
            }
        }
        None
    }

    /// The memory tier's entry, however old, if it carries the `tags` and may still be served. If the remote
    /// tier could not be asked, an entry without a known eviction may be served.
    pub(crate) fn fallback(
        &self,
        id: KeyId,
        tags: Declared<'_>,
        remote_failed: bool,
    ) -> Option<Stored> {
        let entry = self.marked(id).filter(|entry| tags.are_carried_by(&entry.stamps))?;
        let trusted = match self.generations.check(&entry.stamps) {
            Validity::Valid => true,
            Validity::Unverified => remote_failed,
            Validity::Evicted => false,
        };
        (trusted && entry.at(self.clock.now()) != Freshness::Expired).then_some(entry)
    }
}

impl ReadContext {
    /// The memory tier's entry for this read, however old, if it may still be served.
    pub(super) fn fallback(&self, remote_failed: bool) -> Option<Stored> {
        let fallback = || self.engine.fallback(self.id(), self.request.declared(), remote_failed);
        self.request.uses_memory().then(fallback).flatten()
    }

    /// The value of an entry that is served because no load has brought a newer one.
    pub(super) fn served(&self, entry: &Stored) -> Option<Hit> {
        let source = source(entry.at(self.engine.clock.now()));
        self.cached(entry, source)
    }

    /// The value of an entry for a caller that takes old ones.
    pub(super) fn accepted_as(&self, entry: &Stored) -> Option<Hit> {
        let source = match source(entry.at(self.engine.clock.now())) {
            Source::Memory => Source::Memory,
            _ => Source::Stale,
        };
        self.cached(entry, source)
    }

    /// Whether a caller gets an old value if its timeout ends now.
    pub(super) fn has_old_value(&self) -> bool {
        self.old_entry().is_some()
    }

    fn old_entry(&self) -> Option<(Stored, Hit)> {
        if self.is_refresh() {
            return None;
        }
        let entry = self.fallback(self.engine.remote_fails())?;
        let served = self.served(&entry)?;
        Some((entry, served))
    }

    /// An old value for a caller whose timeout ended. Its load pauses for the policy's throttle.
    pub(super) fn old_value(&self) -> Option<Hit> {
        let (entry, served) = self.old_entry()?;
        self.rest(&entry);
        self.tally().fail_safe_hits();
        Some(served)
    }

    /// An old value whose load failed recently, while the remote tier cannot be asked about it.
    pub(super) fn resting(&self) -> Option<Hit> {
        let engine = &self.engine;
        let now = engine.clock.now();
        let entry = self.fallback(engine.remote_fails()).filter(|entry| entry.rests(now))?;
        self.cached(&entry, source(entry.at(now)))
    }

    /// Pauses the loads of the entry.
    pub(super) fn rest(&self, entry: &Stored) {
        if self.transaction.is_some() {
            // A transaction's load does not tell whether other callers' loads would fail.
            return;
        }
        entry.rest_until(self.engine.clock.now().after(self.request.policy.throttle));
    }

    /// Caches a failure for the next callers, if the policy says so.
    pub(super) fn keep_failure(
        &self,
        ticket: &Ticket,
        failure: Option<&SharedFailure>,
        terms: Terms,
    ) {
        if !self.request.uses_memory() || self.request.is_read_only() {
            return;
        }
        let kept = terms.error_life(self.request.policy.err_ttl);
        let (Some(kept), Some(failure)) = (kept, failure) else { return };
        let ttl = match kept {
            Expiry::In(ttl) => Some(ttl),
            Expiry::Never => None,
        };
        let life = Lifetime::new(self.engine.clock.now(), ttl, &Policy::new());
        let (stamps, key) = (ticket.stamps.clone(), self.request.key.text());
        let (read, counts_reads) = (life.created, false);
        let header = EntryHeader { life, stamps, key, read, counts_reads };
        let entry = header.around(Failure { error: Arc::clone(failure), of: self.rules.kind.id });
        let _ = ticket.fill(self.engine.memory.as_ref(), &entry);
    }

    /// A cached failure.
    pub(super) fn kept_failure(&self) -> Option<Answer> {
        if self.request.policy.err_ttl.is_none() && !self.rules.keeps_some_failures {
            return None;
        }
        let entry = self.fallback(self.engine.remote_fails())?;
        let failure = entry.value::<Failure>()?;
        if failure.of != self.rules.kind.id || !(self.rules.takes)(&failure.error) {
            return None;
        }
        self.tally().memory_hits();
        let age = self.engine.clock.now().since(entry.created);
        let value = Err(Fault::Shared(Arc::clone(&failure.error)));
        Some(Cached { value, source: Source::Memory, age: age.unwrap_or(Duration::ZERO) })
    }

    /// Serves the old value, if there is one.
    pub(super) fn old_instead(
        &self,
        lead: &mut FlightLeader,
        ticket: &Ticket,
        missing: &Miss,
        purpose: ReadPurpose,
    ) -> Option<Hit> {
        let old = (!self.is_refresh()).then(|| self.old(ticket, missing)).flatten();
        let entry = old?;
        let served = self.served(&entry)?;
        self.rest(&entry);
        if !purpose.is_renewal() {
            self.tally().fail_safe_hits();
        }
        lead.land(FlightResult::Value(entry));
        Some(served)
    }

    /// The memory tier's old value, or the remote tier's if memory has none.
    pub(super) fn old(&self, ticket: &Ticket, missing: &Miss) -> Option<Stored> {
        let now = self.engine.clock.now();
        let held = missing.old.as_ref().filter(|entry| {
            ticket.is_alive()
                && self.engine.generations.current(&entry.stamps)
                && entry.at(now) != Freshness::Expired
        });
        let typed = |entry: &Stored| entry.is(self.rules.kind);
        let kept = self.fallback(missing.remote_error.is_some()).filter(typed);
        kept.or_else(|| held.cloned())
    }
}

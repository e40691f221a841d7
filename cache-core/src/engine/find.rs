//! What the leader of a flight does before it loads: looks again, and asks the remote tier.

use std::sync::Arc;
use std::time::Duration;

use super::flight::{Landing, Lead};
use super::job::Job;
use super::lookup::promote;
use crate::backend::MARK;
use crate::base::{BackendError, CacheValue, Cached, Shape, Source, Timestamp, boxed};
use crate::codec::Coder;
use crate::entry::{Freshness, Stored};
use crate::memory::Ticket;

/// What the leader is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An answer; where a stale one is, that may be served while a refresh runs.
    Answer { stale: bool },
    /// A newer value than the stale one there is, or than the fresh one made at the given moment.
    Renew { fresh: Option<Timestamp> },
}

/// A value and no output: it is held while others are waited for, and an output need not be `Send`.
pub(crate) enum Finding<V> {
    Hit(Cached<V>),
    /// The remote tier has a stale value, which serves while a refresh runs. It has landed the flight.
    Stale(Cached<V>),
    Missing(Missing),
}

/// What the leader knows when there is nothing to serve.
#[derive(Default)]
pub(crate) struct Missing {
    /// An old value of the remote tier.
    pub(super) old: Option<Stored>,
    /// Tells it from the value that another process may store meanwhile.
    pub(super) mark: Option<[u8; MARK]>,
    /// There are bytes that can only be overwritten.
    pub(super) unmarked: bool,
    /// Why the remote tier could not be asked.
    pub(super) remote_error: Option<BackendError>,
}

/// Two readings of one entry's age may differ by so much.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(100);

impl Purpose {
    pub(super) fn is_renewal(self) -> bool {
        matches!(self, Self::Renew { .. })
    }

    /// Whether a fresh entry is what is asked for.
    pub(super) fn takes(self, entry: &Stored) -> bool {
        match self {
            Self::Renew { fresh: Some(made) } => entry.life.created > made.after(TOLERANCE),
            _ => true,
        }
    }
}

impl<S> Job<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// Looks once more wherever a value may be. A hit has landed the flight.
    pub(super) async fn find(
        &self,
        lead: &mut Lead,
        ticket: &mut Ticket,
        purpose: Purpose,
    ) -> Finding<S::Value> {
        let codec = self.plan.remote_codec(&self.inner);
        if self.is_refresh() {
            // It does not read, but what it stores is judged by the fleet's generations.
            if codec.is_some() {
                let _turn = self.turn().await;
                self.inner.stamp_remotely(&self.plan, ticket).await;
                lead.restamp(ticket);
            }
            return Finding::Missing(Missing::default());
        }
        // Another leader may have landed between this caller's look and its lead.
        if let Some(entry) =
            self.inner.verified(self.id, self.plan.declared()).filter(|entry| purpose.takes(entry))
            && let Some(hit) = self.hit(lead, entry, Source::Memory, purpose)
        {
            return Finding::Hit(hit);
        }
        match codec {
            Some(codec) => boxed(|| self.find_remotely(codec, lead, ticket, purpose)).await,
            None => self.find_unlinked(lead, purpose),
        }
    }

    /// Lands the flight with an entry, if it is of the right type.
    pub(super) fn hit(
        &self,
        lead: &mut Lead,
        entry: Stored,
        source: Source,
        purpose: Purpose,
    ) -> Option<Cached<S::Value>> {
        let hit = self.cached_value(&entry, source)?;
        match source {
            // Nobody reads: it is a refresh that another has done.
            _ if purpose.is_renewal() => {}
            Source::Remote => self.tally().remote_hits(),
            Source::Stale => self.tally().stale_hits(),
            _ => self.tally().memory_hits(),
        }
        lead.land(Landing::Value(entry));
        Some(hit)
    }

    async fn find_remotely(
        &self,
        codec: Coder,
        lead: &mut Lead,
        ticket: &mut Ticket,
        purpose: Purpose,
    ) -> Finding<S::Value> {
        let inner = &self.inner;
        let found = inner.look_remote(&self.plan, codec, ticket, self.seat.as_ref()).await;
        lead.restamp(ticket);
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.find_without(error, lead, purpose),
        };
        let nothing = || {
            if !purpose.is_renewal() {
                self.tally().remote_misses();
            }
        };
        let mut missing =
            Missing { mark: found.mark, unmarked: found.unmarked, ..Missing::default() };
        let Some(entry) = found.entry else {
            nothing();
            return Finding::Missing(missing);
        };
        let freshness = entry.at(inner.clock.now());
        if freshness == Freshness::Fresh && purpose.takes(&entry) {
            // Landed while the ticket lives: an eviction must find the fence to end the flight by.
            if let Some(hit) = self.hit(lead, Arc::clone(&entry), Source::Remote, purpose) {
                promote(inner, ticket, &entry, self.plan.site);
                return Finding::Hit(hit);
            }
        } else if freshness != Freshness::Fresh {
            // Kept in memory: to be served while it is renewed, or if it can't be.
            promote(inner, ticket, &entry, self.plan.site);
            if freshness == Freshness::Stale
                && purpose == (Purpose::Answer { stale: true })
                && let Some(hit) = self.hit(lead, Arc::clone(&entry), Source::Stale, purpose)
            {
                return Finding::Stale(hit);
            }
            missing.old = Some(entry);
        }
        nothing();
        Finding::Missing(missing)
    }

    /// The remote tier can't be asked: memory keeps serving.
    fn find_without(
        &self,
        error: BackendError,
        lead: &mut Lead,
        purpose: Purpose,
    ) -> Finding<S::Value> {
        let entry = self
            .inner
            .unverified(self.id, self.plan.declared())
            .filter(|entry| purpose.takes(entry));
        match entry.and_then(|entry| self.hit(lead, entry, Source::Memory, purpose)) {
            Some(hit) => Finding::Hit(hit),
            None => Finding::Missing(Missing { remote_error: Some(error), ..Missing::default() }),
        }
    }

    /// Kept in memory only, there is nobody to verify a value with while the bus is down: what is there
    /// is served. Once the bus is back, what may have missed an eviction is loaded anew.
    fn find_unlinked(&self, lead: &mut Lead, purpose: Purpose) -> Finding<S::Value> {
        let unlinked = !self.inner.generations.is_linked();
        let entry = self.inner.unverified(self.id, self.plan.declared()).filter(|_| unlinked);
        match entry.and_then(|entry| self.hit(lead, entry, Source::Memory, purpose)) {
            Some(hit) => Finding::Hit(hit),
            None => Finding::Missing(Missing::default()),
        }
    }
}

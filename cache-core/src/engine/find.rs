//! The steps of a flight's leader before it loads: a second look at memory, then the remote tier.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Hit;
use super::flight::{FlightLeader, FlightResult};
use super::handle::Engine;
use super::lease::{Answer as LeaseAnswer, Claim};
use super::lookup::{Found, promote};
use super::read_context::ReadContext;
use super::request::Mode;
use crate::backend::VERSION_LEN;
use crate::base::{BackendError, Source, Timestamp, boxed};
use crate::codec::Coder;
use crate::entry::{Freshness, Stored};
use crate::memory::Ticket;
use crate::tags::Declared;

/// The purpose of a leader's read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadPurpose {
    /// To answer a read. If `stale`, a stale value may be served while a refresh runs.
    Answer { stale: bool },
    /// To replace the stale value, or the fresh one that was made at the given moment.
    Renew { fresh: Option<Timestamp> },
}

/// What the tiers have.
pub(crate) enum RemoteLookup {
    Hit(Hit),
    /// The remote tier has a stale value, which is served while a refresh runs. The flight has landed with
    /// it.
    Stale(Hit),
    Missing(Miss),
}

/// The information for a load, if there is nothing to serve.
#[derive(Default)]
pub(crate) struct Miss {
    /// An old value of the remote tier.
    pub(super) old: Option<Stored>,
    /// The mark of that value, to recognise a newer one that another process may store.
    pub(super) mark: Option<[u8; VERSION_LEN]>,
    /// The remote tier has a value that readers get, which the load replaces.
    pub(super) found: bool,
    /// There are bytes that can only be overwritten.
    pub(super) unmarked: bool,
    /// Why the remote tier could not be asked.
    pub(super) remote_error: Option<BackendError>,
    /// The answer to the request for the lease, if the read came with one. In a box, because most misses have none.
    pub(super) leased: Option<Box<LeaseAnswer>>,
}

/// Two readings of one entry's age may differ by this much.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(100);

impl ReadPurpose {
    pub(super) fn is_renewal(self) -> bool {
        matches!(self, Self::Renew { .. })
    }

    /// Whether a fresh entry serves the purpose.
    pub(super) fn takes(self, entry: &Stored) -> bool {
        match self {
            Self::Renew { fresh: Some(made) } => entry.created > made.after(TOLERANCE),
            _ => true,
        }
    }
}

impl ReadContext {
    /// Looks once more in every tier. A hit has landed the flight.
    pub(super) async fn find(
        &self,
        lead: &mut FlightLeader,
        ticket: &mut Ticket,
        purpose: ReadPurpose,
    ) -> RemoteLookup {
        match self.find_here(lead, purpose) {
            Ok(Some(hit)) => RemoteLookup::Hit(hit),
            Ok(None) => RemoteLookup::Missing(Miss::default()),
            Err(codec) => self.find_there(codec, lead, ticket, purpose).await,
        }
    }

    /// Looks once more in memory.
    ///
    /// # Errors
    /// The codec, if the remote tier must be asked.
    pub(super) fn find_here(
        &self,
        lead: &mut FlightLeader,
        purpose: ReadPurpose,
    ) -> Result<Option<Hit>, Coder> {
        let codec = self.request.remote_codec(&self.engine);
        if self.is_refresh() {
            return codec.map_or(Ok(None), Err);
        }
        // Another leader may have landed between this caller's look and its lead.
        let found = self.in_memory(|engine, tags| engine.verified(self.id(), tags));
        if let Some(entry) = found.filter(|entry| purpose.takes(entry))
            && let Some(hit) = self.hit(lead, entry, Source::Memory, purpose)
        {
            return Ok(Some(hit));
        }
        match codec {
            Some(codec) => Err(codec),
            None => Ok(self.find_unlinked(lead, purpose)),
        }
    }

    /// Asks the remote tier.
    pub(super) async fn find_there(
        &self,
        codec: Coder,
        lead: &mut FlightLeader,
        ticket: &mut Ticket,
        purpose: ReadPurpose,
    ) -> RemoteLookup {
        if self.is_refresh() && self.rules.revalidates {
            let found =
                boxed(|| self.engine.look_remote(&self.request, codec, ticket, self.seat()));
            let found = found.await;
            lead.restamp(ticket);
            // It replaces whatever it has found: only the old value matters.
            return RemoteLookup::Missing(match found {
                Ok(found) => Miss { old: found.entry, ..Miss::default() },
                Err(error) => Miss { remote_error: Some(error), ..Miss::default() },
            });
        }
        if self.is_refresh() {
            // A refresh does not read, but its value is judged by the fleet's generations.
            boxed(|| self.engine.stamp_remotely(&self.request, ticket, self.seat())).await;
            lead.restamp(ticket);
            return RemoteLookup::Missing(Miss::default());
        }
        self.find_remotely(codec, lead, ticket, purpose).await
    }

    /// Lands the flight with an entry, if it has the right type.
    pub(super) fn hit(
        &self,
        lead: &mut FlightLeader,
        entry: Stored,
        source: Source,
        purpose: ReadPurpose,
    ) -> Option<Hit> {
        let hit = self.cached(&entry, source)?;
        match source {
            // Not a read: a refresh that another process has already done.
            _ if purpose.is_renewal() => {}
            Source::Remote => self.tally().remote_hits(),
            Source::Stale => self.tally().stale_hits(),
            _ => self.tally().memory_hits(),
        }
        lead.land(FlightResult::Value(entry));
        Some(hit)
    }

    async fn find_remotely(
        &self,
        codec: Coder,
        lead: &mut FlightLeader,
        ticket: &mut Ticket,
        purpose: ReadPurpose,
    ) -> RemoteLookup {
        let engine = &self.engine;
        let found = match self.claim(lead, purpose) {
            Some(claim) => {
                boxed(|| engine.look_or_claim(&self.request, codec, ticket, claim)).await
            }
            None => engine.look_remote(&self.request, codec, ticket, self.seat()).await,
        };
        self.found(found, lead, ticket, purpose)
    }

    /// What a look at the remote tier means for the read.
    pub(super) fn found(
        &self,
        found: Result<Found, BackendError>,
        lead: &mut FlightLeader,
        ticket: &Ticket,
        purpose: ReadPurpose,
    ) -> RemoteLookup {
        let engine = &self.engine;
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
        let Found { mark, unmarked, leased, .. } = found;
        let mut missing = Miss { mark, unmarked, leased, ..Miss::default() };
        let Some(entry) = found.entry else {
            nothing();
            return RemoteLookup::Missing(missing);
        };
        missing.found = true;
        let freshness = entry.at(engine.clock.now());
        if freshness == Freshness::Fresh && purpose.takes(&entry) {
            // Landed while the ticket lives: an eviction must find the fence through which it ends the
            // flight.
            if let Some(hit) = self.hit(lead, Arc::clone(&entry), Source::Remote, purpose) {
                self.promote(ticket, &entry);
                return RemoteLookup::Hit(hit);
            }
        } else if freshness != Freshness::Fresh {
            // Kept in memory, to be served while it is renewed or if the renewal fails.
            self.promote(ticket, &entry);
            let refreshes =
                freshness == Freshness::Stale && purpose == (ReadPurpose::Answer { stale: true });
            let accepted = self.accepts_stale() && !purpose.is_renewal();
            if (refreshes || accepted)
                && let Some(hit) = self.hit(lead, Arc::clone(&entry), Source::Stale, purpose)
            {
                return RemoteLookup::Stale(hit);
            }
            missing.old = Some(entry);
        }
        nothing();
        RemoteLookup::Missing(missing)
    }

    /// Puts a remote entry into the memory tier, if the read may fill that; see [`promote`].
    pub(super) fn promote(&self, ticket: &Ticket, entry: &Stored) {
        self.keep_reads(entry);
        promote(&self.engine, ticket, entry, &self.request);
    }

    /// The request for the lease that goes with the read, if the read will probably find nothing and would then request this
    /// lease: the load that follows needs one request less, and any other read needs more of the store.
    fn claim(&self, lead: &FlightLeader, purpose: ReadPurpose) -> Option<Claim> {
        let (engine, request) = (&self.engine, &self.request);
        let remote = engine.remote.as_ref()?;
        let claims = !purpose.is_renewal()
            && request.mode == Mode::Normal
            && !request.is_read_only()
            && self.seat().is_none()
            && self.transaction.is_none()
            && !lead.took_over()
            && remote.has_leases()
            && remote.expected().nothing(request.function_number());
        claims.then(|| Claim::new(engine, request.key.as_str(), self.first_ask(), None))
    }

    /// The remote tier cannot be asked, so memory keeps serving.
    fn find_without(
        &self,
        error: BackendError,
        lead: &mut FlightLeader,
        purpose: ReadPurpose,
    ) -> RemoteLookup {
        let entry = self
            .in_memory(|engine, tags| engine.unverified(self.id(), tags))
            .filter(|entry| purpose.takes(entry));
        let hit = match entry {
            Some(entry) => self.hit(lead, entry, Source::Memory, purpose),
            None if self.accepts_stale() && !purpose.is_renewal() => {
                self.fallback(true).and_then(|entry| self.hit(lead, entry, Source::Stale, purpose))
            }
            None => None,
        };
        match hit {
            Some(hit) => RemoteLookup::Hit(hit),
            None => RemoteLookup::Missing(Miss { remote_error: Some(error), ..Miss::default() }),
        }
    }

    /// For values in memory only: while the bus is down, no tier can verify them, so they are served. After
    /// the bus is back, entries that may have missed an eviction are loaded again.
    fn find_unlinked(&self, lead: &mut FlightLeader, purpose: ReadPurpose) -> Option<Hit> {
        let unlinked = !self.engine.generations.is_linked();
        let entry = self.in_memory(|engine, tags| engine.unverified(self.id(), tags));
        self.hit(lead, entry.filter(|_| unlinked)?, Source::Memory, purpose)
    }

    /// What `look` finds in the memory tier, if the read uses it.
    fn in_memory(
        &self,
        look: impl FnOnce(&Engine, Declared<'_>) -> Option<Stored>,
    ) -> Option<Stored> {
        self.request.uses_memory().then(|| look(&self.engine, self.request.declared())).flatten()
    }
}

//! Permission to load and to store the value: a lease of the remote tier, if it has leases. While another process
//! has the lease, the leader waits for its value.

use std::sync::Arc;

use super::answer::{Fault, Step, made};
use super::find::{Miss, ReadPurpose};
use super::flight::{FlightLeader, FlightResult};
use super::lead::{Lead, Opening};
use super::lease::{Lease, Leased};
use super::lookup::Found;
use super::nesting::Nesting;
use super::read_context::ReadContext;
use super::store::FillTarget;
use crate::base::{BackendError, Error, Source, Stampede, boxed};
use crate::codec::Coder;
use crate::entry::{Freshness, Stored};
use crate::memory::Ticket;
use crate::remote::Ask;

/// How many values of other processes that this one cannot use are tolerated before it replaces them.
const USELESS: usize = 2;

/// How many rounds a process asks others for a value while evictions make the others' values old. After that
/// it loads without regard to them.
const ROUNDS: usize = 8;

/// How many times the policy's lease a process waits for others: once for a process whose load hangs, and
/// twice for the one that takes over, which has twice the time.
const OTHERS: u32 = 3;

/// A failure of the cache for the waiters, each of which makes its own error from it.
pub(crate) struct CacheUnavailable(pub(super) Error);

/// Whether and where a load may store its value in the remote tier.
enum WritePermission {
    To(FillTarget),
    /// Another process has stored a usable value.
    Served(Stored),
}

impl ReadContext {
    /// Lets the leader load, unless another process brings the value or the policy forbids a load.
    pub(super) async fn permitted(self: Arc<Self>, mut opening: Opening) -> Step {
        let fill = match self.permission_here(&opening.missing) {
            Ok(fill) => fill,
            Err(codec) => match boxed(|| self.permission(codec, &mut opening)).await {
                WritePermission::To(fill) => fill,
                WritePermission::Served(entry) => {
                    let Opening { leader, ticket, purpose, .. } = &mut opening;
                    let hit = self.hit(leader, Arc::clone(&entry), Source::Remote, *purpose);
                    if let Some(hit) = hit {
                        self.promote(ticket, &entry);
                        return Step::hit(hit);
                    }
                    FillTarget::Memory
                }
            },
        };
        let error = opening.missing.remote_error.as_ref().or(fill.error());
        if let Some(error) = error.filter(|_| self.rules.refuses(&self.request.policy)) {
            let error = error.clone();
            return self.refused(opening, error);
        }
        Step::Load(Box::new(Lead::new(self, opening, fill)))
    }

    /// The cache failed, and the policy forbids a load without it: serves an old value if there is one;
    /// otherwise all waiters get the error.
    fn refused(&self, opening: Opening, error: BackendError) -> Step {
        let Opening { mut leader, ticket, missing, purpose } = opening;
        if let Some(served) = self.old_instead(&mut leader, &ticket, &missing, purpose) {
            return Step::hit(served);
        }
        let error = Error::from(error);
        leader.land(FlightResult::Failed(Some(Arc::new(CacheUnavailable(error.clone())))));
        Step::Answer(made(Err(Fault::Refused(error)), Source::Refused))
    }

    /// The permission, if the remote tier need not be asked for it.
    ///
    /// # Errors
    /// The codec, if it must be asked.
    fn permission_here(&self, missing: &Miss) -> Result<FillTarget, Coder> {
        let (engine, request) = (&self.engine, &self.request);
        if self.transaction.is_some() || request.is_read_only() {
            // A lease would block other processes until the transaction ends, and a read-only load has nothing to
            // store under it.
            return Ok(FillTarget::Memory);
        }
        let (Some(codec), Some(remote)) = (request.remote_codec(engine), &engine.remote) else {
            return Ok(FillTarget::Memory);
        };
        if !remote.has_leases() {
            return Ok(FillTarget::Plain(codec));
        }
        match &missing.remote_error {
            Some(error) => Ok(FillTarget::Failed(error.clone())),
            None => Err(codec),
        }
    }

    /// A request for the lease by a caller that knows nothing about the key.
    pub(super) fn first_ask(&self) -> Ask {
        let (engine, policy) = (&self.engine, &self.request.policy);
        let now = engine.clock.now();
        // The lease may be held by a load around this one, for a value of another type.
        let own = Nesting::current().loads_key(engine.flights.home(), self.id());
        let patient = (policy.stampede == Stampede::Fleet || self.is_refresh()) && !own;
        let others = now.after(policy.lease.saturating_mul(OTHERS));
        let until = if patient { others } else { now };
        Ask { seen: None, generation: 0, steal: false, until, lease: policy.lease }
    }

    /// Asks the remote tier for permission to store the value of the load, and waits while another process
    /// loads.
    async fn permission(&self, codec: Coder, opening: &mut Opening) -> WritePermission {
        let (engine, request) = (&self.engine, &self.request);
        let Opening { leader, ticket, missing, purpose } = opening;
        let (lead, purpose) = (&*leader, *purpose);
        let mut ask = Ask {
            seen: missing.mark,
            generation: ticket.stamps.newest(),
            steal: self.is_refresh() || lead.took_over() || missing.unmarked,
            ..self.first_ask()
        };
        // The waiters of this flight also wait for the other process, and give up after this caller.
        lead.begin(ask.until, request.policy.lease, 0);
        let mut answered = missing.leased.take();
        let (mut useless, mut evicted) = (0, false);
        for _ in 0..ROUNDS {
            ask.steal |= useless == USELESS;
            let key = request.key.as_str();
            let leased = match (answered.take(), self.seat()) {
                // The read has requested it.
                (Some(answer), _) => boxed(|| answer.go_on(ask)).await,
                (None, Some(seat)) => seat.lease(key, ask).await,
                (None, None) => Lease::ask(engine, key, ask).await,
            };
            let value = match leased {
                Ok(Leased::Lead(lease)) => {
                    if lease.has_waited() {
                        // A value that is stored under old generations is useless.
                        self.stamp_anew(lead, ticket, missing).await;
                    }
                    let newest = ticket.stamps.newest();
                    if newest <= ask.generation {
                        return WritePermission::To(FillTarget::Leased(codec, lease));
                    }
                    (ask.generation, evicted) = (newest, true);
                    continue;
                }
                Ok(Leased::Refused) => return WritePermission::To(FillTarget::Memory),
                Err(error) => {
                    self.tally().remote_errors();
                    return WritePermission::To(FillTarget::Failed(error));
                }
                Ok(Leased::Value(value)) => value,
            };
            // It may have been stored under newer generations than the ticket's.
            let overtaken = self.stamp_anew(lead, ticket, missing).await;
            let newest = ticket.stamps.newest();
            evicted |= overtaken || newest > ask.generation;
            ask.generation = newest;
            if overtaken {
                // The value may be older than the eviction, and the new ticket would not show that.
                continue;
            }
            let found = match engine.decode_late(request, codec, ticket, &value).await {
                Ok(found) => found,
                Err(error) => return WritePermission::To(FillTarget::Failed(error)),
            };
            match self.usable(&found, purpose) {
                Some(entry) => return WritePermission::Served(entry),
                None => ask.seen = found.mark,
            }
            ask.steal |= found.unmarked;
            // A value that an eviction made old does not count against the load that another process may run
            // now: that load must not be ended.
            useless += usize::from(!std::mem::take(&mut evicted));
        }
        WritePermission::To(FillTarget::Memory)
    }

    /// Reads the current generations, for a load that has not begun. If an eviction has ended the ticket, the
    /// read continues with a new ticket, because nothing could be used or stored with the old one. Returns
    /// whether that is so.
    async fn stamp_anew(
        &self,
        lead: &FlightLeader,
        ticket: &mut Ticket,
        missing: &mut Miss,
    ) -> bool {
        let engine = &self.engine;
        let overtaken = !(ticket.is_alive() && engine.generations.unmoved(&ticket.stamps));
        if overtaken {
            *ticket = self.request.ticket(engine);
            // It was found before the eviction.
            missing.old = None;
        }
        engine.stamp_remotely(&self.request, ticket, self.seat()).await;
        lead.restamp(ticket);
        overtaken
    }

    fn usable(&self, found: &Found, purpose: ReadPurpose) -> Option<Stored> {
        let entry = found.entry.as_ref()?;
        let fresh = entry.at(self.engine.clock.now()) == Freshness::Fresh;
        (fresh && purpose.takes(entry)).then(|| Arc::clone(entry))
    }
}

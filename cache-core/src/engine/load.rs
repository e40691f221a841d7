//! The load of a flight's leader, under a lease if the remote tier has leases, and the commit through the
//! ticket.

use std::sync::Arc;
use std::time::Duration;

use super::find::{Miss, ReadPurpose};
use super::flight::{FlightLeader, FlightResult};
use super::lease::{Lease, Leased};
use super::lookup::{Found, promote};
use super::nesting::Nesting;
use super::read_context::{Keep, ReadContext, loaded};
use super::spawn::{spawn, start_now};
use super::store::FillTarget;
use crate::base::{
    CacheValue, Cached, Error, PLAIN, Shape, SharedFailure, Source, Stampede, boxed,
};
use crate::entry::{Freshness, Stored};
use crate::memory::{Committed, Superseded, Ticket};
use crate::remote::Ask;
use crate::stats::log_failure;

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

/// An output that says that there is no value, as a function that makes it again and a failure for waiters;
/// or the failed output.
type Absence<O> = (fn() -> O, Option<SharedFailure>);

fn absence<S: Shape>(output: S::Output) -> Result<Absence<S::Output>, S::Output> {
    match S::absence(&output) {
        Some(again) => Ok((again, S::share(&output))),
        None => Err(output),
    }
}

impl<S> ReadContext<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    /// Loads, lands the flight, and stores.
    pub(super) async fn load<M, F>(
        &self,
        mut lead: FlightLeader,
        mut ticket: Ticket,
        mut missing: Miss,
        purpose: ReadPurpose,
        start: M,
    ) -> Cached<S::Output>
    where
        M: FnOnce(Nesting) -> F,
        F: Future<Output = S::Output>,
    {
        let mut fill = match boxed(|| self.leave(&lead, &mut ticket, &mut missing, purpose)).await {
            WritePermission::To(fill) => fill,
            WritePermission::Served(entry) => {
                let hit = self.hit(&mut lead, Arc::clone(&entry), Source::Remote, purpose);
                if let Some(hit) = hit {
                    promote(&self.engine, &ticket, &entry, self.request.site);
                    return hit.map(S::join);
                }
                FillTarget::Memory
            }
        };
        let error = missing.remote_error.as_ref().or(fill.error());
        if let (Some(error), Some(refused)) = (error, self.rules.refusal(&self.request.policy)) {
            let error = Error::from(error.clone());
            return self.refused(lead, &ticket, &missing, purpose, (error, refused));
        }
        self.tally().loads();
        let (began, stopwatch) = (self.engine.clock.now(), self.engine.clock.stopwatch());
        let elsewhere = fill.held().map_or(0, Lease::takeovers);
        let until = lead.begin(began, self.request.policy.lease, elsewhere);
        let nesting = Nesting::begin(lead.flight());
        // A load that continues in the background is polled here, not by the caller.
        let loading = || nesting.clone().around(start(nesting));
        let output = match fill.held_mut() {
            Some(lease) => boxed(|| lease.during(until, loading())).await,
            None => boxed(loading).await,
        };
        self.engine.loaded_in(&self.request, stopwatch.elapsed());
        let cost = self.engine.clock.now().since(began).unwrap_or_default();
        // From here on the output is not held across a wait, so only the value must be `Send`.
        let value = match S::split(output) {
            Ok(value) => Ok(value),
            Err(output) => match absence::<S>(output) {
                Ok(absence) => Err(absence),
                Err(output) => return self.failed(lead, &ticket, &missing, purpose, output),
            },
        };
        let value = match value {
            Ok(value) => value,
            Err((absent, absence)) => {
                boxed(|| self.without(lead, ticket, &missing, absence)).await;
                return loaded(absent(), Source::Loaded);
            }
        };
        let Keep::Under(policy) = self.keep(&value) else {
            return boxed(|| self.pass_on(lead, ticket, &missing, value)).await;
        };
        let stamps = ticket.stamps.clone();
        let entry = self.engine.entry(&self.request, stamps, value.clone(), (&policy, cost));
        if let Some(transaction) = &self.transaction {
            transaction.keep(&self.engine, &self.request, ticket, entry);
            return loaded(S::join(value), Source::Loaded);
        }
        let memory = self.engine.memory.as_ref();
        // Until it lands, an eviction must find the fence through which it ends the flight; the ticket goes
        // to the store.
        let fence = self.is_strict().then(|| self.request.ticket(&self.engine, self.id));
        let committed = match self.is_refresh() {
            // Reads that found the old value in the remote tier must not promote it over this one.
            true => ticket.commit_over(memory, &entry),
            false => ticket.commit(memory, &entry),
        };
        lead.loaded(&entry);
        self.store(lead, committed, fill, &entry).await;
        drop(fence);
        loaded(S::join(value), Source::Loaded)
    }

    /// Lands the flight and stores the value remotely. The caller does not wait for that if memory has the
    /// value, but evictions of the key and the cache's `close` do. A refresh waits, so that other processes
    /// find the new value when it returns.
    async fn store(
        &self,
        mut lead: FlightLeader,
        committed: Result<Committed, Superseded>,
        fill: FillTarget,
        entry: &Stored,
    ) {
        let (engine, entry, replaces) =
            (Arc::clone(&self.engine), Arc::clone(entry), self.is_refresh());
        let about = (self.seat.clone(), self.request.site);
        let writes = fill.codec().is_some() && committed.is_ok();
        // Without a runtime no task would drive the write.
        let runtime = tokio::runtime::Handle::try_current().is_ok();
        let behind = writes && runtime && engine.memory.is_some() && !replaces;
        if self.is_strict() {
            // Waiters at a strict tier look again, so the value must be stored before they do.
            let store = || engine.store(committed, fill, &entry, (replaces, false), about);
            boxed(store).await;
            lead.land(FlightResult::Value(Arc::clone(&entry)));
            return;
        }
        lead.land_before_storing(&entry, behind);
        // Callers can join the flight until the value is stored, but not after an eviction can no longer end
        // it.
        let committed = committed.map(|committed| committed.holding(lead));
        let storing = boxed(|| async move {
            // A fill that replaces a value in other processes' memory is announced; a first fill is not.
            engine.store(committed, fill, &entry, (replaces, behind), about).await;
        });
        match behind {
            // It is written with the batch's other items, when these have their values, too.
            true if self.seat.is_some() => spawn(storing),
            // A store inside this process has the value when this returns.
            true => start_now(storing),
            false => storing.await,
        }
    }

    /// Asks the remote tier for permission to store the value of the load, and waits while another process
    /// loads.
    async fn leave(
        &self,
        lead: &FlightLeader,
        ticket: &mut Ticket,
        missing: &mut Miss,
        purpose: ReadPurpose,
    ) -> WritePermission {
        let (engine, request) = (&self.engine, &self.request);
        if self.transaction.is_some() {
            // A lease would block other processes until the transaction ends.
            return WritePermission::To(FillTarget::Memory);
        }
        let (Some(codec), Some(remote)) = (request.remote_codec(engine), &engine.remote) else {
            return WritePermission::To(FillTarget::Memory);
        };
        if !remote.has_leases() {
            return WritePermission::To(FillTarget::Plain(codec));
        }
        if let Some(error) = &missing.remote_error {
            return WritePermission::To(FillTarget::Failed(error.clone()));
        }
        let now = engine.clock.now();
        // The lease may be held by a load around this one, for a value of another type.
        let own = Nesting::current().loads_key(engine.flights.home(), self.id);
        let patient = (request.policy.stampede == Stampede::Fleet || self.is_refresh()) && !own;
        let others = now.after(request.policy.lease.saturating_mul(OTHERS));
        // The waiters of this flight also wait for the other process, and give up after this caller.
        lead.begin(if patient { others } else { now }, request.policy.lease, 0);
        let mut ask = Ask {
            seen: missing.mark,
            generation: ticket.stamps.newest(),
            steal: self.is_refresh() || lead.took_over() || missing.unmarked,
            until: if patient { others } else { now },
            lease: request.policy.lease,
        };
        let (mut useless, mut evicted) = (0, false);
        for _ in 0..ROUNDS {
            ask.steal |= useless == USELESS;
            let key = request.key.as_str();
            let leased = match &self.seat {
                Some(seat) => seat.lease(key, ask).await,
                None => Lease::ask(engine, key, ask).await,
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
            *ticket = self.request.ticket(engine, self.id);
            // It was found before the eviction.
            missing.old = None;
        }
        engine.stamp_remotely(&self.request, ticket, self.seat.as_ref()).await;
        lead.restamp(ticket);
        overtaken
    }

    fn usable(&self, found: &Found, purpose: ReadPurpose) -> Option<Stored> {
        let entry = found.entry.as_ref()?;
        let fresh = entry.at(self.engine.clock.now()) == Freshness::Fresh;
        (fresh && purpose.takes(entry)).then(|| Arc::clone(entry))
    }

    /// The load failed: serves an old value if there is one, and pauses its loads; otherwise the failure goes
    /// to all waiters.
    fn failed(
        &self,
        mut lead: FlightLeader,
        ticket: &Ticket,
        missing: &Miss,
        purpose: ReadPurpose,
        output: S::Output,
    ) -> Cached<S::Output> {
        self.engine.load_failed(&self.request);
        if let Some(served) = self.old_instead(&mut lead, ticket, missing, purpose) {
            return served;
        }
        let failure = S::share(&output);
        // A transaction's failure may result from its uncommitted data.
        if !self.is_refresh() && self.transaction.is_none() {
            self.keep_failure(ticket, failure.as_ref());
        }
        lead.land(FlightResult::Failed(failure));
        loaded(output, Source::Loaded)
    }

    /// The cache failed, and the policy forbids a load without it: serves an old value if there is one;
    /// otherwise all waiters get the error.
    fn refused(
        &self,
        mut lead: FlightLeader,
        ticket: &Ticket,
        missing: &Miss,
        purpose: ReadPurpose,
        (error, refused): (Error, fn(Error) -> S::Output),
    ) -> Cached<S::Output> {
        if let Some(served) = self.old_instead(&mut lead, ticket, missing, purpose) {
            return served;
        }
        lead.land(FlightResult::Failed(Some(Arc::new(CacheUnavailable(error.clone())))));
        loaded(refused(error), Source::Refused)
    }

    /// Serves the old value, if there is one.
    fn old_instead(
        &self,
        lead: &mut FlightLeader,
        ticket: &Ticket,
        missing: &Miss,
        purpose: ReadPurpose,
    ) -> Option<Cached<S::Output>> {
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
    fn old(&self, ticket: &Ticket, missing: &Miss) -> Option<Stored> {
        let now = self.engine.clock.now();
        let held = missing.old.as_ref().filter(|entry| {
            ticket.is_alive()
                && self.engine.generations.current(&entry.stamps)
                && entry.at(now) != Freshness::Expired
        });
        let typed = |entry: &Stored| entry.value::<S::Value>().is_some();
        let kept = self.fallback(missing.remote_error.is_some()).filter(typed);
        kept.or_else(|| held.cloned())
    }

    /// Returns a value that is not stored.
    async fn pass_on(
        &self,
        mut lead: FlightLeader,
        ticket: Ticket,
        missing: &Miss,
        value: S::Value,
    ) -> Cached<S::Output> {
        let (engine, stamps) = (&self.engine, ticket.stamps.clone());
        let entry = engine.entry(&self.request, stamps, value.clone(), (&PLAIN, Duration::ZERO));
        lead.loaded(&entry);
        lead.land(FlightResult::Value(entry));
        self.forget_older(ticket, missing).await;
        loaded(S::join(value), Source::Loaded)
    }

    /// Ends a load that succeeded without a value for this item of a batch.
    async fn without(
        &self,
        mut lead: FlightLeader,
        ticket: Ticket,
        missing: &Miss,
        absence: Option<SharedFailure>,
    ) {
        lead.land(FlightResult::Failed(absence));
        self.forget_older(ticket, missing).await;
    }

    /// Removes older values after a load that stored nothing.
    async fn forget_older(&self, ticket: Ticket, missing: &Miss) {
        // There is nothing to write: the other items of the batch do not wait for the eviction.
        self.seat.iter().for_each(|seat| seat.waits());
        if self.transaction.is_some() {
            // Other callers' values do not depend on the transaction's own data.
            return;
        }
        let engine = &self.engine;
        let older = self.is_refresh()
            || missing.mark.is_some()
            || engine.memory.as_ref().is_some_and(|memory| memory.get(self.id).is_some());
        // A value that came meanwhile is newer than this load.
        let older = older && ticket.is_alive();
        drop(ticket);
        let key = std::slice::from_ref(&self.request.key);
        if older && let Err(error) = engine.evict_keys(key).await {
            log_failure("an older value was not evicted everywhere", &error);
        }
    }
}

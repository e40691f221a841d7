//! The steps of a read: look, join or lead, ask the remote tier, load, commit.

use std::sync::Arc;

use super::desk::Ask;
use super::find::{Miss, ReadPurpose, RemoteLookup};
use super::flight::{Caller, Flight, FlightLeader, FlightResult, Joins, Role, Turn};
use super::handle::Engine;
use super::load::CacheUnavailable;
use super::lookup::Lookup;
use super::nesting::Nesting;
use super::pulse::Pulse;
use super::read_context::{ReadContext, loaded};
use super::request::{Mode, Request};
use super::rules::Rules;
use super::scope::ReadRoute;
use super::spawn::spawn;
use super::timeouts::{Timeouts, WaitOutcome};
use super::{nesting, scope};
use crate::base::{
    CacheValue, Cached, Elapsed, Error, Shape, Source, Stampede, Timestamp, boxed, warn_once,
};
use crate::entry::{Freshness, Stored};
use crate::memory::Ticket;

/// A read with all its steps. The memory tier has not been asked yet.
///
/// Not an `async fn`: that would store the arguments twice per future, and 10,000 callers may wait for one
/// load.
pub(crate) fn read<S>(
    engine: Arc<Engine>,
    request: Request,
    rules: Rules<S>,
    work: Ask<S::Output>,
) -> impl Future<Output = Cached<S::Output>> + Send
where
    S: Shape<Output: Send + 'static> + 'static,
    S::Value: CacheValue,
{
    let mut job = ReadContext::new(engine, request, rules, work.seat());
    job.pulse = work.pulse.clone();
    async move {
        if job.request.mode == Mode::Bypass {
            return beside(work).await;
        }
        match scope::way(&job.engine, &job.request).await {
            ReadRoute::Through => {}
            ReadRoute::InTransaction(open) => job.transaction = Some(open),
            ReadRoute::Beside => return beside(work).await,
            ReadRoute::Own(entry) => match job.cached(&entry, Source::Memory) {
                Some(own) => {
                    job.tally().memory_hits();
                    return own;
                }
                // The transaction has stored another type under the key.
                None => return beside(work).await,
            },
        }
        let (engine, request) = (&job.engine, &job.request);
        if let Err(error) = request.policy.check() {
            warn_once("calls with this policy run uncached", &error.into());
            return beside(work).await;
        }
        let reads = request.mode == Mode::Normal;
        let work = match job.at_once(work) {
            Ok(served) => return served,
            Err(work) => work,
        };
        // Reads that memory answers immediately do not read a precise clock.
        let stopwatch = engine.clock.stopwatch();
        let done = job.read(work).await;
        if reads {
            engine.answered_in(request, stopwatch.elapsed());
        }
        if reads && matches!(done.source, Source::Loaded | Source::TimedOut | Source::Refused) {
            job.tally().misses();
        }
        done
    }
}

/// Loads without the cache.
async fn beside<O: Send + 'static>(work: Ask<O>) -> Cached<O> {
    loaded(work.start(Nesting::current()).await, Source::Bypassed)
}

/// The result of waiting for another caller's load.
enum Joined<O> {
    Done(Cached<O>),
    /// None: the read decides again what to do.
    Again,
    /// The other load waits for the caller's own.
    Circle,
}

/// How to wait for another caller's load.
struct How {
    /// Waits for its end only.
    queues: bool,
    /// It was in progress when the read began.
    older: bool,
}

/// The state of a read that waited for a load whose result it could not use.
#[derive(Default)]
struct Failing {
    /// How long it waits for the loads of others.
    until: Option<Timestamp>,
    /// Its turn to load.
    turn: Option<Turn>,
    /// It has waited long enough, and loads without regard to others.
    alone: bool,
}

impl<S> ReadContext<S>
where
    S: Shape<Output: Send + 'static> + 'static,
    S::Value: CacheValue,
{
    /// Serves from the memory tier, if the read may use it.
    fn at_once(&self, work: Ask<S::Output>) -> Result<Cached<S::Output>, Ask<S::Output>> {
        if self.is_refresh() { Err(work) } else { self.serve(work, self.request.drawn) }
    }

    /// The steps after the first look at the memory tier.
    async fn read(&self, mut work: Ask<S::Output>) -> Cached<S::Output> {
        let mut patience = Timeouts::new(&self.engine.clock, &self.request.policy);
        let mut failing = Failing::default();
        let mut again = false;
        // A flight that is in progress when a read begins is older than the read.
        let mut older = self.is_strict();
        loop {
            if std::mem::replace(&mut again, true) && !self.is_refresh() {
                work = match self.serve(work, false) {
                    Ok(served) => return served,
                    Err(work) => work,
                };
            }
            let (flight, queues) = match self.role(failing.alone) {
                Role::Lead(lead, ticket) => {
                    let flight = lead.flight();
                    let done = boxed(|| self.fly(lead, ticket, work, patience)).await;
                    if let (Some(turn), Some(flight)) = (&failing.turn, flight) {
                        turn.brought(flight.landed().as_ref());
                    }
                    return done;
                }
                Role::Wait(flight) => (flight, false),
                Role::Queue(flight) => (flight, true),
            };
            let how = How { queues, older: std::mem::take(&mut older) };
            let joined = boxed(|| self.wait(&flight, how, &mut failing, &mut patience));
            match joined.await {
                Joined::Done(done) => return done,
                Joined::Again => {}
                Joined::Circle => {
                    self.complain_of_circle();
                    return boxed(|| beside(work)).await;
                }
            }
        }
    }

    /// Leads a flight: looks once more in every tier, and loads if there is no value.
    async fn fly(
        &self,
        mut lead: FlightLeader,
        mut ticket: Ticket,
        work: Ask<S::Output>,
        mut patience: Timeouts,
    ) -> Cached<S::Output> {
        let purpose = ReadPurpose::Answer { stale: work.detaches() && self.transaction.is_none() };
        let find = boxed(|| self.find(&mut lead, &mut ticket, purpose));
        let found = match self.patiently(find, &mut patience, || None).await {
            Ok(found) => found,
            Err(instead) => return instead,
        };
        match found {
            RemoteLookup::Hit(hit) => hit.map(S::join),
            RemoteLookup::Stale(hit) => {
                // The work can be detached: otherwise `find` returns no stale value.
                drop((lead, ticket));
                let _ = self.renew_behind(work, hit.source, hit.age);
                hit.map(S::join)
            }
            RemoteLookup::Missing(missing) => {
                boxed(|| self.lead(lead, ticket, missing, work, patience)).await
            }
        }
    }

    /// Waits for another caller's load.
    async fn wait(
        &self,
        flight: &Arc<Flight>,
        How { queues, older }: How,
        failing: &mut Failing,
        patience: &mut Timeouts,
    ) -> Joined<S::Output> {
        let waited = {
            let Ok(_waiting) = nesting::wait_for(flight) else { return Joined::Circle };
            let _aside = self.aside();
            boxed(|| self.await_flight(flight, patience)).await
        };
        let landing = match waited {
            WaitOutcome::Instead(instead) => return Joined::Done(instead),
            WaitOutcome::Overdue if !queues => return Joined::Again,
            WaitOutcome::Overdue => {
                flight.open_turns();
                return boxed(|| self.take_turn(flight, failing, patience)).await;
            }
            WaitOutcome::Landed(landing)
                if !(queues || matches!(landing, FlightResult::Failed(None))) =>
            {
                landing
            }
            _ => return boxed(|| self.take_turn(flight, failing, patience)).await,
        };
        if let FlightResult::Value(entry) = &landing
            && self.looks_again(older, entry)
        {
            return Joined::Again;
        }
        if let Some(turn) = &failing.turn {
            turn.brought(Some(&landing));
        }
        self.taken(landing)
    }

    /// The awaited result is useless for its waiters: a failure that cannot be shared, or a refresh that
    /// began before they requested one. So they load one after the other, and the first load with a shareable
    /// result ends the turns for all. A read that has waited for the time of a lease loads immediately.
    async fn take_turn(
        &self,
        flight: &Arc<Flight>,
        failing: &mut Failing,
        patience: &mut Timeouts,
    ) -> Joined<S::Output> {
        if failing.turn.is_some() || failing.alone {
            return Joined::Again;
        }
        let clock = &self.engine.clock;
        let lease = self.request.policy.lease;
        let until = *failing.until.get_or_insert_with(|| clock.now().after(lease));
        let turn = {
            let _aside = self.aside();
            let turn = boxed(|| clock.timeout_at(until, Arc::clone(flight).turn()));
            self.patiently(turn, patience, || None).await
        };
        match turn {
            Err(instead) => return Joined::Done(instead),
            Ok(Ok(Err(Some(brought)))) if self.counts(&brought) => return self.taken(brought),
            Ok(Ok(Err(_))) => {}
            Ok(Ok(Ok(turn))) => failing.turn = Some(turn),
            // The load that runs by now must be waited for, or replaced.
            Ok(Err(Elapsed)) if self.is_refresh() => failing.until = None,
            Ok(Err(Elapsed)) => failing.alone = true,
        }
        Joined::Again
    }

    /// Whether this reader can use another caller's result: it may be a cached value that lacks one of the
    /// reader's tags, and so may have outlived that tag's eviction.
    fn counts(&self, brought: &FlightResult) -> bool {
        match brought {
            FlightResult::Value(entry) => self.request.declared().are_carried_by(&entry.stamps),
            _ => true,
        }
    }

    fn taken(&self, landing: FlightResult) -> Joined<S::Output> {
        self.take(landing).map_or(Joined::Again, Joined::Done)
    }

    #[cold]
    fn complain_of_circle(&self) {
        let function = self.request.function().unwrap_or("a load by hand");
        let message = format!(
            "`{function}` was called by the load of its own key, or by one that this load waits for"
        );
        warn_once("the inner call runs uncached", &Error::config("call", message));
    }

    /// Serves the memory tier's value, and starts a refresh if it is time for one; otherwise returns the
    /// work.
    fn serve(
        &self,
        mut work: Ask<S::Output>,
        drawn: bool,
    ) -> Result<Cached<S::Output>, Ask<S::Output>> {
        let engine = &self.engine;
        if let Some(site) = self.request.site {
            site.caches::<S::Value>();
        }
        let hit = match engine.look::<S::Value>(
            self.id,
            self.request.declared(),
            &self.request.policy,
            drawn,
        ) {
            Lookup::Hit(hit) => hit,
            // A background refresh could see the transaction's uncommitted data, and would store it.
            Lookup::Renew(hit) if self.transaction.is_some() => match hit.source {
                Source::Memory => hit,
                _ => return self.kept_failure().ok_or(work),
            },
            Lookup::Renew(hit) => match self.renew_behind(work, hit.source, hit.age) {
                Ok(()) => hit,
                // Fresh, and only early: served anyway.
                Err(_) if hit.source == Source::Memory => hit,
                Err(back) => {
                    work = back;
                    return self.kept_failure().ok_or(work);
                }
            },
            Lookup::Unverified => match self.resting() {
                Some(hit) => hit,
                None => return self.kept_failure().ok_or(work),
            },
            Lookup::Mistyped(found) => {
                engine.mistyped(&self.request, found);
                return self.kept_failure().ok_or(work);
            }
            Lookup::Nothing => return self.kept_failure().ok_or(work),
        };
        match hit.source {
            Source::Memory => self.tally().memory_hits(),
            Source::Stale => self.tally().stale_hits(),
            _ => self.tally().fail_safe_hits(),
        }
        Ok(hit.map(S::join))
    }

    /// The role of this caller. Without single flight, or if `alone`, every caller loads for itself.
    fn role(&self, alone: bool) -> Role {
        // A transaction neither waits for other callers, which may wait for its locks, nor shares its loads
        // with them.
        let alone = alone || self.transaction.is_some();
        if self.request.policy.stampede != Stampede::Off && !alone {
            return self.join(self.pulse.clone());
        }
        let key = self.request.flight::<S::Value>(self.id);
        let ticket = self.request.ticket(&self.engine, self.id);
        Role::Lead(FlightLeader::alone(&self.engine.flights, key), ticket)
    }

    /// `pulse` tells whether the caller is polled, if the caller leads.
    fn join(&self, pulse: Option<Arc<Pulse>>) -> Role {
        let (engine, policy) = (&self.engine, &self.request.policy);
        let key = self.request.flight::<S::Value>(self.id);
        let issue = || self.request.ticket(engine, self.id);
        let (now, lease) = (engine.clock.now(), policy.lease);
        let joins = Joins {
            generations: &engine.generations,
            tags: self.request.declared(),
            refresh: self.is_refresh().then_some(self.requested),
        };
        engine.flights.join(key, Caller { joins, pulse, now, lease }, issue)
    }

    /// Whether a read looks again after it has waited for a flight, which may be `older` than the read.
    /// Another process may have evicted after the flight read or loaded its value and before the read began,
    /// and the message may be on its way. All waiters look again together.
    fn looks_again(&self, older: bool, entry: &Stored) -> bool {
        let expired = || entry.at(self.engine.clock.now()) == Freshness::Expired;
        self.is_strict() && (older && !self.engine.remote_fails() || expired())
    }

    /// Converts the result of a landed flight for a waiter.
    fn take(&self, landing: FlightResult) -> Option<Cached<S::Output>> {
        let taken = match landing {
            FlightResult::Value(entry) => {
                let served = self.served(&entry)?;
                let fresh = served.source == Source::Memory;
                let source = if fresh { Source::Coalesced } else { served.source };
                Cached { source, ..served }
            }
            FlightResult::Failed(failure) => {
                let failure = failure?;
                if let Some(CacheUnavailable(error)) = failure.downcast_ref() {
                    // A caller that may load without the cache tries for itself.
                    let refused = self.rules.refusal(&self.request.policy)?;
                    return Some(loaded(refused(error.clone()), Source::Refused));
                }
                let failed = loaded(self.rules.unshare(&failure)?, Source::Coalesced);
                // A read without a value is not a hit.
                self.tally().misses();
                return Some(failed);
            }
            FlightResult::Abandoned => return None,
        };
        self.tally().coalesced();
        Some(taken)
    }

    /// Loads, so that the load can continue without this caller if the caller has a timeout.
    async fn lead(
        &self,
        lead: FlightLeader,
        ticket: Ticket,
        missing: Miss,
        work: Ask<S::Output>,
        patience: Timeouts,
    ) -> Cached<S::Output> {
        let purpose = ReadPurpose::Answer { stale: false };
        if !patience.is_bounded() || !work.detaches() {
            let start = |nesting| work.start(nesting);
            return boxed(|| self.load(lead, ticket, missing, purpose, start)).await;
        }
        let (job, flight) = (self.again(), lead.flight());
        let attempt = boxed(|| async move {
            job.load(lead, ticket, missing, purpose, |nesting| work.along(nesting)).await
        });
        boxed(|| self.await_own(attempt, flight, patience)).await
    }

    /// Starts the one background refresh of an entry, unless one is in progress. Returns the work if it
    /// cannot be detached.
    fn renew_behind(
        &self,
        work: Ask<S::Output>,
        source: Source,
        age: std::time::Duration,
    ) -> Result<(), Ask<S::Output>> {
        if !work.detaches() {
            return Err(work);
        }
        let Role::Lead(mut lead, mut ticket) = self.join(None) else { return Ok(()) };
        let again = work.behind();
        let made: Option<Timestamp> =
            (source == Source::Memory).then(|| self.engine.clock.now().before(age));
        let purpose = ReadPurpose::Renew { fresh: made };
        if made.is_some() {
            self.tally().early_refreshes();
        }
        let job = self.for_nobody();
        spawn(async move {
            if let RemoteLookup::Missing(missing) = job.find(&mut lead, &mut ticket, purpose).await
            {
                drop(job.load(lead, ticket, missing, purpose, |_| again).await);
            }
        });
        Ok(())
    }
}

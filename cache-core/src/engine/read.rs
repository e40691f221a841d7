//! The steps of a read: look, join or lead, ask the remote tier, and let the caller load.

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::pin;
use std::sync::Arc;

use super::answer::{Answer, Fault, Hit, Step, made};
use super::find::{Miss, ReadPurpose, RemoteLookup};
use super::flight::{Candidate, Flight, FlightLeader, FlightResult, Joins, Role, Turn};
use super::handle::Engine;
use super::lead::{Lead, Opening};
use super::lookup::Lookup;
use super::permission::CacheUnavailable;
use super::pulse::Pulse;
use super::read_context::{Caller, ReadContext};
use super::refresh::Refresh;
use super::request::{Mode, Request};
use super::scope::ReadRoute;
use super::store::FillTarget;
use super::timeouts::{Timeouts, WaitOutcome};
use super::verdict::ReadRules;
use super::{nesting, scope};
use crate::base::{
    Access, BoxFuture, Cached, Elapsed, Error, Source, Stampede, Stopwatch, Timestamp, boxed,
    no_active_scope, warn_once,
};
use crate::codec::Coder;
use crate::entry::{Freshness, Stored};
use crate::memory::Ticket;

/// The first step of a read, which most reads can take immediately. Otherwise it is awaited.
pub(crate) enum Begun {
    Now(Step),
    Later(BoxFuture<'static, Step>),
}

/// Begins a read: looks in all tiers, waits for the loads of others, and tells the caller what to do.
pub(crate) fn begin(
    engine: Arc<Engine>,
    mut request: Request,
    rules: ReadRules,
    caller: Caller,
) -> Begun {
    match (request.mode, request.policy.access) {
        (Mode::Bypass, _) => return Begun::Now(Step::Bypass),
        (Mode::Refresh, Access::ReadOnly) => return Begun::Later(not_stored(engine, request)),
        // It loads and stores without a read, and that is what a refresh does.
        (_, Access::WriteOnly) => request.mode = Mode::Refresh,
        _ => {}
    }
    let job = Arc::new(ReadContext::new(engine, request, rules, caller));
    if no_active_scope() { job.begin() } else { Begun::Later(boxed(|| job.routed())) }
}

/// A refresh that is read-only: the cached value is known to be old, and the new one is not stored.
#[cold]
fn not_stored(engine: Arc<Engine>, request: Request) -> BoxFuture<'static, Step> {
    boxed(|| async move {
        scope::evict_quietly(&engine, &request).await;
        Step::Bypass
    })
}

/// The result of waiting for another caller's load.
enum Joined {
    Done(Answer),
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

/// A read after its look at the memory tier.
pub(super) enum Started {
    Now(Step),
    Next(Unanswered),
}

/// A read that memory could not answer.
pub(super) struct Unanswered {
    pub(super) job: Arc<ReadContext>,
    pub(super) next: Next,
    pub(super) patience: Timeouts,
    pub(super) waits: Stopwatch,
}

/// What a read does after it has looked at the memory tier.
pub(super) enum Next {
    /// Takes the role that is open to it now.
    Decide,
    Step(Step),
    /// Asks the remote tier, as a leader.
    Ask(FlightLeader, Ticket, Coder),
    /// Waits for another caller's load; for its end only, if the flag is set.
    Wait(Arc<Flight>, bool),
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

impl Unanswered {
    /// (An `async fn` with the same body would have space for two copies of its argument, and ten thousand callers may wait here.)
    #[allow(clippy::manual_async_fn)]
    pub(super) fn go_on(mut self) -> impl Future<Output = Step> {
        async move {
            let step = self.steps().await;
            self.job.counted(step, self.waits)
        }
    }

    /// Asks the remote tier, or waits for the load of another caller and looks again.
    async fn steps(&mut self) -> Step {
        let mut failing = Failing::default();
        // A flight that is in progress when a read begins is older than the read.
        let mut older = self.job.is_strict();
        loop {
            let (flight, queues) = match std::mem::replace(&mut self.next, Next::Decide) {
                Next::Decide => {
                    self.next = self.job.next(&mut failing, self.patience);
                    continue;
                }
                Next::Step(step) => return step,
                Next::Ask(leader, ticket, codec) => {
                    let asked = boxed(|| self.job.ask(leader, ticket, codec, self.patience));
                    return asked.await;
                }
                Next::Wait(flight, queues) => (flight, queues),
            };
            let job = &self.job;
            if job.accepts_stale()
                && job.is_strict()
                && let Some(served) = boxed(|| job.accepted_there()).await
            {
                return served;
            }
            let how = How { queues, older: std::mem::take(&mut older) };
            let joined = boxed(|| job.wait(&flight, how, &mut failing, &mut self.patience));
            match joined.await {
                Joined::Done(done) => return Step::Answer(done),
                Joined::Again => {}
                Joined::Circle => {
                    job.complain_of_circle();
                    return Step::Bypass;
                }
            }
            if !job.is_refresh()
                && let Some(served) = job.serve(false)
            {
                return served;
            }
        }
    }
}

impl ReadContext {
    /// Begins in a scope (a transaction, or where the cache is off).
    async fn routed(mut self: Arc<Self>) -> Step {
        match scope::way(&self.engine, &self.request).await {
            ReadRoute::Through => {}
            ReadRoute::InTransaction(open) => {
                // Nothing shares it yet.
                if let Some(job) = Arc::get_mut(&mut self) {
                    job.transaction = Some(open);
                }
            }
            ReadRoute::Beside => return Step::Bypass,
            // The transaction may have stored another type under the key.
            ReadRoute::Own(entry) => return self.own(&entry),
        }
        match self.begin() {
            Begun::Now(step) => step,
            Begun::Later(step) => step.await,
        }
    }

    /// A value that the read's own transaction has stored.
    fn own(&self, entry: &Stored) -> Step {
        match self.cached(entry, Source::Memory) {
            Some(own) => {
                self.tally().memory_hits();
                Step::hit(own)
            }
            None => Step::Bypass,
        }
    }

    fn begin(self: Arc<Self>) -> Begun {
        match self.start() {
            Started::Now(step) => Begun::Now(step),
            Started::Next(read) => Begun::Later(boxed(|| read.go_on())),
        }
    }

    /// Looks at the memory tier, and joins or leads the flight of the key.
    pub(super) fn start(self: Arc<Self>) -> Started {
        if let Err(error) = self.request.policy.check() {
            warn_once("calls with this policy run uncached", &error.into());
            return Started::Now(Step::Bypass);
        }
        if !self.is_refresh()
            && let Some(served) = self.serve(self.request.drawn)
        {
            return Started::Now(served);
        }
        // Reads that memory answers immediately do not read a precise clock.
        let waits = self.engine.clock.stopwatch();
        let patience = Timeouts::new(&self.engine.clock, &self.request.policy);
        match self.next(&mut Failing::default(), patience) {
            Next::Step(step) => Started::Now(self.counted(step, waits)),
            next => Started::Next(Unanswered { job: self, next, patience, waits }),
        }
    }

    /// Counts an answer. A load is counted when it ends.
    pub(super) fn counted(&self, mut step: Step, waits: Stopwatch) -> Step {
        match &mut step {
            Step::Load(lead) => lead.answers(waits),
            step => step.source().into_iter().for_each(|source| self.answered(&waits, source)),
        }
        step
    }

    /// Records that the caller of a read has its answer.
    pub(super) fn answered(&self, waited: &Stopwatch, source: Source) {
        if !matches!(self.request.mode, Mode::Normal | Mode::AcceptStale) {
            return;
        }
        self.engine.answered_in(&self.request, waited.elapsed());
        if matches!(source, Source::Loaded | Source::TimedOut | Source::Refused) {
            self.tally().misses();
        }
    }

    /// What comes after a look at the memory tier.
    fn next(self: &Arc<Self>, failing: &mut Failing, patience: Timeouts) -> Next {
        let (leader, ticket) = match self.role(failing.alone) {
            Role::Lead(leader, ticket) => (leader, ticket),
            Role::Wait(flight) => return Next::Wait(flight, false),
            Role::Queue(flight) => return Next::Wait(flight, true),
        };
        let mut leader = leader.with_turn(failing.turn.take());
        let purpose = ReadPurpose::Answer { stale: self.may_refresh() };
        match self.find_here(&mut leader, purpose) {
            Ok(Some(hit)) => Next::Step(Step::hit(hit)),
            Ok(None) => {
                let purpose = ReadPurpose::Answer { stale: false };
                let opening = Opening { leader, ticket, missing: Miss::default(), purpose };
                let mut lead = Lead::new(Arc::clone(self), opening, FillTarget::Memory);
                if self.may_go_on(patience) {
                    lead.bound(patience);
                }
                Next::Step(Step::Load(Box::new(lead)))
            }
            Err(codec) => Next::Ask(leader, ticket, codec),
        }
    }

    /// Whether the load may have to continue without its caller.
    fn may_go_on(&self, patience: Timeouts) -> bool {
        patience.is_bounded() && self.caller.detaches
    }

    /// Leads a flight: asks the remote tier, and lets the caller load if it has no value.
    async fn ask(
        self: &Arc<Self>,
        mut leader: FlightLeader,
        mut ticket: Ticket,
        codec: Coder,
        mut patience: Timeouts,
    ) -> Step {
        let purpose = ReadPurpose::Answer { stale: self.may_refresh() };
        let found = {
            // Pinned, not boxed: the hit of a cache without memory comes along here.
            let mut find = pin!(self.find_there(codec, &mut leader, &mut ticket, purpose));
            let found = match patience.is_bounded() {
                true => boxed(|| self.patiently(find, &mut patience)).await,
                false => Ok(find.as_mut().await),
            };
            match found {
                Ok(found) => found,
                Err(instead) => return Step::Answer(instead),
            }
        };
        match self.decide(found, leader, ticket) {
            Break(step) => step,
            Continue(opening) => boxed(|| self.open(opening, patience)).await,
        }
    }

    /// What the caller of a leader's read is to do. If there is nothing to serve, the read continues with what a load needs.
    pub(super) fn decide(
        self: &Arc<Self>,
        found: RemoteLookup,
        leader: FlightLeader,
        ticket: Ticket,
    ) -> ControlFlow<Step, Opening> {
        match found {
            RemoteLookup::Hit(hit) => Break(Step::hit(hit)),
            RemoteLookup::Stale(hit) => {
                drop((leader, ticket));
                Break(self.refreshing(hit))
            }
            RemoteLookup::Missing(missing) => {
                let purpose = ReadPurpose::Answer { stale: false };
                Continue(Opening { leader, ticket, missing, purpose })
            }
        }
    }

    /// Lets the caller load. If the caller has a timeout, everything from here on can continue without it.
    pub(super) async fn open(self: &Arc<Self>, opening: Opening, mut patience: Timeouts) -> Step {
        let job = Arc::clone(self);
        if !self.may_go_on(patience) {
            return job.permitted(opening).await;
        }
        let flight = opening.leader.flight();
        let mut next = boxed(|| job.permitted(opening));
        match self.patiently(&mut next, &mut patience).await {
            Ok(Step::Load(mut lead)) => {
                lead.bound(patience);
                Step::Load(lead)
            }
            Ok(step) => step,
            Err(instead) => {
                flight.iter().for_each(|flight| flight.goes_on());
                Step::Leave(instead, next)
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
    ) -> Joined {
        let waited = {
            let Ok(_waiting) = nesting::wait_for(flight) else { return Joined::Circle };
            let _aside = self.aside();
            self.await_flight(flight, patience).await
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
    ) -> Joined {
        if failing.turn.is_some() || failing.alone {
            return Joined::Again;
        }
        let clock = &self.engine.clock;
        let lease = self.request.policy.lease;
        let until = *failing.until.get_or_insert_with(|| clock.now().after(lease));
        let turn = {
            let _aside = self.aside();
            let turn = boxed(|| clock.timeout_at(until, Arc::clone(flight).turn()));
            self.patiently(turn, patience).await
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

    fn taken(&self, landing: FlightResult) -> Joined {
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

    /// Serves the memory tier's value, with a refresh if it is time for one.
    fn serve(self: &Arc<Self>, drawn: bool) -> Option<Step> {
        let engine = &self.engine;
        if let Some(site) = self.request.site {
            site.caches(self.rules.kind);
        }
        if !self.request.uses_memory() {
            return None;
        }
        let (tags, policy) = (self.request.declared(), &self.request.policy);
        let step = match engine.look(self.id(), (tags, self.rules.kind), policy, drawn) {
            Lookup::Hit(hit) => Some(Step::hit(hit)),
            Lookup::Renew(hit) if self.may_refresh() => Some(self.with_refresh(hit)),
            // Fresh, and only early: served anyway.
            Lookup::Renew(hit) if hit.source == Source::Memory => Some(Step::hit(hit)),
            Lookup::Renew(_) | Lookup::Nothing => None,
            Lookup::Unverified => self.resting().map(Step::hit),
            Lookup::Mistyped(found) => {
                engine.mistyped(&self.request, found);
                None
            }
        };
        let Some(step) = step.or_else(|| self.accepted()) else {
            return self.kept_failure().map(Step::Answer);
        };
        match step.source() {
            Some(Source::Memory) => self.tally().memory_hits(),
            Some(Source::Stale) => self.tally().stale_hits(),
            _ => self.tally().fail_safe_hits(),
        }
        Some(step)
    }

    /// The memory tier's value for a caller that takes old ones, with a refresh.
    fn accepted(self: &Arc<Self>) -> Option<Step> {
        let remote_failed = self.engine.remote_fails();
        let entry = self.accepts_stale().then(|| self.fallback(remote_failed)).flatten()?;
        Some(self.refreshing(self.accepted_as(&entry)?))
    }

    /// Serves an old value, with a refresh if the load can run in the background.
    fn refreshing(self: &Arc<Self>, hit: Hit) -> Step {
        if self.may_refresh() { self.with_refresh(hit) } else { Step::hit(hit) }
    }

    /// The value in the remote tier for a caller that takes old ones, while another caller of this process loads.
    async fn accepted_there(self: &Arc<Self>) -> Option<Step> {
        let codec = self.request.remote_codec(&self.engine)?;
        let mut ticket = self.request.ticket(&self.engine);
        let found = self.engine.look_remote(&self.request, codec, &mut ticket, self.seat());
        let hit = self.accepted_as(&found.await.ok()?.entry?)?;
        self.tally().stale_hits();
        Some(Step::hit(hit))
    }

    /// Whether a value may be refreshed in the background. In a transaction the load could see uncommitted
    /// data, and would store it. A read-only load stores nothing, so each read would load again.
    pub(super) fn may_refresh(&self) -> bool {
        self.caller.detaches && self.transaction.is_none() && !self.request.is_read_only()
    }

    /// The role of this caller. Without single flight, or if `alone`, every caller loads for itself.
    pub(super) fn role(&self, alone: bool) -> Role {
        // A transaction neither waits for other callers, which may wait for its locks, nor shares its loads
        // with them.
        let alone = alone || self.transaction.is_some();
        if self.request.policy.stampede != Stampede::Off && !alone {
            return self.join(self.caller.pulse.clone());
        }
        let key = self.request.flight(self.rules.kind);
        let ticket = self.request.ticket(&self.engine);
        Role::Lead(FlightLeader::alone(&self.engine.flights, key), ticket)
    }

    /// `pulse` tells whether the caller is polled, if the caller leads.
    pub(super) fn join(&self, pulse: Option<Arc<Pulse>>) -> Role {
        let (engine, policy) = (&self.engine, &self.request.policy);
        let key = self.request.flight(self.rules.kind);
        let issue = || self.request.ticket(engine);
        let (now, lease) = (engine.clock.now(), policy.lease);
        let joins = Joins {
            generations: &engine.generations,
            tags: self.request.declared(),
            refresh: self.is_refresh().then_some(self.requested),
        };
        engine.flights.join(key, Candidate { joins, pulse, now, lease }, issue)
    }

    /// Whether a read looks again after it has waited for a flight, which may be `older` than the read.
    /// Another process may have evicted after the flight read or loaded its value and before the read began,
    /// and the message may be on its way. All waiters look again together.
    fn looks_again(&self, older: bool, entry: &Stored) -> bool {
        let expired = || entry.at(self.engine.clock.now()) == Freshness::Expired;
        self.is_strict() && (older && !self.engine.remote_fails() || expired())
    }

    /// Converts the result of a landed flight for a waiter.
    fn take(&self, landing: FlightResult) -> Option<Answer> {
        let taken = match landing {
            FlightResult::Value(entry) => {
                let served = self.served(&entry)?;
                let fresh = served.source == Source::Memory;
                let source = if fresh { Source::Coalesced } else { served.source };
                Cached { source, ..served }.map(Ok)
            }
            FlightResult::Failed(failure) => {
                let failure = failure?;
                if let Some(CacheUnavailable(error)) = failure.downcast_ref() {
                    // A caller that may load without the cache tries for itself.
                    let refused = Err(Fault::Refused(error.clone()));
                    let refuses = self.rules.refuses(&self.request.policy);
                    return refuses.then(|| made(refused, Source::Refused));
                }
                if !(self.rules.takes)(&failure) {
                    return None;
                }
                // A read without a value is not a hit.
                self.tally().misses();
                return Some(made(Err(Fault::Shared(failure)), Source::Coalesced));
            }
            FlightResult::Abandoned => return None,
        };
        self.tally().coalesced();
        Some(taken)
    }

    /// Serves a value with the one background refresh of its entry, unless one is in progress.
    fn with_refresh(self: &Arc<Self>, hit: Hit) -> Step {
        let Role::Lead(leader, ticket) = self.join(None) else { return Step::hit(hit) };
        let early = hit.source == Source::Memory;
        let fresh = early.then(|| self.engine.clock.now().before(hit.age));
        if early {
            self.tally().early_refreshes();
        }
        let (job, purpose) = (Arc::clone(self), ReadPurpose::Renew { fresh });
        Step::Refresh(hit, Box::new(Refresh { job, leader, ticket, purpose }))
    }
}

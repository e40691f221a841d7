//! The first step of the items of a batch. Those that must ask the remote tier ask in one request, and its answer is judged
//! for all of them in one step: an item that finds its value needs neither a future nor a place at the table.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::{Arc, OnceLock};

use super::answer::{Hit, Step};
use super::find::ReadPurpose;
use super::flight::FlightLeader;
use super::handle::Engine;
use super::lead::Opening;
use super::lookup::{Found, Looked, wanted};
use super::read::{Begun, Next, Started, Unanswered, begin};
use super::read_context::{Caller, ReadContext};
use super::request::{Mode, Request};
use super::table::{Reply, Seat, Table};
use super::terms::Decide;
use super::timeouts::Timeouts;
use super::together::{answers, longest, parts};
use super::verdict::ReadRules;
use crate::base::{BackendError, Cached, PolicyRef, Stopwatch, boxed, no_active_scope};
use crate::codec::Coder;
use crate::memory::Ticket;
use crate::remote;
use crate::remote::Wanted;

/// What the items of a batch have in common.
pub(crate) struct Items {
    pub(crate) engine: Arc<Engine>,
    pub(crate) table: Arc<Table>,
    pub(crate) rules: ReadRules,
    /// Whether their load can run with its own inputs.
    pub(crate) detaches: bool,
}

/// An item that has begun.
pub(crate) enum First {
    Asks(Asking),
    Item(Item),
}

/// An item after its first step.
pub(crate) enum Item {
    Hit(Hit),
    GoesOn(Seated),
}

/// An item that leads its flight, must ask the remote tier, and waits for it without a timeout.
pub(crate) struct Asking {
    job: Arc<ReadContext>,
    leader: FlightLeader,
    ticket: Ticket,
    codec: Coder,
    patience: Timeouts,
    waits: Stopwatch,
}

/// An item for which there is nothing to serve.
struct Missing {
    job: Arc<ReadContext>,
    opening: Opening,
    patience: Timeouts,
    waits: Stopwatch,
}

/// An item that needs a future, with its place at the table.
pub(crate) struct Seated {
    pub(crate) begun: Begun,
    pub(crate) seat: Arc<Seat>,
    /// What decides about its value.
    pub(crate) deciding: (PolicyRef, Option<Decide>),
}

impl Items {
    /// Begins the read of an item.
    pub(crate) fn begin(&self, mut request: Request) -> First {
        self.engine.complete(&mut request);
        let looks = matches!(request.mode, Mode::Normal | Mode::AcceptStale);
        if !looks || request.is_write_only() || !no_active_scope() {
            return First::Item(self.begin_apart(request));
        }
        let caller = self.caller(OnceLock::new());
        let job = ReadContext::new(Arc::clone(&self.engine), request, self.rules, caller);
        let job = Arc::new(job);
        match Arc::clone(&job).start() {
            Started::Now(step) => First::Item(self.item(&job, step)),
            Started::Next(read) => match read {
                Unanswered { job, next: Next::Ask(leader, ticket, codec), patience, waits }
                    if !patience.is_bounded() =>
                {
                    First::Asks(Asking { job, leader, ticket, codec, patience, waits })
                }
                read => First::Item(self.seated(&job, Begun::Later(boxed(|| read.go_on())))),
            },
        }
    }

    /// Begins a read that does not look at the tiers, or that a scope may route.
    fn begin_apart(&self, request: Request) -> Item {
        let seat = Seat::new(&self.table);
        let deciding = (request.policy.clone(), request.fails.clone());
        let caller = self.caller(OnceLock::from(Arc::clone(&seat)));
        let begun = begin(Arc::clone(&self.engine), request, self.rules, caller);
        Item::GoesOn(Seated { begun, seat, deciding })
    }

    fn caller(&self, seat: OnceLock<Arc<Seat>>) -> Caller {
        Caller { detaches: self.detaches, shares: true, seat, pulse: self.table.pulse() }
    }

    fn item(&self, job: &ReadContext, step: Step) -> Item {
        match step {
            Step::Answer(Cached { value: Ok(value), source, age }) => {
                Item::Hit(Cached { value, source, age })
            }
            step => self.seated(job, Begun::Now(step)),
        }
    }

    /// Gives an item its place at the table. Its future was not polled yet.
    fn seated(&self, job: &ReadContext, begun: Begun) -> Item {
        let seat = Arc::clone(job.caller.seat.get_or_init(|| Seat::new(&self.table)));
        let deciding = (job.request.policy.clone(), job.request.fails.clone());
        Item::GoesOn(Seated { begun, seat, deciding })
    }

    /// Asks the remote tier for all of these items, in a request for each thousand.
    pub(crate) async fn ask(&self, asking: Vec<(usize, Asking)>) -> Vec<(usize, Item)> {
        let mut items = Vec::with_capacity(asking.len());
        for part in parts(asking) {
            let answers = answers(self.read(&part).await);
            let judge = |((at, asking), answer): ((_, Asking), _)| (at, self.judge(asking, answer));
            items.extend(part.into_iter().zip(answers).map(judge));
        }
        items
    }

    async fn read(&self, part: &[(usize, Asking)]) -> Result<Vec<remote::Found>, BackendError> {
        let Some(remote) = &self.engine.remote else { return Ok(Vec::new()) };
        let requests = || part.iter().map(|(_, asking)| &asking.job.request);
        let wanted: Vec<Wanted<'_>> = requests().map(wanted).collect();
        let keep = longest(requests().map(Request::keeps_generations));
        remote.read_each(&wanted, keep, &self.engine.generations).await
    }

    /// Judges the answer to an item.
    fn judge(&self, mut asking: Asking, answer: Reply) -> Item {
        let job = Arc::clone(&asking.job);
        let more = match asking.looked(answer) {
            Err(looked) => Begun::Later(boxed(|| asking.look_on(looked))),
            Ok(found) => match asking.decide(found) {
                Break(step) => return self.item(&job, step),
                Continue(missing) => Begun::Later(boxed(|| missing.open())),
            },
        };
        self.seated(&job, more)
    }
}

impl Asking {
    /// What the remote tier has for the read.
    ///
    /// # Errors
    /// The same look, if it needs more of the remote tier.
    fn looked(&mut self, answer: Reply) -> Result<Result<Found, BackendError>, Looked> {
        let (engine, request) = (&self.job.engine, &self.job.request);
        let tags: Vec<&str> = request.tags().collect();
        match engine.looked((request, &tags), self.codec, &mut self.ticket, answer) {
            Ok(looked) => engine.whole(looked).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The step of the caller, if there is something to serve.
    fn decide(self, found: Result<Found, BackendError>) -> ControlFlow<Step, Missing> {
        let Self { job, mut leader, ticket, patience, waits, .. } = self;
        let purpose = ReadPurpose::Answer { stale: job.may_refresh() };
        let found = job.found(found, &mut leader, &ticket, purpose);
        match job.decide(found, leader, ticket) {
            Break(step) => Break(job.counted(step, waits)),
            Continue(opening) => Continue(Missing { job, opening, patience, waits }),
        }
    }

    async fn look_on(mut self, looked: Looked) -> Step {
        let (job, ticket) = (&self.job, &mut self.ticket);
        let found = job.engine.look_on((&job.request, self.codec), ticket, looked, job.seat());
        let found = found.await;
        match self.decide(found) {
            Break(step) => step,
            Continue(missing) => missing.open().await,
        }
    }
}

impl Missing {
    async fn open(self) -> Step {
        let Self { job, opening, patience, waits } = self;
        let step = job.open(opening, patience).await;
        job.counted(step, waits)
    }
}

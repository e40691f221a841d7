//! A read with the body of its load: takes the engine's steps, and polls the body when the engine lets it load.
//!
//! It knows neither the function nor its types, so it is compiled once. [`output`](super::output) has the code that is
//! compiled for each type of output, and [`body`](super::body) that for each function.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tracing::Span;

use super::body::Doing;
use super::output::Running;
use super::previous::Previous;
use super::rules::{Deciding, Rules};
use super::schedule::Schedule;
use super::target::CacheRef;
use super::work::Work;
use crate::base::{BoxFuture, CacheValue, Cached, Error, Policy, Shape, SharedFailure, Source};
use crate::engine::{
    Again, Answer, Beat, Begun, Caller, Decide, Detached, Engine, Fault, Lead, Leaves, Mode,
    ReadRules, Request, Spans, Step, StoreDecision, Terms, begin, go_on, made, spawn,
};
use crate::entry::{Offer, Stored, Value};

/// The body of a read's load.
pub(crate) trait Run {
    /// Whether the load can run with its own inputs.
    fn detaches(&self) -> bool;
    /// Begins the load, if it has not begun. If the caller may leave it, the load can continue without the caller.
    fn start(&mut self, leaves: Option<Leaves>);
    /// Polls the running load. Must not be called again after it is ready.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// What the load has brought, in the poll in which it became ready.
    fn outcome(&self, policy: &Policy, fails: Option<&Decide>) -> Outcome<'_>;
    /// Takes the load for the background, in a new span, if it has not begun.
    fn behind(&mut self, span: &mut dyn FnMut() -> Span, deciding: &Deciding) -> Option<Detached>;
    /// Takes the running load, if it can continue without the caller.
    fn left(&mut self, span: &Span, deciding: &Deciding) -> Option<Detached>;
    /// Whether the load can run again and again with its own inputs.
    fn repeats(&self) -> bool;
    /// Makes such loads, if this one has not begun.
    fn repeat(&self, deciding: &Deciding) -> Option<Again>;
}

/// What a load has brought.
pub(crate) enum Outcome<'a> {
    Value(&'a dyn Value, StoreDecision),
    /// The load succeeded without a value.
    Absent,
    /// The load failed. The waiters get the copy of the failure, if there is one.
    Failed(Option<SharedFailure>, Terms),
}

/// What the caller of a read gets.
pub(crate) enum Served {
    /// The output of its own load.
    Own,
    /// The value of an entry.
    Entry(Stored),
    Instead(Fault),
}

/// A read that the memory tier could not answer. Each poll borrows the body.
pub(crate) struct Reading {
    state: State,
    /// `None` for the items of a batch, which are polled together, with the batch's beat.
    beat: Option<Beat>,
    deciding: Deciding,
    spans: Option<Spans>,
    /// The span in which the load runs.
    span: Span,
    /// What a schedule of refreshes needs, if there is to be one.
    schedule: Option<Box<Schedule>>,
}

enum State {
    /// The engine looks for a value.
    Begins(BoxFuture<'static, Step>),
    /// The engine has told what to do.
    Steps(Step),
    /// The body runs, and its result goes to the lead.
    Loads(Box<Lead>),
    /// The body runs without a cache.
    Bypasses,
    /// The value is stored.
    Stores(BoxFuture<'static, ()>),
    Done,
}

impl From<Begun> for State {
    fn from(begun: Begun) -> Self {
        match begun {
            Begun::Now(step) => Self::Steps(step),
            Begun::Later(step) => Self::Begins(step),
        }
    }
}

/// Nothing in a body is pinned in place: what runs is boxed.
struct Together<F>(F);

impl<F> Unpin for Together<F> {}

impl<F, O> Future for Together<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<O>,
{
    type Output = O;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        (self.0)(cx)
    }
}

/// A read together with its body.
pub(crate) fn reading<S, W>(
    engine: Arc<Engine>,
    request: Request,
    rules: Rules<S>,
    work: W,
) -> impl Future<Output = Cached<S::Output>> + Unpin
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    let (mut body, mut output) = (Doing::Not(work), None);
    let run = Running::new(&mut body, &rules, &mut output);
    let reading = Reading::new(engine, request, rules.of_reads(), &run);
    reading.with(body, rules)
}

/// The same for the rest of the read of an item of a batch.
pub(crate) fn item<S, W>(
    begun: Begun,
    deciding: Deciding,
    rules: Rules<S>,
    work: W,
) -> impl Future<Output = Cached<S::Output>> + Unpin
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    Reading::of_item(begun, deciding).with(Doing::Not(work), rules)
}

impl Reading {
    pub(crate) fn new(
        engine: Arc<Engine>,
        mut request: Request,
        rules: ReadRules,
        body: &dyn Run,
    ) -> Self {
        engine.complete(&mut request);
        let beat = Beat::new(engine.clock());
        let spans = Some(Spans::new(&engine, request.site));
        let pulse = Some(Arc::clone(beat.pulse()));
        let caller =
            Caller { detaches: body.detaches(), shares: false, seat: OnceLock::new(), pulse };
        let deciding = (request.policy.clone(), request.fails.clone());
        let schedule = Schedule::of(&engine, &request, rules, body);
        let state = State::from(begin(engine, request, rules, caller));
        Self { state, beat: Some(beat), deciding, spans, span: Span::none(), schedule }
    }

    /// The rest of a read that the batch of an item has begun. The items load together, in the batch's span.
    fn of_item(begun: Begun, deciding: Deciding) -> Self {
        let (beat, spans, schedule) = (None, None, None);
        Self { state: begun.into(), beat, deciding, spans, span: Span::none(), schedule }
    }

    fn with<S, W>(
        mut self,
        mut body: Doing<S::Output, W>,
        rules: Rules<S>,
    ) -> impl Future<Output = Cached<S::Output>> + Unpin
    where
        S: Shape<Output: 'static>,
        S::Value: CacheValue,
        W: Work<S::Output>,
    {
        let mut output = None;
        Together(move |cx: &mut Context<'_>| {
            let mut run = Running::new(&mut body, &rules, &mut output);
            self.poll(&mut run, cx).map(|served| run.made(served))
        })
    }

    /// A read in the cache that `target` names. Without one, it is only a load.
    ///
    /// # Errors
    /// Why there is no cache, if the policy makes that an error.
    pub(crate) fn of(
        target: &CacheRef,
        request: Request,
        rules: ReadRules,
        body: &dyn Run,
    ) -> Result<Self, Error> {
        match target.engine() {
            Ok(engine) => Ok(Self::new(engine, request, rules, body)),
            Err(error) if request.mode != Mode::Bypass && rules.refuses(&request.policy) => {
                Err(error)
            }
            Err(_) => {
                let (state, deciding) = (State::Bypasses, (request.policy, None));
                let (beat, spans, span, schedule) = (None, None, Span::none(), None);
                Ok(Self { state, beat, deciding, spans, span, schedule })
            }
        }
    }

    pub(crate) fn poll(
        &mut self,
        body: &mut dyn Run,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<Served>> {
        let Some(beat) = self.beat.take() else { return self.advance(body, cx) };
        let polled = beat.poll(cx, |cx| self.advance(body, cx));
        // A read that has ended may continue elsewhere, and must not count as parked.
        self.beat = Some(beat).filter(|_| polled.is_pending());
        polled
    }

    /// Takes as many steps as it can.
    fn advance(&mut self, body: &mut dyn Run, cx: &mut Context<'_>) -> Poll<Cached<Served>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Begins(mut begins) => {
                    let Poll::Ready(step) = begins.as_mut().poll(cx) else {
                        self.state = State::Begins(begins);
                        return Poll::Pending;
                    };
                    self.state = State::Steps(step);
                }
                State::Steps(step) => {
                    if let Some(done) = self.take(step, body) {
                        return Poll::Ready(done);
                    }
                }
                State::Loads(lead) => {
                    let span = &self.span;
                    match lead.enter(|| span.in_scope(|| body.poll(cx))) {
                        Poll::Ready(()) => {
                            if let Some(done) = self.loaded(lead, body) {
                                return Poll::Ready(done);
                            }
                        }
                        Poll::Pending => return self.waits(lead, body, cx),
                    }
                }
                State::Bypasses => {
                    let span = &self.span;
                    let polled = span.in_scope(|| {
                        Previous::default().lend(|| body.start(None));
                        body.poll(cx)
                    });
                    self.state = State::Bypasses;
                    return polled.map(|()| made(Served::Own, Source::Bypassed));
                }
                State::Stores(mut stores) => {
                    if stores.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(made(Served::Own, Source::Loaded));
                    }
                    self.state = State::Stores(stores);
                    return Poll::Pending;
                }
                State::Done => return Poll::Pending,
            }
        }
    }

    /// Takes a step of the engine. Returns the answer if the read has ended.
    fn take(&mut self, step: Step, body: &mut dyn Run) -> Option<Cached<Served>> {
        if let Some(schedule) = self.schedule.take() {
            // Before the body takes its arguments.
            schedule.begin(&step, body, &self.deciding);
        }
        match step {
            Step::Answer(answer) => return Some(served(answer)),
            Step::Refresh(hit, refresh) => {
                if let Some(load) = self.behind(body, Some(&hit.value)) {
                    refresh.start(load);
                }
                return Some(hit.map(Served::Entry));
            }
            Step::Leave(answer, next) => {
                if let Some(load) = self.behind(body, answer.value.as_ref().ok()) {
                    spawn(go_on(next, load));
                }
                return Some(served(answer));
            }
            Step::Load(lead) => {
                self.begin();
                let previous = Previous::new(lead.previous());
                previous.lend(|| lead.enter(|| body.start(lead.leaves())));
                self.state = State::Loads(lead);
            }
            Step::Bypass => {
                self.begin();
                self.state = State::Bypasses;
            }
        }
        None
    }

    /// The load has ended. Returns the answer if the caller need not wait for the store.
    fn loaded(&mut self, lead: Box<Lead>, body: &dyn Run) -> Option<Cached<Served>> {
        let (policy, fails) = &self.deciding;
        let rest = match body.outcome(policy, fails.as_ref()) {
            Outcome::Value(value, decision) => lead.commit(Offer::Lent(value), decision),
            Outcome::Absent => lead.absent(),
            Outcome::Failed(failure, terms) => {
                let old = lead.fail(failure, terms);
                let own = || made(Served::Own, Source::Loaded);
                return Some(old.map_or_else(own, |old| old.map(Served::Entry)));
            }
        };
        match rest {
            Some(rest) => self.state = State::Stores(rest),
            None => return Some(made(Served::Own, Source::Loaded)),
        }
        None
    }

    /// The load is in progress. If the caller's time runs out, the load continues without it.
    fn waits(
        &mut self,
        mut lead: Box<Lead>,
        body: &mut dyn Run,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<Served>> {
        let Poll::Ready(answer) = lead.poll_timeout(cx) else {
            self.state = State::Loads(lead);
            return Poll::Pending;
        };
        if let Some(load) = body.left(&self.span, &self.deciding) {
            lead.goes_on(load);
        }
        Poll::Ready(served(answer))
    }

    /// The load for the background, which begins now, and replaces `old`.
    fn behind(&mut self, body: &mut dyn Run, old: Option<&Stored>) -> Option<Detached> {
        let Self { spans, span, deciding, .. } = self;
        let mut begins = || {
            begin_span(spans, span);
            span.clone()
        };
        let previous = Previous::new(old.cloned());
        previous.lend(|| body.behind(&mut begins, deciding))
    }

    /// Begins the load's span.
    fn begin(&mut self) {
        begin_span(&mut self.spans, &mut self.span);
    }
}

fn begin_span(spans: &mut Option<Spans>, span: &mut Span) {
    if let Some(spans) = spans.take() {
        *span = spans.load(None);
    }
}

fn served(answer: Answer) -> Cached<Served> {
    answer.map(|value| value.map_or_else(Served::Instead, Served::Entry))
}

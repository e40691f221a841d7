//! A read with the body of its load: takes the engine's steps, and polls the body when the engine lets it load.
//!
//! This is compiled for each type of output; [`body`](super::body) has the code that is compiled for each
//! function.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Span;

use super::body::{Body, Doing};
use super::rules::Rules;
use super::work::Work;
use crate::base::{BoxFuture, CacheValue, Cached, Error, Shape, Source};
use crate::engine::{
    Answer, Beat, Begun, Caller, Engine, Fault, Lead, Mode, NotLoaded, Request, Spans, Step, begin,
    go_on, made, spawn,
};

/// A load for the background.
type Detached<V> = BoxFuture<'static, Result<V, NotLoaded>>;

/// A read that the memory tier could not answer. Each poll borrows the body.
pub(crate) struct Reading<S: Shape> {
    state: State<S>,
    /// `None` for the items of a batch, which are polled together, with the batch's beat.
    beat: Option<Beat>,
    rules: Rules<S>,
    spans: Option<Spans>,
    /// The span in which the load runs.
    span: Span,
}

// Nothing in it is pinned in place: what runs is boxed.
impl<S: Shape> Unpin for Reading<S> {}

enum State<S: Shape> {
    /// The engine looks for a value.
    Begins(BoxFuture<'static, Step<S::Value>>),
    /// The engine has told what to do.
    Steps(Step<S::Value>),
    /// The body runs, and its result goes to the lead.
    Loads(Box<Lead<S::Value>>),
    /// The body runs without a cache.
    Bypasses,
    /// The value is stored.
    Stores(BoxFuture<'static, ()>, Output<S>),
    Done,
}

/// An output during a wait. The function's own output need not be `Send`, so only a value is held.
enum Output<S: Shape> {
    Value(Cached<S::Value>),
    Absent(fn() -> S::Output),
}

impl<S: Shape> Output<S> {
    fn made(self) -> Cached<S::Output> {
        match self {
            Self::Value(value) => value.map(S::join),
            Self::Absent(absent) => made(absent(), Source::Loaded),
        }
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
    let mut body = Doing::Not(work);
    let mut reading = Reading::new(engine, request, rules, &body);
    poll_fn(move |cx| reading.poll(&mut body, cx))
}

impl<S> Reading<S>
where
    S: Shape,
    S::Value: CacheValue,
{
    pub(crate) fn new(
        engine: Arc<Engine>,
        request: Request,
        rules: Rules<S>,
        body: &dyn Body<S::Output>,
    ) -> Self {
        let seat = body.seat();
        let beat = seat.is_none().then(|| Beat::new(engine.clock()));
        let pulse = match &seat {
            Some(seat) => seat.pulse(),
            None => beat.as_ref().map(|beat| Arc::clone(beat.pulse())),
        };
        // The items of a batch load together, in the batch's span.
        let spans = seat.is_none().then(|| Spans::new(&engine, request.site));
        let caller = Caller { detaches: body.detaches(), seat, pulse };
        let state = match begin(engine, request, rules.values(), caller) {
            Begun::Now(step) => State::Steps(step),
            Begun::Later(step) => State::Begins(step),
        };
        Self { state, beat, rules, spans, span: Span::none() }
    }

    /// A read without a cache: a load, unless the policy makes that an error.
    pub(crate) fn uncached(
        error: Error,
        request: &Request,
        rules: Rules<S>,
    ) -> Result<Self, S::Output> {
        if let Some(refused) =
            rules.refusal(&request.policy).filter(|_| request.mode != Mode::Bypass)
        {
            return Err(refused(error));
        }
        let (state, beat, spans, span) = (State::Bypasses, None, None, Span::none());
        Ok(Self { state, beat, rules, spans, span })
    }

    pub(crate) fn poll(
        &mut self,
        body: &mut dyn Body<S::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<S::Output>> {
        let Some(beat) = self.beat.take() else { return self.advance(body, cx) };
        let polled = beat.poll(cx, |cx| self.advance(body, cx));
        // A read that has ended may continue elsewhere, and must not count as parked.
        self.beat = Some(beat).filter(|_| polled.is_pending());
        polled
    }

    /// Takes as many steps as it can.
    fn advance(
        &mut self,
        body: &mut dyn Body<S::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<S::Output>> {
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
                        Poll::Ready(output) => {
                            if let Some(done) = self.loaded(lead, output) {
                                return Poll::Ready(done);
                            }
                        }
                        Poll::Pending => return self.waits(lead, body, cx),
                    }
                }
                State::Bypasses => {
                    let span = &self.span;
                    let polled = span.in_scope(|| {
                        body.start(false);
                        body.poll(cx)
                    });
                    self.state = State::Bypasses;
                    return polled.map(|output| made(output, Source::Bypassed));
                }
                State::Stores(mut stores, output) => {
                    if stores.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(output.made());
                    }
                    self.state = State::Stores(stores, output);
                    return Poll::Pending;
                }
                State::Done => return Poll::Pending,
            }
        }
    }

    /// Takes a step of the engine. Returns the output if the read has ended.
    fn take(
        &mut self,
        step: Step<S::Value>,
        body: &mut dyn Body<S::Output>,
    ) -> Option<Cached<S::Output>> {
        match step {
            Step::Answer(answer) => return Some(self.output(answer)),
            Step::Refresh(hit, refresh) => {
                if let Some(load) = self.behind(body) {
                    refresh.start(load);
                }
                return Some(hit.map(S::join));
            }
            Step::Leave(answer, next) => {
                if let Some(load) = self.behind(body) {
                    spawn(go_on(next, load));
                }
                return Some(self.output(answer));
            }
            Step::Load(lead) => {
                self.begin();
                lead.enter(|| body.start(lead.may_go_on()));
                self.state = State::Loads(lead);
            }
            Step::Bypass => {
                self.begin();
                self.state = State::Bypasses;
            }
        }
        None
    }

    /// The load has ended. Returns the output if the caller need not wait for the store.
    fn loaded(
        &mut self,
        lead: Box<Lead<S::Value>>,
        output: S::Output,
    ) -> Option<Cached<S::Output>> {
        let (rest, output) = match S::split(output) {
            Ok(value) => {
                let (value, rest) = lead.commit(value);
                (rest, Output::Value(value))
            }
            Err(output) => match S::absence(&output) {
                Some(absent) => (lead.absent(), Output::Absent(absent)),
                None => {
                    let old = lead.fail(S::share(&output));
                    let own = || made(output, Source::Loaded);
                    return Some(old.map_or_else(own, |old| old.map(S::join)));
                }
            },
        };
        match rest {
            Some(rest) => self.state = State::Stores(rest, output),
            None => return Some(output.made()),
        }
        None
    }

    /// The load is in progress. If the caller's time runs out, the load continues without it.
    fn waits(
        &mut self,
        mut lead: Box<Lead<S::Value>>,
        body: &mut dyn Body<S::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<S::Output>> {
        let Poll::Ready(answer) = lead.poll_timeout(cx) else {
            self.state = State::Loads(lead);
            return Poll::Pending;
        };
        if let (Some(load), Some(detached)) = (body.left(), self.rules.detached) {
            lead.goes_on(detached(load, self.span.clone()));
        }
        Poll::Ready(self.output(answer))
    }

    /// The load for the background, which begins now.
    fn behind(&mut self, body: &mut dyn Body<S::Output>) -> Option<Detached<S::Value>> {
        let detached = self.rules.detached?;
        let load = body.behind()?;
        self.begin();
        Some(detached(load, self.span.clone()))
    }

    /// Begins the load's span.
    fn begin(&mut self) {
        if let Some(spans) = self.spans.take() {
            self.span = spans.load(None);
        }
    }

    /// Makes the function's output.
    fn output(&self, answer: Answer<S::Value>) -> Cached<S::Output> {
        let rules = &self.rules;
        answer.map(|value| {
            let made = match value {
                Ok(value) => Some(S::join(value)),
                Err(Fault::Shared(failure)) => S::unshare(&failure),
                Err(Fault::TimedOut) => rules.timed_out.map(|timed_out| timed_out()),
                Err(Fault::Refused(error)) => rules.refused.map(|refused| refused(error)),
            };
            match made {
                Some(output) => output,
                None => unreachable!("the engine returns only what the rules of its caller allow"),
            }
        })
    }
}

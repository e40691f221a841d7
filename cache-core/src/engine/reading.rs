//! The caller's side of a read: the function's body and its output. The engine itself knows values only.
//!
//! This is compiled for each type of output; [`body`](super::body) has the code that is compiled for each
//! function.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::{Instrument, Span};

use super::body::{Body, Doing};
use super::desk::{Ask, Desk, Wanted};
use super::handle::Engine;
use super::nesting::Nesting;
use super::pulse::Beat;
use super::read::read;
use super::request::{Mode, Request};
use super::rules::Rules;
use super::spans::Spans;
use super::spawn::spawn;
use super::work::Work;
use crate::base::{Bare, Bared, BoxFuture, CacheValue, Cached, Error, Fault, Shape, Source, boxed};

/// The engine's future of a read.
type EngineFuture<V> = BoxFuture<'static, Cached<Bared<V>>>;

/// Makes an output that says that there is no value.
type Absent<O> = Option<fn() -> O>;

/// A read that the memory tier could not answer. Each poll borrows the body.
pub(crate) struct Reading<S: Shape> {
    /// `None` without a cache: then the body runs directly.
    running: Option<EngineFuture<S::Value>>,
    desk: Desk<Bared<S::Value>>,
    /// `None` for the items of a batch, which are polled together, with the batch's beat.
    beat: Option<Beat>,
    rules: Rules<S>,
    spans: Option<Spans>,
    /// The span in which the load runs.
    span: Span,
    /// The load itself, and the loads around it.
    nesting: Nesting,
    /// How to make an output that says that there is no value, if the load returned one.
    absent: Absent<S::Output>,
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
        let desk = Desk::new();
        let seat = body.seat();
        let beat = seat.is_none().then(|| Beat::new(&engine.clock));
        let pulse = match &seat {
            Some(seat) => seat.pulse(),
            None => beat.as_ref().map(|beat| Arc::clone(beat.pulse())),
        };
        let ask = Ask { desk: desk.clone(), detaches: body.detaches(), seat, pulse };
        // The items of a batch load together, in the batch's span.
        let spans = ask.seat.is_none().then(|| Spans::new(&engine, request.site));
        let bare = rules.bare();
        let running: EngineFuture<S::Value> =
            boxed(|| read::<Bare<S::Value>>(engine, request, bare, ask));
        let (span, nesting, absent) = (Span::none(), Nesting::default(), None);
        Self { running: Some(running), desk, beat, rules, spans, span, nesting, absent }
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
        let (beat, spans, span, absent) = (None, None, Span::none(), None);
        let (running, desk, nesting) = (None, Desk::new(), Nesting::default());
        Ok(Self { running, desk, beat, rules, spans, span, nesting, absent })
    }

    pub(crate) fn poll(
        &mut self,
        body: &mut dyn Body<S::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<S::Output>> {
        let Some(mut running) = self.running.take() else {
            body.start(false);
            let loaded = |value| Cached { value, source: Source::Bypassed, age: Duration::ZERO };
            return body.poll(cx).map(loaded);
        };
        // A failed output is returned in the poll that brought it. It is not held across a wait, so it need
        // not be `Send`.
        let mut own = None;
        let polled = match self.beat.take() {
            Some(beat) => {
                let polled = beat.poll(cx, |cx| self.drive(&mut running, body, &mut own, cx));
                // A read that has ended may continue elsewhere, and must not count as parked.
                self.beat = Some(beat).filter(|_| polled.is_pending());
                polled
            }
            None => self.drive(&mut running, body, &mut own, cx),
        };
        self.running = Some(running);
        polled.map(|done| done.map(|done| self.output(done, own)))
    }

    /// Polls the engine, and carries out its requests to the caller.
    fn drive(
        &mut self,
        running: &mut EngineFuture<S::Value>,
        body: &mut dyn Body<S::Output>,
        own: &mut Option<S::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Cached<Bared<S::Value>>> {
        loop {
            let span = &self.span;
            if let Poll::Ready(output) = self.nesting.enter(|| span.in_scope(|| body.poll(cx))) {
                let brought = self.brought(output, own);
                self.desk.bring(brought);
            }
            let polled = running.as_mut().poll(cx);
            let along = match self.desk.wanted() {
                Some(Wanted::Load(nesting)) => Some((false, nesting)),
                Some(Wanted::Along(nesting)) => Some((true, nesting)),
                Some(Wanted::Behind(give)) => {
                    if let Some(load) = self.behind(body) {
                        let _ = give.send(load);
                    }
                    None
                }
                None => None,
            };
            let begins = along.is_some();
            if let Some((along, nesting)) = along {
                self.begin();
                self.nesting = nesting;
                self.nesting.enter(|| body.start(along));
            }
            // The timeout may end in the same poll in which a load is requested.
            if polled.is_ready() {
                self.leave(body);
                return polled;
            }
            if !begins {
                return polled;
            }
        }
    }

    /// The caller leaves; a part of the engine may continue, with the load.
    fn leave(&mut self, body: &mut dyn Body<S::Output>) {
        if let Some(load) = body.left() {
            let desk = self.desk.clone();
            if let Some(detached) = self.rules.detached {
                let load = detached(load, self.span.clone());
                let load = std::mem::take(&mut self.nesting).around(load);
                spawn(async move { desk.bring_to_task(load.await) });
            }
        } else if self.desk.is_shared()
            && let Some(load) = self.behind(body)
        {
            // The timeout ended before the load was requested: the continuing part requests it.
            self.desk.leave(load);
        }
    }

    fn behind(
        &mut self,
        body: &mut dyn Body<S::Output>,
    ) -> Option<BoxFuture<'static, Bared<S::Value>>> {
        let detached = self.rules.detached?;
        let load = body.behind()?;
        self.begin();
        Some(detached(load, self.span.clone()))
    }

    /// Begins the load and its span.
    fn begin(&mut self) {
        if let Some(spans) = self.spans.take() {
            self.span = spans.load(None);
        }
    }

    /// Converts an output for the engine; a failed output stays in `own`.
    fn brought(&mut self, output: S::Output, own: &mut Option<S::Output>) -> Bared<S::Value> {
        S::split(output).map_err(|output| {
            let fault;
            (fault, self.absent) = self::fault::<S>(&output);
            *own = Some(output);
            fault
        })
    }

    /// Makes the function's output.
    fn output(&self, done: Bared<S::Value>, own: Option<S::Output>) -> S::Output {
        let rules = &self.rules;
        let made = match done {
            Ok(value) => Some(S::join(value)),
            Err(Fault::Own(_)) => own,
            Err(Fault::Shared(failure)) => S::unshare(&failure),
            Err(Fault::Absent) => self.absent.map(|absent| absent()),
            Err(Fault::TimedOut) => rules.timed_out.map(|timed_out| timed_out()),
            Err(Fault::Refused(error)) => rules.refused.map(|refused| refused(error)),
        };
        match made {
            Some(output) => output,
            None => unreachable!("the engine names only what its caller has"),
        }
    }
}

/// The fault of a failed output, and how to make another output if this one only says that there is no value.
fn fault<S: Shape>(output: &S::Output) -> (Fault, Absent<S::Output>) {
    match S::absence(output) {
        Some(absent) => (Fault::Absent, Some(absent)),
        None => (Fault::Own(S::share(output)), None),
    }
}

/// See [`detached`].
pub(crate) type Detached<S> = fn(
    BoxFuture<'static, <S as Shape>::Output>,
    Span,
) -> BoxFuture<'static, Bared<<S as Shape>::Value>>;

/// Converts a load without a caller: of a failure only the shareable part is kept.
pub(crate) fn detached<S>(
    load: BoxFuture<'static, S::Output>,
    span: Span,
) -> BoxFuture<'static, Bared<S::Value>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    let load = load.instrument(span);
    Box::pin(async move { S::split(load.await).map_err(|output| fault::<S>(&output).0) })
}

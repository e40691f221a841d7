//! The caller's side of a read: the function's body and its output, beside the engine that knows values only.
//!
//! All here that depends on the function is small, since it is compiled for each of them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::{Instrument, Span};

use super::desk::{Ask, Desk, Wanted};
use super::plan::{Mode, Plan};
use super::read::read;
use super::{Work, boxed, spawn};
use crate::backend::BoxFuture;
use crate::cache::Inner;
use crate::call::Rules;
use crate::observe::Spans;
use crate::value::{Bare, Bared, CacheValue, Fault, Shape};
use crate::{Cached, Error, Source};

/// Everything that may happen to a read of a value.
type Engine<V> = BoxFuture<'static, Cached<Bared<V>>>;

/// A read that the memory tier could not answer. Without a cache it loads.
pub(crate) struct Reading<S: Shape, W: Work<S::Output>> {
    engine: Option<Engine<S::Value>>,
    desk: Desk<Bared<S::Value>>,
    body: Body<S, W>,
}

// Nothing in it is pinned in place: futures are boxed.
impl<S: Shape, W: Work<S::Output>> Unpin for Reading<S, W> {}

/// The function's body.
struct Body<S: Shape, W: Work<S::Output>> {
    rules: Rules<S>,
    work: Option<W>,
    running: Running<S::Output, W::Load>,
    spans: Option<Spans>,
    /// What the work runs in.
    span: Span,
    /// How to make an output that says that there is no value, if the load said so.
    absent: Absent<S::Output>,
}

/// A load that is under way in the caller's task.
enum Running<O, L> {
    No,
    Here(Pin<Box<L>>),
    /// It goes on without the caller.
    Along(BoxFuture<'static, O>),
}

impl<S, W> Reading<S, W>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    pub(crate) fn new(inner: Arc<Inner>, plan: Plan, rules: Rules<S>, work: W) -> Self {
        let desk = Desk::new();
        let ask = Ask { desk: desk.clone(), detaches: work.detaches(), seat: work.seat() };
        // The items of a batch load together, in one span of the batch's.
        let spans = ask.seat.is_none().then(|| Spans::new(&inner, plan.site));
        let body = Body::new(rules, work, spans);
        let engine = Some(engine(inner, plan, rules.bare(), ask));
        Self { engine, desk, body }
    }

    /// Without a cache: a load, unless that counts as an error.
    pub(crate) fn uncached(
        error: Error,
        plan: &Plan,
        rules: Rules<S>,
        work: W,
    ) -> Result<Self, S::Output> {
        if let Some(refused) = rules.refusal(&plan.policy).filter(|_| plan.mode != Mode::Bypass) {
            return Err(refused(error));
        }
        let mut body = Body::new(rules, work, None);
        body.start(false);
        Ok(Self { engine: None, desk: Desk::new(), body })
    }
}

fn engine<V: CacheValue>(
    inner: Arc<Inner>,
    plan: Plan,
    rules: Rules<Bare<V>>,
    ask: Ask<Bared<V>>,
) -> Engine<V> {
    boxed(|| read::<Bare<V>>(inner, plan, rules, ask))
}

impl<S, W> Future for Reading<S, W>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    type Output = Cached<S::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cached<S::Output>> {
        let Self { engine, desk, body } = &mut *self;
        let Some(engine) = engine else {
            let loaded = |value| Cached { value, source: Source::Bypassed, age: Duration::ZERO };
            return body.poll(cx).map(loaded);
        };
        let mut polling = Polling { body, own: None };
        let done = std::task::ready!(drive(engine, desk, &mut polling, cx));
        let Polling { body, own } = polling;
        Poll::Ready(done.map(|done| output(&body.rules, done, own, body.absent)))
    }
}

/// Polls the engine, and does for it what only the caller can.
fn drive<V: CacheValue>(
    engine: &mut Engine<V>,
    desk: &Desk<Bared<V>>,
    caller: &mut dyn Caller<V>,
    cx: &mut Context<'_>,
) -> Poll<Cached<Bared<V>>> {
    loop {
        if let Poll::Ready(brought) = caller.poll_load(cx) {
            desk.bring(brought);
        }
        let polled = engine.as_mut().poll(cx);
        let begun = match desk.wanted() {
            Some(Wanted::Load) => {
                caller.start(false);
                true
            }
            Some(Wanted::Along) => {
                caller.start(true);
                true
            }
            Some(Wanted::Behind(give)) => {
                if let Some(load) = caller.behind() {
                    let _ = give.send(load);
                }
                false
            }
            None => false,
        };
        // Patience may end in the very poll in which a load is asked for.
        if polled.is_ready() {
            if let Some(load) = caller.left() {
                let desk = desk.clone();
                spawn(async move { desk.bring_to_task(load.await) });
            } else if desk.is_shared()
                && let Some(load) = caller.behind()
            {
                // Patience ended before the load was asked for: it is, by what goes on without this caller.
                desk.leave(load);
            }
            return polled;
        }
        if !begun {
            return polled;
        }
    }
}

/// What the engine's driver needs of the caller.
trait Caller<V> {
    /// What the load that is under way came to.
    fn poll_load(&mut self, cx: &mut Context<'_>) -> Poll<Bared<V>>;
    /// Begins the load; such that it can go on `along` with nobody.
    fn start(&mut self, along: bool);
    /// The load for the background.
    fn behind(&mut self) -> Option<BoxFuture<'static, Bared<V>>>;
    /// What goes on without the caller.
    fn left(&mut self) -> Option<BoxFuture<'static, Bared<V>>>;
}

/// The body in one poll. A failed output is given back in the poll that brought it: it is not held across a wait, so
/// that it need not be `Send`.
struct Polling<'a, S: Shape, W: Work<S::Output>> {
    body: &'a mut Body<S, W>,
    own: Option<S::Output>,
}

impl<S, W> Caller<S::Value> for Polling<'_, S, W>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
    W: Work<S::Output>,
{
    fn poll_load(&mut self, cx: &mut Context<'_>) -> Poll<Bared<S::Value>> {
        let output = std::task::ready!(self.body.poll(cx));
        self.body.running = Running::No;
        Poll::Ready(brought::<S>(output, &mut self.own, &mut self.body.absent))
    }

    fn start(&mut self, along: bool) {
        self.body.start(along);
    }

    fn behind(&mut self) -> Option<BoxFuture<'static, Bared<S::Value>>> {
        let load = self.body.work.take()?.detach().ok()?;
        Some(bare::<S>(load, self.body.begin()))
    }

    fn left(&mut self) -> Option<BoxFuture<'static, Bared<S::Value>>> {
        match std::mem::replace(&mut self.body.running, Running::No) {
            Running::Along(load) => Some(bare::<S>(load, self.body.span.clone())),
            Running::No | Running::Here(_) => None,
        }
    }
}

/// What the function returns.
fn output<S>(
    rules: &Rules<S>,
    done: Bared<S::Value>,
    own: Option<S::Output>,
    absent: Absent<S::Output>,
) -> S::Output
where
    S: Shape,
    S::Value: CacheValue,
{
    let made = match done {
        Ok(value) => Some(S::join(value)),
        Err(Fault::Own(_)) => own,
        Err(Fault::Shared(failure)) => S::unshare(&failure),
        Err(Fault::Absent) => absent.map(|absent| absent()),
        Err(Fault::TimedOut) => rules.timed_out.map(|timed_out| timed_out()),
        Err(Fault::Refused(error)) => rules.refused.map(|refused| refused(error)),
    };
    match made {
        Some(output) => output,
        None => unreachable!("the engine names only what its caller has"),
    }
}

impl<S: Shape, W: Work<S::Output>> Body<S, W> {
    fn new(rules: Rules<S>, work: W, spans: Option<Spans>) -> Self {
        let (work, running, span) = (Some(work), Running::No, Span::none());
        Self { rules, work, running, spans, span, absent: None }
    }

    /// The span of the load, which begins now.
    fn begin(&mut self) -> Span {
        self.spans.take().map_or_else(Span::none, |spans| spans.load(None))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<S::Output> {
        let _entered = self.span.enter();
        self.running.poll(cx)
    }

    fn start(&mut self, along: bool) {
        let Some(work) = self.work.take() else { return };
        self.span = self.begin();
        let here = |work: W| Running::Here(boxed(|| work.start()));
        self.running = match along {
            true => work.detach().map_or_else(here, Running::Along),
            false => here(work),
        };
    }
}

impl<O, L: Future<Output = O>> Running<O, L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O> {
        match self {
            Self::No => Poll::Pending,
            Self::Here(load) => load.as_mut().poll(cx),
            Self::Along(load) => load.as_mut().poll(cx),
        }
    }
}

/// What the engine hears of an output; one that failed stays here.
fn brought<S: Shape>(
    output: S::Output,
    own: &mut Option<S::Output>,
    absent: &mut Absent<S::Output>,
) -> Bared<S::Value> {
    S::split(output).map_err(|output| {
        let fault;
        (fault, *absent) = self::fault::<S>(&output);
        *own = Some(output);
        fault
    })
}

/// Makes an output that says that there is no value.
type Absent<O> = Option<fn() -> O>;

/// What the engine hears of a failed output, and how to make another where it only says that there is no value.
fn fault<S: Shape>(output: &S::Output) -> (Fault, Absent<S::Output>) {
    match S::absence(output) {
        Some(absent) => (Fault::Absent, Some(absent)),
        None => (Fault::Own(S::share(output)), None),
    }
}

/// A load whose output nobody takes: a failure is kept only as far as it can be shared.
fn bare<S>(load: BoxFuture<'static, S::Output>, span: Span) -> BoxFuture<'static, Bared<S::Value>>
where
    S: Shape<Output: 'static>,
    S::Value: CacheValue,
{
    let load = load.instrument(span);
    Box::pin(async move { S::split(load.await).map_err(|output| fault::<S>(&output).0) })
}

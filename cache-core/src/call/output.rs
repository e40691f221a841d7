//! A function's body as a read runs it: keeps the output, and shows the read only the value in it. This and the
//! [rules](super::rules) are the part of a read that is compiled for each type of output.

use std::task::{Context, Poll, ready};

use tracing::Span;

use super::body::Body;
use super::reading::{Outcome, Run, Served};
use super::rules::{Deciding, Rules, failure};
use crate::base::{CacheValue, Cached, Policy, Shape};
use crate::engine::{Again, Decide, Detached, Fault, Leaves};
use crate::entry::{Stored, into_value};

/// The output of a body while the read is not over. The function's own output need not be `Send`, so only a value is held.
pub(crate) enum Output<S: Shape> {
    Value(S::Value),
    Absent(fn() -> S::Output),
}

/// A body, and what it has returned.
pub(crate) struct Running<'a, S: Shape> {
    body: &'a mut dyn Body<S::Output>,
    rules: &'a Rules<S>,
    output: &'a mut Option<Output<S>>,
    /// An output without a value. The read ends in the poll that brings it.
    failed: Option<S::Output>,
}

/// Makes the function's output from a hit.
pub(crate) fn output_of<S>(hit: Cached<Stored>) -> Cached<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
{
    hit.map(|entry| allowed(output::<S>(entry)))
}

fn output<S>(entry: Stored) -> Option<S::Output>
where
    S: Shape,
    S::Value: CacheValue,
{
    into_value::<S::Value>(entry).map(S::join)
}

fn allowed<O>(output: Option<O>) -> O {
    match output {
        Some(output) => output,
        None => unreachable!("a read returns only what the rules of its function allow"),
    }
}

impl<'a, S> Running<'a, S>
where
    S: Shape,
    S::Value: CacheValue,
{
    pub(crate) fn new(
        body: &'a mut dyn Body<S::Output>,
        rules: &'a Rules<S>,
        output: &'a mut Option<Output<S>>,
    ) -> Self {
        Self { body, rules, output, failed: None }
    }

    /// Makes the function's output.
    pub(crate) fn made(mut self, served: Cached<Served>) -> Cached<S::Output> {
        served.map(|served| allowed(self.output(served)))
    }

    fn output(&mut self, served: Served) -> Option<S::Output> {
        match served {
            Served::Own => match self.output.take() {
                Some(Output::Value(value)) => Some(S::join(value)),
                Some(Output::Absent(absent)) => Some(absent()),
                None => self.failed.take(),
            },
            Served::Entry(entry) => output::<S>(entry),
            Served::Instead(Fault::Shared(failure)) => S::unshare(&failure),
            Served::Instead(Fault::TimedOut) => self.rules.timed_out.map(|timed_out| timed_out()),
            Served::Instead(Fault::Refused(error)) => {
                self.rules.refused.map(|refused| refused(error))
            }
        }
    }
}

impl<S> Run for Running<'_, S>
where
    S: Shape,
    S::Value: CacheValue,
{
    fn detaches(&self) -> bool {
        self.body.detaches()
    }

    fn start(&mut self, leaves: Option<Leaves>) {
        self.body.start(leaves);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match S::split(ready!(self.body.poll(cx))) {
            Ok(value) => *self.output = Some(Output::Value(value)),
            Err(output) => match S::absence(&output) {
                Some(absent) => *self.output = Some(Output::Absent(absent)),
                None => self.failed = Some(output),
            },
        }
        Poll::Ready(())
    }

    fn outcome(&self, policy: &Policy, fails: Option<&Decide>) -> Outcome<'_> {
        match &*self.output {
            Some(Output::Value(value)) => {
                Outcome::Value(value, self.rules.values.verdict(value, policy))
            }
            Some(Output::Absent(_)) => Outcome::Absent,
            None => {
                let failed = self.failed.as_ref();
                let terms = failed.map(|output| failure::<S>(self.rules.fails, output, fails));
                Outcome::Failed(failed.and_then(S::share), terms.unwrap_or_default())
            }
        }
    }

    fn behind(&mut self, span: &mut dyn FnMut() -> Span, deciding: &Deciding) -> Option<Detached> {
        let detached = self.rules.detached?;
        let load = self.body.behind()?;
        Some(detached(load, span(), (self.rules.of_output(), deciding.clone())))
    }

    fn repeats(&self) -> bool {
        self.rules.repeated.is_some() && self.body.repeats()
    }

    fn repeat(&self, deciding: &Deciding) -> Option<Again> {
        let repeated = self.rules.repeated?;
        Some(repeated(self.body.repeat()?, (self.rules.of_output(), deciding.clone())))
    }

    fn left(&mut self, span: &Span, deciding: &Deciding) -> Option<Detached> {
        let detached = self.rules.detached?;
        let load = self.body.left()?;
        Some(detached(load, span.clone(), (self.rules.of_output(), deciding.clone())))
    }
}

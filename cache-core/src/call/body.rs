//! A function's body during a read. This is all of the slow path that is compiled for each function.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::work::{Repeated, Work};
use crate::base::{BoxFuture, boxed};
use crate::engine::Leaves;

/// A function's body for a read. It is not pinned in place, because the running load is boxed.
pub(crate) trait Body<O> {
    /// Whether the load can run with its own inputs.
    fn detaches(&self) -> bool;
    /// Begins the load, if it has not begun. If the caller may leave it, the load can continue without the caller.
    fn start(&mut self, leaves: Option<Leaves>);
    /// Polls the running load. Must not be called again after it is ready.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O>;
    /// Takes the load for the background, if it has not begun.
    fn behind(&mut self) -> Option<BoxFuture<'static, O>>;
    /// Takes the running load, if it can continue without the caller.
    fn left(&mut self) -> Option<BoxFuture<'static, O>>;
    /// Whether the load can run again and again with its own inputs.
    fn repeats(&self) -> bool;
    /// Makes such loads, if this one has not begun.
    fn repeat(&self) -> Option<Repeated<O>>;
}

/// A body and its state.
pub(crate) enum Doing<O, W: Work<O>> {
    /// The load has not begun.
    Not(W),
    /// The load runs in the caller's task.
    Here(Pin<Box<W::Load>>),
    /// The same, but it can continue without the caller.
    Along(BoxFuture<'static, O>),
    /// The load has ended, or continues elsewhere.
    Done,
}

// Nothing in it is pinned in place.
impl<O, W: Work<O>> Unpin for Doing<O, W> {}

impl<O, W: Work<O>> Doing<O, W> {
    /// The work, if it has not begun.
    #[inline]
    pub(crate) fn waiting(&self) -> Option<&W> {
        match self {
            Self::Not(work) => Some(work),
            _ => None,
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Done)
    }
}

impl<O, W: Work<O>> Body<O> for Doing<O, W> {
    fn detaches(&self) -> bool {
        self.waiting().is_some_and(W::detaches)
    }

    fn start(&mut self, leaves: Option<Leaves>) {
        *self = match (self.take(), leaves) {
            (Self::Not(work), Some(leaves)) => match work.detach(leaves) {
                Ok(load) => Self::Along(load),
                Err(work) => Self::Here(boxed(|| work.start())),
            },
            (Self::Not(work), None) => Self::Here(boxed(|| work.start())),
            (begun, _) => begun,
        };
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O> {
        let polled = match self {
            Self::Here(load) => load.as_mut().poll(cx),
            Self::Along(load) => load.as_mut().poll(cx),
            Self::Not(_) | Self::Done => Poll::Pending,
        };
        if polled.is_ready() {
            *self = Self::Done;
        }
        polled
    }

    fn behind(&mut self) -> Option<BoxFuture<'static, O>> {
        match self.take() {
            Self::Not(work) => work.detach(Leaves::AtOnce).ok(),
            begun => {
                *self = begun;
                None
            }
        }
    }

    fn repeats(&self) -> bool {
        self.waiting().is_some_and(W::repeats)
    }

    fn repeat(&self) -> Option<Repeated<O>> {
        self.waiting()?.repeat()
    }

    fn left(&mut self) -> Option<BoxFuture<'static, O>> {
        match self.take() {
            Self::Along(load) => Some(load),
            other => {
                *self = other;
                None
            }
        }
    }
}

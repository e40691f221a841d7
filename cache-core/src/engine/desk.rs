//! The exchange between the engine, which requests a load, and the caller, which brings the result.
//!
//! The engine (`read` and everything that it calls) knows values only. The function's body, its arguments and
//! its output stay in the caller's own future ([`reading`](super::reading::reading)), so the engine is
//! compiled once for each type of value, and a call is `Send` if its body is.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::nesting::Nesting;
use super::pulse::Pulse;
use super::table::Seat;
use crate::base::BoxFuture;

/// The engine's request to its caller.
pub(crate) enum Wanted<O> {
    /// Run the load in the caller's task.
    Load(Nesting),
    /// Run the load with its own inputs, in the caller's task while there is one, and then in the background.
    Along(Nesting),
    /// Hand over the load, to run in the background from the start.
    Behind(oneshot::Sender<BoxFuture<'static, O>>),
}

/// The desk of one read.
pub(crate) struct Desk<O>(Arc<Mutex<State<O>>>);

struct State<O> {
    wanted: Option<Wanted<O>>,
    brought: Option<O>,
    /// The load itself, from a caller that left before the engine requested it.
    left: Option<BoxFuture<'static, O>>,
    /// The waker of a part of the engine that waits in the background.
    waker: Option<Waker>,
}

impl<O> Clone for Desk<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> Desk<O> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { wanted: None, brought: None, left: None, waker: None })))
    }

    fn state(&self) -> MutexGuard<'_, State<O>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wanted(&self) -> Option<Wanted<O>> {
        self.state().wanted.take()
    }

    /// Brings the output to the engine, which is polled next.
    pub(super) fn bring(&self, output: O) {
        self.state().brought = Some(output);
    }

    /// Brings the output to a part of the engine that continues in its own task.
    pub(super) fn bring_to_task(&self, output: O) {
        let mut state = self.state();
        state.brought = Some(output);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether a part of the engine continues in its own task.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the load to that part, for when it requests one.
    pub(super) fn leave(&self, load: BoxFuture<'static, O>) {
        let mut state = self.state();
        state.left = Some(load);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn want(self, wanted: Wanted<O>) -> Brought<O> {
        self.state().wanted = Some(wanted);
        Brought { desk: self, left: None }
    }
}

/// The engine's side: a load that has not begun.
pub(crate) struct Ask<O> {
    pub(super) desk: Desk<O>,
    /// Whether the load can run with its own inputs.
    pub(super) detaches: bool,
    pub(super) seat: Option<Arc<Seat>>,
    /// Tells whether the caller is polled.
    pub(super) pulse: Option<Arc<Pulse>>,
}

impl<O: Send + 'static> Ask<O> {
    pub(super) fn detaches(&self) -> bool {
        self.detaches
    }

    /// Its place among the items of a batch, if it is one.
    pub(super) fn seat(&self) -> Option<Arc<Seat>> {
        self.seat.clone()
    }

    /// Requests the load in the caller's task, inside the loads of `nesting`.
    pub(super) fn start(self, nesting: Nesting) -> Brought<O> {
        self.desk.want(Wanted::Load(nesting))
    }

    /// Requests the load in the caller's task, but so that it can continue without the caller. Only if it
    /// [`detaches`](Self::detaches).
    pub(super) fn along(self, nesting: Nesting) -> Brought<O> {
        self.desk.want(Wanted::Along(nesting))
    }

    /// Requests the load for the background. Only if it [`detaches`](Self::detaches).
    pub(super) fn behind(self) -> BoxFuture<'static, O> {
        let (give, given) = oneshot::channel();
        self.desk.state().wanted = Some(Wanted::Behind(give));
        Box::pin(async move {
            match given.await {
                Ok(load) => load.await,
                // The caller's `Clone` panicked: this panics, too, and the flight is abandoned.
                Err(_) => std::panic::resume_unwind(Box::new("a load could not be detached")),
            }
        })
    }
}

/// The output that the caller brings, or the load that it has left.
pub(super) struct Brought<O> {
    desk: Desk<O>,
    left: Option<BoxFuture<'static, O>>,
}

impl<O> Future for Brought<O> {
    type Output = O;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let Self { desk, left } = &mut *self;
        if left.is_none() {
            let mut state = desk.state();
            if let Some(output) = state.brought.take() {
                return Poll::Ready(output);
            }
            *left = state.left.take();
            if left.is_none() {
                state.waker = Some(cx.waker().clone());
            }
        }
        match left {
            Some(load) => load.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

//! Where the engine asks for a load, and its caller brings what came of it.
//!
//! The engine (`read` and all that it calls) knows values only. The function's body, its arguments and its output stay
//! in the caller's own future ([`call`](super::reading::reading)), so that the engine is compiled once for each type of value, and a
//! call is `Send` if its body is.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::nesting::Nesting;
use super::pulse::Pulse;
use super::table::Seat;
use crate::base::BoxFuture;

/// What the engine wants of its caller.
pub(crate) enum Wanted<O> {
    /// The load, in the caller's task.
    Load(Nesting),
    /// The load with inputs of its own, in the caller's task as long as there is one, and then in the background.
    Along(Nesting),
    /// The same in the background from the beginning.
    Behind(oneshot::Sender<BoxFuture<'static, O>>),
}

/// One read's desk.
pub(crate) struct Desk<O>(Arc<Mutex<State<O>>>);

struct State<O> {
    wanted: Option<Wanted<O>>,
    brought: Option<O>,
    /// The load itself, from a caller who has gone before it was asked for.
    left: Option<BoxFuture<'static, O>>,
    /// Of what waits for it in the background.
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

    /// Lays the output down for the engine, which is polled next.
    pub(super) fn bring(&self, output: O) {
        self.state().brought = Some(output);
    }

    /// The same for a part of the engine that goes on in a task of its own.
    pub(super) fn bring_to_task(&self, output: O) {
        let mut state = self.state();
        state.brought = Some(output);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether a part of the engine goes on in a task of its own.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves that part the load, for when it asks.
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
    /// Whether it can be had with inputs of its own.
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

    /// The load in the caller's task, as one of those in `inside`.
    pub(super) fn start(self, nesting: Nesting) -> Brought<O> {
        self.desk.want(Wanted::Load(nesting))
    }

    /// The load in the caller's task, but so that it goes on without it: only if it [`detaches`](Self::detaches).
    pub(super) fn along(self, nesting: Nesting) -> Brought<O> {
        self.desk.want(Wanted::Along(nesting))
    }

    /// The load for the background: only if it [`detaches`](Self::detaches).
    pub(super) fn behind(self) -> BoxFuture<'static, O> {
        let (give, given) = oneshot::channel();
        self.desk.state().wanted = Some(Wanted::Behind(give));
        Box::pin(async move {
            match given.await {
                Ok(load) => load.await,
                // The caller's `Clone` panicked: this ends like it, and the flight is abandoned.
                Err(_) => std::panic::resume_unwind(Box::new("a load could not be detached")),
            }
        })
    }
}

/// What the caller brings, or has left.
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

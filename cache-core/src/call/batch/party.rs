//! The loads that the items of one batch ask for: one in the foreground, and one in the background for those that may
//! go on without the caller.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tracing::Instrument;

use super::shape::Each;
use crate::base::BoxFuture;
use crate::engine::{Nesting, Seat, Spans, Table, Work, spawn};

/// An item that waits for its load.
pub(super) struct Asking<G: Each> {
    pub(super) id: G::Id,
    answer: oneshot::Sender<G::Output>,
    /// Its own load, and those that this one is a part of.
    nesting: Nesting,
}

/// Who has asked and was not given to a load yet.
pub(crate) struct Asked<G: Each>(Mutex<Vec<Asking<G>>>);

impl<G: Each> Asked<G> {
    pub(super) fn none() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::new())))
    }

    fn list(&self) -> MutexGuard<'_, Vec<Asking<G>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Vec<Asking<G>> {
        std::mem::take(&mut *self.list())
    }

    fn ask(&self, id: G::Id, seat: &Seat) -> oneshot::Receiver<G::Output> {
        let (answer, answered) = oneshot::channel();
        self.list().push(Asking { id, answer, nesting: Nesting::current() });
        seat.waits();
        answered
    }
}

/// The one load for all who asked.
pub(crate) fn together<G: Each>(asked: &[Asking<G>]) -> Nesting {
    Nesting::together(asked.iter().map(|asking| asking.nesting.clone()))
}

/// Gives each who asked its part of what the function returned.
pub(crate) fn deal<G>(asked: Vec<Asking<G>>, whole: G::Whole)
where
    G: Each<Id: Eq + Hash>,
{
    match G::take_apart(whole) {
        Ok(pairs) => {
            let mut values: HashMap<G::Id, G::Value> = pairs.into_iter().collect();
            for Asking { id, answer, .. } in asked {
                let value = values.remove(&id);
                // One who is gone needs none.
                let _ = answer.send(value.map_or_else(G::absent, G::join));
            }
        }
        Err(unmet) => {
            for Asking { answer, .. } in asked {
                let _ = answer.send(G::unmet(unmet.again()));
            }
        }
    }
}

/// The load of one item of a batch, which it shares with the others.
pub(crate) struct Member<G: Each, B> {
    pub(super) id: G::Id,
    pub(super) asked: Arc<Asked<G>>,
    pub(super) seat: Arc<Seat>,
    pub(super) behind: Arc<B>,
}

impl<G, B> Work<G::Output> for Member<G, B>
where
    G: Each,
    B: Behind<G>,
{
    type Load = Answer<G::Output>;

    fn detaches(&self) -> bool {
        B::DETACHES
    }

    fn start(self) -> Answer<G::Output> {
        Answer { answered: self.asked.ask(self.id, &self.seat), seat: self.seat }
    }

    fn detach(self) -> Result<BoxFuture<'static, G::Output>, Self> {
        let behind = Arc::clone(&self.behind);
        behind.detach(self)
    }

    fn seat(&self) -> Option<Arc<Seat>> {
        Some(Arc::clone(&self.seat))
    }
}

/// An item's part of a load.
pub(crate) struct Answer<O> {
    answered: oneshot::Receiver<O>,
    seat: Arc<Seat>,
}

impl<O> Future for Answer<O> {
    type Output = O;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        match Pin::new(&mut self.answered).poll(cx) {
            Poll::Ready(Ok(output)) => {
                self.seat.comes();
                Poll::Ready(output)
            }
            // The load panicked in a task of its own, or its runtime is ending: this ends like it, and the flight is
            // abandoned. (A load in the foreground takes its items with it.)
            Poll::Ready(Err(_)) => {
                std::panic::resume_unwind(Box::new("the load of a batch panicked"))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Whether the items of a batch may be loaded in the background.
pub(crate) trait Behind<G: Each>: Sized {
    const DETACHES: bool;
    fn detach(
        &self,
        member: Member<G, Self>,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>>;
}

/// They may not.
pub(crate) struct Never;

impl<G: Each> Behind<G> for Never {
    const DETACHES: bool = false;
    fn detach(
        &self,
        member: Member<G, Self>,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>> {
        Err(member)
    }
}

/// The function with inputs of its own.
pub(crate) type Loads<G> =
    Box<dyn Fn(Vec<<G as Each>::Id>) -> BoxFuture<'static, <G as Each>::Whole> + Send + Sync>;

/// They may, with inputs that are made the first time.
pub(crate) struct Again<G: Each, K> {
    pub(super) table: Arc<Table>,
    pub(super) spans: Spans,
    pub(super) asked: Arc<Asked<G>>,
    pub(super) own: Mutex<Option<K>>,
}

impl<G, K> Behind<G> for Again<G, K>
where
    G: Each<Id: Eq + Hash + Send + 'static, Output: Send>,
    K: FnOnce() -> Loads<G>,
{
    const DETACHES: bool = true;
    fn detach(
        &self,
        member: Member<G, Self>,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(own) = own {
            let (load, asked): (Arc<Loads<G>>, _) = (Arc::new(own()), Arc::clone(&self.asked));
            let spans = self.spans.clone();
            self.table.then(Arc::new(move || start(&load, &asked, &spans)));
        }
        let (id, seat, asked) = (member.id, member.seat, Arc::clone(&self.asked));
        Ok(Box::pin(async move {
            let answered = asked.ask(id, &seat);
            Answer { answered, seat }.await
        }))
    }
}

/// Begins the load of those who have asked by now, in a task of its own.
fn start<G>(load: &Arc<Loads<G>>, asked: &Asked<G>, spans: &Spans)
where
    G: Each<Id: Eq + Hash + Send + 'static, Output: Send>,
{
    let asked = asked.take();
    if asked.is_empty() {
        return;
    }
    let load = Arc::clone(load);
    let ids = asked.iter().map(|asking| asking.id.clone()).collect();
    let span = spans.load(Some(asked.len()));
    let nesting = together(&asked);
    spawn(async move {
        let loading = nesting.enter(|| load(ids));
        deal(asked, nesting.around(loading.instrument(span)).await);
    });
}

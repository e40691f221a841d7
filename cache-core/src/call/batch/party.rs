//! The loads that the items of one batch request: one in the foreground, and those in the background for items that may go on without
//! the caller.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tracing::Instrument;

use super::shape::Each;
use crate::base::BoxFuture;
use crate::call::work::Work;
use crate::engine::{Leaves, Nesting, Seat, Spans, Table, spawn};

/// An item that waits for its load.
pub(super) struct Asking<G: Each> {
    pub(super) id: G::Id,
    answer: oneshot::Sender<G::Output>,
    seat: Arc<Seat>,
    /// Its own load, and the loads that contain it.
    nesting: Nesting,
}

impl<G: Each> Asking<G> {
    fn goes_on(self, output: G::Output) {
        if self.answer.send(output).is_err() {
            // Its caller was dropped, so there is nothing to write.
            self.seat.waits();
        }
    }
}

/// The items that have requested a load and do not belong to one yet.
pub(crate) struct Asked<G: Each>(Mutex<Vec<Asking<G>>>);

impl<G: Each> Asked<G> {
    pub(super) fn none() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::new())))
    }

    fn list(&self) -> MutexGuard<'_, Vec<Asking<G>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those whose callers still wait. The lease of one that was dropped has been given back, so another process may load its id now.
    pub(super) fn take(&self) -> Vec<Asking<G>> {
        let mut asked = std::mem::take(&mut *self.list());
        asked.retain(|asking| !asking.answer.is_closed());
        asked
    }

    fn ask(&self, id: G::Id, seat: Arc<Seat>) -> oneshot::Receiver<G::Output> {
        let (answer, answered) = oneshot::channel();
        let asking = Asking { id, answer, seat: Arc::clone(&seat), nesting: Nesting::current() };
        self.list().push(asking);
        seat.waits();
        answered
    }
}

/// The one load for all items that requested it.
pub(crate) fn together<G: Each>(asked: &[Asking<G>]) -> Nesting {
    Nesting::together(asked.iter().map(|asking| asking.nesting.clone()))
}

/// Gives each item its part of the function's output.
pub(crate) fn deal<G>(asked: Vec<Asking<G>>, whole: G::Whole)
where
    G: Each<Id: Eq + Hash>,
{
    // All items get their part before the first one continues, because the first write waits for the writes of the others.
    asked.iter().for_each(|asking| asking.seat.stores());
    match G::take_apart(whole) {
        Ok(pairs) => {
            let mut values: HashMap<G::Id, G::Value> = pairs.into_iter().collect();
            for asking in asked {
                let value = values.remove(&asking.id);
                asking.goes_on(value.map_or_else(G::absent, G::join));
            }
        }
        Err(unmet) => {
            for asking in asked {
                asking.goes_on(G::unmet(unmet.again()));
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
        Answer(self.asked.ask(self.id, self.seat))
    }

    fn detach(self, leaves: Leaves) -> Result<BoxFuture<'static, G::Output>, Self> {
        let behind = Arc::clone(&self.behind);
        behind.detach(self, leaves)
    }
}

/// An item's part of a load.
pub(crate) struct Answer<O>(oneshot::Receiver<O>);

impl<O> Future for Answer<O> {
    type Output = O;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(Ok(output)) => Poll::Ready(output),
            // The load panicked in its own task, or its runtime ends: this item ends, too, and abandons its flight. (A load in the
            // foreground ends together with its items.)
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
        leaves: Leaves,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>>;
}

/// They may not.
pub(crate) struct Never;

impl<G: Each> Behind<G> for Never {
    const DETACHES: bool = false;
    fn detach(
        &self,
        member: Member<G, Self>,
        _: Leaves,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>> {
        Err(member)
    }
}

/// The function with its own inputs.
pub(crate) type Loads<G> =
    Box<dyn Fn(Vec<<G as Each>::Id>) -> BoxFuture<'static, <G as Each>::Whole> + Send + Sync>;

/// They may, with inputs that are made at first use.
pub(crate) struct Again<G: Each, K> {
    table: Arc<Table>,
    spans: Spans,
    /// The items that share a load, by the time at which their callers leave it.
    asked: [Arc<Asked<G>>; 3],
    own: Mutex<Option<K>>,
}

impl<G: Each, K> Again<G, K> {
    pub(super) fn new(table: &Arc<Table>, spans: &Spans, own: K) -> Self {
        let asked = std::array::from_fn(|_| Asked::none());
        Self { table: Arc::clone(table), spans: spans.clone(), asked, own: Mutex::new(Some(own)) }
    }

    fn asked(&self, leaves: Leaves) -> &Arc<Asked<G>> {
        let [late, early, at_once] = &self.asked;
        match leaves {
            Leaves::Late => late,
            Leaves::Early => early,
            Leaves::AtOnce => at_once,
        }
    }
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
        leaves: Leaves,
    ) -> Result<BoxFuture<'static, G::Output>, Member<G, Self>> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(own) = own {
            let (load, asked): (Arc<Loads<G>>, _) = (Arc::new(own()), self.asked.clone());
            let spans = self.spans.clone();
            let then = move || asked.iter().for_each(|asked| start(&load, asked, &spans));
            self.table.then(Arc::new(then));
        }
        let (id, seat, asked) = (member.id, member.seat, Arc::clone(self.asked(leaves)));
        Ok(Box::pin(async move { Answer(asked.ask(id, seat)).await }))
    }
}

/// Begins the load of the items that have requested it, in its own task.
fn start<G>(load: &Arc<Loads<G>>, asked: &Asked<G>, spans: &Spans)
where
    G: Each<Id: Eq + Hash + Send + 'static, Output: Send>,
{
    let mut asked = asked.take();
    if asked.is_empty() {
        return;
    }
    let load = Arc::clone(load);
    let ids = asked.iter().map(|asking| asking.id.clone()).collect();
    let span = spans.load(Some(asked.len()));
    let nesting = together(&asked);
    spawn(async move {
        let loading = nesting.enter(|| load(ids));
        let loading = nesting.around(loading.instrument(span));
        if let Some(whole) = unless_all_go(&mut asked, loading).await {
            deal(asked, whole);
        }
    });
}

/// The load, which is dropped when no item waits for it any more: the flights of its items are abandoned, so the next callers load.
/// Without this, two loads of a key would run at the same time.
async fn unless_all_go<G: Each>(
    asked: &mut [Asking<G>],
    load: impl Future<Output = G::Whole>,
) -> Option<G::Whole> {
    let mut load = pin!(load);
    let mut gone = 0;
    poll_fn(|cx| {
        if let Poll::Ready(whole) = load.as_mut().poll(cx) {
            return Poll::Ready(Some(whole));
        }
        while let Some(asking) = asked.get_mut(gone) {
            if asking.answer.poll_closed(cx).is_pending() {
                return Poll::Pending;
            }
            gone += 1;
        }
        Poll::Ready(None)
    })
    .await
}

//! Where the items of one batch meet. Each item is a read of its own, with its own flight, ticket and lease, but the items send
//! their requests together, and load together.
//!
//! An item registers a request and waits. The requests are sent when no other item can register one before the load. So
//! an item that waits for something outside the batch (the flight of another call, the lease of another process) must not be
//! waited for: it steps [`aside`](Seat::aside). Otherwise batches that overlap could wait for each other in a circle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::oneshot;

use super::handle::Engine;
use super::lease::{Claim, Leased, ask_each};
use super::pulse::Pulse;
use super::spawn::spawn;
use super::together::{Renewal, Request, Value, abort, learn, read, renew, write};
use crate::base::{BackendError, BackendErrorKind};
use crate::remote::{Ask, Found, Writing};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the load in the background.
type Then = Arc<dyn Fn() + Send + Sync>;

/// How long a write waits for those of the other items. An item that has its value is about to register its write, unless its
/// caller has stopped polling it; and a write that waits keeps evictions of its key waiting.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What the items of one batch share.
pub(crate) struct Table {
    engine: Arc<Engine>,
    state: Mutex<State>,
    /// Tells whether the batch is polled.
    pulse: Option<Arc<Pulse>>,
}

#[derive(Default)]
struct State {
    /// Items that may register a request or their load at any moment.
    coming: usize,
    /// Items that have a value and may register its write at any moment.
    storing: usize,
    reads: Vec<Registered<Request, Reply>>,
    tags: Vec<Registered<Request, Reply>>,
    claims: Vec<Registered<Claim, Lent>>,
    writes: Vec<Registered<Value, Written>>,
    renewals: Vec<Renewal>,
    /// Leases to end, each with its token.
    aborts: Vec<(String, u64)>,
    /// The task that loads in the foreground.
    driver: Option<Waker>,
    then: Option<Then>,
}

/// The generations, and for a read the value, that the remote tier has.
pub(crate) type Reply = Result<Found, BackendError>;
type Lent = Result<Leased, BackendError>;
type Written = Result<bool, BackendError>;

/// What one item wants of a request that the items send together.
pub(super) struct Registered<Q, A> {
    pub(super) question: Q,
    pub(super) item: Waiting<A>,
}

/// An item that waits for an answer.
pub(super) struct Waiting<A> {
    answer: oneshot::Sender<A>,
    seat: Arc<Seat>,
}

impl<A> Waiting<A> {
    /// Whether the item's caller has gone.
    pub(super) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// The answer takes as long as another process likes: the other items do not wait for this one.
    pub(super) fn waits(&self) {
        self.seat.waits();
    }

    /// Gives the answer to an item that is about to register its next request.
    pub(super) fn goes_on(self, answer: A) {
        self.seat.moves(Stage::Coming);
        if self.answer.send(answer).is_err() {
            self.seat.waits();
        }
    }

    /// Gives the answer to an item that registers nothing after it.
    pub(super) fn ends(self, answer: A) {
        // The item may have gone.
        let _ = self.answer.send(answer);
    }
}

impl Table {
    pub(crate) fn new(engine: &Arc<Engine>) -> Arc<Self> {
        Self::polled(engine, None)
    }

    /// The table of a batch whose items load.
    pub(crate) fn polled(engine: &Arc<Engine>, pulse: Option<Arc<Pulse>>) -> Arc<Self> {
        Arc::new(Self { engine: Arc::clone(engine), state: Mutex::default(), pulse })
    }

    /// Tells whether the batch is polled.
    pub(super) fn pulse(&self) -> Option<Arc<Pulse>> {
        self.pulse.clone()
    }

    /// Whether all items that are to load have registered their load: the others have their value, or wait for something
    /// outside the batch. If not, `driver` is woken when it is so.
    pub(crate) fn is_complete(&self, driver: &Waker) -> bool {
        let mut state = lock(&self.state);
        if state.coming == 0 {
            return true;
        }
        if !state.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            state.driver = Some(driver.clone());
        }
        false
    }

    /// Sets what runs whenever no item is coming any more.
    pub(crate) fn then(&self, then: Then) {
        lock(&self.state).then = Some(then);
    }

    /// An item goes from one stage to another.
    fn moved(&self, from: Stage, to: Stage) {
        let mut state = lock(&self.state);
        match to {
            Stage::Coming => state.coming += 1,
            Stage::Storing => state.storing += 1,
            Stage::Waiting => {}
        }
        match from {
            Stage::Coming => {
                state.coming -= 1;
                if state.coming == 0 {
                    self.send(state);
                }
            }
            Stage::Storing => {
                state.storing -= 1;
                if state.storing == 0 {
                    self.store(state);
                }
            }
            Stage::Waiting => {}
        }
    }

    /// Sends the requests that are registered. If there are none, the load begins.
    fn send(&self, mut state: MutexGuard<'_, State>) {
        let reads = std::mem::take(&mut state.reads);
        let tags = std::mem::take(&mut state.tags);
        let claims = std::mem::take(&mut state.claims);
        // They come again, with the answers.
        state.coming = reads.len() + tags.len() + claims.len();
        if state.coming == 0 {
            let (then, driver) = (state.then.clone(), state.driver.take());
            drop(state);
            then.into_iter().for_each(|then| then());
            driver.into_iter().for_each(Waker::wake);
            return;
        }
        drop(state);
        let seats = reads.iter().chain(&tags).map(|one| &one.item.seat);
        let seats = seats.chain(claims.iter().map(|one| &one.item.seat));
        seats.for_each(|seat| *lock(&seat.stage) = Stage::Coming);
        let engine = || Arc::clone(&self.engine);
        if !reads.is_empty() {
            spawn(read(engine(), reads));
        }
        if !tags.is_empty() {
            spawn(learn(engine(), tags));
        }
        if !claims.is_empty() {
            spawn(ask_each(engine(), claims));
        }
    }

    /// Sends the writes that are registered, and ends the leases of the items without a value.
    fn store(&self, mut state: MutexGuard<'_, State>) {
        let writes = std::mem::take(&mut state.writes);
        let aborts = std::mem::take(&mut state.aborts);
        drop(state);
        if !writes.is_empty() {
            spawn(write(Arc::clone(&self.engine), writes));
        }
        if !aborts.is_empty() {
            spawn(abort(Arc::clone(&self.engine), aborts));
        }
    }

    /// Renews a lease together with those of the other items. It waits for none of them: items whose leases were granted
    /// together renew at the same moment.
    pub(super) async fn renew(
        self: &Arc<Self>,
        key: &str,
        token: u64,
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let (answer, answered) = oneshot::channel();
        let renewal = Renewal { key: key.to_owned(), token, ttl, answer };
        let first = {
            let mut state = lock(&self.state);
            state.renewals.push(renewal);
            state.renewals.len() == 1
        };
        if first {
            let table = Arc::clone(self);
            spawn(async move {
                // The other items of the same moment are polled now.
                tokio::task::yield_now().await;
                let renewals = std::mem::take(&mut lock(&table.state).renewals);
                renew(Arc::clone(&table.engine), renewals).await;
            });
        }
        answered.await.unwrap_or_else(|_| Err(ended("renew")))
    }

    /// Ends a lease together with those of the other items that end now.
    pub(super) fn abort(self: &Arc<Self>, key: String, token: u64) {
        let alone = {
            let mut state = lock(&self.state);
            state.aborts.push((key, token));
            // After a load they are sent when the last item has seen what came of it.
            state.storing == 0 && state.aborts.len() == 1
        };
        if alone {
            let table = Arc::clone(self);
            spawn(async move {
                // If the batch was dropped, its other items end now.
                tokio::task::yield_now().await;
                let aborts = std::mem::take(&mut lock(&table.state).aborts);
                abort(Arc::clone(&table.engine), aborts).await;
            });
        }
    }
}

/// How far an item is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It may register a request or its load at any moment: these are not sent without it.
    Coming,
    /// It has a value and may register its write at any moment: the writes are not sent without it.
    Storing,
    /// It has registered something, waits for something outside the batch, or needs nothing more.
    Waiting,
}

/// One item's place at the table.
pub(crate) struct Seat {
    table: Arc<Table>,
    stage: Mutex<Stage>,
}

impl Seat {
    /// The place of an item that is about to read.
    pub(crate) fn new(table: &Arc<Table>) -> Arc<Self> {
        Self::at(table, Stage::Coming)
    }

    /// The place of an item that has its value, and is about to write it.
    pub(crate) fn storing(table: &Arc<Table>) -> Arc<Self> {
        Self::at(table, Stage::Storing)
    }

    fn at(table: &Arc<Table>, stage: Stage) -> Arc<Self> {
        table.moved(Stage::Waiting, stage);
        Arc::new(Self { table: Arc::clone(table), stage: Mutex::new(stage) })
    }

    fn moves(&self, to: Stage) -> Stage {
        let from = std::mem::replace(&mut *lock(&self.stage), to);
        if from != to {
            self.table.moved(from, to);
        }
        from
    }

    /// The item waits for what the others do together, and has registered it; or it registers nothing more.
    pub(crate) fn waits(&self) {
        self.moves(Stage::Waiting);
    }

    /// The item gets its value, which it may have to write.
    pub(crate) fn stores(&self) {
        self.moves(Stage::Storing);
    }

    /// The item waits for something outside the batch, which may itself wait for this batch: until the guard drops, the other
    /// items do not wait for this one.
    pub(crate) fn aside(self: &Arc<Self>) -> Aside {
        Aside { seat: Arc::clone(self), stage: self.moves(Stage::Waiting) }
    }

    /// Registers a request. The answer never comes if the runtime ends.
    async fn ask<Q, A>(
        self: &Arc<Self>,
        question: Q,
        list: impl FnOnce(&mut State) -> &mut Vec<Registered<Q, A>>,
    ) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        let item = Waiting { answer, seat: Arc::clone(self) };
        list(&mut lock(&self.table.state)).push(Registered { question, item });
        self.waits();
        answered.await.ok()
    }

    /// Reads a key in the remote tier together with the others.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        tags: &[&str],
        keep: Duration,
    ) -> Option<Reply> {
        let request = Request { key: key.to_owned(), tags: owned(tags), keep };
        self.ask(request, |state| &mut state.reads).await
    }

    /// Reads the generations of tags together with the others.
    pub(crate) async fn learn(self: &Arc<Self>, tags: &[&str], keep: Duration) -> Option<Reply> {
        let request = Request { key: String::new(), tags: owned(tags), keep };
        self.ask(request, |state| &mut state.tags).await
    }

    /// Requests the lease of a key together with the others. While another process has the lease, only this item waits.
    pub(crate) async fn lease(self: &Arc<Self>, key: &str, ask: Ask) -> Lent {
        let claim = Claim::new(&self.table.engine, key, ask, Some(Arc::clone(&self.table)));
        let lent = self.ask(claim, |state| &mut state.claims).await;
        lent.unwrap_or_else(|| Err(ended("acquire")))
    }

    /// Stores a value in the remote tier together with the others, under the lease that `token` holds if there is one.
    pub(crate) async fn write(
        self: &Arc<Self>,
        key: &str,
        writing: Writing,
        token: Option<u64>,
    ) -> Written {
        let (answer, answered) = oneshot::channel();
        let value = Value { key: key.to_owned(), writing, token };
        let item = Waiting { answer, seat: Arc::clone(self) };
        let first = {
            let mut state = lock(&self.table.state);
            state.writes.push(Registered { question: value, item });
            state.writes.len() == 1
        };
        self.waits();
        let mut answered = std::pin::pin!(answered);
        if first {
            let clock = &self.table.engine.clock;
            let until = clock.now().after(LONGEST_WAIT);
            match clock.timeout_at(until, &mut answered).await {
                Ok(written) => return written.unwrap_or_else(|_| Err(ended("set"))),
                Err(_) => self.table.store(lock(&self.table.state)),
            }
        }
        answered.await.unwrap_or_else(|_| Err(ended("set")))
    }
}

fn owned(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|&tag| tag.to_owned()).collect()
}

fn ended(operation: &'static str) -> BackendError {
    BackendError::new(BackendErrorKind::Unreachable, operation, "the runtime ended")
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.waits();
    }
}

/// An item that waits for something outside the batch.
pub(crate) struct Aside {
    seat: Arc<Seat>,
    stage: Stage,
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.seat.moves(self.stage);
    }
}

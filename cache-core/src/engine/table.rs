//! The coordination of the items of one batch. Each item is a read with its own flight and ticket, but the
//! items ask the remote tier together, and load together as soon as no further item may need a load.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::handle::Engine;
use super::pulse::Pulse;
use super::spawn::spawn;
use crate::base::{BackendError, BackendErrorKind};
use crate::remote::{Found, Writing};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The action in the background when no item is coming any more.
type Then = Arc<dyn Fn() + Send + Sync>;

/// How many values are read or written in one request. More would take longer than the timeout of one
/// operation.
pub(crate) const TOGETHER: usize = 1_000;
/// How many requests of one batch are in progress at a time, if each item has its own (leases).
const AT_ONCE: usize = 128;

/// The turns of the items' own requests. An item holds its turn only during a request.
pub(crate) struct Turns {
    /// Turns of items that the batch's task polls.
    foreground: Semaphore,
    /// Turns of items in their own tasks, which do not depend on whether the batch is polled.
    background: Semaphore,
}

impl Turns {
    pub(crate) async fn foreground(&self) -> Option<SemaphorePermit<'_>> {
        self.foreground.acquire().await.ok()
    }

    pub(crate) async fn background(&self) -> Option<SemaphorePermit<'_>> {
        self.background.acquire().await.ok()
    }
}

/// The state that the items of one batch share.
pub(crate) struct Table {
    engine: Arc<Engine>,
    state: Mutex<State>,
    turns: Arc<Turns>,
    /// Tells whether the batch is polled.
    pulse: Option<Arc<Pulse>>,
}

#[derive(Default)]
struct State {
    /// Items that may request a read or a load at any moment.
    coming: usize,
    reads: Vec<Reading>,
    writes: Vec<Storing>,
    /// The waker of the task that loads in the foreground.
    driver: Option<Waker>,
    then: Option<Then>,
}

/// An item that asks for the remote tier's value.
struct Reading {
    key: String,
    tags: Vec<String>,
    /// How long generations are kept that are created for its load.
    keep: Duration,
    answer: oneshot::Sender<Reply>,
    seat: Arc<Seat>,
}

/// An item whose value goes to the remote tier.
struct Storing {
    key: String,
    writing: Writing,
    answer: oneshot::Sender<Result<(), BackendError>>,
}

/// The result of a read of the remote tier.
pub(crate) type Reply = Result<Found, BackendError>;

impl Table {
    pub(crate) fn new(engine: &Arc<Engine>) -> Arc<Self> {
        Self::polled(engine, None)
    }

    /// The table of a batch whose items load.
    pub(crate) fn polled(engine: &Arc<Engine>, pulse: Option<Arc<Pulse>>) -> Arc<Self> {
        let turns = || Semaphore::new(AT_ONCE);
        let turns = Arc::new(Turns { foreground: turns(), background: turns() });
        Arc::new(Self { engine: Arc::clone(engine), state: Mutex::default(), turns, pulse })
    }

    /// Whether all items that need a load have requested it: the others have their values, or wait for other
    /// callers. If not, `driver` is woken when that is so.
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

    /// Sets the action to run whenever no item is coming any more.
    pub(crate) fn then(&self, then: Then) {
        lock(&self.state).then = Some(then);
    }

    fn come(&self) {
        lock(&self.state).coming += 1;
    }

    fn leave(&self) {
        let mut state = lock(&self.state);
        state.coming -= 1;
        if state.coming > 0 {
            return;
        }
        let writes = std::mem::take(&mut state.writes);
        if !writes.is_empty() {
            spawn(write(Arc::clone(&self.engine), writes));
        }
        let reads = std::mem::take(&mut state.reads);
        // They come again, with the values that they read.
        state.coming = reads.len();
        if reads.is_empty() {
            let (then, driver) = (state.then.clone(), state.driver.take());
            drop(state);
            then.into_iter().for_each(|then| then());
            driver.into_iter().for_each(Waker::wake);
            return;
        }
        drop(state);
        reads.iter().for_each(|reading| *lock(&reading.seat.coming) = true);
        spawn(read(Arc::clone(&self.engine), reads));
    }
}

/// Reads in as few requests as possible.
async fn read(engine: Arc<Engine>, mut reads: Vec<Reading>) {
    while !reads.is_empty() {
        let rest = reads.split_off(reads.len().min(TOGETHER));
        read_together(&engine, std::mem::replace(&mut reads, rest)).await;
    }
}

async fn read_together(engine: &Engine, reads: Vec<Reading>) {
    let Some(remote) = &engine.remote else { return };
    let wanted: Vec<_> = reads.iter().map(|read| (read.key.as_str(), &read.tags[..])).collect();
    let keep = reads.iter().map(|read| read.keep).max().unwrap_or_default();
    let found = remote.read_each(&wanted, keep, &engine.generations).await;
    match found {
        Ok(found) => {
            for (reading, found) in reads.into_iter().zip(found) {
                let _ = reading.answer.send(Ok(found));
            }
        }
        Err(error) => {
            for reading in reads {
                let _ = reading.answer.send(Err(error.clone()));
            }
        }
    }
}

/// Writes in as few requests as possible.
async fn write(engine: Arc<Engine>, mut writes: Vec<Storing>) {
    while !writes.is_empty() {
        let rest = writes.split_off(writes.len().min(TOGETHER));
        write_together(&engine, std::mem::replace(&mut writes, rest)).await;
    }
}

async fn write_together(engine: &Engine, writes: Vec<Storing>) {
    let Some(remote) = &engine.remote else { return };
    let mut answers = Vec::with_capacity(writes.len());
    let mut entries = Vec::with_capacity(writes.len());
    for Storing { key, writing, answer } in writes {
        entries.push((key, writing));
        answers.push(answer);
    }
    for (answer, written) in answers.into_iter().zip(remote.write_each(entries).await) {
        let _ = answer.send(written);
    }
}

/// The place of one item at the table, until it requests its load or needs none.
pub(crate) struct Seat {
    table: Arc<Table>,
    coming: Mutex<bool>,
}

impl Seat {
    pub(crate) fn new(table: &Arc<Table>) -> Arc<Self> {
        table.come();
        Arc::new(Self { table: Arc::clone(table), coming: Mutex::new(true) })
    }

    /// The turns of its batch.
    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.table.turns
    }

    /// Tells whether its batch is polled.
    pub(super) fn pulse(&self) -> Option<Arc<Pulse>> {
        self.table.pulse.clone()
    }

    /// The item waits for a joint operation, and is already in its list.
    pub(crate) fn waits(&self) {
        let was_coming = std::mem::take(&mut *lock(&self.coming));
        if was_coming {
            self.table.leave();
        }
    }

    /// The item has its value, which it may still have to write.
    pub(crate) fn comes(&self) {
        let was_coming = std::mem::replace(&mut *lock(&self.coming), true);
        if !was_coming {
            self.table.come();
        }
    }

    /// The item waits for another caller, who may wait for this batch: until the guard drops, the batch does
    /// not wait for the item's load.
    pub(crate) fn aside(self: &Arc<Self>) -> Aside {
        let was_coming = *lock(&self.coming);
        self.waits();
        Aside { seat: Arc::clone(self), was_coming }
    }

    /// Reads the remote tier's value of a key together with the other items. `None` if the runtime ends.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        tags: &[&str],
        keep: Duration,
    ) -> Option<Reply> {
        let (answer, answered) = oneshot::channel();
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        let reading = Reading { key: key.to_owned(), tags, keep, answer, seat: Arc::clone(self) };
        lock(&self.table.state).reads.push(reading);
        self.waits();
        answered.await.ok()
    }

    /// Stores a value in the remote tier together with the other items' values.
    pub(crate) async fn write(&self, key: &str, writing: Writing) -> Result<bool, BackendError> {
        let (answer, answered) = oneshot::channel();
        let storing = Storing { key: key.to_owned(), writing, answer };
        lock(&self.table.state).writes.push(storing);
        self.waits();
        let ended =
            |_| BackendError::new(BackendErrorKind::Unreachable, "set", "the runtime ended");
        answered.await.unwrap_or_else(|gone| Err(ended(gone))).map(|()| true)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.waits();
    }
}

/// An item that waits for another caller.
pub(crate) struct Aside {
    seat: Arc<Seat>,
    was_coming: bool,
}

impl Drop for Aside {
    fn drop(&mut self) {
        if self.was_coming {
            *lock(&self.seat.coming) = true;
            self.seat.table.come();
        }
    }
}

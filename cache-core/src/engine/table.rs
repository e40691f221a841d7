//! Where the items of one batch meet. Each reads alone, with its own flight and ticket, but they ask the remote tier
//! together, and load together once nobody is left who may yet have to.

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

/// What is done in the background once nobody is coming.
type Then = Arc<dyn Fn() + Send + Sync>;

/// So many values are read or written in one request: more would take longer than one operation may.
pub(crate) const TOGETHER: usize = 1_000;
/// So many requests of one batch are under way at once, where each item has its own (leases).
const AT_ONCE: usize = 128;

/// The turns of the items' own requests. Nobody holds one longer than a request takes.
pub(crate) struct Turns {
    /// Of those that the batch's task polls.
    foreground: Semaphore,
    /// Of those in tasks of their own: these do not depend on whether the batch is polled.
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

/// What the items of one batch share.
pub(crate) struct Table {
    engine: Arc<Engine>,
    state: Mutex<State>,
    turns: Arc<Turns>,
    /// Tells whether the batch is polled.
    pulse: Option<Arc<Pulse>>,
}

#[derive(Default)]
struct State {
    /// Items that may ask for a read or for their load any moment.
    coming: usize,
    reads: Vec<Reading>,
    writes: Vec<Storing>,
    /// Who loads in the foreground.
    driver: Option<Waker>,
    then: Option<Then>,
}

/// An item that wants to know what the remote tier has.
struct Reading {
    key: String,
    tags: Vec<String>,
    /// How long generations are kept that are minted for its load.
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

/// What a read of the remote tier came to.
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

    /// Whether all items that are to load have asked for it: the others have their value, or wait for somebody
    /// else. If not, `driver` is woken when it is so.
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

    /// Says what is done whenever nobody is coming any more.
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
        // They come again, with what they read.
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

/// As few requests for all of them as can be.
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

/// The same.
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

/// One item's place at the table, until it asks for its load or needs none.
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

    /// The item waits for what the others do together, and has said so in their list.
    pub(crate) fn waits(&self) {
        let was_coming = std::mem::take(&mut *lock(&self.coming));
        if was_coming {
            self.table.leave();
        }
    }

    /// The item has its value, which it may yet have to write.
    pub(crate) fn comes(&self) {
        let was_coming = std::mem::replace(&mut *lock(&self.coming), true);
        if !was_coming {
            self.table.come();
        }
    }

    /// The item waits for somebody else, who may be waiting for this batch: until the guard drops, its load
    /// is not waited for.
    pub(crate) fn aside(self: &Arc<Self>) -> Aside {
        let was_coming = *lock(&self.coming);
        self.waits();
        Aside { seat: Arc::clone(self), was_coming }
    }

    /// What the remote tier has of a key, asked together with the others. Nobody answers where the runtime ends.
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

    /// Stores a value in the remote tier together with the others'.
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

/// An item that waits for somebody else.
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

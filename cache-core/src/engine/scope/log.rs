//! The log of a transaction: held evictions and puts, in order, by cache, and loaded values.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::own::OwnValue;
use super::view::TransactionView;
use crate::base::{ActiveScope, BoxFuture, Error, Selection};
use crate::engine::handle::Engine;
use crate::engine::mutation::{Mutation, report};
use crate::engine::request::Request;
use crate::engine::second_round::{SecondRound, evict_in_background};
use crate::entry::Stored;
use crate::key::EntryKey;
use crate::memory::Ticket;
use crate::tags::{TagSnapshot, tick};

/// How many steps are held one by one. Beyond that, all affected caches are cleared.
const STEPS: usize = 10_000;

/// How many keys are evicted in one request.
const TOGETHER: usize = 100;

type Write = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// One operation in one cache.
pub(super) enum Operation {
    Evict(Mutation),
    Put(EntryKey, Write),
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evict(what) => f.debug_tuple("Evict").field(what).finish(),
            Self::Put(key, _) => f.debug_tuple("Put").field(key).finish(),
        }
    }
}

impl Operation {
    /// The eviction that replaces the operation if its value must not be written.
    fn eviction(&self) -> Mutation {
        match self {
            Self::Evict(Mutation::Expire(key, _)) | Self::Put(key, _) => {
                Mutation::evict(key.clone())
            }
            Self::Evict(what) => what.clone(),
        }
    }
}

type Steps = VecDeque<(Arc<Engine>, Operation)>;
type Values = Vec<(Arc<Engine>, OwnValue)>;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    RolledBack,
    /// Cancelled or panicked: the user's own commit may have happened.
    Unknown,
}

/// The result of an attempt to hold an operation.
pub(crate) enum EnlistResult<T> {
    Held,
    /// The transaction has already ended, with this outcome.
    Ended(Outcome, T),
}

/// The scope's answer to a read without a load, before the cache is asked.
pub(crate) enum Seen {
    /// The cache decides.
    Through,
    /// The cache is off for the caller, or its transaction evicted the value.
    Hidden,
    /// The transaction's own value.
    Own(Stored),
}

/// A transaction's log, shared by all code that runs in its scope.
#[derive(Debug)]
pub(crate) struct TransactionLog {
    state: Mutex<State>,
    outer: Option<Arc<TransactionLog>>,
    /// When the outermost transaction began, in the order of all evictions of the process.
    began: u64,
    _live: ActiveScope,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    steps: Steps,
    puts: bool,
    shadows: Vec<TransactionView>,
}

/// Values to drop. A value's own `Drop` may use the cache, so it is not dropped under the lock.
#[derive(Default)]
struct Superfluous {
    _steps: Steps,
    _own: Vec<OwnValue>,
}

impl State {
    fn shadow(&mut self, cache: &Arc<Engine>) -> &mut TransactionView {
        let index = self.shadows.iter().position(|shadow| shadow.is_of(cache));
        let index = index.unwrap_or_else(|| {
            self.shadows.push(TransactionView::new(cache));
            self.shadows.len() - 1
        });
        &mut self.shadows[index]
    }

    /// Adds a step.
    fn push(&mut self, cache: &Arc<Engine>, step: Operation) -> Superfluous {
        let (new, _own) = match &step {
            Operation::Evict(what) => self.shadow(cache).add(what),
            Operation::Put(key, _) => self.shadow(cache).add(&Mutation::evict(key.clone())),
        };
        let mut superfluous = Superfluous { _own, ..Superfluous::default() };
        let is_put = matches!(step, Operation::Put(..));
        // A repeated eviction adds nothing, unless it must end a put that came between.
        if !new && !is_put && !self.puts {
            return superfluous;
        }
        self.puts |= is_put;
        self.steps.push_back((Arc::clone(cache), step));
        if self.steps.len() > STEPS {
            let (steps, own) = self.collapse();
            superfluous._steps = steps;
            superfluous._own.extend(own);
        }
        superfluous
    }

    /// Bounds the log: evicting too much is better than remembering everything.
    fn collapse(&mut self) -> (Steps, Vec<OwnValue>) {
        self.puts = false;
        let own = self.shadows.iter_mut().flat_map(TransactionView::collapse).collect();
        let all = std::mem::take(&mut self.steps);
        self.steps = everything(&all);
        (all, own)
    }

    /// Keeps a value for the transaction's own reads, unless the transaction has evicted it. Returns a value
    /// that is not kept.
    fn keep(&mut self, cache: &Arc<Engine>, own: OwnValue) -> Option<OwnValue> {
        let shadow = self.shadow(cache);
        if shadow.hides(&own) { Some(own) } else { shadow.owns.keep(own) }
    }
}

/// The eviction of everything in each affected cache.
fn everything(steps: &Steps) -> Steps {
    let mut all = Steps::new();
    for (cache, _) in steps {
        if !all.iter().any(|(other, _)| Arc::ptr_eq(other, cache)) {
            all.push_back((Arc::clone(cache), Operation::Evict(Selection::All.into())));
        }
    }
    all
}

impl TransactionLog {
    pub(super) fn new(outer: Option<Arc<Self>>) -> Arc<Self> {
        let began = outer.as_ref().map_or_else(tick, |outer| outer.began);
        Arc::new(Self { state: Mutex::default(), outer, began, _live: ActiveScope::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This scope and those around it, the innermost first.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |held| held.outer.as_deref())
    }

    /// The number of held evictions and puts.
    pub(super) fn len(&self) -> usize {
        self.lock().steps.len()
    }

    /// Holds an eviction, here or in the first enclosing scope that has not ended.
    pub(super) fn evict(&self, cache: &Arc<Engine>, what: Mutation) -> EnlistResult<Mutation> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome {
            drop(state);
            return match &self.outer {
                Some(outer) => outer.evict(cache, what),
                None => EnlistResult::Ended(outcome, what),
            };
        }
        let superfluous = state.push(cache, Operation::Evict(what));
        drop(state);
        drop(superfluous);
        EnlistResult::Held
    }

    /// Holds a put, here or in the enclosing scope to which a commit handed the log. The scope's own reads
    /// see `entry`.
    pub(super) fn put(
        &self,
        cache: &Arc<Engine>,
        key: EntryKey,
        entry: Stored,
        write: Write,
    ) -> EnlistResult<Write> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome {
            drop(state);
            return match &self.outer {
                Some(outer) if outcome == Outcome::Committed => outer.put(cache, key, entry, write),
                _ => EnlistResult::Ended(outcome, write),
            };
        }
        let superfluous = state.push(cache, Operation::Put(key, write));
        let unkept = state.keep(cache, OwnValue::put(entry));
        drop(state);
        drop((superfluous, unkept));
        EnlistResult::Held
    }

    /// The answer of these scopes to a read, the innermost first.
    pub(super) fn see(&self, engine: &Engine, request: &Request) -> Seen {
        for (depth, held) in self.chain().enumerate() {
            let state = held.lock();
            match state.outcome {
                None => {
                    let shadow = state.shadows.iter().find(|shadow| shadow.is_of(engine));
                    let Some(shadow) = shadow else { continue };
                    if let Some(own) = shadow.owns.find(engine, request) {
                        drop(state);
                        // An inner scope may have evicted a tag that the value has and the read does not
                        // declare.
                        return match self.cover_stamps(depth, engine, &own.stamps) {
                            true => Seen::Hidden,
                            false => Seen::Own(own),
                        };
                    }
                    if shadow.covers(request) {
                        return Seen::Hidden;
                    }
                }
                Some(Outcome::Committed) => {}
                // A task that outlives the transaction may still read data that was never committed.
                Some(_) => return Seen::Hidden,
            }
        }
        Seen::Through
    }

    /// Whether any of these scopes has evicted one of the tags of an entry.
    pub(super) fn covers_stamps(&self, engine: &Engine, stamps: &TagSnapshot) -> bool {
        self.cover_stamps(usize::MAX, engine, stamps)
    }

    /// Like [`covers_stamps`](Self::covers_stamps), for the innermost `count` scopes.
    fn cover_stamps(&self, count: usize, engine: &Engine, stamps: &TagSnapshot) -> bool {
        self.chain().take(count).any(|held| {
            let state = held.lock();
            match state.outcome {
                None => {
                    let mut shadows = state.shadows.iter();
                    shadows.any(|shadow| shadow.is_of(engine) && shadow.covers_stamps(stamps))
                }
                Some(Outcome::Committed) => false,
                Some(_) => true,
            }
        })
    }

    /// The innermost scope that has not ended.
    pub(super) fn open(self: &Arc<Self>) -> Option<Arc<Self>> {
        let around = std::iter::successors(Some(self), |held| held.outer.as_ref());
        around.into_iter().find(|held| held.lock().outcome.is_none()).cloned()
    }

    /// Keeps a loaded value for the scope's own reads until the commit, unless the scope has ended, or the
    /// scope or any other caller has evicted the value meanwhile.
    pub(super) fn keep(
        &self,
        cache: &Arc<Engine>,
        request: &Request,
        ticket: Ticket,
        entry: Stored,
    ) {
        let current = !cache.has_evicted_since(self.began, request.key.id(), &entry.stamps);
        let own = OwnValue::load(ticket, current, entry);
        // Not under this scope's lock, because the enclosing scopes are asked, too.
        if !matches!(self.see(cache, request), Seen::Through) || !own.is_valid(cache) {
            return;
        }
        let mut state = self.lock();
        // An eviction of this scope came in between.
        let hidden = state.outcome.is_some() || state.shadow(cache).covers(request);
        let unkept = if hidden { Some(own) } else { state.keep(cache, own) };
        drop(state);
        drop(unkept);
    }

    /// Ends the scope. Returns the operations to carry out, if this is the outermost scope. An inner scope
    /// hands its log to the outer one.
    pub(super) fn end(&self, outcome: Outcome) -> PendingOperations {
        match self.close(outcome) {
            Some((steps, shadows)) => self.hand_on(outcome, steps, shadows),
            None => PendingOperations::default(),
        }
    }

    /// Ends the scope after a commit of the database. Returns the operations to carry out now: of an inner scope
    /// these are its evictions, which the outer scope repeats.
    pub(super) fn commit_now(&self) -> [PendingOperations; 2] {
        let outcome = Outcome::Committed;
        let Some((steps, shadows)) = self.close(outcome) else { return Default::default() };
        let of_inner = steps.iter().filter(|_| self.outer.is_some());
        let now = PendingOperations::new(evictions(of_inner), Values::new());
        [now, self.hand_on(outcome, steps, shadows)]
    }

    /// Takes what the scope holds, if it has not ended.
    fn close(&self, outcome: Outcome) -> Option<(Steps, Vec<TransactionView>)> {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return None;
        }
        state.outcome = Some(outcome);
        let state = &mut *state;
        Some((std::mem::take(&mut state.steps), std::mem::take(&mut state.shadows)))
    }

    fn hand_on(
        &self,
        outcome: Outcome,
        steps: Steps,
        shadows: Vec<TransactionView>,
    ) -> PendingOperations {
        let owned = |mut shadow: TransactionView| {
            let own = shadow.owns.take().into_iter();
            own.map(move |own| (Arc::clone(&shadow.cache), own))
        };
        let (steps, values): (Steps, Values) = match outcome {
            Outcome::Committed => (steps, shadows.into_iter().flat_map(owned).collect()),
            Outcome::Unknown => (evictions(steps.iter()), Values::new()),
            // A rollback leaves the outer log as it was. Put values are dropped here, not under the outer
            // scope's lock.
            Outcome::RolledBack => return PendingOperations::default(),
        };
        match &self.outer {
            Some(outer) => outer.absorb(steps, values),
            None => PendingOperations::new(steps, values),
        }
    }

    fn absorb(&self, steps: Steps, values: Values) -> PendingOperations {
        // Declared before the lock, dropped after it.
        let (mut superfluous, mut unkept) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        match state.outcome {
            None => {
                for (cache, step) in steps {
                    superfluous.push(state.push(&cache, step));
                }
                for (cache, own) in values {
                    unkept.extend(state.keep(&cache, own));
                }
                PendingOperations::default()
            }
            // The outer scope has already ended: evict unless it committed.
            Some(outcome) => {
                drop(state);
                let steps = match outcome {
                    Outcome::Committed => steps,
                    Outcome::RolledBack | Outcome::Unknown => evictions(steps.iter()),
                };
                PendingOperations::new(steps, Values::new())
            }
        }
    }
}

fn evictions<'a>(steps: impl Iterator<Item = &'a (Arc<Engine>, Operation)>) -> Steps {
    steps.map(|(cache, step)| (Arc::clone(cache), Operation::Evict(step.eviction()))).collect()
}

/// Operations to carry out. If dropped half-way, the rest is evicted in the background.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct PendingOperations {
    steps: Steps,
    /// The loaded values: published after the evictions, unless these end them.
    values: Values,
    round: SecondRound,
}

impl PendingOperations {
    fn new(steps: Steps, values: Values) -> Self {
        Self { steps, values, round: SecondRound::new() }
    }

    /// Carries out everything, in order; returns the first failure.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some((cache, step)) = self.steps.front_mut() {
            let cache = Arc::clone(cache);
            let done = match step {
                Operation::Evict(Mutation::Evict(Selection::Keys(_), _)) => {
                    let keys = self.leading_keys(&cache);
                    let done = cache.evict_keys(&keys).await.map(drop);
                    self.steps.drain(1..keys.len());
                    self.round.note(&cache, keys.into_iter().map(Mutation::evict), &done);
                    done
                }
                Operation::Evict(what) => {
                    let what = what.clone();
                    let done = cache.carry_out(&what).await.map(drop);
                    self.round.note(&cache, [what], &done);
                    done
                }
                Operation::Put(key, write) => {
                    let key = Mutation::evict(key.clone());
                    let write = std::mem::replace(write, nothing());
                    let written = write().await;
                    if written.is_err() {
                        // A value that could not be written everywhere must not stay anywhere.
                        report(&cache.carry_out(&key).await.map(drop));
                        // Until then others may read the older value, as after an eviction that failed.
                        self.round.note(&cache, [key], &written);
                    }
                    written
                }
            };
            // Removed after it is done: if the future is dropped half-way, `drop` evicts it.
            self.steps.pop_front();
            result = result.and(done);
        }
        std::mem::take(&mut self.round).end();
        for (cache, own) in self.values.drain(..) {
            own.publish(&cache);
        }
        result
    }

    /// Consecutive keys of one cache: one request to the remote tier.
    fn leading_keys(&self, cache: &Arc<Engine>) -> Vec<EntryKey> {
        let keys = self.steps.iter().map_while(|(other, step)| match step {
            Operation::Evict(Mutation::Evict(Selection::Keys(key), _))
                if Arc::ptr_eq(other, cache) =>
            {
                Some(key.clone())
            }
            _ => None,
        });
        keys.take(TOGETHER).collect()
    }

    /// Memory immediately, the remote tier in the background.
    pub(super) fn detach(self) {
        drop(self);
    }
}

fn nothing() -> Write {
    Box::new(|| Box::pin(async { Ok(()) }))
}

impl Drop for PendingOperations {
    fn drop(&mut self) {
        let rest: Vec<_> =
            self.steps.drain(..).map(|(cache, step)| (cache, step.eviction())).collect();
        if !rest.is_empty() {
            let evict = async |cache: Arc<Engine>, what| cache.carry_out(&what).await;
            evict_in_background(std::mem::take(&mut self.round), rest, evict);
        }
    }
}

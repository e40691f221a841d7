//! What a transaction holds back: evictions and puts, in order, by cache.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::live::Live;
use super::shadow::{Before, Shadow};
use crate::Error;
use crate::backend::BoxFuture;
use crate::cache::Inner;
use crate::invalidation::{What, report};
use crate::key::KeyBuf;
use crate::strategy::{Plan, start_now};

/// Steps that are held one by one; beyond, the caches concerned are cleared as a whole.
const STEPS: usize = 10_000;

/// Keys that are evicted in one request.
const TOGETHER: usize = 100;

type Write = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), Error>> + Send>;

/// One thing to do in one cache.
pub(super) enum Step {
    Evict(What),
    Put(KeyBuf, Write),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evict(what) => f.debug_tuple("Evict").field(what).finish(),
            Self::Put(key, _) => f.debug_tuple("Put").field(key).finish(),
        }
    }
}

impl Step {
    /// What to evict where the value must not be written.
    fn eviction(self) -> What {
        match self {
            Self::Evict(What::Life(key, _)) => What::Key(key),
            Self::Evict(what) => what,
            Self::Put(key, _) => What::Key(key),
        }
    }
}

type Dirty = Vec<(Arc<Inner>, What)>;
type Steps = VecDeque<(Arc<Inner>, Step)>;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    RolledBack,
    /// Cancelled or panicked: the user's own commit may have happened.
    Unknown,
}

/// What came of the wish to hold something.
pub(super) enum Holding<T> {
    /// It is held. To be evicted at once: what the scope itself loaded under it before.
    Held(CarryOut),
    /// The transaction ended before; the outcome says how.
    Ended(Outcome, T),
}

/// A transaction's list, shared by all who run in its scope.
#[derive(Debug)]
pub(super) struct Held {
    state: Mutex<State>,
    outer: Option<Arc<Held>>,
    _live: Live,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    steps: Steps,
    puts: bool,
    shadows: Vec<Shadow>,
    /// What was evicted early because the scope had loaded it; evicted again on rollback.
    dirty: Dirty,
}

impl State {
    fn shadow(&mut self, cache: &Arc<Inner>) -> &mut Shadow {
        let index = self.shadows.iter().position(|shadow| shadow.is_of(cache));
        let index = index.unwrap_or_else(|| {
            self.shadows.push(Shadow::new(cache));
            self.shadows.len() - 1
        });
        &mut self.shadows[index]
    }

    /// Adds a step. Gives back what became superfluous: a value's own `Drop` may use the cache, so it
    /// is not dropped under the lock.
    fn push(&mut self, cache: &Arc<Inner>, step: Step) -> Steps {
        let evicted = match &step {
            Step::Evict(what) => self.shadow(cache).add(what),
            Step::Put(key, _) => self.shadow(cache).add(&What::Key(key.clone())),
        };
        let is_put = matches!(step, Step::Put(..));
        // A second eviction adds nothing, unless it is to end a put that came between.
        if !evicted && !is_put && !self.puts {
            return Steps::new();
        }
        self.puts |= is_put;
        self.steps.push_back((Arc::clone(cache), step));
        if self.steps.len() > STEPS { self.collapse() } else { Steps::new() }
    }

    fn soil(&mut self, dirty: impl IntoIterator<Item = (Arc<Inner>, What)>) {
        self.dirty.extend(dirty);
        if self.dirty.len() > STEPS {
            self.dirty = everything(&self.dirty);
        }
    }

    /// Bounded: rather too much is evicted than everything remembered.
    fn collapse(&mut self) -> Steps {
        self.puts = false;
        self.shadows.iter_mut().for_each(Shadow::collapse);
        let all = std::mem::take(&mut self.steps);
        self.steps = CarryOut::evicting(everything(&all)).take();
        all
    }
}

/// All of each cache concerned.
fn everything<'a, T: 'a>(steps: impl IntoIterator<Item = &'a (Arc<Inner>, T)>) -> Dirty {
    let mut all = Dirty::new();
    for (cache, _) in steps {
        if !all.iter().any(|(other, _)| Arc::ptr_eq(other, cache)) {
            all.push((Arc::clone(cache), What::All));
        }
    }
    all
}

impl Held {
    pub(super) fn new(outer: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), outer, _live: Live::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This scope and those around it, the innermost first.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |held| held.outer.as_deref())
    }

    /// How many evictions and puts are held.
    pub(super) fn len(&self) -> usize {
        self.lock().steps.len()
    }

    /// Holds an eviction, here or in the first scope around that has not ended.
    pub(super) fn evict(&self, cache: &Arc<Inner>, what: What) -> Holding<What> {
        self.evict_with(cache, what, Dirty::new())
    }

    fn evict_with(&self, cache: &Arc<Inner>, what: What, mut early: Dirty) -> Holding<What> {
        early.extend(self.take_loaded(cache, &what));
        let mut state = self.lock();
        if let Some(outcome) = state.outcome {
            drop(state);
            return match &self.outer {
                Some(outer) => outer.evict_with(cache, what, early),
                None => Holding::Ended(outcome, what),
            };
        }
        let superfluous = state.push(cache, Step::Evict(what));
        state.soil(early.iter().cloned());
        drop(state);
        drop(superfluous);
        Holding::Held(CarryOut::evicting(early))
    }

    /// Holds a put, here or in the scope around that a commit handed the list to.
    pub(super) fn put(&self, cache: &Arc<Inner>, key: KeyBuf, write: Write) -> Holding<Write> {
        self.put_with(cache, key, write, Dirty::new())
    }

    fn put_with(
        &self,
        cache: &Arc<Inner>,
        key: KeyBuf,
        write: Write,
        mut early: Dirty,
    ) -> Holding<Write> {
        early.extend(self.take_loaded(cache, &What::Key(key.clone())));
        let mut state = self.lock();
        if let Some(outcome) = state.outcome {
            drop(state);
            return match &self.outer {
                Some(outer) if outcome == Outcome::Committed => {
                    outer.put_with(cache, key, write, early)
                }
                _ => Holding::Ended(outcome, write),
            };
        }
        let superfluous = state.push(cache, Step::Put(key, write));
        state.soil(early.iter().cloned());
        drop(state);
        drop(superfluous);
        Holding::Held(CarryOut::evicting(early))
    }

    /// What the scope loaded and may have stored before it evicted it. It may have seen the user's
    /// own uncommitted writes, so it must not stay for others, whatever the outcome.
    fn take_loaded(&self, cache: &Arc<Inner>, what: &What) -> Dirty {
        let mut loaded = Vec::new();
        for held in self.chain() {
            let mut state = held.lock();
            let shadows = state.shadows.iter_mut().filter(|shadow| shadow.is_of(cache));
            loaded.extend(shadows.flat_map(|shadow| shadow.take_loaded(what)));
        }
        loaded.into_iter().map(|what| (Arc::clone(cache), what)).collect()
    }

    /// Whether any scope here hides what `shadow` is about in this cache.
    pub(super) fn any(&self, inner: &Inner, shadow: impl Fn(&Shadow) -> bool) -> bool {
        self.chain().any(|held| {
            let state = held.lock();
            match state.outcome {
                None => state.shadows.iter().any(|one| one.is_of(inner) && shadow(one)),
                Some(Outcome::Committed) => false,
                // A task that has outlived the transaction may still read what never came to count.
                Some(_) => true,
            }
        })
    }

    /// Remembers a read that may store what it loads: here, or in the first scope around that has not
    /// ended.
    pub(super) fn loads(&self, inner: &Arc<Inner>, plan: &Plan) {
        // Before the lock, under which no value may be dropped.
        let before = Before::of(inner, plan.key.id());
        for held in self.chain() {
            let mut state = held.lock();
            if state.outcome.is_none() {
                return state.shadow(inner).loads(plan, before);
            }
        }
    }

    /// Ends it: gives what is to be carried out, if it is this scope's to do. An inner scope hands its
    /// list to the outer one.
    pub(super) fn end(&self, outcome: Outcome) -> CarryOut {
        let (steps, shadows, dirty) = {
            let mut state = self.lock();
            if state.outcome.is_some() {
                return CarryOut::default();
            }
            state.outcome = Some(outcome);
            let state = &mut *state;
            let steps = std::mem::take(&mut state.steps);
            (steps, std::mem::take(&mut state.shadows), std::mem::take(&mut state.dirty))
        };
        let steps: Steps = match outcome {
            Outcome::Committed => steps,
            Outcome::Unknown => evictions(steps),
            // What was put ends here, and not under the outer scope's lock. A load of this scope may
            // have stored after the early eviction.
            Outcome::RolledBack => CarryOut::evicting(dirty.clone()).take(),
        };
        match &self.outer {
            Some(outer) => outer.absorb(steps, shadows, dirty, outcome),
            None => CarryOut(steps),
        }
    }

    fn absorb(
        &self,
        steps: Steps,
        shadows: Vec<Shadow>,
        dirty: Dirty,
        outcome: Outcome,
    ) -> CarryOut {
        // Declared before the lock, dropped after it.
        let mut superfluous = Vec::new();
        let mut state = self.lock();
        match state.outcome {
            None => {
                state.soil(dirty);
                for shadow in shadows {
                    let cache = Arc::clone(&shadow.cache);
                    state.shadow(&cache).take_loads(shadow);
                }
                // A rollback leaves the outer list as it was.
                if outcome == Outcome::RolledBack {
                    return CarryOut(steps);
                }
                for (cache, step) in steps {
                    superfluous.push(state.push(&cache, step));
                }
                CarryOut::default()
            }
            // Too late for the outer one to decide: evict where its outcome isn't a commit.
            Some(Outcome::Committed) => CarryOut(steps),
            Some(_) => CarryOut(evictions(steps)),
        }
    }
}

fn evictions(steps: Steps) -> Steps {
    steps.into_iter().map(|(cache, step)| (cache, Step::Evict(step.eviction()))).collect()
}

/// Steps whose time has come. Dropped half-way, what remains is evicted in the background.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct CarryOut(Steps);

impl CarryOut {
    /// All of it, in order; gives the first failure.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some((cache, step)) = self.0.front_mut() {
            let cache = Arc::clone(cache);
            let done = match step {
                Step::Evict(What::Key(_)) => {
                    let keys = self.leading_keys(&cache);
                    let done = cache.evict_keys(&keys).await.map(drop);
                    self.0.drain(1..keys.len());
                    done
                }
                Step::Evict(what) => {
                    let what = what.clone();
                    cache.carry_out(&what).await.map(drop)
                }
                Step::Put(key, write) => {
                    let key = What::Key(key.clone());
                    let write = std::mem::replace(write, nothing());
                    let written = write().await;
                    if written.is_err() {
                        // What could not be written everywhere must not stay anywhere.
                        report(&cache.carry_out(&key).await.map(drop));
                    }
                    written
                }
            };
            // Popped after it was done: dropped half-way, `drop` evicts it.
            self.0.pop_front();
            result = result.and(done);
        }
        result
    }

    /// Keys of one cache that stand together: one request to the remote tier.
    fn leading_keys(&self, cache: &Arc<Inner>) -> Vec<KeyBuf> {
        let keys = self.0.iter().map_while(|(other, step)| match step {
            Step::Evict(What::Key(key)) if Arc::ptr_eq(other, cache) => Some(key.clone()),
            _ => None,
        });
        keys.take(TOGETHER).collect()
    }

    fn evicting(dirty: Dirty) -> Self {
        Self(dirty.into_iter().map(|(cache, what)| (cache, Step::Evict(what))).collect())
    }

    fn take(mut self) -> Steps {
        std::mem::take(&mut self.0)
    }

    /// Memory at once, the remote tier in the background.
    pub(super) fn detach(self) {
        drop(self);
    }
}

fn nothing() -> Write {
    Box::new(|| Box::pin(async { Ok(()) }))
}

impl Drop for CarryOut {
    fn drop(&mut self) {
        for (cache, step) in self.0.drain(..) {
            let what = step.eviction();
            start_now(async move { report(&cache.carry_out(&what).await.map(drop)) });
        }
    }
}

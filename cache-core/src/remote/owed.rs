//! Pending evictions: those that the remote tier has not carried out yet.
//!
//! An [`Attempt`] adds its eviction to the list if it fails or is dropped half-way. The process repeats what is on the list before it
//! reads the tier again. A process that is killed during the first attempt leaves nothing on the list.
//!
//! If only a part of the store is unreachable, the evictions of its keys and all patterns stay pending, and every other key can be
//! read. A pending generation affects all keys.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress::StepSink;
use super::retry_log::RetryLog;
use super::settler::RetryTask;
use crate::base::Pattern;
use crate::memory::RevokedFence;

/// Above this many, one eviction of the whole namespace takes their place.
const LIMIT: usize = 10_000;

/// The same of patterns: each costs going through all keys of the store.
const PATTERNS: usize = 100;

/// So many keys are tried together: one round trip, well within a backend's time-out.
const TOGETHER: usize = 1_000;

/// An eviction in the remote tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RemoteEviction {
    Keys(Vec<String>),
    Pattern(Pattern, StepSink),
    Tag(String),
    Space,
}

impl RemoteEviction {
    /// Whether an operation may meet it. A tag may be on what was stored with more tags than the reader knows of, and
    /// where its generation can't be written it can't be read either.
    fn concerns(&self, concern: Affected<'_>) -> bool {
        match (self, concern) {
            (Self::Pattern(pattern, _), Affected::Keys(keys)) => {
                keys.iter().any(|key| pattern.covers(key))
            }
            _ => true,
        }
    }
}

/// What an operation is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Affected<'a> {
    Keys(&'a [&'a str]),
    Everything,
}

/// An eviction that is owed, and the writes that were under way when it was made: these end first.
#[derive(Debug)]
struct Pending {
    undone: RemoteEviction,
    writers: Vec<RevokedFence>,
}

#[derive(Debug, Default)]
pub(crate) struct PendingEvictions {
    list: Mutex<List>,
    settler: RetryTask,
}

#[derive(Debug, Default)]
struct List {
    keys: HashMap<String, Vec<RevokedFence>>,
    wide: Vec<Pending>,
    /// What was taken from the list and is being tried: not yet done.
    taken_keys: HashSet<String>,
    taken_wide: Vec<RemoteEviction>,
    /// How often what is owed of more than keys has come or gone.
    changes: u64,
    /// When it was last tried, what is left was owed to a part of the store that is away.
    parted: bool,
    /// Where it is written down, so that it outlives the process.
    log: Option<RetryLog>,
}

/// An eviction that is being tried; if it is dropped unsettled, it is owed.
pub(crate) struct Attempt<'a> {
    owed: &'a PendingEvictions,
    debt: Option<Pending>,
    taken: Taken,
}

/// What was on the list before.
enum Taken {
    Nothing,
    Keys(Vec<String>),
    Wide(RemoteEviction),
}

impl PendingEvictions {
    /// A list that `settler` works off.
    pub(super) fn settled_by(settler: RetryTask) -> Self {
        Self { list: Mutex::default(), settler }
    }

    /// Writes down what is owed, which begins with what was `pending` when the log was last written.
    pub(super) fn logged(&self, log: RetryLog, pending: Vec<RemoteEviction>) {
        let mut list = self.list();
        pending
            .into_iter()
            .for_each(|undone| list.push(Pending { undone, writers: Vec::new() }, false));
        list.log = Some(log);
    }

    /// Waits until the disk has what was written down.
    pub(super) fn flush(&self) {
        if let Some(log) = &mut self.list().log {
            log.flush();
        }
    }

    /// Starts the background task, if something is owed.
    pub(super) fn wake_settler(&self) {
        if !self.is_empty() {
            self.settler.wake();
        }
    }

    /// Starts the background task, which also tries a tier whose breaker is open.
    pub(super) fn wake_prober(&self) {
        self.settler.wake();
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trying(&self, undone: RemoteEviction, writers: Vec<RevokedFence>) -> Attempt<'_> {
        Attempt { owed: self, debt: Some(Pending { undone, writers }), taken: Taken::Nothing }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let list = self.list();
        list.keys.is_empty() && list.wide.is_empty()
    }

    /// Whether an operation may meet what is owed.
    pub(super) fn concerns(&self, concern: Affected<'_>) -> bool {
        self.list().concerns(concern)
    }

    pub(super) fn len(&self) -> usize {
        let list = self.list();
        let taken = list.taken_keys.len() + list.taken_wide.len();
        list.keys.len() + list.wide.len() + taken
    }

    /// Whether what is owed is to be tried before an operation.
    pub(super) fn hinders(&self, concern: Affected<'_>) -> bool {
        let list = self.list();
        // The settler tries again what is owed to the part that is away.
        list.concerns(if list.parted { concern } else { Affected::Everything })
    }

    /// Whether it is owed to a part of the store that is away, and costs too much to be tried before each operation.
    pub(super) fn is_left_to_the_settler(&self, concern: Affected<'_>) -> bool {
        let list = self.list();
        list.parted && list.wide_concerns(concern)
    }

    /// Another answer than before: a generation that was read in between may have moved on.
    pub(super) fn changes(&self) -> u64 {
        self.list().changes
    }

    pub(super) fn set_parted(&self, parted: bool) {
        self.list().parted = parted;
    }

    /// Keys that are owed, to be tried now.
    pub(super) fn next_keys(&self) -> Option<Attempt<'_>> {
        let mut list = self.list();
        let keys: Vec<String> = list.keys.keys().take(TOGETHER).cloned().collect();
        if keys.is_empty() {
            return None;
        }
        let writers = keys.iter().filter_map(|key| list.keys.remove(key)).flatten().collect();
        list.taken_keys.extend(keys.iter().cloned());
        let taken = Taken::Keys(keys.clone());
        Some(Attempt {
            owed: self,
            debt: Some(Pending { undone: RemoteEviction::Keys(keys), writers }),
            taken,
        })
    }

    /// Another eviction that is owed, to be tried now.
    pub(super) fn next_wide(&self) -> Option<Attempt<'_>> {
        let mut list = self.list();
        let debt = list.wide.pop()?;
        list.taken_wide.push(debt.undone.clone());
        let taken = Taken::Wide(debt.undone.clone());
        Some(Attempt { owed: self, debt: Some(debt), taken })
    }
}

impl List {
    fn concerns(&self, concern: Affected<'_>) -> bool {
        if self.wide_concerns(concern) {
            return true;
        }
        match concern {
            Affected::Keys(_) if self.keys.is_empty() && self.taken_keys.is_empty() => false,
            Affected::Keys(keys) => keys.iter().any(|&key| self.owes(key)),
            Affected::Everything => !self.keys.is_empty() || !self.taken_keys.is_empty(),
        }
    }

    fn wide_concerns(&self, concern: Affected<'_>) -> bool {
        let wide = self.wide.iter().map(|debt| &debt.undone).chain(&self.taken_wide);
        wide.into_iter().any(|undone| undone.concerns(concern))
    }

    fn owes(&self, key: &str) -> bool {
        self.keys.contains_key(key) || self.taken_keys.contains(key)
    }

    /// `new`: it was not on the list before, so the log does not have it.
    fn push(&mut self, Pending { undone, mut writers }: Pending, new: bool) {
        self.changes += 1;
        if let Some(log) = self.log.as_mut().filter(|_| new) {
            log.add(&undone);
        }
        match undone {
            RemoteEviction::Keys(keys) => {
                // Any of them may be the one that a writer is about: it is waited for once.
                for key in keys {
                    self.keys.entry(key).or_default().append(&mut writers);
                }
            }
            undone => match self.wide.iter_mut().find(|debt| debt.undone == undone) {
                Some(debt) => debt.writers.append(&mut writers),
                None => self.wide.push(Pending { undone, writers }),
            },
        }
        let is_pattern = |debt: &&Pending| matches!(debt.undone, RemoteEviction::Pattern(..));
        let patterns = self.wide.iter().filter(is_pattern).count();
        if self.keys.len() + self.wide.len() > LIMIT || patterns > PATTERNS {
            self.keys.clear();
            self.wide.clear();
            self.wide.push(Pending { undone: RemoteEviction::Space, writers: Vec::new() });
            self.rewrite_log();
        } else if self.log.as_ref().is_some_and(RetryLog::is_long) {
            self.rewrite_log();
        }
    }

    fn rewrite_log(&mut self) {
        let Some(mut log) = self.log.take() else { return };
        let keys = self.keys.keys().chain(&self.taken_keys).cloned().collect::<Vec<_>>();
        let keys = keys.chunks(TOGETHER).map(|keys| RemoteEviction::Keys(keys.to_vec()));
        let wide = self.wide.iter().map(|debt| &debt.undone).chain(&self.taken_wide).cloned();
        let pending: Vec<RemoteEviction> = keys.chain(wide).collect();
        log.replace(&pending);
        self.log = Some(log);
    }

    fn owes_nothing(&self) -> bool {
        self.keys.is_empty()
            && self.wide.is_empty()
            && self.taken_keys.is_empty()
            && self.taken_wide.is_empty()
    }

    /// What was taken is done, or on the list again.
    fn give_back(&mut self, taken: &Taken) {
        match taken {
            Taken::Nothing => {}
            Taken::Keys(keys) => {
                for key in keys {
                    self.taken_keys.remove(key);
                }
            }
            Taken::Wide(undone) => {
                self.changes += 1;
                if let Some(place) = self.taken_wide.iter().position(|taken| taken == undone) {
                    self.taken_wide.swap_remove(place);
                }
            }
        }
        if self.owes_nothing()
            && let Some(log) = &mut self.log
        {
            log.clear();
        }
    }
}

impl Attempt<'_> {
    pub(crate) fn undone(&self) -> Option<&RemoteEviction> {
        self.debt.as_ref().map(|debt| &debt.undone)
    }

    /// A write that is to end before it is carried out.
    pub(crate) fn writer(&self) -> Option<&RevokedFence> {
        self.debt.as_ref()?.writers.last()
    }

    /// That write has been waited for: once is enough, also if the eviction then fails.
    pub(crate) fn waited(&mut self) {
        if let Some(debt) = &mut self.debt {
            debt.writers.pop();
        }
    }

    /// One more write that is to end first.
    pub(crate) fn after(&mut self, writer: RevokedFence) {
        if let Some(debt) = &mut self.debt {
            debt.writers.push(writer);
        }
    }

    /// Of its keys only these are still to be evicted.
    pub(super) fn left(&mut self, keys: Vec<String>) {
        if let Some(debt) = &mut self.debt {
            debt.undone = RemoteEviction::Keys(keys);
        }
    }

    pub(crate) fn settled(mut self) {
        self.end(false);
    }

    fn end(&mut self, owed: bool) {
        let Some(debt) = self.debt.take() else { return };
        let mut list = self.owed.list();
        // In one step: nobody sees it neither tried nor owed.
        if owed {
            list.push(debt, matches!(self.taken, Taken::Nothing));
        }
        list.give_back(&self.taken);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.debt.is_some() {
            self.end(true);
            self.owed.wake_settler();
        }
    }
}

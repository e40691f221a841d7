//! Pending evictions, which the remote tier has not carried out yet.
//!
//! An [`Attempt`] adds its eviction to the list if it fails or is dropped half-way. The process repeats the
//! evictions on the list before it reads the tier again. If the process is killed during the first attempt,
//! the list does not contain it.
//!
//! If only a part of the store is unreachable, the evictions of its keys and all patterns stay pending, and
//! every other key can be read. A pending eviction of a tag or of the namespace affects all keys.
//! read. A pending generation affects all keys.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress::StepSink;
use super::retry_log::RetryLog;
use super::settler::RetryTask;
use crate::base::Pattern;
use crate::memory::RevokedFence;

/// Above this number, one eviction of the whole namespace replaces the list.
const LIMIT: usize = 10_000;

/// The limit for patterns: each one searches all keys of the store.
const PATTERNS: usize = 100;

/// How many keys are tried together: one round trip, well within a backend's timeout.
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
    /// Whether an operation may be affected by the eviction. A tag affects every operation: a stored value
    /// may have more tags than the reader knows, and while the tag's generation cannot be written, it cannot
    /// be read either.
    fn concerns(&self, concern: Affected<'_>) -> bool {
        match (self, concern) {
            (Self::Pattern(pattern, _), Affected::Keys(keys)) => {
                keys.iter().any(|key| pattern.covers(key))
            }
            _ => true,
        }
    }
}

/// The keys of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Affected<'a> {
    Keys(&'a [&'a str]),
    Everything,
}

/// A pending eviction, and the writes that were in progress when it was made: these must end first.
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
    /// Evictions that were taken from the list and are being tried.
    taken_keys: HashSet<String>,
    taken_wide: Vec<RemoteEviction>,
    /// Incremented when an eviction becomes pending, and when a taken tag, pattern or namespace is released.
    changes: u64,
    /// Whether the last attempt left only evictions for an unreachable part of the store.
    parted: bool,
    /// Where the list is written, so that it outlives the process.
    log: Option<RetryLog>,
}

/// An eviction that is being tried. If it is dropped without being settled, it becomes pending.
pub(crate) struct Attempt<'a> {
    owed: &'a PendingEvictions,
    debt: Option<Pending>,
    taken: Taken,
}

/// The part of the list that an attempt has taken.
enum Taken {
    Nothing,
    Keys(Vec<String>),
    Wide(RemoteEviction),
}

impl PendingEvictions {
    /// A list that `settler` carries out.
    pub(super) fn settled_by(settler: RetryTask) -> Self {
        Self { list: Mutex::default(), settler }
    }

    /// Records pending evictions in `log` from now on, and adds those that were `pending` in it.
    pub(super) fn logged(&self, log: RetryLog, pending: Vec<RemoteEviction>) {
        let mut list = self.list();
        pending
            .into_iter()
            .for_each(|undone| list.push(Pending { undone, writers: Vec::new() }, false));
        list.log = Some(log);
    }

    /// Waits until the log is on disk.
    pub(super) fn flush(&self) {
        if let Some(log) = &mut self.list().log {
            log.flush();
        }
    }

    /// Starts the background task, if an eviction is pending.
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

    /// Whether a pending eviction affects an operation.
    pub(super) fn concerns(&self, concern: Affected<'_>) -> bool {
        self.list().concerns(concern)
    }

    pub(super) fn len(&self) -> usize {
        let list = self.list();
        let taken = list.taken_keys.len() + list.taken_wide.len();
        list.keys.len() + list.wide.len() + taken
    }

    /// Whether pending evictions must be tried before an operation.
    pub(super) fn hinders(&self, concern: Affected<'_>) -> bool {
        let list = self.list();
        // The settler repeats the evictions of the unreachable part.
        list.concerns(if list.parted { concern } else { Affected::Everything })
    }

    /// Whether the pending evictions belong to an unreachable part of the store and cost too much to be tried
    /// before each operation.
    pub(super) fn is_left_to_the_settler(&self, concern: Affected<'_>) -> bool {
        let list = self.list();
        list.parted && list.wide_concerns(concern)
    }

    /// The number of changes. If it differs from an earlier one, a generation that was read in between may be
    /// old.
    pub(super) fn changes(&self) -> u64 {
        self.list().changes
    }

    pub(super) fn set_parted(&self, parted: bool) {
        self.list().parted = parted;
    }

    /// Takes pending keys, to be tried now.
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

    /// Takes another pending eviction, to be tried now.
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

    /// Adds an eviction. `new`: the log does not contain it yet.
    fn push(&mut self, Pending { undone, mut writers }: Pending, new: bool) {
        self.changes += 1;
        if let Some(log) = self.log.as_mut().filter(|_| new) {
            log.add(&undone);
        }
        match undone {
            RemoteEviction::Keys(keys) => {
                // The writer may be writing any of the keys; it is waited for once.
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

    /// Releases the evictions that an attempt took: they are done, or on the list again.
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

    /// A write that must end before the eviction.
    pub(crate) fn writer(&self) -> Option<&RevokedFence> {
        self.debt.as_ref()?.writers.last()
    }

    /// Records that this write was waited for: once is enough, even if the eviction then fails.
    pub(crate) fn waited(&mut self) {
        if let Some(debt) = &mut self.debt {
            debt.writers.pop();
        }
    }

    /// Adds a write that must end first.
    pub(crate) fn after(&mut self, writer: RevokedFence) {
        if let Some(debt) = &mut self.debt {
            debt.writers.push(writer);
        }
    }

    /// Reduces the eviction to these keys.
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
        // One step under the lock: otherwise another thread could see the eviction neither as tried nor as
        // pending.
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

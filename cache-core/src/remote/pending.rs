//! Pending evictions, which the remote tier has not carried out yet.
//!
//! An [`Attempt`] adds its eviction to the list if it fails or is dropped half-way. The process repeats the
//! evictions on the list before it reads the tier again. If the process is killed during the first attempt,
//! the list does not contain it.
//!
//! If only a part of the store is unreachable, the evictions of its keys and all patterns stay pending, and
//! every other key can be read. A pending eviction of a tag or of the namespace affects all keys.
//!
//! The list has a second round: evictions that were carried out, or are pending, and that must be carried out again after
//! all others. See `engine::second_round`.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress::StepSink;
use super::retry_log::RetryLog;
use super::retry_task::RetryTask;
use crate::base::Selection;
use crate::memory::RevokedFence;

/// Above this number, one eviction of the whole namespace replaces the list.
const LIMIT: usize = 10_000;

/// The limit for patterns: each one searches all keys of the store.
const PATTERNS: usize = 100;

/// How many keys are tried together: one round trip, well within a backend's timeout.
const TOGETHER: usize = 1_000;

/// An eviction in the remote tier.
pub(crate) type RemoteEviction = Selection<Vec<String>>;

/// Whether an eviction may affect an operation. A tag affects every operation: a stored value may have more tags than
/// the reader knows, and while the tag's generation cannot be written, it cannot be read either.
fn concerns(eviction: &RemoteEviction, affected: Affected<'_>) -> bool {
    match (eviction, affected) {
        (Selection::Pattern(pattern), Affected::Keys(keys)) => {
            keys.iter().any(|key| pattern.covers(key))
        }
        _ => true,
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
    eviction: RemoteEviction,
    /// Where the steps of a pattern's eviction are reported.
    progress: StepSink,
    writers: Vec<RevokedFence>,
}

impl Pending {
    fn new(eviction: RemoteEviction, writers: Vec<RevokedFence>) -> Self {
        Self { eviction, progress: StepSink::default(), writers }
    }
}

#[derive(Debug, Default)]
pub(crate) struct PendingEvictions {
    list: Mutex<List>,
    retry_task: RetryTask,
}

#[derive(Debug, Default)]
struct List {
    keys: HashMap<String, Vec<RevokedFence>>,
    wide: Vec<Pending>,
    /// Carried out when nothing else is pending.
    second: SecondRound,
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

/// Evictions to carry out after all others. Until then they affect no key: what they repeat was carried out, or is pending
/// itself.
#[derive(Debug, Default)]
struct SecondRound {
    keys: HashSet<String>,
    wide: Vec<RemoteEviction>,
}

/// An eviction that is being tried. If it is dropped without being settled, it becomes pending.
pub(crate) struct Attempt<'a> {
    list: &'a PendingEvictions,
    pending: Option<Pending>,
    taken: Taken,
}

/// The part of the list that an attempt has taken.
enum Taken {
    Nothing,
    Keys(Vec<String>),
    Wide(RemoteEviction),
}

impl PendingEvictions {
    /// A list that `retry_task` carries out.
    pub(super) fn with_task(retry_task: RetryTask) -> Self {
        Self { list: Mutex::default(), retry_task }
    }

    /// Records pending evictions in `log` from now on, and adds those that were `pending` in it.
    pub(super) fn logged(&self, log: RetryLog, pending: Vec<RemoteEviction>) {
        let mut list = self.list();
        // The log does not contain which evictions come after others.
        let several =
            pending.len() > 1 || matches!(&pending[..], [Selection::Keys(keys)] if keys.len() > 1);
        for eviction in pending {
            if several {
                list.second.add(eviction.clone());
            }
            list.push(Pending::new(eviction, Vec::new()), false);
        }
        list.log = Some(log);
    }

    /// Adds evictions that are carried out again after all others.
    pub(super) fn again(&self, evictions: Vec<RemoteEviction>) {
        let mut list = self.list();
        for eviction in evictions {
            if let Some(log) = &mut list.log {
                log.add(&eviction);
            }
            list.second.add(eviction);
        }
        list.bound();
        drop(list);
        self.wake_retry_task();
    }

    /// Makes the evictions of the second round pending, if all others are carried out. Returns whether there are any.
    pub(super) fn begin_second_round(&self) -> bool {
        let mut list = self.list();
        if list.second.is_empty() || !list.first_round_is_done() {
            return false;
        }
        let SecondRound { keys, wide } = std::mem::take(&mut list.second);
        let keys = (!keys.is_empty()).then(|| Selection::Keys(keys.into_iter().collect()));
        for eviction in keys.into_iter().chain(wide) {
            list.push(Pending::new(eviction, Vec::new()), false);
        }
        true
    }

    /// Waits until the log is on disk.
    pub(super) fn flush(&self) {
        if let Some(log) = &mut self.list().log {
            log.flush();
        }
    }

    /// Starts the background task, if an eviction is pending.
    pub(super) fn wake_retry_task(&self) {
        if !self.is_empty() {
            self.retry_task.wake();
        }
    }

    /// Starts the background task, which also tries a tier whose breaker is open.
    pub(super) fn wake_prober(&self) {
        self.retry_task.wake();
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attempt(
        &self,
        eviction: RemoteEviction,
        writers: Vec<RevokedFence>,
    ) -> Attempt<'_> {
        Attempt {
            list: self,
            pending: Some(Pending::new(eviction, writers)),
            taken: Taken::Nothing,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let list = self.list();
        list.keys.is_empty() && list.wide.is_empty() && list.second.is_empty()
    }

    /// Whether a pending eviction affects an operation.
    pub(super) fn affects(&self, affected: Affected<'_>) -> bool {
        self.list().affects(affected)
    }

    pub(super) fn len(&self) -> usize {
        let list = self.list();
        let taken = list.taken_keys.len() + list.taken_wide.len();
        list.keys.len() + list.wide.len() + taken + list.only_in_second_round()
    }

    /// Whether pending evictions must be tried before an operation.
    pub(super) fn blocks(&self, affected: Affected<'_>) -> bool {
        let list = self.list();
        // The retry task repeats the evictions of the unreachable part.
        list.affects(if list.parted { affected } else { Affected::Everything })
    }

    /// Whether the pending evictions belong to an unreachable part of the store and cost too much to be tried
    /// before each operation.
    pub(super) fn is_left_to_the_retry_task(&self, affected: Affected<'_>) -> bool {
        let list = self.list();
        list.parted && list.wide_concerns(affected)
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
            list: self,
            pending: Some(Pending::new(Selection::Keys(keys), writers)),
            taken,
        })
    }

    /// Takes another pending eviction, to be tried now.
    pub(super) fn next_wide(&self) -> Option<Attempt<'_>> {
        let mut list = self.list();
        let pending = list.wide.pop()?;
        list.taken_wide.push(pending.eviction.clone());
        let taken = Taken::Wide(pending.eviction.clone());
        Some(Attempt { list: self, pending: Some(pending), taken })
    }
}

impl List {
    fn affects(&self, affected: Affected<'_>) -> bool {
        if self.wide_concerns(affected) {
            return true;
        }
        match affected {
            Affected::Keys(_) if self.keys.is_empty() && self.taken_keys.is_empty() => false,
            Affected::Keys(keys) => keys.iter().any(|&key| self.has(key)),
            Affected::Everything => {
                let keys = !self.keys.is_empty() || !self.taken_keys.is_empty();
                keys || !self.second.is_empty()
            }
        }
    }

    fn wide_concerns(&self, affected: Affected<'_>) -> bool {
        let wide = self.wide.iter().map(|pending| &pending.eviction).chain(&self.taken_wide);
        wide.into_iter().any(|eviction| concerns(eviction, affected))
    }

    fn only_in_second_round(&self) -> usize {
        let keys = self.second.keys.iter().filter(|key| !self.has(key)).count();
        let wide = self.wide.iter().map(|pending| &pending.eviction).chain(&self.taken_wide);
        let wide: Vec<_> = wide.collect();
        keys + self.second.wide.iter().filter(|second| !wide.contains(second)).count()
    }

    fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key) || self.taken_keys.contains(key)
    }

    /// Adds an eviction. `new`: the log does not contain it yet.
    fn push(&mut self, mut pending: Pending, new: bool) {
        self.changes += 1;
        if let Some(log) = self.log.as_mut().filter(|_| new) {
            log.add(&pending.eviction);
        }
        match pending.eviction {
            Selection::Keys(keys) => {
                // The writer may be writing any of the keys; it is waited for once.
                for key in keys {
                    self.keys.entry(key).or_default().append(&mut pending.writers);
                }
            }
            _ => match self.wide.iter_mut().find(|known| known.eviction == pending.eviction) {
                Some(known) => known.writers.append(&mut pending.writers),
                None => self.wide.push(pending),
            },
        }
        self.bound();
    }

    /// Replaces a list that has become too long by one eviction.
    fn bound(&mut self) {
        let wide = self.wide.iter().map(|pending| &pending.eviction).chain(&self.second.wide);
        let patterns = wide.filter(|wide| matches!(wide, Selection::Pattern(_))).count();
        if self.keys.len() + self.wide.len() + self.second.len() > LIMIT || patterns > PATTERNS {
            self.keys.clear();
            self.wide.clear();
            self.second = SecondRound::default();
            self.wide.push(Pending::new(Selection::All, Vec::new()));
            self.rewrite_log();
        } else if self.log.as_ref().is_some_and(RetryLog::is_long) {
            self.rewrite_log();
        }
    }

    fn rewrite_log(&mut self) {
        let Some(mut log) = self.log.take() else { return };
        let keys = self.keys.keys().chain(&self.taken_keys).chain(&self.second.keys);
        let keys = keys.cloned().collect::<Vec<_>>();
        let keys = keys.chunks(TOGETHER).map(|keys| Selection::Keys(keys.to_vec()));
        let wide = self.wide.iter().map(|pending| &pending.eviction);
        let wide = wide.chain(&self.taken_wide).chain(&self.second.wide).cloned();
        let pending: Vec<RemoteEviction> = keys.chain(wide).collect();
        log.replace(&pending);
        self.log = Some(log);
    }

    fn has_nothing(&self) -> bool {
        self.first_round_is_done() && self.second.is_empty()
    }

    fn first_round_is_done(&self) -> bool {
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
            Taken::Wide(eviction) => {
                self.changes += 1;
                if let Some(place) = self.taken_wide.iter().position(|taken| taken == eviction) {
                    self.taken_wide.swap_remove(place);
                }
            }
        }
        if self.has_nothing()
            && let Some(log) = &mut self.log
        {
            log.clear();
        }
    }
}

impl SecondRound {
    fn add(&mut self, eviction: RemoteEviction) {
        match eviction {
            Selection::Keys(keys) => self.keys.extend(keys),
            wide if !self.wide.contains(&wide) => self.wide.push(wide),
            _ => {}
        }
    }

    fn len(&self) -> usize {
        self.keys.len() + self.wide.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Attempt<'_> {
    /// The eviction, and where its steps are reported.
    pub(crate) fn eviction(&self) -> Option<(&RemoteEviction, &StepSink)> {
        self.pending.as_ref().map(|pending| (&pending.eviction, &pending.progress))
    }

    /// Sets where the steps are reported, also if the eviction is repeated.
    pub(crate) fn reporting_to(mut self, progress: StepSink) -> Self {
        if let Some(pending) = &mut self.pending {
            pending.progress = progress;
        }
        self
    }

    /// A write that must end before the eviction.
    pub(crate) fn writer(&self) -> Option<&RevokedFence> {
        self.pending.as_ref()?.writers.last()
    }

    /// Records that this write was waited for: once is enough, even if the eviction then fails.
    pub(crate) fn waited(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.writers.pop();
        }
    }

    /// Adds a write that must end first.
    pub(crate) fn after(&mut self, writer: RevokedFence) {
        if let Some(pending) = &mut self.pending {
            pending.writers.push(writer);
        }
    }

    /// Reduces the eviction to these keys.
    pub(super) fn left(&mut self, keys: Vec<String>) {
        if let Some(pending) = &mut self.pending {
            pending.eviction = Selection::Keys(keys);
        }
    }

    pub(crate) fn settled(mut self) {
        self.end(false);
    }

    fn end(&mut self, stays: bool) {
        let Some(pending) = self.pending.take() else { return };
        let mut list = self.list.list();
        // One step under the lock: otherwise another thread could see the eviction neither as tried nor as
        // pending.
        if stays {
            list.push(pending, matches!(self.taken, Taken::Nothing));
        }
        list.give_back(&self.taken);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.end(true);
            self.list.wake_retry_task();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Pattern;

    fn keys(key: &str) -> RemoteEviction {
        Selection::Keys(vec![key.to_owned()])
    }

    #[test]
    fn the_second_round_comes_after_all_others() {
        let pending = PendingEvictions::default();
        drop(pending.attempt(Selection::Pattern(Pattern::new("row:*")), Vec::new()));
        pending.again(vec![Selection::Pattern(Pattern::new("row:*")), keys("page")]);
        assert_eq!(pending.len(), 2, "the pattern counts once");
        assert!(!pending.begin_second_round(), "the pattern is pending");

        let wide = pending.next_wide().expect("the pattern is pending");
        assert!(!pending.begin_second_round(), "the pattern is being tried");
        wide.settled();
        assert!(pending.begin_second_round());
        assert!(!pending.begin_second_round(), "there is one second round");
        assert_eq!(pending.len(), 2);
        pending.next_keys().expect("the key is pending").settled();
        pending.next_wide().expect("the pattern is pending").settled();
        assert!(pending.is_empty());
    }

    /// Until it begins, it affects no key: what it repeats was carried out, or is pending itself.
    #[test]
    fn the_second_round_waits_without_blocking_keys() {
        let pending = PendingEvictions::default();
        pending.again(vec![keys("page")]);
        assert!(!pending.affects(Affected::Keys(&["page"])));
        assert!(pending.affects(Affected::Everything) && !pending.is_empty());
        assert!(pending.begin_second_round());
        assert!(pending.affects(Affected::Keys(&["page"])));
    }
}

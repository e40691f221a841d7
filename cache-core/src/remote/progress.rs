//! The progress of the eviction of a pattern.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How far a [`PatternEviction`](crate::PatternEviction) has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvictionProgress {
    /// How many keys are gone so far.
    pub removed: u64,
    /// How many requests have gone through a part of the remote tier's keys, first for leases and then for
    /// values. Redis looks at about 1,000 keys for each, whether or not they match, so that the last count is about
    /// the number of all its keys divided by 500.
    pub pages: u64,
}

/// The steps of an eviction that were not passed on yet.
#[derive(Debug, Default)]
pub(crate) struct StepQueue(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    in_memory: u64,
    remotely: u64,
    pages: u64,
    steps: Vec<EvictionProgress>,
}

impl StepQueue {
    /// A sink for this queue.
    pub(crate) fn sink(self: &Arc<Self>) -> StepSink {
        StepSink(Arc::downgrade(self))
    }

    fn add(&self, step: impl FnOnce(&mut Pending)) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut pending);
        let removed = pending.in_memory.max(pending.remotely);
        let progress = EvictionProgress { removed, pages: pending.pages };
        pending.steps.push(progress);
    }

    pub(crate) fn take(&self) -> Vec<EvictionProgress> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).steps)
    }
}

/// Where an eviction reports its steps. Without a listener, or after its [`PatternEviction`] is dropped, nothing is kept.
///
/// It does not tell one eviction from another: all are equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepSink(Weak<StepQueue>);

impl PartialEq for StepSink {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for StepSink {}

impl StepSink {
    /// Memory has forgotten so many keys.
    pub(crate) fn forgot(&self, keys: u64) {
        self.add(|pending| pending.in_memory += keys);
    }

    /// The remote tier has removed so many keys.
    pub(crate) fn removed(&self, keys: u64) {
        self.add(|pending| pending.remotely += keys);
    }

    /// A page of the remote tier's keys was searched.
    pub(crate) fn searched(&self) {
        self.add(|pending| pending.pages += 1);
    }

    fn add(&self, step: impl FnOnce(&mut Pending)) {
        if let Some(steps) = self.0.upgrade() {
            steps.add(step);
        }
    }
}

//! The progress of a pattern's eviction.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The progress of a [`PatternEviction`](crate::PatternEviction).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvictionProgress {
    /// The number of keys removed so far.
    pub removed: u64,
    /// The number of requests that have searched a part of the remote tier's keys, first for leases and then
    /// for values. Redis searches about 1,000 keys in each, matching or not, so the final number is about the
    /// number of all its keys divided by 500.
    pub pages: u64,
}

/// The steps of an eviction that were not reported yet.
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
    /// Makes a sink for this queue.
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

/// The sink to which an eviction reports its steps. Without a listener, or after its [`PatternEviction`] is
/// dropped, steps are not kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepSink(Weak<StepQueue>);

impl StepSink {
    /// Reports that memory has forgotten `keys` keys.
    pub(crate) fn forgot(&self, keys: u64) {
        self.add(|pending| pending.in_memory += keys);
    }

    /// Reports that the remote tier has removed `keys` keys.
    pub(crate) fn removed(&self, keys: u64) {
        self.add(|pending| pending.remotely += keys);
    }

    /// Reports that a page of the remote tier's keys was searched.
    pub(crate) fn searched(&self) {
        self.add(|pending| pending.pages += 1);
    }

    fn add(&self, step: impl FnOnce(&mut Pending)) {
        if let Some(steps) = self.0.upgrade() {
            steps.add(step);
        }
    }
}

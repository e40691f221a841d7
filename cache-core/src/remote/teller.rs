//! Tells how far an eviction by pattern is.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How far a [`PatternEviction`] has come.
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

/// Tells how far an eviction has come, if anybody wants to know.
#[derive(Default)]
pub(crate) struct Teller<'a> {
    pub(crate) told: Option<OnProgress<'a>>,
    in_memory: u64,
    remotely: u64,
    pages: u64,
}

impl Teller<'_> {
    /// Memory has forgotten so many.
    pub(crate) fn forgot(&mut self, keys: u64) {
        self.in_memory += keys;
        self.tell();
    }

    /// The remote tier has removed so many.
    pub(crate) fn removed(&mut self, keys: u64) {
        self.remotely += keys;
        self.tell();
    }

    /// Some of the remote tier's keys were looked at.
    pub(crate) fn looked(&mut self) {
        self.pages += 1;
        self.tell();
    }

    fn tell(&mut self) {
        let Some(told) = &mut self.told else { return };
        let removed = self.in_memory.max(self.remotely);
        let progress = EvictionProgress { removed, pages: self.pages };
        if catch_unwind(AssertUnwindSafe(|| told(&progress))).is_err() {
            self.told = None;
            tracing::error!(
                target: "larder::eviction",
                "larder: a callback panicked that is told of an eviction, which goes on"
            );
        }
    }
}

pub(crate) type OnProgress<'a> = Box<dyn FnMut(&EvictionProgress) + Send + 'a>;

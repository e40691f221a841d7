//! Trust: for some time after a generation was read from the remote tier, it counts as current, and a read of
//! the remote tier need not ask for it.
//!
//! Anything that may have changed the generation ends the trust immediately: an eviction by this process or a
//! message about another's (both increment this process's own count), a lost or restored link (the epoch),
//! and a pending eviction that was carried out.

use std::sync::PoisonError;

use crate::base::{AtomicU64, Mutex, Ordering, Timestamp};

/// The time of a question for a generation, and what this process knew before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    at: Timestamp,
    known: Known,
}

/// What must be unchanged for the answer to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    epoch: u64,
    settled: u64,
    moved: u64,
}

/// The oldest question that counts, and the current state of the whole cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Timestamp,
    pub(crate) epoch: u64,
    /// How often the set of pending evictions has changed.
    pub(crate) settled: u64,
}

impl Now {
    fn known(&self, moved: &AtomicU64) -> Known {
        let Self { epoch, settled, .. } = *self;
        Known { epoch, settled, moved: moved.load(Ordering::Acquire) }
    }

    /// A question that is asked now, for a generation whose local count is `moved`.
    pub(crate) fn asks(&self, moved: &AtomicU64) -> Asked {
        Asked { at: self.at, known: self.known(moved) }
    }
}

/// The last answered question for a generation.
#[derive(Debug, Default)]
pub(crate) struct Answered(Mutex<Option<Asked>>);

impl Answered {
    pub(crate) fn note(&self, asked: Asked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    /// Whether the question was asked after `now.at` and nothing has changed since.
    pub(crate) fn holds(&self, now: &Now, moved: &AtomicU64) -> bool {
        let asked = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_some_and(|asked| asked.at > now.at && asked.known == now.known(moved))
    }
}

//! Generations that are taken for current some time after they were read: a read of the remote tier then need not ask
//! for them.
//!
//! Whatever may have moved one on ends that at once: an eviction of this process and the news of another's (both move this
//! process's own count), a link that was lost or came back (the epoch), and what was owed and is carried out.

use std::sync::PoisonError;

use crate::base::{AtomicU64, Mutex, Ordering, Timestamp};

/// When a generation was asked for, and what this process knew before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    at: Timestamp,
    known: Known,
}

/// What is to be the same still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    epoch: u64,
    settled: u64,
    moved: u64,
}

/// From when a question is to be, and what is known of the whole cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Timestamp,
    pub(crate) epoch: u64,
    /// How often what was owed has changed.
    pub(crate) settled: u64,
}

impl Now {
    fn known(&self, moved: &AtomicU64) -> Known {
        let Self { epoch, settled, .. } = *self;
        Known { epoch, settled, moved: moved.load(Ordering::Acquire) }
    }

    /// A question that is asked now, of a generation whose own count is `moved`.
    pub(crate) fn asks(&self, moved: &AtomicU64) -> Asked {
        Asked { at: self.at, known: self.known(moved) }
    }
}

/// The last question about a generation that was answered.
#[derive(Debug, Default)]
pub(crate) struct Answered(Mutex<Option<Asked>>);

impl Answered {
    pub(crate) fn note(&self, asked: Asked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    /// Whether it was asked after `now.at`, and nothing has happened since.
    pub(crate) fn holds(&self, now: &Now, moved: &AtomicU64) -> bool {
        let asked = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_some_and(|asked| asked.at > now.at && asked.known == now.known(moved))
    }
}

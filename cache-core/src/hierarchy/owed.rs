//! Evictions that the remote tier owes: written down before they are tried, crossed out when they
//! are done. What failed or was cancelled half-way is tried again before the tier is read again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Pattern;

/// Above this many, one eviction of the whole namespace takes their place.
const LIMIT: usize = 10_000;

/// An eviction in the remote tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    Keys(Vec<String>),
    Pattern(Pattern),
    Tag(String),
    Space,
}

#[derive(Debug, Default)]
pub(crate) struct Owed(Mutex<Vec<Undone>>);

/// An eviction that is being tried; if it is dropped unsettled, it is owed.
pub(crate) struct Trying<'a> {
    owed: &'a Owed,
    undone: Option<Undone>,
}

impl Owed {
    fn list(&self) -> MutexGuard<'_, Vec<Undone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trying(&self, undone: Undone) -> Trying<'_> {
        Trying { owed: self, undone: Some(undone) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// One eviction that is owed, to be tried now; it is owed again if it is not settled.
    pub(crate) fn next(&self) -> Option<Trying<'_>> {
        let undone = self.list().pop()?;
        Some(self.trying(undone))
    }

    fn push(&self, undone: Undone) {
        let mut list = self.list();
        if list.len() >= LIMIT {
            list.clear();
            list.push(Undone::Space);
        } else if list.first() != Some(&Undone::Space) {
            list.push(undone);
        }
    }
}

impl Trying<'_> {
    pub(crate) fn undone(&self) -> Option<&Undone> {
        self.undone.as_ref()
    }

    pub(crate) fn settled(mut self) {
        self.undone = None;
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if let Some(undone) = self.undone.take() {
            self.owed.push(undone);
        }
    }
}

//! Evictions that the remote tier owes: written down before they are tried, crossed out when they
//! are done. What failed or was cancelled half-way is tried again before the tier is read again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Pattern;
use crate::invalidation::Killed;

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

/// An eviction that is owed, and the writes that were under way when it was made: these end first.
#[derive(Debug)]
struct Debt {
    undone: Undone,
    writers: Vec<Killed>,
}

#[derive(Debug, Default)]
pub(crate) struct Owed(Mutex<Vec<Debt>>);

/// An eviction that is being tried; if it is dropped unsettled, it is owed.
pub(crate) struct Trying<'a> {
    owed: &'a Owed,
    debt: Option<Debt>,
}

impl Owed {
    fn list(&self) -> MutexGuard<'_, Vec<Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trying(&self, undone: Undone, writers: Vec<Killed>) -> Trying<'_> {
        Trying { owed: self, debt: Some(Debt { undone, writers }) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// One eviction that is owed, to be tried now; it is owed again if it is not settled.
    pub(crate) fn next(&self) -> Option<Trying<'_>> {
        let debt = self.list().pop()?;
        Some(Trying { owed: self, debt: Some(debt) })
    }

    fn push(&self, debt: Debt) {
        let mut list = self.list();
        if list.len() >= LIMIT {
            list.clear();
            list.push(Debt { undone: Undone::Space, writers: Vec::new() });
        } else if list.first().is_none_or(|first| first.undone != Undone::Space) {
            list.push(debt);
        }
    }
}

impl Trying<'_> {
    pub(crate) fn undone(&self) -> Option<&Undone> {
        self.debt.as_ref().map(|debt| &debt.undone)
    }

    /// A write that is to end before it is carried out.
    pub(crate) fn writer(&self) -> Option<&Killed> {
        self.debt.as_ref()?.writers.last()
    }

    /// That write has been waited for: once is enough, also if the eviction then fails.
    pub(crate) fn waited(&mut self) {
        if let Some(debt) = &mut self.debt {
            debt.writers.pop();
        }
    }

    /// One more write that is to end first.
    pub(crate) fn after(&mut self, writer: Killed) {
        if let Some(debt) = &mut self.debt {
            debt.writers.push(writer);
        }
    }

    pub(crate) fn settled(self) {
        self.settled_if(true);
    }

    pub(crate) fn settled_if(mut self, done: bool) {
        if done {
            self.debt = None;
        }
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if let Some(debt) = self.debt.take() {
            self.owed.push(debt);
        }
    }
}

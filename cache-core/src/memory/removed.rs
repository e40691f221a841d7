//! Entries that left an engine and are not dropped yet.

use std::cell::RefCell;

use smallvec::SmallVec;

use crate::entry::Stored;

/// The entries that left the engine. Drop it under no lock: a value's own `Drop` may use the cache.
#[derive(Default)]
#[must_use = "dropping it runs the values' own code: let go of all locks first"]
pub(crate) struct Removed {
    /// Whether the key itself had an entry.
    pub(crate) found: bool,
    entries: SmallVec<[Stored; 2]>,
}

impl Removed {
    pub(super) fn add(&mut self, entry: Stored) {
        self.entries.push(entry);
    }

    /// The entry of the key itself.
    pub(super) fn own(entry: Option<Stored>) -> Self {
        Self { found: entry.is_some(), entries: entry.into_iter().collect() }
    }

    pub(super) fn also(&mut self, entries: Vec<Stored>) {
        self.entries.extend(entries);
    }

    /// The key itself, if it had an entry.
    pub(crate) fn own_key(&self) -> Option<&str> {
        self.entries.first().filter(|_| self.found).map(|entry| &*entry.key)
    }

    /// All entries that left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stored> {
        self.entries.iter()
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| &*entry.key).collect()
    }
}

impl From<Vec<Stored>> for Removed {
    fn from(entries: Vec<Stored>) -> Self {
        let mut gone = Self::default();
        gone.also(entries);
        gone
    }
}

impl Drop for Removed {
    #[inline]
    fn drop(&mut self) {
        if !self.entries.is_empty() {
            drop_in_turn(std::mem::take(&mut self.entries));
        }
    }
}

thread_local! {
    /// Entries to drop after the one that this thread is dropping.
    static WAITING: RefCell<Option<Vec<Stored>>> = const { RefCell::new(None) };
}

/// Drops one entry after the other, including those that a value's own `Drop` removes from the cache. Nested
/// drops could be as many as the cache has entries, which would overflow the stack.
fn drop_in_turn(entries: SmallVec<[Stored; 2]>) {
    let mut entries = Some(entries);
    let _ = WAITING.try_with(|waiting| match &mut *waiting.borrow_mut() {
        Some(waiting) => waiting.extend(entries.take().into_iter().flatten()),
        nobody => *nobody = Some(Vec::new()),
    });
    let Some(entries) = entries else { return };
    let _end = End;
    drop(entries);
    let next = || WAITING.try_with(|waiting| waiting.borrow_mut().as_mut()?.pop());
    while let Ok(Some(entry)) = next() {
        drop(entry);
    }
}

/// Ends the turn, even if a value panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let rest = WAITING.try_with(|waiting| waiting.borrow_mut().take());
        drop(rest);
    }
}

//! Lists that a thread keeps, so that its next calls need not allocate them again.

use std::cell::Cell;
use std::mem::take;
use std::thread::LocalKey;

/// How many lists of a kind a thread keeps: enough for a few concurrent calls.
const MOST: usize = 8;

/// The lists of one kind.
pub(crate) struct Spares<T>(Cell<Vec<Vec<T>>>);

impl<T> Spares<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(Vec::new()))
    }

    fn with<R>(&self, with: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> R {
        let mut lists = self.0.take();
        let result = with(&mut lists);
        self.0.set(lists);
        result
    }
}

/// Returns an empty list, with capacity if this thread has kept one.
pub(crate) fn spare<T>(spares: &'static LocalKey<Spares<T>>) -> Vec<T> {
    // A thread that is ending keeps none.
    spares.try_with(|spares| spares.with(Vec::pop)).ok().flatten().unwrap_or_default()
}

/// Keeps a list for the next call. The caller bounds its capacity.
pub(crate) fn keep<T>(spares: &'static LocalKey<Spares<T>>, list: &mut Vec<T>) {
    // Before the thread's lists are borrowed: a destructor that runs here may keep another list.
    list.clear();
    let _ = spares.try_with(|spares| {
        spares.with(|lists| {
            if lists.len() < MOST {
                lists.push(take(list));
            }
        });
    });
}

//! Lists that a thread keeps for its next calls, so that a call does not allocate them again each time.

use std::cell::Cell;
use std::mem::take;
use std::thread::LocalKey;

/// How many lists of a kind a thread keeps: enough for a few calls that are made side by side.
const MOST: usize = 8;

/// Those of one kind.
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

/// An empty list. One of this thread's has room already.
pub(crate) fn spare<T>(spares: &'static LocalKey<Spares<T>>) -> Vec<T> {
    // A thread that is ending has none.
    spares.try_with(|spares| spares.with(Vec::pop)).ok().flatten().unwrap_or_default()
}

/// Keeps a list that is not needed any more. How large it may be is for the caller to say.
pub(crate) fn keep<T>(spares: &'static LocalKey<Spares<T>>, list: &mut Vec<T>) {
    // Before the thread's lists are touched: what is dropped here may keep a list of its own.
    list.clear();
    let _ = spares.try_with(|spares| {
        spares.with(|lists| {
            if lists.len() < MOST {
                lists.push(take(list));
            }
        });
    });
}

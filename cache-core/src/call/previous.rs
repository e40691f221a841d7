//! The previous value, for a load that asks for it.
//!
//! The read lends it to the thread while the load begins, and the load takes it first of all. So a load has the same type whether
//! or not it asks, and hits do not know of it. A load that begins inside another one gets its own, or none.

use std::cell::RefCell;

use crate::base::{CacheValue, Shape};
use crate::entry::Stored;

thread_local! {
    static LENT: RefCell<Option<Stored>> = const { RefCell::new(None) };
}

/// The value that a load replaces, if there is one that was not evicted.
#[derive(Clone, Default)]
pub struct Previous(Option<Stored>);

impl std::fmt::Debug for Previous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Previous")
    }
}

impl Previous {
    pub(super) fn new(entry: Option<Stored>) -> Self {
        Self(entry)
    }

    /// Takes the one that is lent to the load that begins now.
    pub fn take() -> Self {
        Self(LENT.with(|lent| lent.borrow_mut().take()))
    }

    /// Lends it to the load that `begin` begins.
    pub(super) fn lend<T>(self, begin: impl FnOnce() -> T) -> T {
        let _restored = Restored(LENT.with(|lent| lent.replace(self.0)));
        begin()
    }

    /// The value.
    pub fn of<S: Shape>(self, _: S) -> Option<S::Value>
    where
        S::Value: CacheValue,
    {
        self.value()
    }

    /// The value, if it has type `V`.
    pub(crate) fn value<V: CacheValue>(self) -> Option<V> {
        self.0?.value::<V>().cloned()
    }
}

/// Takes the value back, also if the load panics.
struct Restored(Option<Stored>);

impl Drop for Restored {
    fn drop(&mut self) {
        let before = self.0.take();
        // Dropped after the borrow has ended: a value's `Drop` may use the cache.
        drop(LENT.with(|lent| lent.replace(before)));
    }
}

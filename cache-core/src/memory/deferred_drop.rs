//! Defers the drop of values that an engine drops at a time of its choice until no lock is held.
//!
//! `moka` drops entries during maintenance, which any call may run, and in the garbage collection of its hash
//! map, which runs even later. Both hold locks: `moka`'s own, and during a commit the fence's. A value whose
//! `Drop` uses the cache would deadlock.

use std::cell::{Cell, RefCell};

use crate::entry::Stored;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PARKED: RefCell<Vec<Stored>> = const { RefCell::new(Vec::new()) };
}

/// An entry that an engine holds. If it is dropped inside [`parking`], its value is set aside.
#[derive(Clone)]
pub(crate) struct Held {
    entry: Option<Stored>,
    pub(super) weight: u64,
}

impl Held {
    pub(super) fn new(entry: Stored, weight: u64) -> Self {
        Self { entry: Some(entry), weight }
    }

    #[inline]
    pub(super) fn entry(&self) -> Option<&Stored> {
        self.entry.as_ref()
    }

    pub(super) fn into_entry(mut self) -> Option<Stored> {
        self.entry.take()
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.entry.is_some() && DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > 0) {
            let entry = self.entry.take();
            // A thread that is ending can set nothing aside.
            let _ = PARKED.try_with(|parked| parked.borrow_mut().extend(entry));
        }
    }
}

/// Runs an operation of the engine. Returns the dropped entries, to be dropped under no lock.
#[inline]
pub(crate) fn parking<R>(operation: impl FnOnce() -> R) -> (R, Vec<Stored>) {
    let result = {
        let _depth = Depth::enter();
        operation()
    };
    let inside = DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > 0);
    let parked = if inside { None } else { PARKED.try_with(RefCell::take).ok() };
    (result, parked.unwrap_or_default())
}

struct Depth;

impl Depth {
    #[inline]
    fn enter() -> Self {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Depth {
    #[inline]
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

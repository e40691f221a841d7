//! Whether reads of a function will probably find a value in the store.
//!
//! A read that finds nothing needs a lease, and one request can do both. But that request costs the store several times what a
//! read costs, so reads begin with it only while most of them find nothing.

use std::sync::atomic::{AtomicU8, Ordering};

/// The number of counters. Functions that share one only predict worse.
const COUNTERS: usize = 64;

/// A counter at which a read is expected to find nothing, and the highest one.
const NOTHING: u8 = 2;
const MOST: u8 = 3;

/// A counter for each function: it grows with a read that finds nothing, and falls with another one. A single exception after
/// many equal reads does not change what is expected.
#[derive(Debug)]
pub(crate) struct Expected([AtomicU8; COUNTERS]);

impl Default for Expected {
    /// A cache that has read nothing expects to find nothing.
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU8::new(NOTHING)))
    }
}

impl Expected {
    fn counter(&self, function: usize) -> &AtomicU8 {
        // The high bits of the product depend on all bits of the address.
        let mixed = (function as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.0[(mixed >> 58) as usize % COUNTERS]
    }

    /// Whether a read of the function will probably find nothing. `function` is any number that identifies it.
    pub(crate) fn nothing(&self, function: usize) -> bool {
        self.counter(function).load(Ordering::Relaxed) >= NOTHING
    }

    /// Records what a read of the function has found.
    pub(crate) fn note(&self, function: usize, found: bool) {
        let counter = self.counter(function);
        let before = counter.load(Ordering::Relaxed);
        let after = if found { before.saturating_sub(1) } else { MOST.min(before + 1) };
        // Usually it is at its limit: then no processor needs to write.
        if after != before {
            counter.store(after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exception_changes_nothing() {
        let expected = Expected::default();
        assert!(expected.nothing(1));
        expected.note(1, true);
        assert!(!expected.nothing(1));
        for _ in 0..300 {
            expected.note(1, true);
        }
        expected.note(1, false);
        assert!(!expected.nothing(1));
        expected.note(1, false);
        assert!(expected.nothing(1));
        for _ in 0..300 {
            expected.note(1, false);
        }
        expected.note(1, true);
        assert!(expected.nothing(1));
        expected.note(1, true);
        assert!(!expected.nothing(1));
    }
}

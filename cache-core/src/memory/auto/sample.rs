//! The part of the keys that passes through the simulations, and the share of the bound that they get for it.
//!
//! A sample of a few hundred keys may be a tenth larger or smaller than its share of the hashes. A shadow of the wrong size would miss
//! a loop that fits into the tier, so the shadows get the part of the bound that the inserted keys really have ("SHARDS-adj" corrects
//! the same error: Waldspurger, Park, Garthwaite, Ahmad: "Efficient MRC Construction with SHARDS", FAST 2015).

use crate::memory::config::Capacity;

/// Numbers of inserts of new keys.
#[derive(Clone, Copy, Default)]
pub(super) struct Inserts {
    pub(super) all: u64,
    /// Those that take part.
    pub(super) taken: u64,
}

/// The part of the keys that takes part.
pub(super) struct Sample {
    bound: Capacity,
    /// How many keys of a full tier should take part.
    expected: f64,
    /// How many inserted keys took part, and how many were inserted; older inserts have less weight.
    taken: f64,
    all: f64,
    /// The numbers at the last insert that was counted here. A thread that finds the state locked leaves its insert to the next one.
    counted: Inserts,
}

impl Sample {
    /// A part of one in `rate` of a tier of so many entries.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn new(bound: Capacity, entries: u64, rate: u64) -> Self {
        let expected = (entries as f64 / rate as f64).max(1.0);
        // The expectation counts as much as the inserts of half a tier.
        let (taken, all) = (expected / 2.0, expected / 2.0 * rate as f64);
        Self { bound, expected, taken, all, counted: Inserts::default() }
    }

    /// Counts the inserts since the last call. A shadow holds `held` keys.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn add(&mut self, inserts: Inserts, held: usize) {
        // Another thread may have counted a later insert first.
        self.taken += inserts.taken.saturating_sub(self.counted.taken) as f64;
        self.all += inserts.all.saturating_sub(self.counted.all) as f64;
        self.counted.taken = self.counted.taken.max(inserts.taken);
        self.counted.all = self.counted.all.max(inserts.all);
        if self.taken > self.expected.max(held as f64) {
            self.taken /= 2.0;
            self.all /= 2.0;
        }
    }

    /// Sets the bound of the tier.
    pub(super) fn resize(&mut self, bound: Capacity) {
        self.bound = bound;
    }

    /// The share of the bound for a shadow.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
    pub(super) fn share(&self) -> Capacity {
        let share = |most: u64| (most as f64 * self.taken / self.all).round().max(1.0) as u64;
        match self.bound {
            Capacity::Entries(most) => Capacity::Entries(share(most)),
            Capacity::Bytes(most) => Capacity::Bytes(share(most)),
        }
    }
}

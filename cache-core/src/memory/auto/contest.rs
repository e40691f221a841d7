//! Finds out which of the two modes suits the use of the tier.
//!
//! A small part of the keys, chosen by their hash, also passes through a *shadow*: an arena without values,
//! with the same part of the bound, in the mode that the tier does not use. If the shadow has clearly more
//! hits than the tier for these keys, the tier changes its mode ("miniature simulation": Waldspurger,
//! Saemundsson, Ahmad, Park: "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::arena::{Arena, Mode};
use crate::key::KeyId;
use crate::memory::config::Capacity;

/// How many entries a shadow holds at least. In a tier of less than 8 times as many, the shadow holds an
/// eighth.
const SHADOW: u64 = 256;
const SMALLEST_RATE: u64 = 8;
/// The assumed weight of an entry, to choose the size of a shadow that is bounded by bytes.
const TYPICAL: u64 = 16 << 10;
/// Hits are compared after this many uses.
const ROUND: u32 = 32;

pub(crate) struct Contest {
    /// A key takes part if these bits of its hash are zero.
    mask: u32,
    /// Whether uses are counted. Not while the tier has room, because both modes keep everything then.
    counting: AtomicBool,
    /// Whether the tier's mode is [`Mode::Frequency`].
    frequency: AtomicBool,
    switches: AtomicU32,
    state: Mutex<State>,
}

struct State {
    shadow: Arena<()>,
    /// Hits of the tier and of its shadow; older hits have less weight.
    tier_hits: f64,
    shadow_hits: f64,
    uses: u32,
    /// For this many uses nothing is compared, because the shadow has just changed its mode.
    settling: u64,
}

impl Contest {
    pub(super) fn new(bound: Capacity) -> Self {
        let entries = match bound {
            Capacity::Entries(entries) => entries,
            Capacity::Bytes(bytes) => bytes / TYPICAL,
        };
        let rate = 1_u64 << (entries / SHADOW).clamp(SMALLEST_RATE, 1 << 31).ilog2();
        let shadow = Arena::new(share(bound, rate), Mode::Frequency);
        let state = State { shadow, tier_hits: 0.0, shadow_hits: 0.0, uses: 0, settling: 0 };
        Self {
            #[allow(clippy::cast_possible_truncation)]
            mask: (rate - 1) as u32,
            counting: AtomicBool::new(false),
            frequency: AtomicBool::new(false),
            switches: AtomicU32::new(0),
            state: Mutex::new(state),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        let frequency = self.frequency.load(Ordering::Relaxed);
        if frequency { Mode::Frequency } else { Mode::Recency }
    }

    /// Starts counting: the tier is almost full, so the modes differ from now on.
    pub(super) fn begin(&self) {
        if !self.counting.load(Ordering::Relaxed) {
            self.counting.store(true, Ordering::Relaxed);
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn takes(&self, id: KeyId) -> bool {
        // Bits that neither shards nor tables use.
        (id.0 >> 96) as u32 & self.mask == 0
    }

    /// Whether a hit of this key must be reported to [`used`](Self::used).
    #[inline]
    pub(super) fn takes_hits(&self, id: KeyId) -> bool {
        self.takes(id) && self.counting.load(Ordering::Relaxed)
    }

    /// Reports a hit of the tier.
    #[cold]
    pub(super) fn used(&self, id: KeyId, weight: u64) {
        self.count(id, weight, true);
    }

    /// Reports a miss of the tier for a key that it now holds.
    pub(super) fn inserted(&self, id: KeyId, weight: u64) {
        if self.takes(id) {
            self.count(id, weight, false);
        }
    }

    pub(super) fn removed(&self, id: KeyId) {
        if self.takes(id) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = state.shadow.remove(id);
        }
    }

    pub(super) fn resize(&self, bound: Capacity) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = state.shadow.resize(share(bound, u64::from(self.mask) + 1));
    }

    fn count(&self, id: KeyId, weight: u64, hit: bool) {
        // A hit never waits. Missing a few uses does not matter.
        let Ok(mut state) = self.state.try_lock() else { return };
        let shadow_hit = state.access(id, weight);
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        if state.compare(hit, shadow_hit) {
            let mode = self.mode().other();
            state.change_sides(mode.other());
            self.frequency.store(mode == Mode::Frequency, Ordering::Relaxed);
            self.switches.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl State {
    /// Uses a key of the shadow; returns whether the shadow held it.
    fn access(&mut self, id: KeyId, weight: u64) -> bool {
        if let Some(slot) = self.shadow.find(id) {
            self.shadow.touch(slot);
            return true;
        }
        let _ = self.shadow.insert(id, (), weight);
        false
    }

    /// Counts a use; returns whether the shadow does clearly better.
    #[allow(clippy::cast_precision_loss)]
    fn compare(&mut self, tier: bool, shadow: bool) -> bool {
        if self.settling > 0 {
            self.settling -= 1;
            return false;
        }
        self.tier_hits += f64::from(u8::from(tier));
        self.shadow_hits += f64::from(u8::from(shadow));
        self.uses += 1;
        if self.uses < ROUND {
            return false;
        }
        self.uses = 0;
        // The last uses, about three times as many as the shadow has entries, have half of the weight.
        let memory = (self.shadow.len() as f64 * 4.0).max(512.0);
        let fading = 1.0 - f64::from(ROUND) / memory;
        self.tier_hits *= fading;
        self.shadow_hits *= fading;
        self.shadow_hits > self.tier_hits + 8.0 + 0.03 * self.shadow_hits
    }

    /// Switches the shadow to the mode that the tier leaves.
    fn change_sides(&mut self, mode: Mode) {
        self.shadow.switch(mode);
        self.tier_hits = 0.0;
        self.shadow_hits = 0.0;
        self.settling = 2 * self.shadow.len() as u64;
    }
}

/// The share of the bound for the shadow.
fn share(bound: Capacity, rate: u64) -> Capacity {
    match bound.split(rate) {
        Capacity::Entries(entries) => Capacity::Entries(entries.max(1)),
        Capacity::Bytes(bytes) => Capacity::Bytes(bytes.max(1)),
    }
}

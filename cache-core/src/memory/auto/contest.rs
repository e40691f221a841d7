//! Finds out which mode suits the use of the tier.
//!
//! A small part of the keys, chosen by their hash, also passes through *shadows*: arenas without values, one for each mode,
//! with the part of the bound that these keys have (`sample`). If the shadow of another mode has clearly more hits than the
//! tier for these keys, the tier changes to that mode ("miniature simulation": Waldspurger, Saemundsson, Ahmad, Park: "Cache
//! Modeling and Optimization using Miniature Simulations", USENIX ATC 2017).

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::arena::{Arena, Mode};
use super::sample::{Inserts, Sample};
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
/// The place of the mode in which a tier begins: frequency, because most programs read some keys more often than others.
const FIRST: usize = 1;

pub(crate) struct Contest {
    /// A key takes part if these bits of its hash are zero.
    mask: u32,
    /// Whether uses are counted. Not while the tier has room, because all modes keep everything then.
    counting: AtomicBool,
    /// The place of the tier's mode in [`Mode::ALL`].
    mode: AtomicUsize,
    /// The number of inserts of new keys, and of those that take part.
    inserts: AtomicU64,
    taken: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// In the order of [`Mode::ALL`].
    shadows: [Shadow; Mode::ALL.len()],
    /// Hits of the tier; older hits have less weight. After a change of the mode it begins with those of the mode's shadow.
    tier_hits: f64,
    uses: u32,
    sample: Sample,
}

struct Shadow {
    arena: Arena<()>,
    /// Older hits have less weight.
    hits: f64,
}

/// A use of a key that takes part.
#[derive(Clone, Copy)]
enum Use {
    Hit,
    /// A miss, whose key the tier now holds. The numbers of inserts until then, with this one.
    Insert(Inserts),
}

impl Contest {
    pub(super) fn new(bound: Capacity) -> Self {
        let entries = match bound {
            Capacity::Entries(entries) => entries,
            Capacity::Bytes(bytes) => bytes / TYPICAL,
        };
        let rate = 1_u64 << (entries / SHADOW).clamp(SMALLEST_RATE, 1 << 31).ilog2();
        let sample = Sample::new(bound, entries, rate);
        let shadow = |mode| Shadow { arena: Arena::new(sample.share(), mode), hits: 0.0 };
        let shadows = Mode::ALL.map(shadow);
        Self {
            #[allow(clippy::cast_possible_truncation)]
            mask: (rate - 1) as u32,
            counting: AtomicBool::new(false),
            mode: AtomicUsize::new(FIRST),
            inserts: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            state: Mutex::new(State { shadows, tier_hits: 0.0, uses: 0, sample }),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        Mode::ALL[self.mode.load(Ordering::Relaxed)]
    }

    #[cfg(test)]
    pub(super) fn switch(&self, place: usize) {
        self.mode.store(place, Ordering::Relaxed);
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
        self.count(id, weight, Use::Hit);
    }

    /// Reports a miss of the tier for a key that it now holds.
    pub(super) fn inserted(&self, id: KeyId, weight: u64) {
        let all = self.inserts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.takes(id) {
            let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
            self.count(id, weight, Use::Insert(Inserts { all, taken }));
        }
    }

    pub(super) fn removed(&self, id: KeyId) {
        if self.takes(id) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            for shadow in &mut state.shadows {
                let _ = shadow.arena.remove(id);
            }
        }
    }

    pub(super) fn resize(&self, bound: Capacity) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sample.resize(bound);
        state.fit();
    }

    fn count(&self, id: KeyId, weight: u64, use_of: Use) {
        // A hit never waits. Missing a few uses does not matter.
        let Ok(mut state) = self.state.try_lock() else { return };
        if let Use::Insert(inserts) = use_of {
            let held = state.shadows[0].arena.len();
            state.sample.add(inserts, held);
            state.fit();
        }
        let hits = state.shadows.each_mut().map(|shadow| shadow.access(id, weight));
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let now = self.mode.load(Ordering::Relaxed);
        if let Some(better) = state.compare(now, matches!(use_of, Use::Hit), hits) {
            self.mode.store(better, Ordering::Relaxed);
        }
    }
}

impl Shadow {
    /// Uses a key; returns whether the shadow held it.
    fn access(&mut self, id: KeyId, weight: u64) -> bool {
        if let Some(slot) = self.arena.find(id) {
            self.arena.touch(slot);
            return true;
        }
        let _ = self.arena.insert(id, (), weight);
        false
    }
}

impl State {
    /// Gives the shadows their share of the bound.
    fn fit(&mut self) {
        let share = self.sample.share();
        for Shadow { arena, .. } in &mut self.shadows {
            if arena.bound() != share {
                let _ = arena.resize(share);
            }
        }
    }

    /// Counts a use of the tier in the mode at the place `now`, and of its shadows. Returns the place of a mode that does clearly
    /// better.
    #[allow(clippy::cast_precision_loss)]
    fn compare(&mut self, now: usize, tier_hit: bool, shadow_hits: [bool; 3]) -> Option<usize> {
        let count = |hit: bool| f64::from(u8::from(hit));
        self.tier_hits += count(tier_hit);
        for (shadow, hit) in self.shadows.iter_mut().zip(shadow_hits) {
            shadow.hits += count(hit);
        }
        self.uses += 1;
        if self.uses < ROUND {
            return None;
        }
        self.uses = 0;
        // The last uses, about three times as many as the shadow has entries, have half of the weight.
        let memory = (self.shadows[now].arena.len() as f64 * 4.0).max(512.0);
        let fading = 1.0 - f64::from(ROUND) / memory;
        self.tier_hits *= fading;
        self.shadows.iter_mut().for_each(|shadow| shadow.hits *= fading);
        // The tier itself is compared, and not the shadow of its mode: that one may have suitable entries that the tier refused
        // when it was in another mode.
        let others = self.shadows.iter().map(|shadow| shadow.hits).enumerate();
        let others = others.filter(|(place, _)| *place != now);
        let (best, hits) = others.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let is_better = hits > self.tier_hits + 8.0 + 0.03 * hits;
        is_better.then(|| {
            self.tier_hits = hits;
            best
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of which every `one_in`th takes part.
    fn key(number: u64, one_in: u64) -> KeyId {
        let takes = if number.is_multiple_of(one_in) { 0 } else { u128::from(u32::MAX) };
        KeyId(u128::from(number) | takes << 96)
    }

    fn bounds(contest: &Contest) -> [u64; 3] {
        let state = contest.state.lock().expect("no test panics under it");
        state.shadows.each_ref().map(|shadow| shadow.arena.bound().most())
    }

    /// The shadows get the part of the bound that the inserted keys have.
    #[test]
    fn shadows_have_the_size_of_the_sample() {
        let contest = Contest::new(Capacity::Entries(4_000));
        let bound = || bounds(&contest)[0];
        assert_eq!(bound(), 500, "one in eight");
        for (one_in, expected) in [(6, 667), (10, 400), (8, 500)] {
            (0..20_000).for_each(|number| contest.inserted(key(number, one_in), 1));
            assert!(bound().abs_diff(expected) <= 5, "one in {one_in}: {}", bound());
        }
    }

    /// Threads that meet do not make the sample look smaller.
    #[test]
    fn inserts_during_a_comparison_are_counted_later() {
        let contest = Contest::new(Capacity::Entries(4_000));
        for number in 0..20_000 {
            let other_thread =
                (number % 16 == 0).then(|| contest.state.lock().expect("no test panics under it"));
            contest.inserted(key(number, 8), 1);
            drop(other_thread);
        }
        let bound = bounds(&contest)[0];
        assert!(bound.abs_diff(500) <= 5, "{bound}");
    }

    #[test]
    fn a_shadow_of_the_smallest_tier_has_an_entry() {
        for bound in [Capacity::Entries(1), Capacity::Bytes(1)] {
            let contest = Contest::new(bound);
            for number in 0..10_000 {
                contest.inserted(key(number, 1_000), 1);
            }
            assert_eq!(bounds(&contest), [1; 3]);
        }
    }
}

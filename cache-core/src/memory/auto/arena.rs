//! Entries in slots, and the choice of the entry that leaves a full tier.
//!
//! A slot records when its entry was last used (counted in inserts, so a hit needs no clock and usually
//! writes nothing) and how often. A victim is the worst of a few consecutive slots; the next search starts
//! after them. So a hit moves nothing, and there is no list to maintain.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::sketch::{MOST, Sketch};
use crate::key::KeyId;
use crate::memory::config::Capacity;

/// How many slots are compared to find a victim.
const SAMPLE: usize = 16;
/// Counts are halved after this many inserts for each entry.
const AGING: u64 = 20;
/// An entry that was not used for this many inserts per entry counts as forgotten ...
const FORGOTTEN: u64 = 4;
/// ... if the newcomer that competes for its place was used this often.
const POPULAR: u8 = 4;

/// Which entries an arena keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The most recently used: an approximation of LRU. Best if old entries are not requested again.
    Recency,
    /// The most frequently used: TinyLFU's admission. A newcomer stays only if it was requested more often
    /// than the entry it would replace. Best for skewed use, scans, and loops that do not fit.
    Frequency,
    /// Like [`Frequency`](Self::Frequency), with much more room for newcomers. Best if some keys are always popular, and
    /// others only for a while after their first use.
    Mixed,
}

impl Mode {
    pub(super) const ALL: [Self; 3] = [Self::Recency, Self::Frequency, Self::Mixed];

    /// The fraction of the bound that is reserved for newcomers, one in so many. In [`Mode::Recency`] there is no newcomer.
    fn window(self) -> Option<u64> {
        match self {
            Self::Recency => None,
            Self::Frequency => Some(100),
            Self::Mixed => Some(5),
        }
    }

    /// Whether entries compete by the number of their uses.
    fn counts(self) -> bool {
        self.window().is_some()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    /// A newcomer; [`Arena::admit`] decides where it goes.
    Window,
    Main,
}

pub(super) struct Slot<T> {
    id: KeyId,
    value: Option<T>,
    weight: u64,
    /// The tick of the last use.
    used: AtomicU32,
    uses: AtomicU8,
    place: Place,
}

/// The values that an insert removed.
pub(super) struct Displaced<T> {
    /// The old value of the key.
    pub(super) replaced: Option<T>,
    /// Other values, removed to make room; the inserted value itself if it does not fit.
    pub(super) evicted: SmallVec<[T; 2]>,
}

/// A bounded map. Operations that change its order need `&mut`; a use does not.
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    table: HashTable<u32>,
    free: Vec<u32>,
    /// Newcomers, the oldest first, by slot and a part of the identity. A removed newcomer stays in the list until the list
    /// reaches it.
    window: VecDeque<(u32, u32)>,
    window_cost: u64,
    sketch: Sketch,
    mode: Mode,
    bound: Capacity,
    cost: u64,
    bytes: u64,
    hand: usize,
    /// The number of inserts of new keys.
    tick: u32,
    unaged: u64,
}

fn hash(id: KeyId) -> u64 {
    // The half that the table does not use.
    #[allow(clippy::cast_possible_truncation)]
    let high = (id.0 >> 64) as u64;
    high
}

/// A part of the identity.
#[allow(clippy::cast_possible_truncation)]
fn mark_of(id: KeyId) -> u32 {
    hash(id) as u32
}

impl<T> Slot<T> {
    pub(super) fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    fn uses(&self) -> u8 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Whether the slot still holds the newcomer with that part of its identity.
    fn is_newcomer(&self, mark: u32) -> bool {
        self.place == Place::Window && mark_of(self.id) == mark
    }

    fn age(&self, tick: u32) -> u32 {
        tick.wrapping_sub(self.used.load(Ordering::Relaxed))
    }
}

impl<T> Arena<T> {
    pub(super) fn new(bound: Capacity, mode: Mode) -> Self {
        Self {
            slots: Vec::new(),
            table: HashTable::new(),
            free: Vec::new(),
            window: VecDeque::new(),
            window_cost: 0,
            sketch: Sketch::new(),
            mode,
            bound,
            cost: 0,
            bytes: 0,
            hand: 0,
            tick: 0,
            unaged: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn bound(&self) -> Capacity {
        self.bound
    }

    #[cfg(test)]
    pub(super) fn newcomers(&self) -> usize {
        self.window.len()
    }

    /// Whether more than seven eighths of the bound are used.
    pub(super) fn is_tight(&self) -> bool {
        self.cost >= self.bound.most() - self.bound.most() / 8
    }

    /// The share of the bound that an entry of this weight uses.
    fn cost_of(&self, weight: u64) -> u64 {
        match self.bound {
            Capacity::Entries(_) => 1,
            // An entry without a weight would never be evicted.
            Capacity::Bytes(_) => weight.max(1),
        }
    }

    fn index(&self, id: KeyId) -> Option<u32> {
        self.table.find(id.low(), |&index| self.slots[index as usize].id == id).copied()
    }

    #[inline]
    pub(super) fn find(&self, id: KeyId) -> Option<&Slot<T>> {
        let index = self.table.find(id.low(), |&index| self.slots[index as usize].id == id)?;
        Some(&self.slots[*index as usize])
    }

    /// Records a use. Concurrent uses of one entry may lose counts. Nothing is written if the count is at its
    /// maximum and no insert came since the last use.
    #[inline]
    pub(super) fn touch(&self, slot: &Slot<T>) {
        if slot.used.load(Ordering::Relaxed) != self.tick {
            slot.used.store(self.tick, Ordering::Relaxed);
        }
        let uses = slot.uses();
        if uses < MOST {
            slot.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    /// Up to `many` occupied slots from `start` on, and the position at which to continue, if there are more.
    pub(super) fn chunk(
        &self,
        start: usize,
        many: usize,
    ) -> (impl Iterator<Item = (KeyId, &T)>, Option<usize>) {
        let end = (start + many).min(self.slots.len());
        let slots = self.slots.get(start..end).unwrap_or_default();
        let taken = slots.iter().filter_map(|slot| Some((slot.id, slot.value.as_ref()?)));
        (taken, (end < self.slots.len()).then_some(end))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = (KeyId, &T)> {
        self.slots.iter().filter_map(|slot| Some((slot.id, slot.value.as_ref()?)))
    }

    pub(super) fn remove(&mut self, id: KeyId) -> Option<T> {
        let index = self.index(id)?;
        self.vacate(index)
    }

    /// Frees a slot and returns its value.
    fn vacate(&mut self, index: u32) -> Option<T> {
        let slot = &self.slots[index as usize];
        let (id, weight, place) = (slot.id, slot.weight, slot.place);
        let entry = self.table.find_entry(id.low(), |&found| found == index);
        let _ = entry.ok()?.remove();
        let cost = self.cost_of(weight);
        self.cost -= cost;
        self.bytes -= weight;
        if place == Place::Window {
            self.window_cost -= cost;
        }
        self.free.push(index);
        let slot = &mut self.slots[index as usize];
        slot.place = Place::Free;
        slot.value.take()
    }

    /// Frees a slot to make room. The sketch remembers the use count.
    fn evict(&mut self, index: u32) -> Option<T> {
        let slot = &self.slots[index as usize];
        let (id, uses) = (slot.id, slot.uses());
        self.sketch.raise(hash(id), uses);
        self.vacate(index)
    }

    /// Changes the mode.
    pub(super) fn switch(&mut self, mode: Mode) {
        if mode == self.mode {
            return;
        }
        let counted = self.mode.counts();
        self.mode = mode;
        // The newcomers of a smaller window stay newcomers. Those of a larger one would never become fewer.
        let newcomers_stay = mode == Mode::Mixed;
        if !newcomers_stay {
            self.window.clear();
            self.window_cost = 0;
        }
        for slot in &mut self.slots {
            if slot.place == Place::Window && !newcomers_stay {
                slot.place = Place::Main;
            }
            // Entries had no chance to be counted by frequency: newcomers with an equal count must not push
            // them out.
            if mode.counts() && !counted {
                let uses = slot.uses.get_mut();
                *uses = (*uses + 1).min(MOST);
            }
        }
    }

    /// Sets another bound of the same kind, and returns the values that exceed it.
    pub(super) fn resize(&mut self, bound: Capacity) -> SmallVec<[T; 2]> {
        self.bound = bound;
        let mut out = SmallVec::new();
        while self.cost > self.bound.most() {
            let Some(value) = self.make_room(None) else { break };
            out.push(value);
        }
        out
    }

    pub(super) fn insert(&mut self, id: KeyId, value: T, weight: u64) -> Displaced<T> {
        let mut displaced = Displaced { replaced: None, evicted: SmallVec::new() };
        let cost = self.cost_of(weight);
        if cost > self.bound.most() {
            displaced.replaced = self.remove(id);
            displaced.evicted.push(value);
            return displaced;
        }
        let index = match self.index(id) {
            Some(index) => {
                displaced.replaced = self.replace(index, value, weight);
                index
            }
            None => {
                self.next_tick();
                let uses = self.sketch.record(hash(id));
                let contested = self.lacks_room(cost);
                // Makes room before the entry comes in, so that the entry does not compete with itself.
                while self.lacks_room(cost) {
                    let Some(out) = self.make_room(None) else { break };
                    displaced.evicted.push(out);
                }
                self.settle(id, value, weight, uses, contested)
            }
        };
        while self.cost > self.bound.most() {
            let Some(out) = self.make_room(Some(index)) else { break };
            displaced.evicted.push(out);
        }
        displaced
    }

    fn lacks_room(&self, cost: u64) -> bool {
        self.cost + cost > self.bound.most() || self.len() >= MOST_SLOTS
    }

    /// Replaces the value of a slot.
    fn replace(&mut self, index: u32, value: T, weight: u64) -> Option<T> {
        let tick = self.tick;
        let slot = &mut self.slots[index as usize];
        let (before, place) = (std::mem::replace(&mut slot.weight, weight), slot.place);
        *slot.used.get_mut() = tick;
        let old = slot.value.replace(value);
        let (was, is) = (self.cost_of(before), self.cost_of(weight));
        self.cost = self.cost - was + is;
        self.bytes = self.bytes - before + weight;
        if place == Place::Window {
            self.window_cost = self.window_cost - was + is;
        }
        old
    }

    /// Puts a new entry into a free slot.
    fn settle(&mut self, id: KeyId, value: T, weight: u64, uses: u8, contested: bool) -> u32 {
        let cost = self.cost_of(weight);
        let newcomer = contested && self.mode.counts();
        let place = if newcomer { Place::Window } else { Place::Main };
        let (used, uses) = (AtomicU32::new(self.tick), AtomicU8::new(uses));
        let slot = Slot { id, value: Some(value), weight, used, uses, place };
        #[allow(clippy::cast_possible_truncation)]
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                index
            }
            None => {
                self.grow();
                self.slots.push(slot);
                self.sketch.fit(self.slots.len());
                (self.slots.len() - 1) as u32
            }
        };
        if newcomer {
            self.list_newcomer(index, mark_of(id));
            self.window_cost += cost;
        }
        let slots = &self.slots;
        self.table.insert_unique(id.low(), index, |&index| slots[index as usize].id.low());
        self.cost += cost;
        self.bytes += weight;
        index
    }

    /// Makes room for another slot. A list that doubled would leave more room unused than the copies of a smaller step cost:
    /// an arena grows only until its tier is full.
    fn grow(&mut self) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact((self.slots.len() / 8).max(16));
        }
    }

    fn list_newcomer(&mut self, index: u32, mark: u32) {
        // Otherwise newcomers that are removed one after the other would make the list grow without limit.
        if self.window.len() > 2 * self.slots.len() {
            let slots = &self.slots;
            self.window.retain(|&(index, mark)| slots[index as usize].is_newcomer(mark));
        }
        self.window.push_back((index, mark));
    }

    /// Counts an insert, and regularly halves all counts, so that old popularity fades.
    fn next_tick(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        self.sketch.fit(1);
        self.unaged += 1;
        if self.unaged < AGING * (self.slots.len() as u64).max(64) {
            return;
        }
        self.unaged = 0;
        self.sketch.halve();
        for slot in &mut self.slots {
            // Rounded up here and down in the sketch: an evicted entry needs one more use to come in again.
            let uses = slot.uses.get_mut();
            *uses = uses.div_ceil(2);
        }
    }

    /// Evicts one entry, but not `but`.
    fn make_room(&mut self, but: Option<u32>) -> Option<T> {
        if let Some(part) = self.mode.window()
            && self.window_cost >= (self.bound.most() / part).max(1)
            && let Some(newcomer) = self.next_newcomer(but)
        {
            return self.admit(newcomer, but);
        }
        if let Some(victim) = self.victim(0, but) {
            return self.evict(victim);
        }
        let newcomer = self.next_newcomer(but)?;
        self.evict(newcomer)
    }

    /// The oldest newcomer that is still in the arena.
    fn next_newcomer(&mut self, but: Option<u32>) -> Option<u32> {
        for _ in 0..self.window.len() {
            let (index, mark) = self.window.pop_front()?;
            if Some(index) == but {
                self.window.push_back((index, mark));
                continue;
            }
            if self.slots[index as usize].is_newcomer(mark) {
                return Some(index);
            }
        }
        None
    }

    /// Decides between a newcomer and its victim, and evicts the loser.
    fn admit(&mut self, newcomer: u32, but: Option<u32>) -> Option<T> {
        let uses = self.slots[newcomer as usize].uses();
        let Some(victim) = self.victim(uses, but) else { return self.evict(newcomer) };
        let slot = &self.slots[victim as usize];
        if uses <= slot.uses() && !self.is_forgotten(slot, uses) {
            return self.evict(newcomer);
        }
        let cost = self.cost_of(self.slots[newcomer as usize].weight);
        self.window_cost -= cost;
        self.slots[newcomer as usize].place = Place::Main;
        self.evict(victim)
    }

    fn is_forgotten(&self, slot: &Slot<T>, uses: u8) -> bool {
        uses >= POPULAR && u64::from(slot.age(self.tick)) > FORGOTTEN * self.slots.len() as u64
    }

    /// The worst of the next few entries, for a newcomer that was used `uses` times.
    #[allow(clippy::cast_possible_truncation)]
    fn victim(&mut self, uses: u8, but: Option<u32>) -> Option<u32> {
        let (mut worst, mut seen) = (None::<usize>, 0);
        for _ in 0..self.slots.len() {
            let index = self.hand % self.slots.len();
            self.hand = index + 1;
            let slot = &self.slots[index];
            let takes_part = match self.mode {
                Mode::Recency => slot.place != Place::Free,
                Mode::Frequency | Mode::Mixed => slot.place == Place::Main,
            };
            if !takes_part || but == Some(index as u32) {
                continue;
            }
            if worst.is_none_or(|worst| self.is_worse(slot, &self.slots[worst], uses)) {
                worst = Some(index);
            }
            seen += 1;
            if seen == SAMPLE {
                break;
            }
        }
        worst.map(|index| index as u32)
    }

    /// Whether `one` is evicted before `other`.
    fn is_worse(&self, one: &Slot<T>, other: &Slot<T>, uses: u8) -> bool {
        let older = one.age(self.tick) > other.age(self.tick);
        if self.mode == Mode::Recency {
            return older;
        }
        let counts = |slot: &Slot<T>| if self.is_forgotten(slot, uses) { 0 } else { slot.uses() };
        let (one, other) = (counts(one), counts(other));
        one < other || (one == other && older)
    }
}

/// Slots are numbered in 32 bits.
const MOST_SLOTS: usize = u32::MAX as usize;

//! Estimates how often keys were requested lately, including keys that the tier does not hold.
//!
//! A count-min sketch of four-bit counters (Cormode, Muthukrishnan: "An improved data stream summary", 2005)
//! with the aging of TinyLFU (Einziger, Friedman, Manes, 2017) and Caffeine's layout: the four counters of a
//! key are in one block of 64 bytes, so a lookup costs one CPU cache miss.

/// The maximum count.
pub(crate) const MOST: u8 = 15;
/// Counters for each entry. With fewer, keys share counters, and keys that are used once look popular.
const COUNTERS_PER_ENTRY: usize = 32;
const COUNTERS_PER_BLOCK: usize = 128;

/// Estimates of use counts, each between 0 and [`MOST`].
pub(crate) struct Sketch {
    blocks: Vec<[u64; 8]>,
}

impl Sketch {
    pub(super) const fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Makes room for this many entries. The counts restart when the sketch grows: that happens while the
    /// tier fills, before any eviction uses them.
    pub(super) fn fit(&mut self, entries: usize) {
        let blocks = (entries * COUNTERS_PER_ENTRY).div_ceil(COUNTERS_PER_BLOCK);
        if blocks > self.blocks.len() {
            self.blocks = vec![[0; 8]; blocks.next_power_of_two().max(4)];
        }
    }

    /// The block of a key, and the word and shift of one counter in each of four rows of 32 counters.
    #[allow(clippy::cast_possible_truncation)]
    fn counters(&self, hash: u64) -> (usize, [(usize, u32); 4]) {
        let hash = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let block = (hash >> 32) as usize & (self.blocks.len() - 1);
        let place = |row: usize| {
            let bits = (hash >> (row * 5)) as usize;
            (2 * row + (bits & 1), ((bits >> 1) & 15) as u32 * 4)
        };
        (block, [place(0), place(1), place(2), place(3)])
    }

    fn at(&self, block: usize, (word, shift): (usize, u32)) -> u8 {
        ((self.blocks[block][word] >> shift) & 15) as u8
    }

    fn set(&mut self, block: usize, (word, shift): (usize, u32), count: u8) {
        let word = &mut self.blocks[block][word];
        *word = *word & !(15 << shift) | u64::from(count) << shift;
    }

    /// Counts one use and returns the new count.
    pub(super) fn record(&mut self, hash: u64) -> u8 {
        let (block, places) = self.counters(hash);
        let counts = places.map(|place| self.at(block, place));
        let least = counts.into_iter().min().unwrap_or(0);
        let count = (least + 1).min(MOST);
        self.raise_to(block, places, count);
        count
    }

    /// Raises the key's count to at least `count`.
    pub(super) fn raise(&mut self, hash: u64, count: u8) {
        let (block, places) = self.counters(hash);
        self.raise_to(block, places, count);
    }

    /// Raises only the counters that are lower ("conservative update"), which keeps the estimates close.
    fn raise_to(&mut self, block: usize, places: [(usize, u32); 4], count: u8) {
        for place in places {
            if self.at(block, place) < count {
                self.set(block, place, count);
            }
        }
    }

    /// Halves all counts, rounded down.
    pub(super) fn halve(&mut self) {
        for word in self.blocks.iter_mut().flatten() {
            *word = *word >> 1 & 0x7777_7777_7777_7777;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_up_to_its_most_and_halves() {
        let mut sketch = Sketch::new();
        sketch.fit(100);
        for uses in 1..=20 {
            assert_eq!(sketch.record(7), uses.min(MOST));
        }
        sketch.halve();
        assert_eq!(sketch.record(7), 8);
        sketch.raise(7, 3);
        assert_eq!(sketch.record(7), 9);
        sketch.raise(8, 5);
        assert_eq!(sketch.record(8), 6);
    }

    #[test]
    fn keys_that_were_used_once_rarely_look_popular() {
        let mut sketch = Sketch::new();
        sketch.fit(1_000);
        let mix = |key: u64| key.wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(29);
        let wrong = (0..4_000_u64).filter(|key| sketch.record(mix(*key)) > 1).count();
        assert!(wrong < 80, "{wrong} of 4,000");
    }
}

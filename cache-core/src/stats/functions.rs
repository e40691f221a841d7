//! Where a cache's counters of each function lie: found by the function's number, made when it is first needed.

use std::sync::OnceLock;

use super::counters::Tally;
use crate::base::Policy;

/// The first block has so many places, each further one twice as many as the one before.
const FIRST: usize = 32;
const BLOCKS: usize = 24;

type Block = Box<[OnceLock<Box<Tally>>]>;

/// Blocks are never moved, so that a hit needs no lock and counts no reference. Bounded by the functions of the program.
#[derive(Default)]
pub(crate) struct Functions {
    blocks: [OnceLock<Block>; BLOCKS],
}

fn place(number: usize) -> (usize, usize) {
    let at = number + FIRST;
    let block = (at.ilog2() - FIRST.ilog2()) as usize;
    // More functions than there are places for would share the last one.
    match block < BLOCKS {
        true => (block, at - (FIRST << block)),
        false => (BLOCKS - 1, 0),
    }
}

/// A function whose calls are counted.
pub(crate) trait Function: std::fmt::Debug + Sync {
    /// Its number among the functions that were called, from zero on.
    fn number(&self) -> usize;
    /// How statistics call it.
    fn path(&self) -> &str;
    fn policy(&self) -> &Policy;
    /// Whether entries of it may carry `tag`.
    fn declares(&self, tag: &str) -> bool;
}

impl Functions {
    #[inline]
    pub(crate) fn of<F: Function>(&self, site: &'static F) -> &Tally {
        let (block, at) = place(site.number());
        let known = self.blocks[block].get().and_then(|block| block[at].get());
        match known {
            Some(tally) => tally,
            None => self.make(block, at, site),
        }
    }

    #[cold]
    fn make(&self, block: usize, at: usize, site: &'static dyn Function) -> &Tally {
        let size = FIRST << block;
        let block = self.blocks[block].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        block[at].get_or_init(|| Box::new(Tally::new(Some(site))))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tally> {
        let places = self.blocks.iter().filter_map(OnceLock::get).flat_map(|block| block.iter());
        places.filter_map(|place| place.get().map(|tally| &**tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut places: Vec<_> = (0..10_000).map(place).collect();
        assert!(places.iter().all(|(block, at)| *at < FIRST << block));
        places.dedup();
        assert_eq!(places.len(), 10_000);
        assert!(places.is_sorted());
    }
}

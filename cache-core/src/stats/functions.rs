//! The table of a cache's counters by function: found by the function's number, created at first use.

use std::sync::OnceLock;

use once_cell::race::OnceBox;

use super::counters::Tally;
use crate::base::Policy;

/// The first block has this many places; each further block has twice as many as the one before.
const FIRST: usize = 32;
const BLOCKS: usize = 24;

/// A place is one word, because each hit reads it.
type Block = Box<[OnceBox<Tally>]>;

/// Blocks never move, so a hit needs neither a lock nor a reference count. The size is bounded by the number
/// of functions in the program.
#[derive(Default)]
pub(crate) struct Functions {
    blocks: [OnceLock<Block>; BLOCKS],
}

fn place(number: usize) -> (usize, usize) {
    let at = number + FIRST;
    let block = (at.ilog2() - FIRST.ilog2()) as usize;
    // If there were more functions than places, they would share the last one.
    match block < BLOCKS {
        true => (block, at - (FIRST << block)),
        false => (BLOCKS - 1, 0),
    }
}

/// A function whose calls are counted.
pub(crate) trait Function: std::fmt::Debug + Sync {
    /// Its number among the called functions, from zero.
    fn number(&self) -> usize;
    /// Its name in statistics.
    fn path(&self) -> &str;
    fn policy(&self) -> &Policy;
    /// Whether its calls are left out of statistics and metrics.
    fn is_silent(&self) -> bool {
        false
    }
    /// Whether its entries may carry `tag`.
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
        let block = self.blocks[block].get_or_init(|| (0..size).map(|_| OnceBox::new()).collect());
        block[at].get_or_init(|| Box::new(Tally::new(Some(site))))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tally> {
        let places = self.blocks.iter().filter_map(OnceLock::get).flat_map(|block| block.iter());
        places.filter_map(OnceBox::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_own_place() {
        let mut places: Vec<_> = (0..10_000).map(place).collect();
        assert!(places.iter().all(|(block, at)| *at < FIRST << block));
        places.dedup();
        assert_eq!(places.len(), 10_000);
        assert!(places.is_sorted());
    }

    #[derive(Debug)]
    struct Called;

    impl Function for Called {
        fn number(&self) -> usize {
            77
        }
        fn path(&self) -> &'static str {
            "called"
        }
        fn policy(&self) -> &Policy {
            &crate::base::PLAIN
        }
        fn declares(&self, _: &str) -> bool {
            false
        }
    }

    /// Several threads may make the counters of a function at the same time: the ones that are kept count for
    /// all, so that no call is lost.
    #[test]
    fn threads_that_race_for_a_place_get_the_same_counters() {
        const THREADS: usize = 4;
        for _ in 0..200 {
            let (functions, start) = (Functions::default(), std::sync::Barrier::new(THREADS));
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        functions.of(&Called).misses();
                    });
                }
            });
            let [tally] = &functions.iter().collect::<Vec<_>>()[..] else { panic!("one tally") };
            assert_eq!(tally.total().misses, THREADS as u64);
        }
    }
}

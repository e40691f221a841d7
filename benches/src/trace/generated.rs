//! Traces with fixed seeds.

use super::Trace;
use crate::random::{Random, Zipf};

/// The distance between the keys of different sets.
const APART: u64 = 1 << 40;

/// `length` is the number of reads of the random traces; loops have their own.
pub(crate) fn all(length: u64) -> Vec<Trace> {
    let zipf = Zipf::new(100_000, 0.9);
    let mut traces = Vec::new();
    for capacity in [1_000, 10_000] {
        let mut random = Random(1);
        traces.extend([
            trace("zipf", capacity, plain(&zipf, &mut random, length)),
            trace("zipf with scans", capacity, scans(&zipf, &mut random, length)),
            trace("zipf, shifting", capacity, shifting(&zipf, &mut random, length)),
            trace("zipf, drifting", capacity, drifting(&zipf, &mut random, length)),
        ]);
    }
    let mut random = Random(2);
    traces.extend([
        trace("8,000 uniform, shifting", 10_000, sets(&mut random, length)),
        trace("loops 4 x 900", 1_000, loops(900, 4, 20)),
        trace("loops 3 x 6,000", 10_000, loops(6_000, 3, 20)),
        trace("loops 4 x 9,500", 10_000, loops(9_500, 4, 20)),
        trace("loop of 12,000", 10_000, loops(12_000, 1, 50)),
        trace("loop of 20,000", 10_000, loops(20_000, 1, 50)),
        trace("loops 2 x 2,000", 1_000, loops(2_000, 2, 100)),
        trace("loops and zipf", 10_000, mixed(&zipf, &mut random, length)),
        trace("popular keys and sessions", 1_000, sessions(&mut random, length)),
    ]);
    traces
}

fn trace(name: &str, capacity: usize, keys: Vec<u64>) -> Trace {
    Trace { name: name.to_owned(), capacity, keys }
}

fn plain(zipf: &Zipf, random: &mut Random, length: u64) -> Vec<u64> {
    (0..length).map(|_| zipf.draw(random)).collect()
}

/// A scan of 10,000 new keys after each 20,000 reads.
fn scans(zipf: &Zipf, random: &mut Random, length: u64) -> Vec<u64> {
    let (mut keys, mut new) = (Vec::new(), APART);
    while (keys.len() as u64) < length {
        keys.extend((0..20_000).map(|_| zipf.draw(random)));
        keys.extend(new..new + 10_000);
        new += 10_000;
    }
    keys
}

/// All keys change ten times.
fn shifting(zipf: &Zipf, random: &mut Random, length: u64) -> Vec<u64> {
    (0..length).map(|at| zipf.draw(random) + at / (length / 10) * APART).collect()
}

/// The most frequent key moves on slowly.
fn drifting(zipf: &Zipf, random: &mut Random, length: u64) -> Vec<u64> {
    (0..length).map(|at| zipf.draw(random) + at / 200).collect()
}

/// 8,000 keys with the same frequency, which all change 20 times.
fn sets(random: &mut Random, length: u64) -> Vec<u64> {
    (0..length).map(|at| random.next() % 8_000 + at / (length / 20) * APART).collect()
}

/// Several sets of keys in turn; each is read in order several times.
fn loops(keys: u64, sets: u64, passes: u64) -> Vec<u64> {
    let pass = |set: u64| (0..keys).map(move |key| key + set * APART);
    (0..sets).flat_map(|set| (0..passes).flat_map(move |_| pass(set))).collect()
}

/// A loop that fits, a part with skew, a loop that does not fit, and two that do.
fn mixed(zipf: &Zipf, random: &mut Random, length: u64) -> Vec<u64> {
    let mut keys = loops(6_000, 1, 20);
    keys.extend(plain(zipf, random, length * 3 / 10).iter().map(|key| key + 2 * APART));
    keys.extend(loops(12_000, 1, 20).iter().map(|key| key + 3 * APART));
    keys.extend(loops(7_000, 2, 20).iter().map(|key| key + 4 * APART));
    keys
}

/// Every second read is of one of 900 keys, the others are of keys that are read four times, 200 reads apart, and never again.
fn sessions(random: &mut Random, length: u64) -> Vec<u64> {
    let session = |read: u64| APART + read / 400 * 100 + read % 100;
    (0..length).map(|at| if at % 2 == 0 { random.next() % 900 } else { session(at / 2) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_read_their_keys_in_order() {
        assert_eq!(loops(2, 2, 2), [0, 1, 0, 1, APART, 1 + APART, APART, 1 + APART]);
    }

    #[test]
    fn a_session_reads_its_key_four_times() {
        let keys = sessions(&mut Random(1), 10_000);
        let reads: Vec<usize> = (0..keys.len()).filter(|at| keys[*at] == keys[1]).collect();
        assert_eq!(reads.len(), 4);
        assert!(reads.windows(2).all(|two| two[1] - two[0] == 200), "{reads:?}");
    }
}

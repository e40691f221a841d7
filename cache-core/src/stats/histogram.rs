//! Histograms of durations, in buckets that grow with the value: bounded memory, a bounded error, no lock.
//!
//! Each power of two has eight buckets, from a microsecond to 38 hours, so a percentile is at most 6.25 %
//! off. The buckets are not striped: the measured operations take microseconds at least, and hits are not
//! measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use once_cell::race::OnceBox;
use serde::{Deserialize, Serialize};

/// The number of buckets for each power of two, as a power of two.
const FINE: u32 = 3;
/// The longest time, in microseconds as a power of two. Longer times count as this one.
const LONGEST: u32 = 37;
const BUCKETS: usize = ((LONGEST - FINE + 1) << FINE) as usize;

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The bucket of a time in microseconds.
fn bucket(micros: u64) -> usize {
    let micros = micros.min((1 << LONGEST) - 1);
    let power = micros.checked_ilog2().unwrap_or(0);
    if power < FINE {
        return usize::try_from(micros).unwrap_or(0);
    }
    // The highest bit and the next three.
    let leading = micros >> (power - FINE);
    let index = u64::from((power - FINE) << FINE) + leading;
    usize::try_from(index).unwrap_or(BUCKETS - 1)
}

/// The lower bound of a bucket, in microseconds.
fn floor(bucket: usize) -> u64 {
    let (bucket, fine) = (bucket as u64, u64::from(FINE));
    let power = (bucket >> fine).saturating_sub(1);
    (bucket - (power << fine)) << power
}

/// The time that represents a bucket: its middle.
fn middle(bucket: usize) -> u64 {
    let (from, to) = (floor(bucket), floor(bucket + 1));
    from + (to - from) / 2
}

/// Can be written and read by many threads at the same time.
#[derive(Default)]
pub(crate) struct Histogram {
    /// Created by the first recorded time.
    buckets: OnceBox<[AtomicU64; BUCKETS]>,
    micros: AtomicU64,
}

impl Histogram {
    pub(crate) fn note(&self, span: Duration) {
        let buckets = self.buckets.get_or_init(|| Box::new([const { AtomicU64::new(0) }; BUCKETS]));
        let micros = micros(span);
        if let Some(bucket) = buckets.get(bucket(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> LatencyStats {
        let Some(buckets) = self.buckets.get() else { return LatencyStats::default() };
        let counts = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets = counts.enumerate().filter(|(_, count)| *count > 0);
        LatencyStats { micros: self.micros.load(Ordering::Relaxed), buckets: buckets.collect() }
    }
}

/// A distribution of durations: count, average, percentiles.
///
/// A percentile is the middle of a bucket: at most 6.25 % off, or half a microsecond. The serde form has
/// counts, total, average, p50 and p99 in microseconds, and the buckets; only the total and the buckets are
/// read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
pub struct LatencyStats {
    micros: u64,
    /// Buckets that are not empty, in order, with their counts.
    buckets: Vec<(usize, u64)>,
}

impl LatencyStats {
    /// Returns the number of measurements.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Returns the sum of all durations, to the microsecond.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// Returns the average; `None` if nothing was measured.
    pub fn average(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.micros.checked_div(self.count())?))
    }

    /// Returns the median: half of the durations were not longer. `None` if nothing was measured.
    pub fn p50(&self) -> Option<Duration> {
        self.quantile(0.5)
    }

    /// Returns the 99th percentile: 99 of 100 durations were not longer. `None` if nothing was measured.
    pub fn p99(&self) -> Option<Duration> {
        self.quantile(0.99)
    }

    /// Returns the duration that the fraction `quantile` of the measurements did not exceed (from 0 to 1;
    /// other values count as the nearest); `None` if nothing was measured.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let rank = (quantile.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        let reached = self.buckets.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.map(|(bucket, _)| Duration::from_micros(middle(*bucket)))
    }

    /// The measurements since `earlier` was taken.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: &usize| {
            let found = earlier.buckets.binary_search_by_key(bucket, |(bucket, _)| *bucket);
            found.ok().and_then(|at| earlier.buckets.get(at)).map_or(0, |(_, count)| *count)
        };
        let left = |(bucket, count): &(usize, u64)| (*bucket, count.saturating_sub(before(bucket)));
        let buckets = self.buckets.iter().map(left).filter(|(_, count)| *count > 0).collect();
        Self { micros: self.micros.saturating_sub(earlier.micros), buckets }
    }

    /// Adds the measurements of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.micros = self.micros.saturating_add(other.micros);
        for (bucket, count) in &other.buckets {
            match self.buckets.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(*count),
                Err(at) => self.buckets.insert(at, (*bucket, *count)),
            }
        }
    }
}

/// The serde form of a [`LatencyStats`], in microseconds.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    total: u64,
    average: Option<u64>,
    p50: Option<u64>,
    p99: Option<u64>,
    /// The lower bound of each bucket, and its count.
    buckets: Vec<(u64, u64)>,
}

#[doc(hidden)]
impl From<LatencyStats> for Written {
    fn from(timing: LatencyStats) -> Self {
        let of = |span: Option<Duration>| span.map(micros);
        Self {
            count: timing.count(),
            total: timing.micros,
            average: of(timing.average()),
            p50: of(timing.p50()),
            p99: of(timing.p99()),
            buckets: timing.buckets.iter().map(|(at, count)| (floor(*at), *count)).collect(),
        }
    }
}

#[doc(hidden)]
impl From<Written> for LatencyStats {
    /// Every input is a valid timing: a forged one is wrong, but harmless.
    fn from(written: Written) -> Self {
        let mut timing = Self { micros: written.total, buckets: Vec::new() };
        for (from, count) in written.buckets.into_iter().filter(|(_, count)| *count > 0) {
            timing.add(&Self { micros: 0, buckets: vec![(bucket(from), count)] });
        }
        timing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_next_to_each_other() {
        for at in 0..BUCKETS {
            assert_eq!(bucket(floor(at)), at);
            assert_eq!(bucket(floor(at + 1) - 1), at, "{at}: {}", floor(at));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_quantile_is_as_near_as_is_said(mut times in prop::collection::vec(0_u64..1 << 36, 1..200), quantile in 0.0_f64..=1.0) {
            let histogram = Histogram::default();
            times.iter().for_each(|time| histogram.note(Duration::from_micros(*time)));
            times.sort_unstable();
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = (quantile * times.len() as f64).ceil().max(1.0) as usize;
            #[allow(clippy::cast_precision_loss)]
            let exact = times[rank - 1] as f64;
            let timing = histogram.snapshot();
            let found = timing.quantile(quantile).expect("there are times").as_secs_f64() * 1e6;
            prop_assert!((found - exact).abs() <= (exact * 0.0625).max(0.5), "{found} for {exact}");
            prop_assert_eq!(timing.total(), Duration::from_micros(times.iter().sum()));
        }

        #[test]
        fn the_difference_is_what_came_between(first in prop::collection::vec(0_u64..1 << 40, 0..50), second in prop::collection::vec(0_u64..1 << 40, 0..50)) {
            let (all, later) = (Histogram::default(), Histogram::default());
            first.iter().for_each(|time| all.note(Duration::from_micros(*time)));
            let before = all.snapshot();
            for time in second {
                all.note(Duration::from_micros(time));
                later.note(Duration::from_micros(time));
            }
            prop_assert_eq!(all.snapshot().since(&before), later.snapshot());
            let mut sum = before;
            sum.add(&later.snapshot());
            prop_assert_eq!(sum, all.snapshot());
        }
    }
}

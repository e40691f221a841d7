//! Sums of statistics: of functions, of models, of all caches.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::snapshot::Stats;

/// Adds counts, durations and current sizes. The sum's breaker is the worse one.
impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.pairs(other).into_iter().for_each(|(sum, more)| *sum = sum.saturating_add(more));
        for (sum, more) in [
            (&mut self.entries, other.entries),
            (&mut self.bytes, other.bytes),
            (&mut self.in_flight, other.in_flight),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.breaker = self.breaker.worse(other.breaker);
        self.load_time.add(&other.load_time);
        self.response_time.add(&other.response_time);
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}

impl Add for Stats {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += &other;
        self
    }
}

impl<'a> Sum<&'a Self> for Stats {
    fn sum<I: Iterator<Item = &'a Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

impl Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

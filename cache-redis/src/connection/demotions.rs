//! Counts consecutive connections that led to a replica.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The counter restarts after this time without another one. The longest pause between two attempts
/// is shorter.
const OVER: Duration = Duration::from_secs(30);

/// Only a successful write would show that the server is a master again, and this counter cannot
/// tell writes from reads. So the count ends with time.
#[derive(Default)]
pub(super) struct Demotions(Mutex<Option<(u32, Instant)>>);

impl Demotions {
    /// Counts one more, and returns the number of consecutive ones.
    pub(super) fn count(&self, now: Instant) -> u32 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.filter(|(_, at)| now.saturating_duration_since(*at) < OVER);
        let count = before.map_or(0, |(count, _)| count).saturating_add(1);
        *last = Some((count, now));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demotions_are_counted_until_none_occurs_for_a_while() {
        let (demotions, mut now) = (Demotions::default(), Instant::now());
        for count in 1..=3 {
            assert_eq!(demotions.count(now), count);
            now += OVER - Duration::from_millis(1);
        }
        assert_eq!(demotions.count(now), 4);
        assert_eq!(demotions.count(now + OVER), 1);
    }
}

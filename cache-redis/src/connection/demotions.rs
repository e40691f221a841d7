//! How often in a row connections came out at a replica.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so long without another one they are over. The longest pause between two attempts is shorter.
const OVER: Duration = Duration::from_secs(30);

/// Whether the server is a master again shows by nothing but that it takes writes, which are not told from reads.
#[derive(Default)]
pub(super) struct Demotions(Mutex<Option<(u32, Instant)>>);

impl Demotions {
    /// Counts one more; how many there were in a row.
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
    fn they_are_counted_until_there_is_none_for_a_while() {
        let (demotions, mut now) = (Demotions::default(), Instant::now());
        for count in 1..=3 {
            assert_eq!(demotions.count(now), count);
            now += OVER - Duration::from_millis(1);
        }
        assert_eq!(demotions.count(now), 4);
        assert_eq!(demotions.count(now + OVER), 1);
    }
}

//! The pause before the next attempt.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// The first pause before a request is repeated.
const FIRST_RETRY: Duration = Duration::from_millis(25);

/// The longest pause for a single address. When it comes back, many callers are waiting for it.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause if another server may take over at any moment, and the search for it is cheap.
pub(crate) const LONGEST_OF_MANY: Duration = Duration::from_millis(500);

/// The pause after `failures` failures: it doubles, with jitter over its upper half.
pub(crate) fn backoff(failures: u32, longest: Duration) -> Duration {
    doubled(FIRST, failures, longest)
}

/// The pause before the repetition with this number. The first one has none: a server that closed
/// an idle connection accepts a new one immediately.
pub(super) fn before_retry(number: u32) -> Duration {
    match number {
        ..=1 => Duration::ZERO,
        number => doubled(FIRST_RETRY, number - 1, LONGEST_OF_MANY),
    }
}

fn doubled(first: Duration, number: u32, longest: Duration) -> Duration {
    let full = first.saturating_mul(1 << number.saturating_sub(1).min(10)).min(longest);
    full / 2 + jitter(full / 2)
}

/// A random part of `range`.
pub(crate) fn jitter(range: Duration) -> Duration {
    range.mul_f64((random() % 1024) as f64 / 1024.0)
}

/// An unpredictable number.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_with_jitter_up_to_a_limit() {
        for (failures, least, most) in
            [(1, 50, 100), (2, 100, 200), (3, 200, 400), (7, 2500, 5000), (u32::MAX, 2500, 5000)]
        {
            for _ in 0..100 {
                let pause = backoff(failures, LONGEST);
                let range = Duration::from_millis(least)..=Duration::from_millis(most);
                assert!(range.contains(&pause), "{failures}: {pause:?}");
            }
        }
        assert!(backoff(20, LONGEST_OF_MANY) <= LONGEST_OF_MANY);
        assert_eq!(before_retry(1), Duration::ZERO);
        for (number, most) in [(2, FIRST_RETRY), (3, 2 * FIRST_RETRY), (u32::MAX, LONGEST_OF_MANY)]
        {
            let pause = before_retry(number);
            assert!((most / 2..=most).contains(&pause), "{number}: {pause:?}");
        }
    }
}

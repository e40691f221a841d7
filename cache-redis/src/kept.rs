//! How long the store keeps each generation, as far as this process knows. This saves most requests
//! that would prolong them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The maximum number of generations. A forgotten one costs one request.
const MOST: usize = 10_000;

/// The furthest moment that is recorded; no request asks for a longer time.
pub(crate) const FAR: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);

/// Generations by key, each with the moment until which the store keeps it at least.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<String, (u64, Instant)>>);

impl Kept {
    /// Returns the generations in `seen` that the store is not known to keep for `keep` from now on.
    pub(crate) fn not_for<'a>(
        &self,
        keep: Duration,
        seen: &[(&'a str, u64)],
    ) -> Vec<(&'a str, u64)> {
        let until = Instant::now() + keep.min(FAR / 2);
        let kept = self.list();
        let short = |(key, seen): &&(&str, u64)| {
            !kept.get(*key).is_some_and(|(number, kept)| number == seen && *kept >= until)
        };
        seen.iter().filter(short).copied().collect()
    }

    /// Records that the store keeps these generations until then.
    pub(crate) fn note(&self, until: Instant, seen: &[(&str, u64)]) {
        let mut kept = self.list();
        if kept.len() + seen.len() > MOST {
            let now = Instant::now();
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() + seen.len() > MOST {
            kept.clear();
        }
        for (key, number) in seen.iter().take(MOST) {
            let noted = kept.entry((*key).to_owned()).or_insert((*number, until));
            *noted = match *noted {
                (same, before) if same == *number => (same, before.max(until)),
                _ => (*number, until),
            };
        }
    }

    fn list(&self) -> MutexGuard<'_, HashMap<String, (u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_asked_for_once_and_again_when_it_moved() {
        let (kept, minute) = (Kept::default(), Duration::from_secs(60));
        let seen = [("a", 1), ("b", 2)];
        assert_eq!(kept.not_for(minute, &seen), seen);
        kept.note(Instant::now() + 2 * minute, &seen);
        assert_eq!(kept.not_for(minute, &seen), []);
        assert_eq!(kept.not_for(minute, &[("a", 3), ("b", 2)]), [("a", 3)]);
        assert_eq!(kept.not_for(3 * minute, &seen), seen);
        kept.note(Instant::now(), &seen);
        assert_eq!(kept.not_for(minute, &seen), [], "a time is not shortened");
        kept.note(Instant::now() + FAR, &seen);
        assert_eq!(kept.not_for(Duration::MAX, &seen), [], "for ever is far enough");
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let (kept, minute) = (Kept::default(), Duration::from_secs(60));
        for number in 0..3 * MOST {
            kept.note(Instant::now() + minute, &[(&number.to_string(), 1)]);
            assert!(kept.list().len() <= MOST);
        }
    }
}

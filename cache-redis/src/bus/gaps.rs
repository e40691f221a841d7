//! Finding out that a message was missed.
//!
//! Numbers may come a little late: what one process sends goes over several connections, and on a
//! cluster over several nodes. Only a number that stays away is a gap. A sender that falls silent may
//! have ended or be out of reach: that counts as a gap, too, once. All that a gap costs is that entries
//! in memory are looked up again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// How late a number may come.
const LATE: Duration = Duration::from_secs(1);

/// How long those behind a missing number are held back for it.
const IN_ORDER: Duration = Duration::from_millis(100);

/// After so many heartbeats that did not come, a sender is gone.
const HEARTBEATS: u32 = 3;

/// More missing numbers are not waited for.
const TOO_MANY: u64 = 1000;

pub(super) struct Gaps {
    heartbeat: Duration,
    began: Instant,
    senders: HashMap<u64, Sender>,
}

struct Sender {
    next: u64,
    /// Those that were skipped, and when they are lost.
    missing: BTreeMap<u64, Instant>,
    heard: Instant,
}

impl Gaps {
    pub(super) fn new(heartbeat: Duration, now: Instant) -> Self {
        Self { heartbeat, began: now, senders: HashMap::new() }
    }

    /// The number that a sender uses next.
    pub(super) fn expect(&mut self, sender: u64, next: u64, now: Instant) {
        self.senders.insert(sender, Sender { next, missing: BTreeMap::new(), heard: now });
    }

    /// Whether a message of an earlier number may be on its way.
    pub(super) fn awaits_earlier(&self, sender: u64, number: u64, now: Instant) -> bool {
        let Some(sender) = self.senders.get(&sender) else { return false };
        let soon = |lost: &Instant| now + LATE < *lost + IN_ORDER;
        sender.missing.range(..number).any(|(_, lost)| soon(lost))
    }

    /// Takes note of a number; whether it shows a gap at once.
    pub(super) fn heard(&mut self, sender: u64, number: u64, now: Instant) -> bool {
        // Whoever was there before us is heard of soon. What it sent earlier was before our time; a
        // later one has just begun.
        let settled = now.duration_since(self.began) > self.heartbeat * HEARTBEATS;
        let first = if settled { 1 } else { number };
        let sender = self.senders.entry(sender).or_insert_with(|| Sender {
            next: first,
            missing: BTreeMap::new(),
            heard: now,
        });
        sender.heard = now;
        if number < sender.next {
            sender.missing.remove(&number);
            return false;
        }
        let skipped = sender.next..number;
        sender.next = number.saturating_add(1);
        if number - skipped.start > TOO_MANY {
            sender.missing.clear();
            return true;
        }
        sender.missing.extend(skipped.map(|number| (number, now + LATE)));
        false
    }

    /// Whether numbers are lost by now, or a sender is. Says so once.
    pub(super) fn found(&mut self, now: Instant) -> bool {
        let silence = self.heartbeat * HEARTBEATS + LATE;
        let mut found = false;
        self.senders.retain(|_, sender| {
            let before = sender.missing.len();
            sender.missing.retain(|_, lost| now < *lost);
            let stays = now.duration_since(sender.heard) <= silence;
            found |= sender.missing.len() < before || !stays;
            stays
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Duration = Duration::from_secs(5);

    struct Ear {
        gaps: Gaps,
        now: Instant,
    }

    impl Ear {
        fn new() -> Self {
            let now = Instant::now();
            Self { gaps: Gaps::new(HEARTBEAT, now), now }
        }

        fn hears(&mut self, numbers: impl IntoIterator<Item = u64>) {
            for number in numbers {
                assert!(!self.gaps.heard(7, number, self.now), "{number}");
            }
        }

        fn finds_after(&mut self, wait: Duration) -> bool {
            self.now += wait;
            self.gaps.found(self.now)
        }
    }

    #[test]
    fn a_number_that_stays_away_is_a_gap_once() {
        let mut ear = Ear::new();
        ear.hears([40, 41, 43]);
        assert!(!ear.finds_after(LATE / 2));
        assert!(ear.finds_after(LATE / 2));
        assert!(!ear.finds_after(LATE));
    }

    #[test]
    fn late_and_repeated_numbers_are_none() {
        let mut ear = Ear::new();
        ear.hears([1, 4, 2, 4, 3, 3, 5, 1]);
        assert!(!ear.finds_after(2 * LATE));
    }

    #[test]
    fn a_newcomer_begins_with_one() {
        let mut ear = Ear::new();
        ear.now += 4 * HEARTBEAT;
        ear.hears([1, 2]);
        assert!(!ear.finds_after(2 * LATE));
        assert!(!ear.gaps.heard(8, 2, ear.now));
        assert!(ear.finds_after(2 * LATE), "its first message was lost");
    }

    #[test]
    fn silence_is_a_gap_once() {
        let mut ear = Ear::new();
        ear.hears([1]);
        assert!(!ear.finds_after(3 * HEARTBEAT));
        assert!(ear.finds_after(2 * LATE));
        assert!(!ear.finds_after(HEARTBEAT));
    }

    #[test]
    fn a_wide_gap_is_not_waited_for() {
        let mut ear = Ear::new();
        ear.hears([1]);
        assert!(ear.gaps.heard(7, u64::MAX, ear.now));
        assert!(!ear.gaps.heard(7, 5, ear.now));
        assert!(!ear.finds_after(LATE));
    }
}

//! Detects missed messages.
//!
//! Numbers may arrive out of order: a process sends over several connections, and on a cluster over
//! several nodes. Only a number that stays missing is a gap. A sender that stops sending has ended
//! or is unreachable; this also counts as a gap, once. A gap only causes entries in memory to be
//! looked up again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// How late a message may arrive.
const LATE: Duration = Duration::from_secs(1);

/// How long later messages are held back for a missing one.
const IN_ORDER: Duration = Duration::from_millis(100);

/// After so many missing heartbeats a sender is dropped.
const HEARTBEATS: u32 = 3;

/// A gap of more messages than this is reported immediately.
const TOO_MANY: u64 = 1000;

pub(super) struct Gaps {
    heartbeat: Duration,
    began: Instant,
    senders: HashMap<u64, Sender>,
}

struct Sender {
    next: u64,
    /// The skipped numbers, each with the moment after which it counts as lost.
    missing: BTreeMap<u64, Instant>,
    heard: Instant,
}

impl Gaps {
    pub(super) fn new(heartbeat: Duration, now: Instant) -> Self {
        Self { heartbeat, began: now, senders: HashMap::new() }
    }

    /// Sets the next number of a sender.
    pub(super) fn expect(&mut self, sender: u64, next: u64, now: Instant) {
        self.senders.insert(sender, Sender { next, missing: BTreeMap::new(), heard: now });
    }

    /// Whether an earlier message of the same sender may still arrive.
    pub(super) fn awaits_earlier(&self, sender: u64, number: u64, now: Instant) -> bool {
        let Some(sender) = self.senders.get(&sender) else { return false };
        let soon = |lost: &Instant| now + LATE < *lost + IN_ORDER;
        sender.missing.range(..number).any(|(_, lost)| soon(lost))
    }

    /// Records a number. Returns whether it shows a gap immediately.
    pub(super) fn heard(&mut self, sender: u64, number: u64, now: Instant) -> bool {
        // A sender that existed before this subscription is heard within a few heartbeats. Its
        // earlier messages were sent before the subscription. A sender that is first heard later
        // has just started, so its first number is 1.
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

    /// Whether messages or a sender were lost since the last call.
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
    fn a_missing_number_is_a_gap_once() {
        let mut ear = Ear::new();
        ear.hears([40, 41, 43]);
        assert!(!ear.finds_after(LATE / 2));
        assert!(ear.finds_after(LATE / 2));
        assert!(!ear.finds_after(LATE));
    }

    #[test]
    fn late_and_repeated_numbers_are_not_gaps() {
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

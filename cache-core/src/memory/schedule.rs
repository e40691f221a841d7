//! When a scan for dead entries could find any.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};
use std::time::Duration;

use super::sweeper;
use super::sweeper::Sweep;
use crate::base::Timestamp;
use crate::entry::Erased;

/// How many more sweeps scan after generations moved, while loads are in progress.
const AGAIN: u32 = 8;

/// What one tier knows of its entries' ends without looking at them.
pub(crate) struct Schedule {
    /// No entry expires before this moment.
    earliest: AtomicU64,
    /// The count of generation changes that was last acted upon.
    seen: AtomicU64,
    again: AtomicU32,
    listed: AtomicBool,
    every: Duration,
    owner: OnceLock<Weak<dyn Sweep>>,
}

impl Schedule {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            earliest: AtomicU64::new(Timestamp::NEVER.millis()),
            seen: AtomicU64::new(0),
            again: AtomicU32::new(0),
            listed: AtomicBool::new(false),
            every,
            owner: OnceLock::new(),
        }
    }

    pub(super) fn owned_by(&self, owner: Weak<dyn Sweep>) {
        let _ = self.owner.set(owner);
    }

    /// Takes note of an entry that is in the engine now. (Not before: a scan that begins in between
    /// would forget the moment and miss the entry.)
    pub(super) fn note(&self, entry: &Erased, expiry: Timestamp) {
        if expiry.millis() < self.earliest.load(Ordering::Relaxed) {
            self.earliest.fetch_min(expiry.millis(), Ordering::AcqRel);
        }
        // A generation of the fleet's may move on for entries that never expire.
        let mortal =
            expiry != Timestamp::NEVER || !entry.stamps.tags.is_empty() || entry.stamps.space != 0;
        if mortal
            && !self.listed.load(Ordering::Relaxed)
            && !self.listed.swap(true, Ordering::AcqRel)
            && let Some(owner) = self.owner.get()
        {
            // Shuttle knows of no threads but its own.
            #[cfg(not(shuttle))]
            sweeper::list(owner.clone(), self.every);
            #[cfg(shuttle)]
            let _ = (owner, sweeper::list, self.every);
        }
    }

    /// A scan begins: what it leaves is noted anew.
    pub(super) fn begin(&self) {
        self.earliest.store(Timestamp::NEVER.millis(), Ordering::Release);
    }

    /// Whether a scan could find anything. `changes` counts the generations' moves; `loading` says
    /// whether loads are in progress: what began before a move lands dead after the scan for it.
    /// That is scanned for a bounded number of times; what comes even later goes by its own expiry,
    /// by the next scan, or for want of room.
    pub(super) fn is_due(&self, now: Timestamp, changes: u64, loading: bool) -> bool {
        let again = self.again.load(Ordering::Relaxed);
        if self.seen.swap(changes, Ordering::Relaxed) != changes {
            self.again.store(AGAIN, Ordering::Relaxed);
            return true;
        }
        self.again.store(if loading { again.saturating_sub(1) } else { 0 }, Ordering::Relaxed);
        again > 0 || self.earliest.load(Ordering::Acquire) <= now.millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().after(Duration::from_secs(seconds))
    }

    fn note(schedule: &Schedule, expiry: Timestamp) {
        use crate::entry::{Entry, Lifetime, Marks, Stored};
        let life = Lifetime::new(at(0), None, &crate::base::Policy::new());
        let entry: Stored = std::sync::Arc::new(Entry {
            life,
            marks: Marks::new(&life),
            stamps: Default::default(),
            key: "k".into(),
            value: (),
        });
        schedule.note(&entry, expiry);
    }

    #[test]
    fn due_when_the_earliest_can_have_expired() {
        let schedule = Schedule::new(Duration::from_secs(1));
        assert!(!schedule.is_due(at(1_000), 0, true));
        note(&schedule, at(20));
        note(&schedule, at(10));
        note(&schedule, Timestamp::NEVER);
        assert!(!schedule.is_due(at(9), 0, true));
        assert!(schedule.is_due(at(10), 0, true));
        schedule.begin();
        assert!(!schedule.is_due(at(1_000), 0, true));
        note(&schedule, at(20));
        assert!(schedule.is_due(at(20), 0, true));
    }

    #[test]
    fn due_when_generations_moved() {
        let schedule = Schedule::new(Duration::from_secs(1));
        let due = |changes, loading| schedule.is_due(at(0), changes, loading);
        // Once for the move, and once for what was loading then.
        assert!(due(1, false) && due(1, false) && !due(1, false) && !due(1, true));
        // For as long as loads are in progress, but not for ever.
        assert!(due(2, true));
        let again = (0..100).filter(|_| due(2, true)).count();
        assert_eq!(again, AGAIN as usize);
    }
}

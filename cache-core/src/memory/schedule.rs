//! Decides when a scan could find dead entries.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};
use std::time::Duration;

use super::sweeper;
use super::sweeper::Sweep;
use crate::base::Timestamp;
use crate::entry::Stored;

/// How many more sweeps scan after a generation changed, while loads are in progress.
const AGAIN: u32 = 8;

/// What a tier knows about its entries' expiry without looking at them.
pub(crate) struct Schedule {
    /// No entry expires before this moment.
    earliest: AtomicU64,
    /// The count of generation changes at the last scan that they caused.
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

    /// Records an entry that is already in the engine. (Not before: a scan that begins in between would
    /// forget the moment and miss the entry.)
    pub(super) fn note(&self, entry: &Stored, expiry: Timestamp) {
        if expiry.millis() < self.earliest.load(Ordering::Relaxed) {
            self.earliest.fetch_min(expiry.millis(), Ordering::AcqRel);
        }
        // A generation of the fleet may change for entries that never expire.
        let mortal =
            expiry != Timestamp::NEVER || !entry.stamps.tags.is_empty() || entry.stamps.space != 0;
        if mortal
            && !self.listed.load(Ordering::Relaxed)
            && !self.listed.swap(true, Ordering::AcqRel)
            && let Some(owner) = self.owner.get()
        {
            // Shuttle only knows its own threads.
            #[cfg(not(shuttle))]
            sweeper::list(owner.clone(), self.every);
            #[cfg(shuttle)]
            let _ = (owner, sweeper::list, self.every);
        }
    }

    /// Begins a scan. It records the entries that it leaves.
    pub(super) fn begin(&self) {
        self.earliest.store(Timestamp::NEVER.millis(), Ordering::Release);
    }

    /// Whether a scan could find dead entries. `changes` counts the changes of generations; `loading` says
    /// whether loads are in progress: a load that began before a change may insert a dead entry after the
    /// scan. So a bounded number of further scans follow. Entries that come even later leave by their own
    /// expiry, by a later scan, or by eviction.
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
        let life = crate::entry::Lifetime::new(at(0), None, &crate::base::Policy::new());
        schedule.note(&crate::entry::empty_entry("k", life), expiry);
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
        // One scan for the change, and one for the loads in progress at that time.
        assert!(due(1, false) && due(1, false) && !due(1, false) && !due(1, true));
        // While loads are in progress, but only a bounded number of times.
        assert!(due(2, true));
        let again = (0..100).filter(|_| due(2, true)).count();
        assert_eq!(again, AGAIN as usize);
    }
}

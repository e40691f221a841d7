//! Frees the memory of dead entries.
//!
//! This only saves memory: reads recognise a dead entry themselves.

use super::handle::Engine;
use crate::base::Timestamp;
use crate::entry::{Freshness, Stored};
use crate::memory::Sweep;
use crate::stats::RemovalCause;

impl Engine {
    /// Why the entry can never be served again, if so.
    fn is_dead(&self, entry: &Stored, now: Timestamp) -> Option<RemovalCause> {
        if entry.at(now) == Freshness::Expired {
            return Some(RemovalCause::Expired);
        }
        if self.generations.current(&entry.stamps) {
            return None;
        }
        let soft = self.generations.since_outdated(&entry.stamps).is_some();
        let kept = soft && now < entry.life().outdated(now).keep_until;
        (!kept).then_some(RemovalCause::Tag)
    }

    /// Removes all dead entries; returns how many.
    pub(crate) fn reclaim(&self) -> u64 {
        let Some(memory) = &self.memory else { return 0 };
        let now = self.clock.now();
        let mut reclaimed = 0;
        memory.scan(|id, entry| {
            let dead = self.is_dead(entry, now);
            let gone = dead.filter(|_| self.fences.reclaim(id, entry, memory));
            if let Some(cause) = gone {
                reclaimed += 1;
                self.signals.left(cause, 1, [&*entry.key]);
            }
            gone.is_some()
        });
        reclaimed
    }
}

impl Sweep for Engine {
    fn sweep(&self) {
        let Some(memory) = &self.memory else { return };
        let changes = self.generations.changes();
        if memory.is_due(self.clock.now(), changes, self.fences.len() > 0) {
            self.reclaim();
        }
    }
}

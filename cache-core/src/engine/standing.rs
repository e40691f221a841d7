//! The sizes of a cache now, and the entries that left its memory tier.

use super::handle::Engine;
use crate::stats::{RemovalCause, Stats};

impl Engine {
    /// The number of entries that ever left memory for this cause.
    pub(crate) fn left(&self, cause: RemovalCause) -> u64 {
        match cause {
            // The engines count evictions for capacity.
            RemovalCause::Capacity => self.memory.as_ref().map_or(0, |memory| memory.evictions()),
            cause => self.signals.count(cause),
        }
    }

    /// Adds the current sizes, and the entries that left memory.
    pub(crate) fn standing(&self, stats: Stats) -> Stats {
        let memory = self.memory.as_ref();
        let baseline = self.signals.baseline();
        let stats = stats.with_causes(|cause| self.left(cause).saturating_sub(baseline(cause)));
        Stats {
            entries: memory.map_or(0, |memory| memory.len()),
            bytes: memory.map_or(0, |memory| memory.bytes()),
            in_flight: self.fills() as u64,
            breaker: self.remote.as_ref().map(|remote| remote.breaker_state()).unwrap_or_default(),
            ..stats
        }
    }
}

//! Values that only a transaction sees until it commits: its puts, and the loads of its reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::base::Selection;
use crate::engine::handle::Engine;
use crate::engine::mutation::Mutation;
use crate::engine::request::Request;
use crate::entry::{Freshness, Stored};
use crate::key::KeyId;
use crate::memory::Ticket;
use crate::tags::TagSnapshot;

/// How many values are kept for one cache. Beyond that, each read loads.
const VALUES: usize = 10_000;

/// A value of the transaction.
pub(crate) struct OwnValue {
    entry: Stored,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// Its write is a step of the transaction.
    Put,
    /// The ticket was issued before the load. `current`: the key was not evicted between the start of the
    /// transaction, whose database may show the state of that time, and the end of the load.
    Load { ticket: Ticket, current: bool },
}

impl fmt::Debug for OwnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnValue")
            .field("key", &self.entry.key)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl OwnValue {
    pub(super) fn put(entry: Stored) -> Self {
        Self { entry, origin: Origin::Put }
    }

    pub(super) fn load(ticket: Ticket, current: bool, entry: Stored) -> Self {
        Self { entry, origin: Origin::Load { ticket, current } }
    }

    pub(super) fn is_loaded(&self) -> bool {
        matches!(self.origin, Origin::Load { .. })
    }

    pub(super) fn key(&self) -> &str {
        &self.entry.key
    }

    pub(super) fn stamps(&self) -> &TagSnapshot {
        &self.entry.stamps
    }

    /// Whether it may be served: a loaded value only until something evicts it.
    pub(super) fn is_valid(&self, cache: &Engine) -> bool {
        let alive = match &self.origin {
            Origin::Put => true,
            Origin::Load { ticket, .. } => {
                ticket.is_alive() && cache.generations.current(&self.entry.stamps)
            }
        };
        alive && self.entry.at(cache.clock.now()) == Freshness::Fresh
    }

    fn is_ended_by(&self, what: &Mutation) -> bool {
        let key = &*self.entry.key;
        let selection = match what {
            Mutation::Expire(..) => return false,
            Mutation::Evict(selection, _) | Mutation::MarkStale(selection) => selection,
        };
        match selection {
            Selection::Keys(evicted) => evicted.as_str() == key,
            Selection::Pattern(pattern) => pattern.covers(key),
            Selection::Tag(tag) => self.entry.stamps.tags.iter().any(|(own, _)| *own.name == **tag),
            Selection::All => true,
        }
    }

    /// Publishes a loaded value to all callers of the process, after the commit, unless it was evicted or
    /// memory already has a value. The remote tier does not get it: without a lease, which would have blocked
    /// other processes, this process cannot know whether one of them has evicted the key meanwhile.
    pub(super) fn publish(self, cache: &Arc<Engine>) {
        let Origin::Load { ticket, current: true } = self.origin else { return };
        if !cache.generations.current(&self.entry.stamps) || holds_value(cache, &self.entry) {
            return;
        }
        if ticket.commit(cache.memory.as_ref(), &self.entry).is_ok() {
            cache.counters.direct.stores();
        }
    }
}

/// Whether memory has a value of the entry's key that other callers are served.
fn holds_value(cache: &Engine, entry: &Stored) -> bool {
    let held = cache.memory.as_ref().and_then(|memory| memory.get(KeyId::of(&entry.key)));
    held.is_some_and(|held| {
        held.at(cache.clock.now()) == Freshness::Fresh && cache.generations.current(&held.stamps)
    })
}

/// A transaction's own values in one cache.
#[derive(Debug, Default)]
pub(crate) struct OwnValues(HashMap<KeyId, OwnValue>);

impl OwnValues {
    /// The value that a read sees.
    pub(super) fn find(&self, cache: &Engine, request: &Request) -> Option<Stored> {
        let own = self.0.get(&request.key.id())?;
        let seen = own.is_valid(cache) && request.declared().are_carried_by(&own.entry.stamps);
        seen.then(|| Arc::clone(&own.entry))
    }

    /// Keeps a value; returns the value that it replaces, or itself if there are too many.
    pub(super) fn keep(&mut self, own: OwnValue) -> Option<OwnValue> {
        let id = KeyId::of(&own.entry.key);
        if self.0.len() >= VALUES && !self.0.contains_key(&id) {
            return Some(own);
        }
        self.0.insert(id, own)
    }

    /// Removes and returns the values that an eviction ends.
    pub(super) fn end(&mut self, what: &Mutation) -> Vec<OwnValue> {
        self.0.extract_if(|_, own| own.is_ended_by(what)).map(|(_, own)| own).collect()
    }

    pub(super) fn take(&mut self) -> Vec<OwnValue> {
        std::mem::take(&mut self.0).into_values().collect()
    }
}

//! What a transaction has evicted in one cache, which its own reads do not see, and the values that only it
//! sees.

use std::collections::HashSet;
use std::sync::Arc;

use super::own::{OwnValue, OwnValues};
use crate::base::{Pattern, Selection};
use crate::engine::handle::Engine;
use crate::engine::mutation::Mutation;
use crate::engine::request::Request;
use crate::key::{EntryKey, KeyId};
use crate::memory::MemoryTier;
use crate::tags::TagSnapshot;

/// A transaction's view of one cache.
#[derive(Debug)]
pub(crate) struct TransactionView {
    pub(super) cache: Arc<Engine>,
    evicted: Selected,
    /// Values that are kept for callers whose load fails.
    stale: Selected,
    pub(super) owns: OwnValues,
}

/// What several evictions cover together.
#[derive(Debug, Default)]
struct Selected {
    all: bool,
    keys: HashSet<KeyId>,
    tags: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl Selected {
    /// Adds an eviction; returns whether it was new.
    fn add(&mut self, selection: &Selection<EntryKey>) -> bool {
        match selection {
            Selection::Keys(key) => self.keys.insert(key.id()),
            Selection::Tag(tag) => self.tags.insert(tag.clone()),
            Selection::Pattern(pattern) => {
                let new = !self.patterns.contains(pattern);
                if new {
                    self.patterns.push(pattern.clone());
                }
                new
            }
            Selection::All => !std::mem::replace(&mut self.all, true),
        }
    }

    /// Whether exactly this was added.
    fn has(&self, selection: &Selection<EntryKey>) -> bool {
        match selection {
            Selection::Keys(key) => self.keys.contains(&key.id()),
            Selection::Tag(tag) => self.tags.contains(tag),
            Selection::Pattern(pattern) => self.patterns.contains(pattern),
            Selection::All => self.all,
        }
    }

    fn covers_key(&self, id: KeyId, key: &str) -> bool {
        self.all
            || self.keys.contains(&id)
            || self.patterns.iter().any(|pattern| pattern.covers(key))
    }

    fn covers_stamps(&self, stamps: &TagSnapshot) -> bool {
        stamps.tags.iter().any(|(tag, _)| self.tags.contains(&*tag.name))
    }
}

impl TransactionView {
    pub(super) fn new(cache: &Arc<Engine>) -> Self {
        let (evicted, stale) = (Selected::default(), Selected::default());
        Self { cache: Arc::clone(cache), evicted, stale, owns: OwnValues::default() }
    }

    pub(super) fn is_of(&self, engine: &Engine) -> bool {
        std::ptr::eq(&raw const *self.cache, engine)
    }

    /// Adds an eviction; returns whether it was new, and the transaction's own values that it ends.
    pub(super) fn add(&mut self, what: &Mutation) -> (bool, Vec<OwnValue>) {
        let new = match what {
            Mutation::MarkStale(selection) => {
                !self.evicted.has(selection) && self.stale.add(selection)
            }
            // It makes no value old.
            Mutation::Expire(..) => true,
            Mutation::Evict(selection, _) => self.evicted.add(selection),
        };
        (new, self.owns.end(what))
    }

    fn both(&self) -> [&Selected; 2] {
        [&self.evicted, &self.stale]
    }

    /// Replaces the details by "everything", because the log became too long.
    pub(super) fn collapse(&mut self) -> Vec<OwnValue> {
        self.evicted = Selected { all: true, ..Selected::default() };
        self.stale = Selected::default();
        self.owns.take()
    }

    /// Whether the scope has evicted its own value. A put is newer than the scope's evictions of the key.
    pub(super) fn hides(&self, own: &OwnValue) -> bool {
        let key = own.key();
        let covers = || {
            let id = KeyId::of(key);
            self.both().into_iter().any(|selected| selected.covers_key(id, key))
                || self.covers_stamps(own.stamps())
        };
        // After a collapse the scope's reads do not use the cache.
        self.evicted.all || (own.is_loaded() && covers())
    }

    /// Whether a read would see a value that the scope has evicted.
    pub(super) fn covers(&self, request: &Request) -> bool {
        let (id, key) = (request.key.id(), request.key.as_str());
        self.both().into_iter().any(|selected| selected.covers_key(id, key))
            || self.covers_tags_of(request)
    }

    /// By the request's tags, or by those of the entry in memory, which may have been stored with others.
    fn covers_tags_of(&self, request: &Request) -> bool {
        if self.both().into_iter().all(|selected| selected.tags.is_empty()) {
            return false;
        }
        let stored = |memory: &MemoryTier| {
            memory.with(request.key.id(), |entry| self.covers_stamps(&entry.stamps))
        };
        let covered =
            |tag: &str| self.both().into_iter().any(|selected| selected.tags.contains(tag));
        request.tags().any(covered) || self.cache.memory.as_ref().and_then(stored).unwrap_or(false)
    }

    /// By the tags of an entry.
    pub(super) fn covers_stamps(&self, stamps: &TagSnapshot) -> bool {
        self.both().into_iter().any(|selected| selected.covers_stamps(stamps))
    }
}

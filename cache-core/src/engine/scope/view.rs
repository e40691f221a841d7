//! What a transaction has evicted in one cache, which its own reads do not see, and the values that only it
//! sees.

use std::collections::HashSet;
use std::sync::Arc;

use super::own::{OwnValue, OwnValues};
use crate::base::{Pattern, Selection};
use crate::engine::handle::Engine;
use crate::engine::mutation::Mutation;
use crate::engine::request::Request;
use crate::key::{KeyBuf, KeyId};
use crate::memory::MemoryTier;
use crate::tags::TagSnapshot;

/// A transaction's view of one cache.
#[derive(Debug)]
pub(crate) struct TransactionView {
    pub(super) cache: Arc<Engine>,
    all: bool,
    keys: HashSet<KeyId>,
    /// Keys whose values are kept for callers whose load fails.
    stale: HashSet<KeyId>,
    tags: HashSet<String>,
    patterns: Vec<Pattern>,
    pub(super) owns: OwnValues,
}

impl TransactionView {
    pub(super) fn new(cache: &Arc<Engine>) -> Self {
        Self {
            cache: Arc::clone(cache),
            all: false,
            keys: HashSet::new(),
            stale: HashSet::new(),
            tags: HashSet::new(),
            patterns: Vec::new(),
            owns: OwnValues::default(),
        }
    }

    pub(super) fn is_of(&self, engine: &Engine) -> bool {
        std::ptr::eq(&raw const *self.cache, engine)
    }

    /// Adds an eviction; returns whether it was new, and the transaction's own values that it ends.
    pub(super) fn add(&mut self, what: &Mutation) -> (bool, Vec<OwnValue>) {
        let new = match what {
            Mutation::MarkStale(key) => {
                !self.keys.contains(&key.id()) && self.stale.insert(key.id())
            }
            // It makes no value old.
            Mutation::Expire(..) => true,
            Mutation::Evict(selection, _) => self.add_selection(selection),
        };
        (new, self.owns.end(what))
    }

    fn add_selection(&mut self, selection: &Selection<KeyBuf>) -> bool {
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

    /// Replaces the details by "everything", because the log became too long.
    pub(super) fn collapse(&mut self) -> Vec<OwnValue> {
        self.all = true;
        self.keys = HashSet::new();
        self.stale = HashSet::new();
        self.tags = HashSet::new();
        self.patterns = Vec::new();
        self.owns.take()
    }

    /// Whether the scope has evicted its own value. A put is newer than the scope's evictions of the key.
    pub(super) fn hides(&self, own: &OwnValue) -> bool {
        let key = own.key();
        let covers = || {
            let id = KeyId::of(key);
            self.keys.contains(&id)
                || self.stale.contains(&id)
                || self.patterns.iter().any(|pattern| pattern.covers(key))
                || self.covers_stamps(own.stamps())
        };
        // After a collapse the scope's reads do not use the cache.
        self.all || (own.is_loaded() && covers())
    }

    /// Whether a read would see a value that the scope has evicted.
    pub(super) fn covers(&self, request: &Request) -> bool {
        self.all
            || self.keys.contains(&request.key.id())
            || self.stale.contains(&request.key.id())
            || self.patterns.iter().any(|pattern| pattern.covers(request.key.as_str()))
            || !self.tags.is_empty() && self.covers_tags_of(request)
    }

    /// By the request's tags, or by those of the entry in memory, which may have been stored with others.
    fn covers_tags_of(&self, request: &Request) -> bool {
        let stored = |memory: &MemoryTier| {
            memory.with(request.key.id(), |entry| self.covers_stamps(&entry.stamps))
        };
        request.tags().any(|tag| self.tags.contains(tag))
            || self.cache.memory.as_ref().and_then(stored).unwrap_or(false)
    }

    /// By the tags of an entry.
    pub(super) fn covers_stamps(&self, stamps: &TagSnapshot) -> bool {
        stamps.tags.iter().any(|(tag, _)| self.tags.contains(&*tag.name))
    }
}

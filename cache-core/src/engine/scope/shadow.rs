//! What a transaction has made old in one cache, which its own reads do not see, and the values that only it sees.

use std::collections::HashSet;
use std::sync::Arc;

use super::own::{Own, Owns};
use crate::base::Pattern;
use crate::engine::handle::Inner;
use crate::engine::plan::Plan;
use crate::engine::what::What;
use crate::key::KeyId;
use crate::memory::MemoryTier;
use crate::tags::Stamps;

/// A transaction's view of one cache.
#[derive(Debug)]
pub(crate) struct Shadow {
    pub(super) cache: Arc<Inner>,
    all: bool,
    keys: HashSet<KeyId>,
    /// Keys whose values are to be kept for those whose load fails.
    stale: HashSet<KeyId>,
    tags: HashSet<String>,
    patterns: Vec<Pattern>,
    pub(super) owns: Owns,
}

impl Shadow {
    pub(super) fn new(cache: &Arc<Inner>) -> Self {
        Self {
            cache: Arc::clone(cache),
            all: false,
            keys: HashSet::new(),
            stale: HashSet::new(),
            tags: HashSet::new(),
            patterns: Vec::new(),
            owns: Owns::default(),
        }
    }

    pub(super) fn is_of(&self, inner: &Inner) -> bool {
        std::ptr::eq(&raw const *self.cache, inner)
    }

    /// Adds what was evicted; says whether it was new, and gives the transaction's own values that it ends.
    pub(super) fn add(&mut self, what: &What) -> (bool, Vec<Own>) {
        let new = match what {
            What::Key(key) => self.keys.insert(key.id()),
            What::Stale(key) => !self.keys.contains(&key.id()) && self.stale.insert(key.id()),
            // No value becomes old by it.
            What::Life(..) => true,
            What::Tag(tag) => self.tags.insert(tag.clone()),
            What::Pattern(pattern, _) => {
                let new = !self.patterns.contains(pattern);
                if new {
                    self.patterns.push(pattern.clone());
                }
                new
            }
            What::All => !std::mem::replace(&mut self.all, true),
        };
        (new, self.owns.end(what))
    }

    /// Everything, and nothing in detail: the list became too long.
    pub(super) fn collapse(&mut self) -> Vec<Own> {
        self.all = true;
        self.keys = HashSet::new();
        self.stale = HashSet::new();
        self.tags = HashSet::new();
        self.patterns = Vec::new();
        self.owns.take()
    }

    /// Whether the scope has made a value of its own old. What it puts is newer than its evictions of the key.
    pub(super) fn hides(&self, own: &Own) -> bool {
        let key = own.key();
        let covers = || {
            let id = KeyId::of(key);
            self.keys.contains(&id)
                || self.stale.contains(&id)
                || self.patterns.iter().any(|pattern| pattern.covers(key))
                || self.covers_stamps(own.stamps())
        };
        // After a collapse the scope reads beside the cache.
        self.all || (own.is_loaded() && covers())
    }

    /// Whether a read of the plan would see what the scope made old.
    pub(super) fn covers(&self, plan: &Plan) -> bool {
        self.all
            || self.keys.contains(&plan.key.id())
            || self.stale.contains(&plan.key.id())
            || self.patterns.iter().any(|pattern| pattern.covers(plan.key.as_str()))
            || !self.tags.is_empty() && self.covers_tags_of(plan)
    }

    /// By the plan's tags, or by those of the entry in memory: it may have been stored with others.
    fn covers_tags_of(&self, plan: &Plan) -> bool {
        let stored = |memory: &MemoryTier| {
            memory.with(plan.key.id(), |entry| self.covers_stamps(&entry.stamps))
        };
        plan.tags().any(|tag| self.tags.contains(tag))
            || self.cache.memory.as_ref().and_then(stored).unwrap_or(false)
    }

    /// By the tags an entry was stored with.
    pub(super) fn covers_stamps(&self, stamps: &Stamps) -> bool {
        stamps.tags.iter().any(|(tag, _)| self.tags.contains(&*tag.name))
    }
}

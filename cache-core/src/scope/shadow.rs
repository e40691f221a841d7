//! What a transaction has made old in one cache: its own reads of that go beside the cache.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use crate::cache::Inner;
use crate::entry::Erased;
use crate::invalidation::{Reach, Stamps, What};
use crate::key::{KeyBuf, KeyId};
use crate::memory::MemoryTier;
use crate::pattern::Pattern;
use crate::strategy::Plan;

/// Loads that are remembered for one cache; beyond, all count as loaded.
const LOADS: usize = 10_000;

/// A transaction's view of one cache.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) cache: Arc<Inner>,
    all: bool,
    keys: HashSet<KeyId>,
    /// Keys whose values are to be kept for those whose load fails.
    stale: HashSet<KeyId>,
    tags: HashSet<String>,
    patterns: Vec<Pattern>,
    loads: Loads,
}

/// What was loaded in the scope and may have been stored before the scope evicted it.
#[derive(Debug, Default)]
struct Loads {
    seen: HashMap<KeyId, Loaded>,
    uncounted: bool,
}

#[derive(Debug)]
struct Loaded {
    key: KeyBuf,
    tags: Vec<String>,
    /// The valid entry that memory had at that time: while it is still the one, nothing of the scope's
    /// was stored.
    before: Option<Before>,
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
            loads: Loads::default(),
        }
    }

    pub(super) fn is_of(&self, inner: &Inner) -> bool {
        std::ptr::eq(&raw const *self.cache, inner)
    }

    /// Adds what was evicted; says whether it was new.
    pub(super) fn add(&mut self, what: &What) -> bool {
        match what {
            What::Key(key) => self.keys.insert(key.id()),
            What::Stale(key) => !self.keys.contains(&key.id()) && self.stale.insert(key.id()),
            // No value becomes old by it.
            What::Life(..) => true,
            What::Tag(tag) => self.tags.insert(tag.clone()),
            What::Pattern(pattern) => {
                let new = !self.patterns.contains(pattern);
                if new {
                    self.patterns.push(pattern.clone());
                }
                new
            }
            What::All => !std::mem::replace(&mut self.all, true),
        }
    }

    /// Everything, and nothing in detail: the list became too long.
    pub(super) fn collapse(&mut self) {
        self.all = true;
        self.keys = HashSet::new();
        self.stale = HashSet::new();
        self.tags = HashSet::new();
        self.patterns = Vec::new();
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

    /// A read that may store what it loads.
    pub(super) fn loads(&mut self, plan: &Plan, before: Option<Before>) {
        let Loads { seen, uncounted } = &mut self.loads;
        if seen.len() >= LOADS {
            *uncounted = true;
            return;
        }
        let id = plan.key.id();
        seen.entry(id).or_insert_with(|| Loaded {
            key: plan.key.clone(),
            tags: plan.tags().map(str::to_owned).collect(),
            before,
        });
    }

    /// The keys under `what` that were loaded here, and whose values may have been stored. They are
    /// told once: from here on the scope reads them beside the cache.
    pub(super) fn take_loaded(&mut self, what: &What) -> Vec<What> {
        if self.loads.uncounted && !matches!(what, What::Life(..)) {
            return vec![what.clone()];
        }
        let covered = |_: &KeyId, loaded: &mut Loaded| match what {
            What::Key(key) | What::Stale(key) => key.as_str() == loaded.key.as_str(),
            What::Life(..) => false,
            What::Pattern(pattern) => pattern.covers(loaded.key.as_str()),
            What::Tag(tag) => loaded.tags.contains(tag),
            What::All => true,
        };
        let cache = &self.cache;
        let stored = |(id, loaded): &(KeyId, Loaded)| {
            // What is still under way stores nothing any more.
            let _ = cache.fences.kill(*id, Reach::Loads, None);
            !loaded.before.as_ref().is_some_and(|before| before.is_still_there(cache, *id))
        };
        let taken = self.loads.seen.extract_if(covered).filter(stored);
        taken.map(|(_, loaded)| What::Key(loaded.key)).collect()
    }

    /// Takes over what an inner scope loaded.
    pub(super) fn take_loads(&mut self, inner: Self) {
        self.loads.uncounted |= inner.loads.uncounted;
        for (id, loaded) in inner.loads.seen {
            // The first one knows: what the inner scope found may be what this one had stored.
            self.loads.seen.entry(id).or_insert(loaded);
        }
        self.loads.uncounted |= self.loads.seen.len() > LOADS;
    }
}

/// An entry by its identity. Moments would not do: the coarse clock gives two entries the same one.
#[derive(Debug)]
pub(super) struct Before(Weak<Erased>);

impl Before {
    /// What memory has that a read may be served.
    pub(super) fn of(cache: &Inner, id: KeyId) -> Option<Self> {
        cache.unverified(id, crate::call::Declared::NONE).map(|entry| Self(Arc::downgrade(&entry)))
    }

    fn is_still_there(&self, cache: &Inner, id: KeyId) -> bool {
        let same = |entry: &Erased| std::ptr::addr_eq(entry, self.0.as_ptr());
        cache.memory.as_ref().and_then(|memory| memory.with(id, same)).unwrap_or(false)
    }
}

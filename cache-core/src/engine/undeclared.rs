//! Warns of an evicted tag that no function and no entry of this process has declared: it may be misspelt, and then the
//! eviction ends nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::handle::Engine;

/// Warnings are given for so many names; the set of names does not grow beyond that.
const NAMES: usize = 100;

impl Engine {
    /// Warns once for each name of a tag that nothing in this cache has declared. A function has declared its tags once
    /// it was called here, so that a process which only evicts may be warned without a reason.
    pub(super) fn warn_of_undeclared(&self, tag: &str) {
        // Tenants and events need not have entries here.
        if tag.starts_with('@') || tag.starts_with("event:") || self.generations.knows(tag) {
            return;
        }
        let name = name(tag);
        if self.counters.sites().any(|site| site.declares(tag)) || !is_first(name) {
            return;
        }
        // What follows the name may be a user's: warnings hold none of it.
        let tag = if name.len() < tag.len() { format!("{name}:..") } else { tag.to_owned() };
        let cache = &*self.signals.cache;
        tracing::warn!(
            target: "larder::eviction",
            cache,
            tag,
            "larder: a tag is evicted that no function or entry of this process has declared: check its spelling"
        );
    }
}

/// What tags of one kind have in common: `row:7` and `row:8` are `row`. The names of models and operations are the
/// programmer's.
fn name(tag: &str) -> &str {
    if tag.starts_with("model:") {
        return tag;
    }
    tag.split_once(':').map_or(tag, |(name, _)| name)
}

/// Whether nobody was warned of the name yet.
fn is_first(name: &str) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.len() < NAMES && said.insert(name.to_owned())
}

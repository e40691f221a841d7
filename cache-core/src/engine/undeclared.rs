//! Warns of an evicted tag that no function and no entry of this process has declared: if the name is
//! misspelt, the eviction has no effect.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::handle::Engine;

/// The maximum number of names for which warnings are logged and remembered.
const NAMES: usize = 100;

impl Engine {
    /// Warns once for each name of a tag that nothing in this cache has declared. A function declares its
    /// tags with its first call here, so a process that only evicts may be warned without reason.
    pub(super) fn warn_of_undeclared(&self, tag: &str) {
        // The entries of tenants and events may be in other processes only.
        if tag.starts_with('@') || tag.starts_with("event:") || self.generations.knows(tag) {
            return;
        }
        let name = name(tag);
        if self.counters.sites().any(|site| site.declares(tag)) || !is_first(name) {
            return;
        }
        // The part after the name may come from a user, so warnings omit it.
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

/// The common part of the tags of one kind: `row:7` and `row:8` are `row`. The names of models and operations
/// are chosen by the programmer, so they stay.
fn name(tag: &str) -> &str {
    if tag.starts_with("model:") {
        return tag;
    }
    tag.split_once(':').map_or(tag, |(name, _)| name)
}

/// Whether the name has not been reported yet.
fn is_first(name: &str) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.len() < NAMES && said.insert(name.to_owned())
}

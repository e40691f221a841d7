//! The functions that the attributes generate, used from outside: every form, with its loads counted.
//!
//! Each test has a separate named cache, so that tests do not affect each other.
#![allow(clippy::unwrap_used)]

#[path = "macros/arguments.rs"]
mod arguments;
#[path = "macros/begun_calls.rs"]
mod begun_calls;
#[path = "macros/borrowed_errors.rs"]
mod borrowed_errors;
#[path = "macros/cache_evict.rs"]
mod cache_evict;
#[path = "macros/cache_put.rs"]
mod cache_put;
#[path = "macros/caches.rs"]
mod caches;
#[path = "macros/call.rs"]
mod call;
#[path = "macros/cells.rs"]
mod cells;
#[path = "macros/conditions.rs"]
mod conditions;
#[path = "macros/described_calls.rs"]
mod described_calls;
#[path = "macros/each/mod.rs"]
mod each;
#[path = "macros/forms/mod.rs"]
mod forms;
#[path = "macros/from_errors.rs"]
mod from_errors;
#[path = "macros/from_values.rs"]
mod from_values;
#[path = "macros/functions.rs"]
mod functions;
#[path = "support/gated.rs"]
mod gated;
#[path = "macros/held_arguments.rs"]
mod held_arguments;
#[path = "macros/hygiene.rs"]
mod hygiene;
#[path = "macros/impl_defaults.rs"]
mod impl_defaults;
#[path = "macros/keys.rs"]
mod keys;
#[path = "macros/keys_canonical.rs"]
mod keys_canonical;
#[path = "macros/keys_with.rs"]
mod keys_with;
#[path = "macros/methods.rs"]
mod methods;
#[path = "macros/models.rs"]
mod models;
#[path = "macros/names.rs"]
mod names;
#[path = "macros/on_error.rs"]
mod on_error;
#[path = "support/origin.rs"]
mod origin;
#[path = "macros/policy.rs"]
mod policy;
#[path = "macros/refresh_every.rs"]
mod refresh_every;
#[path = "macros/stale.rs"]
mod stale;
mod support;
#[path = "macros/sync.rs"]
mod sync;
#[path = "macros/sync_blocking.rs"]
mod sync_blocking;
#[path = "macros/tags.rs"]
mod tags;
#[path = "macros/tenants.rs"]
mod tenants;

use std::sync::atomic::{AtomicU64, Ordering};

use larder::Cache;

/// Builds a cache with this name and installs it.
fn install(name: &str) -> Cache {
    let cache = Cache::builder().name(name).build().unwrap();
    cache.install();
    cache
}

/// Counts how often a function's body ran. Functions return the count, so a value identifies its load.
#[derive(Debug, Default)]
struct Loads(AtomicU64);

impl Loads {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one more run and returns the new count.
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

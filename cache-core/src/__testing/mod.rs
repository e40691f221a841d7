//! The internals of the runtime that `cache-testkit` and fuzzing need (feature `testing`). Not for users.

pub mod bytes;

pub use crate::codec::round_trip;
pub use crate::engine::TestScope;
pub use crate::engine::test_scope::{MakeCache, current, with_scope};

use std::time::Duration;

use crate::base::{Clock, Pattern};
use crate::engine::Cache;
use crate::registry::Builder;

/// Returns a builder of a kit's cache, with the kit's clock.
pub fn builder(clock: Clock) -> Builder {
    Builder::at(clock)
}

/// Returns a random number.
pub fn random() -> u64 {
    crate::key::random()
}

/// Returns a cache for a kit whose own default cache cannot be built.
pub fn embedded() -> Cache {
    Cache::embedded()
}

/// Returns the keys in the memory tier, sorted.
pub fn keys_in_memory(cache: &Cache) -> Vec<String> {
    let mut keys = cache.engine.keys_in_memory(&Pattern::prefix(""));
    keys.sort();
    keys
}

/// Returns how many scheduled refreshes of a cache have come or are in progress.
pub fn refreshes_under_way(cache: &Cache) -> usize {
    let engine = &cache.engine;
    engine.refresher().under_way(engine.clock().now())
}

/// Waits, by the clock.
pub async fn sleep(clock: &Clock, time: Duration) {
    clock.sleep(time).await;
}

/// Whether only the test moves the clock.
pub fn is_manual(clock: &Clock) -> bool {
    clock.is_manual()
}

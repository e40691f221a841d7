//! Cached functions of larder.

use std::collections::HashMap;

use larder::{Cache, Memory, cached};

use crate::Result;

#[cached(ttl = "1h")]
pub(crate) async fn automatic(id: u64) -> u64 {
    id
}

#[cached(key = "user:{id}", ttl = "1h")]
pub(crate) async fn templated(id: u64) -> u64 {
    id
}

#[cached(ttl = "1h")]
pub(crate) fn automatic_sync(id: u64) -> u64 {
    id
}

#[cached(key = "sync:{id}", ttl = "1h")]
pub(crate) fn templated_sync(id: u64) -> u64 {
    id
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["users"])]
pub(crate) async fn tagged(id: u64) -> u64 {
    id
}

#[cached(key = "documents:{section}:{id}", ttl = "1h")]
pub(crate) async fn long(section: &str, id: u64) -> u64 {
    id + section.len() as u64
}

#[cached(ttl = "1h")]
pub(crate) async fn filtered(filter: &HashMap<&str, u64>) -> u64 {
    filter.len() as u64
}

#[cached(key = "row:{id}", each = "id in ids", ttl = "1h")]
pub(crate) async fn rows(ids: &[u64]) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

/// Installs a new default cache.
pub(crate) fn install(capacity: usize) -> Result<Cache> {
    let cache = Cache::builder().memory(Memory::max_entries(capacity as u64)).build()?;
    cache.install();
    Ok(cache)
}

//! What a cache is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::engine::Cache;
use crate::memory::Capacity;

/// What a cache is made of, as [`Cache::info`] found it. Plain data, for logs and for operators' pages (serde: spans as
/// milliseconds).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// The name it was built with.
    pub name: Option<String>,
    /// The prefix of its keys in the remote tier.
    pub namespace: String,
    /// How long entries are fresh whose policy does not say; `None`: for ever.
    #[serde(rename = "default_ttl_ms", serialize_with = "millis")]
    pub default_ttl: Option<Duration>,
    /// Whether it is on, and caching in the process too.
    pub enabled: bool,
    /// Whether it was closed.
    pub closed: bool,
    /// Whether other processes' evictions arrive.
    pub linked: bool,
    /// The memory tier.
    pub memory: Option<MemoryInfo>,
    /// The remote tier.
    pub remote: Option<RemoteInfo>,
}

/// The memory tier, as part of an [`Info`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MemoryInfo {
    /// What goes first when it is full: `auto`, `lru`, `lfu` or `ttl`.
    pub eviction: String,
    /// The most that it holds.
    pub capacity: Capacity,
    /// How many entries it has, expired ones that were not yet reclaimed included.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub bytes: u64,
}

/// The remote tier, as part of an [`Info`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RemoteInfo {
    /// What it is, such as `redis`.
    pub kind: String,
    /// How values are written: `postcard`, `json` or `messagepack`.
    pub codec: String,
    /// How they are compressed, and from which length on; `none`: they are not.
    pub compression: String,
    /// Whether they are encrypted.
    pub encrypted: bool,
    /// Whether it has leases: one load per key in the fleet, fenced.
    pub leases: bool,
    /// What the store tells of itself, by its own names: for Redis, the fields of `INFO`;
    /// of a cluster's masters each behind the server's address, as in `10.0.0.1:7000/used_memory`.
    pub details: BTreeMap<String, String>,
    /// Why it could not be asked.
    pub error: Option<String>,
}

impl Cache {
    /// What the cache is made of. The remote tier is asked for what it tells of itself; if it can't be asked, that is
    /// part of the answer.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Capacity, Error, Memory};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().namespace("shop").memory(Memory::max_entries(500)).build()?;
    /// let info = cache.info().await;
    /// assert_eq!(info.namespace, "shop");
    /// assert_eq!(info.memory.map(|memory| memory.capacity), Some(Capacity::Entries(500)));
    /// assert!(info.remote.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn info(&self) -> Info {
        let engine = &self.engine;
        Info {
            name: engine.name.clone(),
            namespace: engine.namespace.clone(),
            default_ttl: engine.default_ttl.get(),
            enabled: self.is_enabled(),
            closed: self.is_closed(),
            linked: self.is_linked(),
            memory: self.memory_info(),
            remote: self.remote_info().await,
        }
    }

    fn memory_info(&self) -> Option<MemoryInfo> {
        let memory = self.engine.memory.as_ref()?;
        let (eviction, capacity) = (name_of(memory.eviction()), memory.capacity());
        Some(MemoryInfo { eviction, capacity, entries: memory.len(), bytes: memory.bytes() })
    }

    async fn remote_info(&self) -> Option<RemoteInfo> {
        let remote = self.engine.remote.as_ref()?;
        let backend = remote.backend();
        let (details, error) = match backend.info().await {
            Ok(details) => (details, None),
            Err(error) => (BTreeMap::new(), Some(error.to_string())),
        };
        Some(RemoteInfo {
            kind: backend.name().to_owned(),
            codec: name_of(self.engine.wire.codec),
            compression: name_of(self.engine.wire.compression),
            encrypted: self.engine.wire.seal.encrypts(),
            leases: remote.has_leases(),
            details,
            error,
        })
    }
}

#[allow(clippy::ref_option)]
fn millis<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(crate::base::millis).serialize(to)
}

/// A variant as configurations write it.
fn name_of(variant: impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

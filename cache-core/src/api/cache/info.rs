//! A description of a cache.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::engine::{Cache, Inspection};
use crate::key::IntoKey;
use crate::memory::{Capacity, MemoryTier};

/// The parts and settings of a cache, from [`Cache::info`]. Plain data, for logs and operators' pages (serde:
/// spans as milliseconds).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// The name given to the builder.
    pub name: Option<String>,
    /// The prefix of its keys in the remote tier.
    pub namespace: String,
    /// How long entries are fresh if their policy does not say; `None`: without limit.
    #[serde(rename = "default_ttl_ms", serialize_with = "millis")]
    pub default_ttl: Option<Duration>,
    /// Whether caching is on, for this cache and for the process.
    pub enabled: bool,
    /// Whether the cache was closed.
    pub closed: bool,
    /// Whether evictions by other processes arrive.
    pub linked: bool,
    /// The memory tier.
    pub memory: Option<MemoryInfo>,
    /// The remote tier.
    pub remote: Option<RemoteInfo>,
}

/// The memory tier, as part of an [`Info`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryInfo {
    /// The eviction policy: `auto`, `lru`, `lfu` or `ttl`.
    pub eviction: String,
    /// The bound.
    pub capacity: Capacity,
    /// The number of entries, including expired ones that were not reclaimed yet.
    pub entries: u64,
    /// The total weight of the entries, in bytes, as in [`Stats::bytes`](crate::Stats::bytes).
    pub bytes: u64,
}

/// The remote tier, as part of an [`Info`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemoteInfo {
    /// The kind of store, such as `redis`.
    pub kind: String,
    /// The format of values: `postcard`, `json` or `messagepack`.
    pub codec: String,
    /// The compression of values, and the size from which it applies; `none` without compression.
    pub compression: String,
    /// Whether values are encrypted.
    pub encrypted: bool,
    /// Whether the store has leases: one load per key among all processes, with fencing.
    pub leases: bool,
    /// The store's own information, under its own names: for Redis, the fields of `INFO`. If there are
    /// several masters, each name is prefixed with the server's address, as in `10.0.0.1:7000/used_memory`.
    pub details: BTreeMap<String, String>,
    /// The error, if the store could not be asked.
    pub error: Option<String>,
}

impl Cache {
    /// Returns the parts and settings of the cache. Asks the remote tier for its own information; if that
    /// fails, the error is part of the result.
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
            name: engine.name().map(str::to_owned),
            namespace: engine.namespace().to_owned(),
            default_ttl: engine.default_ttl().get(),
            enabled: self.is_enabled(),
            closed: self.is_closed(),
            linked: self.is_linked(),
            memory: self.memory_info(),
            remote: self.remote_info().await,
        }
    }

    /// Describes the entry of a key in each tier: its state, age, remaining life, size, tags, codec and
    /// schema, but not its value. For an operator who wants to know why a value is served, or is not.
    ///
    /// It has no side effects: it counts as no read, promotes nothing, and renews no time to idle. It shows
    /// what the tiers have, also inside a [`transaction`](crate::transaction()) and while caching is off. If
    /// the remote tier fails, the error is part of the result. Reads the whole value of the remote tier.
    ///
    /// ```
    /// # use cache_core::facade as larder;
    /// # use larder::{Cache, Error, Policy, backend::MemoryBackend, stats::EntryState};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().remote(MemoryBackend::new()).build()?;
    /// let policy = Policy::new().ttl(Duration::from_secs(60)).tags(&["users"]);
    /// cache.entry("user:7").policy(policy).insert("Ada".to_owned()).await?;
    ///
    /// let found = cache.inspect("user:7").await;
    /// let remote = found.remote.expect("it was stored");
    /// assert_eq!((remote.state, &*remote.tags), (EntryState::Fresh, &["users".to_owned()][..]));
    /// assert_eq!(remote.encoding.expect("it is encoded").codec, "postcard");
    ///
    /// cache.evict_tag("users").await?;
    /// let found = cache.inspect("user:7").await;
    /// assert_eq!(found.remote.expect("it is still stored").state, EntryState::Evicted);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn inspect(&self, key: impl IntoKey) -> Inspection {
        self.engine.inspect(&self.own(key).into()).await
    }

    /// Measures the memory of all entries of the memory tier, in bytes: the entries themselves, their keys and
    /// tags, and the heap memory of the values, by the [`weigher`](crate::memory::Memory::weigher) of the type, else
    /// by serde, else (with `local`) only of plain types such as `String`. 0 without a memory tier.
    ///
    /// It visits every entry on the caller's thread and walks through its value, so it is meant for operators:
    /// in a tier that is [bounded by bytes](crate::memory::Memory::max_bytes),
    /// [`Stats::bytes`](crate::Stats::bytes) is the same sum without a visit.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert("page", vec![0_u64; 1_000]).await?;
    /// assert!((8_000..9_000).contains(&cache.memory_usage()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory_usage(&self) -> u64 {
        self.engine.memory().map_or(0, MemoryTier::measure_all)
    }

    fn memory_info(&self) -> Option<MemoryInfo> {
        let memory = self.engine.memory()?;
        let (eviction, capacity) = (name_of(memory.eviction()), memory.capacity());
        Some(MemoryInfo { eviction, capacity, entries: memory.len(), bytes: memory.bytes() })
    }

    async fn remote_info(&self) -> Option<RemoteInfo> {
        let remote = self.engine.remote()?;
        let backend = remote.backend();
        let (details, error) = match backend.info().await {
            Ok(details) => (details, None),
            Err(error) => (BTreeMap::new(), Some(error.to_string())),
        };
        Some(RemoteInfo {
            kind: backend.name().to_owned(),
            codec: name_of(self.engine.wire().codec),
            compression: name_of(self.engine.wire().compression),
            encrypted: self.engine.wire().seal.encrypts(),
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

/// The name of a variant as configurations write it.
fn name_of(variant: impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

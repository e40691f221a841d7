//! The runtime of **larder**: tiers, single flight, tickets, eviction. Users depend on the crate
//! `larder`, which re-exports what they need from here.
//!
//! Each module is a layer, and imports only those below it (`tests/layers.rs` checks that):
//!
//! | module | content |
//! | --- | --- |
//! | `api` | what users call by hand: values by key, lists of evictions, schedules, warming, statistics, health, monitor |
//! | `call` | calls of cached functions, single and in batches |
//! | `registry` | the caches of the process, and the builder of a cache |
//! | `engine` | reads, writes and evictions; transactions; the off switch |
//! | `remote` | the remote tier: names, pending evictions, breaker, health, bus |
//! | `memory` | the memory tier, and the fences that decide which load may fill it |
//! | `stats` | counters, latencies, health, events |
//! | `codec` | values to bytes and back |
//! | `entry` | a value with its lifetime |
//! | `tags` | generations, and the tags that a reader declares |
//! | `backend` | the trait that remote tiers implement |
//! | `key` | text, identity, templates |
//! | `base` | types of every layer: clock, error, policy, pattern |
//!
//! Expansions call [`__private`], and the test kit calls `__testing`. Both use every layer, and no layer uses them.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod __private;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod __testing;
mod api;
mod backend;
mod base;
mod call;
mod codec;
mod engine;
mod entry;
mod key;
mod memory;
mod registry;
mod remote;
mod stats;
mod tags;

/// The modules of the crate `larder`: examples in this crate's documentation use its paths.
#[doc(hidden)]
pub mod facade {
    pub use crate::{
        self as backend, self as codec, self as future, self as health, self as key, self as scope,
        self as stats, self as time, *,
    };
}

pub use crate::api::{
    Alert, AlertState, AllTiers, BlockingCache, BlockingEntry, CacheEntry, ChoosesTiers,
    EventGuard, Fits, Function, FunctionEntries, FunctionStats, InFormat, Info, Invalidation,
    KeyCount, KeyStream, LocalCache, MemoryInfo, MemoryOnly, ModelCache, Monitor, MonitorGuard,
    Reload, RemoteInfo, ScheduleGuard, ServerInfo, TracedEntry, UpdateMode, Warm, WarmInner,
    WarmProgress, WarmReport, Warmup, clear_all, function, warm,
};
pub use crate::backend::{
    Backend, BackendResult, BackendState, GENERATION_TTL, LEASE_GRACE, LeaseCommit, LeaseOutcome,
    LeaseRequest, Leases, MemoryBackend, Message, MessageHandler, NodeLink, NodeRole, NodeState,
    ReadRequest, RemoveOutcome, RevokePage, SERIES, ScanPage, SetEntry, StoredValue, Subscription,
    VERSION_LEN,
};
pub use crate::base::{
    Access, BackendError, BackendErrorKind, BoxFuture, CacheValue, Cached, Clock, Error, Expiry,
    IntoTtl, OnError, Pattern, Policy, PolicyError, PolicySettings, SharedError, Source, Stampede,
    Tiers, TimedOut, Timestamp, block_on,
};
pub use crate::call::{
    Batch, BatchInner, CachedFunction, Call, CallExpiry, CallInner, Evict, EvictEach, EvictTarget,
    Inspect, IntoCache, Load, LoadEach, Pairs, Peek, PeekEach, Put, PutEach, Traced, TracedBatch,
};
#[cfg(feature = "encryption")]
pub use crate::codec::EncryptionKeys;
#[cfg(feature = "json")]
pub use crate::codec::Json;
pub use crate::codec::{
    Codec, CodecError, Compression, MessagePack, Optional, Postcard, RemoteValue, ValueCodec,
};
pub use crate::engine::{
    Cache, CachedCell, EncodingInfo, EntryInfo, EntryState, Inspection, PatternEviction, Policies,
    TenantScope, Transaction, TransactionScope, commit, disable, enable, is_enabled, transaction,
    with_tenant, with_tenant_sync, without_cache, without_cache_sync, without_tenant,
    without_tenant_sync,
};
pub use crate::key::{IntoKey, Key, KeyBuilder, KeyParts};
pub use crate::memory::{Capacity, Eviction, Memory};
pub use crate::registry::{Builder, caches, default_cache};
pub use crate::remote::EvictionProgress;
pub use crate::stats::{
    BreakerState, BusHealth, CacheEvent, CacheListener, Health, LastError, LatencyStats,
    MemoryHealth, Outage, OutagePart, RemoteHealth, RemovalCause, Since, Stats, Status, TierStats,
};
pub use bytes::Bytes;

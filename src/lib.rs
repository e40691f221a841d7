// Its code needs the features.
#![cfg_attr(any(not(doctest), feature = "redis"), doc = include_str!("../README.md"))]

pub use cache_core::{
    Access, Batch, BlockingCache, Builder, Cache, CacheEntry, CacheValue, Cached, CachedCell, Call,
    Capacity, Error, Eviction, Expiry, Function, Invalidation, Key, LocalCache, Memory, ModelCache,
    OnError, Pattern, Policies, Policy, RemoteValue, SharedError, Source, Stampede, Tiers,
    TimedOut, Transaction, UpdateMode, block_on, caches, clear_all, commit, default_cache, disable,
    enable, function, is_enabled, transaction, warm, with_tenant, with_tenant_sync, without_cache,
    without_cache_sync, without_tenant, without_tenant_sync,
};
pub use cache_macros::{
    cache_evict, cache_put, cached, cached_impl, cached_property, call, entries,
};

/// How to write a remote tier of your own: the trait [`Backend`](backend::Backend), whose docs are its specification, and
/// what its operations take and return. `MemoryBackend` is one in this process.
pub mod backend {
    pub use cache_core::{
        Backend, BackendError, BackendErrorKind, BackendResult, BackendState, BoxFuture, Bytes,
        GENERATION_TTL, LEASE_GRACE, LeaseCommit, LeaseOutcome, LeaseRequest, Leases,
        MemoryBackend, Message, MessageHandler, NodeLink, NodeRole, NodeState, ReadRequest,
        RemoveOutcome, RevokePage, SERIES, ScanPage, SetEntry, StoredValue, Subscription,
        VERSION_LEN,
    };
}

/// The form of values in the remote tier: the [`Codec`](codec::Codec), [`Compression`](codec::Compression) and encryption of
/// a cache; and the format of one function's values (`codec = json`, `codec = MyFormat`): larder's own formats as types, and
/// the trait [`ValueCodec`](codec::ValueCodec) for a format of yours. See [the guide](guide::tiers).
pub mod codec {
    #[cfg(feature = "encryption")]
    pub use cache_core::EncryptionKeys;
    #[cfg(feature = "json")]
    pub use cache_core::Json;
    pub use cache_core::{
        Codec, CodecError, Compression, MessagePack, Optional, Postcard, ValueCodec,
    };
}

/// The futures and handles that calls and caches return, what they report, and the traits of their arguments.
pub mod future {
    pub use cache_core::{
        AllTiers, BatchInner, BlockingEntry, CachedFunction, CallExpiry, CallInner, ChoosesTiers,
        EventGuard, Evict, EvictEach, EvictTarget, EvictionProgress, Fits, FunctionEntries,
        InFormat, Inspect, IntoCache, IntoTtl, KeyStream, Load, LoadEach, MemoryOnly, Pairs,
        PatternEviction, Peek, PeekEach, Put, PutEach, Reload, ScheduleGuard, Traced, TracedBatch,
        TracedEntry, Warm, WarmInner, WarmProgress, WarmReport, Warmup,
    };
}

/// Whether a cache works: the answer of [`Cache::health`], and a monitor that raises alerts. See
/// [the guide](guide::health).
pub mod health {
    pub use cache_core::{
        Alert, AlertState, BreakerState, BusHealth, Health, LastError, MemoryHealth, Monitor,
        MonitorGuard, Outage, OutagePart, RemoteHealth, ServerInfo, Since, Status,
    };
}

/// Keys that are not a text: the builder and the parts of a [`Key`], and the trait of everything that is accepted as a key.
/// See [the guide](guide::keys).
pub mod key {
    pub use cache_core::{IntoKey, KeyBuilder, KeyParts};
}

/// What a [`Policy`] says, and the error of a wrong one.
pub mod policy {
    pub use cache_core::{PolicyError, PolicySettings};
}

/// The scopes that a task takes along: [`with_tenant`] and [`transaction`] begin them, and these carry them into other tasks.
pub mod scope {
    pub use cache_core::{TenantScope, TransactionScope};
}

/// What a cache counts and reports: [`Cache::stats`], [`Cache::info`], [`Cache::inspect`], and a listener for events. See
/// [the guide](guide::monitoring).
pub mod stats {
    pub use cache_core::{
        CacheEvent, CacheListener, EncodingInfo, EntryInfo, EntryState, FunctionStats, Info,
        Inspection, KeyCount, LatencyStats, MemoryInfo, RemoteInfo, RemovalCause, Stats, TierStats,
    };
}

/// The clock of a cache, which a test can control, and its points in time.
pub mod time {
    pub use cache_core::{Clock, Timestamp};
}

macro_rules! pages {
    ($($(#[$gate:meta])* $name:ident $page:literal)*) => {
        $(
            // Its links lead to files; here they lead to modules.
            #[cfg_attr(all(doc, not(doctest)), doc = include_str!("guide-links.md"))]
            #[cfg_attr(all(doc, not(doctest)), doc = include_str!(concat!("../docs/", $page)))]
            $(#[$gate])*
            pub mod $name {}
        )*
    };
}

// The package `tests` compiles and runs the code of the pages, which needs more packages than this one has. Only rustdoc
// reads the pages: otherwise they would be part of the compiled crate.
#[cfg_attr(all(doc, not(doctest)), doc = include_str!("guide-links.md"))]
#[cfg_attr(all(doc, not(doctest)), doc = include_str!("../docs/README.md"))]
#[cfg_attr(not(doc), allow(missing_docs))]
pub mod guide {
    pages! {
        getting_started "getting-started.md"
        functions "functions.md"
        keys "keys.md"
        policies "policies.md"
        invalidation "invalidation.md"
        batches "batches.md"
        tenants "tenants.md"
        tiers "tiers.md"
        by_hand "by-hand.md"
        troubleshooting "troubleshooting.md"
        security "security.md"
        migration "migration.md"
        features "features.md"
        promises "promises.md"
        from_cached "from-cached.md"
        monitoring "monitoring.md"
        #[cfg(feature = "testing")]
        testing "testing.md"
        health "health.md"
        #[cfg(feature = "dashboard")]
        dashboard "dashboard.md"
        #[cfg(feature = "config")]
        configuration "configuration.md"
        performance "performance.md"
        hit_rates "hit-rates.md"
    }
}

/// Caches from the environment, from files and from code (feature `config`): see
/// [the guide](crate::guide::configuration).
#[cfg(feature = "config")]
pub mod config {
    pub use cache_config::{
        Access, Algorithm, BreakerConfig, CacheConfig, Caches, Codec, CompressionConfig, Config,
        ConfigError, ConfigIssue, ConfigLoader, ConnectMode, EncryptionConfig, Eviction, Format,
        FromEnv, KeyConfig, MemoryConfig, OnError, PolicyConfig, RedisConfig, ReloadReport, Secret,
        Stampede, Tiers, Ttl, install_from_env, install_from_file, install_from_section,
    };
}

/// A page for operators, as an axum router (feature `dashboard`): see [the guide](crate::guide::dashboard).
#[cfg(feature = "dashboard")]
pub mod dashboard {
    pub use cache_dashboard::{Dashboard, Decision, Permission};
}

/// The Redis tier (feature `redis`).
#[cfg(feature = "redis")]
pub mod redis {
    pub use cache_redis::{Redis, RedisBuilder, client, operating};
}

/// The test kit (feature `testing`): isolated caches, counts, faulty backends, the conformance suite. See
/// [`guide::testing`].
#[cfg(feature = "testing")]
pub mod testing {
    #[doc(hidden)]
    pub use cache_core::__testing::bytes;
    pub use cache_testkit::{
        Corruption, Counts, Expect, FaultLayer, FaultRates, Faults, Faulty, Gate, HoldPoint, Kit,
        KitBuilder, Layered, Operation, OperationLog, OperationOutcome, Recorded, Recording,
        Simulation, assert_round_trip, conformance, isolated, with_current_kit,
    };
    #[cfg(feature = "tower")]
    pub use cache_testkit::{KitLayer, KitService};
    #[doc(hidden)]
    pub use cache_testkit::{RuleSet, check, rules};
}

#[doc(hidden)]
pub use cache_core::__private;

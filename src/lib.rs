#![doc = include_str!("../README.md")]

#[cfg(feature = "encryption")]
pub use cache_core::Keys;
pub use cache_core::{
    Acquire, Acquired, Alert, AlertState, Backend, BackendError, BackendErrorKind, BackendResult,
    BackendState, Batch, BoxFuture, BreakerState, Builder, BusHealth, Bytes, Cache, CacheListener,
    CacheValue, Cached, CachedCell, Call, Capacity, Cause, Clock, Codec, Compression, Error, Evict,
    EvictEach, EvictTarget, Eviction, EvictionProgress, Expiry, FunctionStats, GENERATION_KEPT,
    Health, Info, IntoCache, IntoTtl, Invalidation, KEPT, Key, KeyBuilder, KeyStream, LastError,
    LeaseCommit, Leases, Listener, MARK, Memory, MemoryBackend, MemoryHealth, MemoryInfo, Monitor,
    Monitoring, NodeLink, NodeState, Notice, OnError, OnUpdate, Page, Pattern, PatternEviction,
    Peek, PeekEach, Policy, PolicyError, Progress, Put, PutEach, Read, RemoteHealth, RemoteInfo,
    RemoteValue, Removed, Report, Revoked, Rule, Schedule, ServerInfo, SharedError, Signal, Since,
    Source, Stampede, Stats, Status, Subscription, TierStats, TimedOut, Timestamp, Timing, Traced,
    TracedBatch, Transaction, TransactionScope, Typed, Warming, Write, default_cache, disable,
    enable, is_enabled, transaction, warm, without_cache, without_cache_sync,
};
pub use cache_macros::{cache_evict, cache_put, cached, cached_property, call};

/// Pages that are read from beginning to end.
pub mod guide {
    #[doc = include_str!("../docs/from-cached.md")]
    pub mod from_cached {}
    #[doc = include_str!("../docs/monitoring.md")]
    pub mod monitoring {}
    #[doc = include_str!("../docs/testing.md")]
    #[cfg(feature = "testing")]
    pub mod testing {}
    #[doc = include_str!("../docs/health.md")]
    pub mod health {}
    #[cfg(feature = "config")]
    #[cfg_attr(feature = "config-toml", doc = include_str!("../docs/configuration.md"))]
    #[cfg_attr(not(feature = "config-toml"), doc = "Built with the feature `config-toml`.")]
    pub mod configuration {}
}

/// Caches from the environment, from files and from code (feature `config`): see
/// [the guide](crate::guide::configuration).
#[cfg(feature = "config")]
pub mod config {
    pub use cache_config::{
        Algorithm, BreakerConfig, CacheConfig, Caches, Changes, Codec, CompressionConfig, Config,
        ConfigError, Connect, EncryptionConfig, Eviction, Format, FromEnv, KeyConfig, Layers,
        MemoryConfig, Mistake, RedisConfig, Secret, Ttl, install_from_env, install_from_file,
    };
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
    pub use cache_core::testing::{
        At, Counts, Damage, Expect, Faults, Faulty, Gate, Kit, KitBuilder, Log, Operation, Outcome,
        Recorded, Recording, Weather, assert_round_trip, carried, conformance, isolated,
    };
    #[doc(hidden)]
    pub use cache_core::testing::{RuleSet, bytes, check, rules};
}

#[doc(hidden)]
pub use cache_core::__private;

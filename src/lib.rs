#![doc = include_str!("../README.md")]

#[cfg(feature = "encryption")]
pub use cache_core::Keys;
pub use cache_core::{
    Acquire, Acquired, Backend, BackendError, BackendErrorKind, BackendResult, Batch, BoxFuture,
    BreakerState, Builder, Bytes, Cache, CacheListener, CacheValue, Cached, CachedCell, Call,
    Capacity, Cause, Clock, Codec, Compression, Error, Evict, EvictEach, EvictTarget, Eviction,
    Expiry, FunctionStats, Info, IntoCache, IntoTtl, Invalidation, KEPT, Key, KeyBuilder,
    KeyStream, Leases, Listener, MARK, Memory, MemoryBackend, MemoryInfo, Notice, OnError,
    OnUpdate, Page, Pattern, Peek, PeekEach, Policy, PolicyError, Progress, Put, PutEach,
    RemoteInfo, RemoteValue, Report, Rule, Schedule, Signal, Source, Stampede, Stats, Subscription,
    Tenant, TierStats, TimedOut, Timestamp, Timing, Traced, TracedBatch, Transaction,
    TransactionScope, Typed, Warming, Write, default_cache, disable, enable, is_enabled,
    transaction, warm, without_cache, without_cache_sync,
};
pub use cache_macros::{cache_evict, cache_put, cached, cached_property, call};

/// Pages that are read from beginning to end.
pub mod guide {
    #[doc = include_str!("../docs/from-cached.md")]
    pub mod from_cached {}
    #[doc = include_str!("../docs/monitoring.md")]
    pub mod monitoring {}
}

/// The Redis tier (feature `redis`).
#[cfg(feature = "redis")]
pub mod redis {
    pub use cache_redis::{Redis, RedisBuilder, client, operating};
}

/// The test kit (feature `testing`).
#[cfg(feature = "testing")]
pub mod testing {
    #[doc(hidden)]
    pub use cache_core::testing::bytes;
    pub use cache_core::testing::conformance;
}

#[doc(hidden)]
pub use cache_core::__private;

#![doc = include_str!("../README.md")]

#[cfg(feature = "encryption")]
pub use cache_core::Keys;
pub use cache_core::{
    Acquire, Acquired, Alert, AlertState, Backend, BackendError, BackendErrorKind, BackendResult,
    BackendState, Batch, BoxFuture, BreakerHealth, Builder, BusHealth, Bytes, Cache, CacheValue,
    Cached, CachedCell, Call, Capacity, Clock, Codec, Compression, Error, Evict, EvictEach,
    EvictTarget, Eviction, Expiry, Health, Info, IntoCache, IntoTtl, Invalidation, KEPT, Key,
    KeyBuilder, KeyStream, LastError, Leases, Listener, MARK, Memory, MemoryBackend, MemoryHealth,
    MemoryInfo, Monitor, Monitoring, NodeLink, NodeState, Notice, OnError, OnUpdate, Page, Pattern,
    Peek, PeekEach, Policy, PolicyError, Progress, Put, PutEach, RemoteHealth, RemoteInfo,
    RemoteValue, Removed, Report, Rule, Schedule, Since, Source, Stampede, Stats, Status,
    Subscription, Tenant, TimedOut, Timestamp, Traced, TracedBatch, Transaction, TransactionScope,
    Typed, Warming, Write, default_cache, disable, enable, is_enabled, transaction, warm,
    without_cache, without_cache_sync,
};
pub use cache_macros::{cache_evict, cache_put, cached, cached_property, call};

/// Pages that are read from beginning to end.
pub mod guide {
    #[doc = include_str!("../docs/from-cached.md")]
    pub mod from_cached {}
    #[doc = include_str!("../docs/health.md")]
    pub mod health {}
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

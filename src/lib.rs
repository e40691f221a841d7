#![doc = include_str!("../README.md")]

pub use cache_core::{
    Acquire, Acquired, Backend, BackendError, BackendErrorKind, BackendResult, BoxFuture, Builder,
    Bytes, Cache, CacheValue, Cached, Call, Clock, Error, Evict, Eviction, IntoCache, IntoTtl,
    Leases, Listener, MARK, Memory, MemoryBackend, Notice, Page, Pattern, Peek, Policy,
    PolicyError, Put, RemoteValue, Source, Stampede, Stats, Subscription, TimedOut, Timestamp,
    Traced, Write, default_cache,
};
pub use cache_macros::{cache_evict, cache_put, cached, cached_property, call};

/// The Redis tier (feature `redis`).
#[cfg(feature = "redis")]
pub mod redis {
    pub use cache_redis::{Redis, RedisBuilder};
}

/// The test kit (feature `testing`).
#[cfg(feature = "testing")]
pub mod testing {
    pub use cache_core::testing::conformance;
}

#[doc(hidden)]
pub use cache_core::__private;

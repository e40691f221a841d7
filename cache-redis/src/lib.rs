//! The Redis tier of **larder**: a [`Backend`](cache_core::Backend) over one server, the master
//! that Sentinels name, or a cluster.
//!
//! Operations share multiplexed connections. A supervisor manages each connection: it connects on
//! demand, once for all callers, backs off while Redis is unreachable (operations then fail
//! immediately), and replaces a connection that breaks, stops answering, or leads to a server that
//! is no longer the master. Each subscription has its own connection, which is re-established
//! without limit. [`operating`] describes the behaviour in production.
//!
//! ```no_run
//! # mod larder { pub use cache_core as backend; pub mod redis { pub use cache_redis::*; } }
//! use std::time::Duration;
//!
//! use larder::backend::Backend;
//! use larder::redis::Redis;
//!
//! # async fn example() -> Result<(), larder::backend::BackendError> {
//! // Fails if Redis is unreachable or refuses the credentials.
//! let redis = Redis::connect("redis://localhost:6379").await?;
//!
//! // Starts without Redis, and connects at the first operation.
//! let redis = Redis::builder("redis://:secret@cache.internal:6379/2")
//!     .operation_timeout(Duration::from_millis(200))
//!     .build_lazy()?;
//!
//! // Each value with its remaining time, and at most a mebibyte of each.
//! let found = redis.get_many(&["users:7", "users:8"], 1 << 20).await?;
//! # let _ = found;
//! # Ok(())
//! # }
//! ```
//!
//! In addition to its values, a cache with the namespace `shop` stores generations (`shop~tag:..`) and,
//! while a value is loaded, a lease (`shop~lease{..}..`). If the process dies, Redis removes the
//! lease ten minutes after its term. A Redis user needs access to the keys `shop*` and to the
//! channel `shop~bus`.
//!
//! Redis 5 or later is required, because scripts read the clock and then write. Everything runs on
//! Tokio, with its I/O and time drivers enabled. A `Redis` that was created inside a runtime also
//! serves threads outside of it, as long as that runtime lives.
#![forbid(unsafe_code)]

mod backend;
mod bus;
mod changes;
mod config;
mod connection;
mod errors;
mod info;
mod kept;
mod keys;
mod leases;
mod masters;
mod reads;
mod replay;
mod scan;
mod scripts;
mod tier;
mod values;

#[doc = include_str!("../OPERATING.md")]
pub mod operating {}

pub use config::RedisBuilder;
/// What a program needs of the crate [`redis`] to make a client for [`Redis::from_client`], or certificates for
/// [`RedisBuilder::certificates`]: the types of the version that this crate uses. Everything else of that crate is no part
/// of this one; a program that sends its own commands depends on `redis` itself.
pub mod client {
    pub use redis::{
        Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
        RedisConnectionInfo, RedisError, RedisResult,
    };
    #[cfg(feature = "tls")]
    pub use redis::{ClientTlsConfig, TlsCertificates};
}
pub use tier::Redis;

//! The Redis tier of **larder**: a [`Backend`](cache_core::Backend) over one server, the master that
//! Sentinels name, or a cluster.
//!
//! Operations share multiplexed connections, each under a supervisor of the crate's own: it connects on
//! demand, once for all who wait, backs off while Redis is away (operations then fail at once) and
//! replaces connections that break, fall silent or lead to a server that is no master any more.
//! Subscriptions have a connection of their own each, and come back without limit.
//! [`operating`] tells what that means in production.
//!
//! ```no_run
//! # mod larder { pub use cache_core::*; pub mod redis { pub use cache_redis::*; } }
//! use std::time::Duration;
//!
//! use larder::Backend;
//! use larder::redis::Redis;
//!
//! # async fn example() -> Result<(), larder::BackendError> {
//! // Fails at once if Redis is not there, or does not let us in.
//! let redis = Redis::connect("redis://localhost:6379").await?;
//!
//! // Starts without Redis, and uses it once it is there.
//! let redis = Redis::builder("redis://:secret@cache.internal:6379/2")
//!     .operation_timeout(Duration::from_millis(200))
//!     .build_lazy()?;
//!
//! // Each with the time that it has left, and at most a mebibyte of each.
//! let found = redis.get_many(&["users:7", "users:8"], 1 << 20).await?;
//! # let _ = found;
//! # Ok(())
//! # }
//! ```
//!
//! Beside its values a cache with the namespace `shop` keeps generations (`shop~tag:..`) and, while a
//! value is loaded, a lease (`shop~lease{..}..`), which goes by itself ten minutes after its time if its
//! process died. A Redis user needs access to keys as `shop*` and to the channel `shop~bus`.
//!
//! Redis 5 or later is needed (scripts that read the clock and then write). Everything runs on
//! Tokio, with its I/O and time drivers enabled. A `Redis` that was made inside a runtime also
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
mod replay;
mod scan;
mod scripts;
mod tier;
mod values;

#[doc = include_str!("../OPERATING.md")]
pub mod operating {}

pub use config::RedisBuilder;
/// The client underneath: for [`Redis::from_client`] and for certificates.
pub use redis as client;
pub use tier::Redis;

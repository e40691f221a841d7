//! The runtime of **larder**: tiers, single flight, tickets, eviction. Users depend on the crate
//! `larder`, which re-exports what they need from here.
//!
//! Where to find what (arrows point down only):
//!
//! | module | idea |
//! | --- | --- |
//! | [`__private`] | all that expansions call |
//! | `call`, `site` | a call as a future that takes directions; where a function stands |
//! | `cache`, `builder`, `registry` | the handle and its methods; its configuration; default and named caches |
//! | `adjust` | what can be changed while a cache runs |
//! | `typed` | the entries of a model |
//! | `warm` | many calls at once |
//! | `cell` | what ends with the instance that it belongs to |
//! | `strategy` | the life of a read: look, single flight, load, commit |
//! | `scope` | transactions, the off switch |
//! | `invalidation` | tickets, generations, evictions, write-through |
//! | `hierarchy` | the remote tier: names, leases, owed evictions, breaker, state, bus |
//! | `memory` | the memory tier and its engines |
//! | `backend` | the seam for remote tiers, and one in memory |
//! | `codec`, `observe` | bytes; statistics, signals, health, periodic checks |
//! | `key`, `entry`, `policy`, `value`, `clock`, `error`, `sync` | the ground |
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod __private;
mod adjust;
mod backend;
mod batch;
mod builder;
mod cache;
mod call;
mod cell;
mod clock;
mod codec;
mod duration;
mod entry;
mod error;
mod hierarchy;
mod invalidation;
mod key;
mod memory;
mod namespaces;
mod observe;
mod pattern;
mod policy;
mod registry;
mod scope;
mod site;
mod spare;
mod strategy;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod typed;
mod value;
mod warm;

pub use backend::{
    Acquire, Acquired, Backend, BackendResult, BackendState, BoxFuture, GENERATION_KEPT, KEPT,
    Leases, Listener, MARK, MemoryBackend, NodeLink, NodeState, Notice, Page, Read, Removed,
    Revoked, Subscription, Write,
};
pub use batch::{Batch, EvictEach, PeekEach, PutEach, TracedBatch};
pub use builder::Builder;
pub use bytes::Bytes;
pub use cache::{Cache, Expiry, Info, KeyStream, MemoryInfo, RemoteInfo};
pub use call::{Cached, Call, IntoCache, IntoTtl, Peek, Put, Source, Traced};
pub use cell::CachedCell;
pub use clock::{Clock, Timestamp};
#[cfg(feature = "encryption")]
pub use codec::Keys;
pub use codec::{Codec, Compression, RemoteValue};
pub(crate) use duration::parse_duration;
pub use error::{BackendError, BackendErrorKind, Error, SharedError, TimedOut};
pub use invalidation::{
    Evict, EvictTarget, EvictionProgress, Invalidation, PatternEviction, Rule, Schedule,
};
pub use key::{Key, KeyBuilder};
pub use memory::{Capacity, Eviction, Memory};
pub use observe::{
    Alert, AlertState, BreakerState, BusHealth, CacheListener, Cause, FunctionStats, Health,
    LastError, MemoryHealth, Monitor, Monitoring, RemoteHealth, ServerInfo, Signal, Since, Stats,
    Status, TierStats, Timing,
};
pub use pattern::Pattern;
pub use policy::{OnError, Policy, PolicyError, Stampede};
pub use registry::default_cache;
pub use scope::{
    Transaction, TransactionScope, disable, enable, is_enabled, transaction, without_cache,
    without_cache_sync,
};
pub use typed::{OnUpdate, Typed};
pub use value::CacheValue;
pub use warm::{Progress, Report, Warming, warm};

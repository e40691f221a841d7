//! Types that every layer uses. This module uses no other layer.
//!
//! | file | content |
//! | --- | --- |
//! | `clock` | time, and waiting without a runtime |
//! | `duration`, `expiry`, `pattern`, `policy`, `settings` | texts and options of users |
//! | `selection` | what an eviction covers |
//! | `error` | errors |
//! | `warn_once` | one log message per mistake of a user |
//! | `value` | how a function's output contains the cached value |
//! | `outcome` | the source of a value |
//! | `future`, `spawn`, `blocking` | boxed futures; background work; waiting on a thread |
//! | `active_scope` | whether any transaction, off switch or scope of a tenant is active in the process |
//! | `limits`, `spare`, `sync` | lengths; lists that a thread reuses; locks that a model checker can follow |

mod active_scope;
mod blocking;
mod clock;
pub(crate) mod duration;
mod error;
mod expiry;
pub(crate) mod future;
pub(crate) mod limits;
mod outcome;
mod pattern;
mod policy;
mod prehashed;
mod selection;
mod settings;
mod spare;
pub(crate) mod spawn;
mod sync;
mod together;
mod value;
pub(crate) mod warn_once;

pub(crate) use active_scope::{ActiveScope, ActiveTenant, no_active_scope, no_active_tenant};
pub use blocking::block_on;
pub(crate) use blocking::outside;
pub use clock::{Clock, Timestamp};
pub(crate) use clock::{Elapsed, Stopwatch, millis};
pub(crate) use error::Discreet;
pub use error::{BackendError, BackendErrorKind, Error, SharedError, TimedOut};
pub use expiry::{Expiry, IntoTtl};
pub use future::BoxFuture;
pub(crate) use limits::{READABLE, SEALED_HEAD};
pub use outcome::{Cached, Source};
pub use pattern::Pattern;
pub use policy::{Access, OnError, Policy, PolicyError, Stampede, Tiers};
pub(crate) use policy::{PLAIN, PolicyRef, Ttl, Usage};
pub(crate) use prehashed::{Prehashed, PrehashedMap};
pub(crate) use selection::Selection;
pub use settings::PolicySettings;
pub(crate) use spare::{Spares, keep, spare};
pub(crate) use spawn::{boxed, spawn_boxed};
pub(crate) use sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
pub(crate) use together::all_begun;
pub use value::{
    AbsentNever, AbsentOption, AnyResult, CacheValue, Detach, ErasedResult, Fails, HasError, Holds,
    KeepsErrors, OfCache, Optional, Plain, Probe, RefusalError, RefusalNever, Shape, ShapePlain,
    ShapeResult, ShapeShared, SharedFailure, SharedResult, Tells, TimeoutError, TimeoutNever,
    TimesOut, absent, detached, error_of, keeps_errors, lent, output_probe, refuses, times_out,
    value_probe,
};
pub(crate) use value::{KnownResult, NoValue};
pub(crate) use warn_once::warn_once;

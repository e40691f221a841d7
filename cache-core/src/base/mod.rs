//! The words that every layer uses. It knows none of them.
//!
//! | file | idea |
//! | --- | --- |
//! | `clock` | time, and waiting without a runtime |
//! | `duration`, `pattern`, `policy` | texts and options of users |
//! | `error` | what can go wrong |
//! | `complain` | a user's mistake, told once |
//! | `value` | how a value lies in a function's output |
//! | `origin` | where a value came from |
//! | `future`, `spawn` | boxed futures; background work |
//! | `live` | whether any transaction or switch is in force in the process |
//! | `limits`, `spare`, `sync` | lengths; lists that a thread keeps; locks that a model checker can follow |

mod clock;
pub(crate) mod complain;
pub(crate) mod duration;
mod error;
pub(crate) mod future;
pub(crate) mod limits;
mod live;
mod origin;
mod pattern;
mod policy;
mod spare;
pub(crate) mod spawn;
mod sync;
mod value;

pub use clock::{Clock, Timestamp};
pub(crate) use clock::{Elapsed, millis};
pub(crate) use complain::complain;
pub(crate) use duration::parse_duration;
pub(crate) use error::Discreet;
pub use error::{BackendError, BackendErrorKind, Error, SharedError, TimedOut};
pub use future::BoxFuture;
pub(crate) use limits::{READABLE, SEALED_HEAD};
pub(crate) use live::{Live, is_quiet};
pub use origin::{Cached, Source};
pub use pattern::Pattern;
pub(crate) use policy::{Held, PLAIN, Ttl};
pub use policy::{OnError, Policy, PolicyError, Stampede};
pub(crate) use spare::{Spares, keep, spare};
pub(crate) use spawn::{boxed, spawn_boxed};
pub(crate) use sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
pub use value::{
    AbsentNever, AbsentOption, AnyResult, CacheValue, Detach, ErasedResult, Fails, Holds,
    KeepsErrors, OfCache, Optional, Plain, Probe, RefusalError, RefusalNever, Shape, ShapePlain,
    ShapeResult, ShapeShared, SharedFailure, SharedResult, Tells, TimeoutError, TimeoutNever,
    TimesOut, absent, detached, keeps_errors, lent, output_probe, refuses, times_out, value_probe,
};
pub(crate) use value::{Bare, Bared, Fault, KnownResult, NoValue};

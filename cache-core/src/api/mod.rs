//! What users call by hand: methods of [`Cache`](crate::Cache), with their arguments and results.
//!
//! | file | content |
//! | --- | --- |
//! | `cache`, `many` | operations on one key and on many keys |
//! | `entry` | one key with directions |
//! | `local`, `blocking` | values without serde; programs without a runtime |
//! | `function` | the entries of a cached function |
//! | `typed` | the entries of a model by id |
//! | `invalidation` | lists of evictions, rules for events, schedules, write-through |
//! | `warm` | warming with many calls, and reloads |
//! | `adjust` | settings that can be changed while a cache is in use |
//! | `report`, `health`, `monitor`, `metrics` | statistics, health, checks with thresholds, metrics |

mod adjust;
mod blocking;
mod cache;
mod entry;
mod function;
mod health;
#[cfg(all(test, shuttle))]
mod interleavings;
mod invalidation;
mod local;
mod many;
#[cfg(feature = "metrics")]
mod metrics;
mod monitor;
mod report;
mod typed;
mod warm;

pub use blocking::{BlockingCache, BlockingEntry};
pub use cache::{Info, KeyCount, KeyStream, MemoryInfo, RemoteInfo, clear_all};
pub use entry::{
    AllTiers, CacheEntry, ChoosesTiers, Fits, InFormat, MemoryOnly, TracedEntry, encoded_by,
};
pub use function::{Function, FunctionEntries, Leads, function, leads};
pub use invalidation::{
    EventGuard, Evictions, Invalidation, ScheduleGuard, WriteThrough, put_value, tenant_of,
};
pub use local::LocalCache;
pub use monitor::{Alert, AlertState, Monitor, MonitorGuard, ServerInfo};
pub use report::FunctionStats;
pub use typed::{ModelCache, UpdateMode};
pub use warm::{Reload, Warm, WarmInner, WarmProgress, WarmReport, Warmup, warm};

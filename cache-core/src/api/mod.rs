//! What users call by hand: methods of [`Cache`](crate::Cache), and the values that they take and give.
//!
//! | file | idea |
//! | --- | --- |
//! | `cache`, `many` | values by key, one and many |
//! | `typed` | a model's entries by id |
//! | `invalidation` | lists of evictions, rules for events, schedules, writing through |
//! | `warm` | many calls at once |
//! | `adjust` | what can be changed while a cache runs |
//! | `report`, `health`, `monitor`, `metrics` | statistics, health, checks with thresholds, metrics |

mod adjust;
mod cache;
mod health;
#[cfg(all(test, shuttle))]
mod interleavings;
mod invalidation;
mod many;
#[cfg(feature = "metrics")]
mod metrics;
mod monitor;
mod report;
mod typed;
mod warm;

pub use cache::{Info, KeyStream, MemoryInfo, RemoteInfo};
pub use invalidation::{EventHandler, Evictions, Invalidation, ScheduleGuard, WriteThrough};
pub use monitor::{Alert, AlertState, Monitor, MonitorGuard, ServerInfo};
pub use report::FunctionStats;
pub use typed::{ModelCache, UpdateMode};
pub use warm::{Warm, WarmProgress, WarmReport, warm};

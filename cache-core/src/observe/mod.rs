//! What the cache counts, measures and tells.
//!
//! | file | idea |
//! | --- | --- |
//! | `stats` | the counters' names, and what they say at one moment |
//! | `counters` | striped by thread, for each function |
//! | `functions` | where a function's counters are found |
//! | `histogram` | how long things took |
//! | `report` | what users ask a cache for |
//! | `table` | statistics as text |
//! | `signal` | what left memory, and changes of state |
//! | `failure` | what failed for one operation, in the log |
//! | `load` | one load: its span, its time, its failure |
//! | `metrics` | the statistics through the `metrics` facade |
//! | `health`, `monitor` | how the cache is; checks with thresholds |

mod counters;
mod failure;
mod functions;
mod health;
mod histogram;
mod load;
#[cfg(feature = "metrics")]
mod metrics;
mod monitor;
mod report;
mod signal;
mod stats;
mod table;

pub(crate) use counters::{Counters, Tally};
pub(crate) use failure::log_failure;
use functions::Functions;
pub(crate) use health::Moment;
pub use health::{BusHealth, Health, LastError, MemoryHealth, RemoteHealth, Since, Status};
pub use histogram::Timing;
pub(crate) use load::Spans;
pub use monitor::{Alert, AlertState, Monitor, Monitoring, ServerInfo};
pub use report::FunctionStats;
pub use signal::{CacheListener, Cause, Signal};
pub(crate) use signal::{Change, Signals};
pub use stats::{BreakerState, Stats, TierStats};

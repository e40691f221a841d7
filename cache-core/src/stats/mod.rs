//! Statistics, health and events of a cache.
//!
//! | file | content |
//! | --- | --- |
//! | `snapshot` | the names of the counters, and their values at one moment |
//! | `counters` | counters, striped by thread, for each function |
//! | `functions` | the table of counters by function |
//! | `histogram` | distributions of durations |
//! | `sums`, `written`, `table` | statistics added up, for serde, and as text |
//! | `signal` | events: entries that left memory, and changes of state |
//! | `failure` | the log of failed operations |
//! | `health` | the health of a cache |

mod counters;
mod failure;
mod functions;
mod health;
mod histogram;
mod signal;
mod snapshot;
mod sums;
mod table;
mod written;

pub(crate) use counters::{Counters, Tally};
pub(crate) use failure::log_failure;
pub(crate) use functions::Function;
pub use health::{
    BusHealth, Health, LastError, MemoryHealth, Outage, OutagePart, RemoteHealth, Since, Status,
};
pub(crate) use health::{OutageLog, WallTimestamp};
pub use histogram::LatencyStats;
pub use signal::{CacheEvent, CacheListener, RemovalCause};
pub(crate) use signal::{Change, Signals};
pub use snapshot::{BreakerState, Stats, TierStats};

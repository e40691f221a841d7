//! What the cache counts, measures and tells.
//!
//! | file | idea |
//! | --- | --- |
//! | `snapshot` | the counters' names, and what they say at one moment |
//! | `counters` | striped by thread, for each function |
//! | `functions` | where a function's counters are found |
//! | `histogram` | how long things took |
//! | `table` | statistics as text |
//! | `signal` | what left memory, and changes of state |
//! | `failure` | what failed for one operation, in the log |
//! | `health` | how the cache is |

mod counters;
mod failure;
mod functions;
mod health;
mod histogram;
mod signal;
mod snapshot;
mod table;

pub(crate) use counters::{Counters, Tally};
pub(crate) use failure::log_failure;
pub(crate) use functions::Function;
pub(crate) use health::WallTimestamp;
pub use health::{BusHealth, Health, LastError, MemoryHealth, RemoteHealth, Since, Status};
pub use histogram::Timing;
pub use signal::{CacheListener, Cause, Signal};
pub(crate) use signal::{Change, Signals};
pub use snapshot::{BreakerState, Stats, TierStats};

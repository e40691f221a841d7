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
//! | `load` | one load: its span, its time, its failure |
//! | `metrics` | the statistics through the `metrics` facade |

mod counters;
mod functions;
mod histogram;
mod load;
#[cfg(feature = "metrics")]
mod metrics;
mod report;
mod signal;
mod stats;
mod table;

pub(crate) use counters::{Counters, Tally};
use functions::Functions;
pub use histogram::Timing;
pub(crate) use load::Spans;
pub use report::FunctionStats;
pub use signal::{CacheListener, Cause, Signal};
pub(crate) use signal::{Change, Signals};
pub use stats::{BreakerState, Stats, TierStats};

//! What the cache counts, and how it is.

mod counters;
mod health;
mod monitor;

pub(crate) use counters::Counters;
pub use counters::Stats;
pub(crate) use health::Moment;
pub use health::{
    BreakerHealth, BusHealth, Health, LastError, MemoryHealth, RemoteHealth, Since, Status,
};
pub use monitor::{Alert, AlertState, Monitor, Monitoring};

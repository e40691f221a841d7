//! What the cache counts.

mod counters;

pub(crate) use counters::Counters;
pub use counters::Stats;

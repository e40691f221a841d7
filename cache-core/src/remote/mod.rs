//! The remote tier as the engine sees it: names, pending evictions, a breaker, and the messages of the bus.

pub(crate) mod ask;
mod breaker;
mod bus;
mod expected;
pub(crate) mod health;
mod pending;
pub(crate) mod progress;
mod requests;
mod retry_log;
mod retry_task;
mod state;

pub(crate) use ask::Ask;
pub(crate) use breaker::BreakerLimits;
pub(crate) use bus::{BusEnvelope, BusMessage};
pub(crate) use pending::{Attempt, RemoteEviction};
pub use progress::EvictionProgress;
pub(crate) use progress::{StepQueue, StepSink};
pub(crate) use requests::{
    Arrived, Committing, Found, LeaseQuestion, Remote, Search, Wanted, Writing,
};
pub(crate) use retry_log::RetryLog;

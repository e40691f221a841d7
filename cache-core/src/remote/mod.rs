//! The remote tier as the engine sees it: names, pending evictions, a breaker, and the messages of the bus.

pub(crate) mod ask;
mod breaker;
mod bus;
pub(crate) mod health;
mod owed;
mod requests;
mod retry_log;
mod settler;
mod state;
pub(crate) mod teller;

pub(crate) use ask::Ask;
pub(crate) use breaker::BreakerLimits;
pub(crate) use bus::{Letter, Message};
pub(crate) use owed::{Trying, Undone};
pub(crate) use requests::{Arrived, Found, Remote, Writing};
pub(crate) use retry_log::RetryLog;
pub use teller::EvictionProgress;
pub(crate) use teller::Teller;

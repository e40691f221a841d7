//! The remote tier as the engine sees it: names, owed evictions, a breaker, and the bus.

mod breaker;
mod bus;
mod health;
mod lease;
mod owed;
mod remote;
mod retry_log;
mod settler;
mod state;

pub(crate) use breaker::BreakerLimits;
pub(crate) use bus::Bus;
pub(crate) use lease::{Ask, Lease, Leased};
pub(crate) use owed::{Trying, Undone};
pub(crate) use remote::{Arrived, Found, Remote, Writing};
pub(crate) use retry_log::RetryLog;

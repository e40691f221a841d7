//! What happens between a lookup and a value. One path for sync and async, foreground and
//! background: [`read`] looks, joins or leads the flight of its key, and fills through a ticket.

mod body;
mod call;
mod desk;
mod early;
mod failsafe;
mod find;
mod flight;
mod job;
mod load;
mod lookup;
mod nesting;
mod patience;
mod peek;
mod plan;
mod pulse;
mod put;
mod read;
mod spawn;
mod store;
mod table;
mod work;

pub(crate) use body::{Body, Doing};
pub(crate) use call::{Detached, Reading, detached, reading};
pub(crate) use early::Chance;
pub(crate) use failsafe::Failure;
pub(crate) use flight::Flights;
pub(crate) use lookup::{First, Look, promote};
pub(crate) use nesting::Nesting;
pub(crate) use peek::Trace;
pub(crate) use plan::{Mode, Plan};
pub(crate) use pulse::Beat;

pub(crate) use spawn::{boxed, spawn, start_now};
pub(crate) use table::{Seat, TOGETHER, Table, Turns};
pub(crate) use work::{Once, Owned, Refreshing, Work};

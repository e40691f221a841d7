//! What happens between a lookup and a value. One path for sync and async, foreground and
//! background: [`read`] looks, joins or leads the flight of its key, and fills through a ticket.

mod flight;
mod lookup;
mod read;
mod spawn;
mod work;

pub(crate) use flight::Flights;
pub(crate) use lookup::{Look, promote};
pub(crate) use read::{Mode, Plan, read};
pub(crate) use spawn::{spawn, start_now};
pub(crate) use work::{Once, Refreshing, Work};

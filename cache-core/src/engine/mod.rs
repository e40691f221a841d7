//! What a read, a write and an eviction are. One path for sync and async, foreground and background: [`read`] looks, joins or leads the
//! flight of its key, and fills through a ticket.
//!
//! | files | idea |
//! | --- | --- |
//! | `handle`, `tenant` | the handle of a cache, its state, and a handle for one tenant |
//! | `request`, `rules`, `site` | what a read is to do; what its function says of values; the function |
//! | `reading`, `body`, `desk`, `work` | the caller's side: the body stays with it, and the engine asks for its output |
//! | `lookup`, `find` | memory, then the remote tier |
//! | `flight`, `nesting`, `pulse` | one load for all who ask; loads inside loads; leaders that are not polled |
//! | `read`, `read_context`, `load`, `store` | the order of a read; the load, its outcome, and the remote half of a fill |
//! | `lease` | one load among all processes |
//! | `early`, `failsafe`, `timeouts` | refreshes ahead of time; old values in place of failed loads; timeouts |
//! | `peek`, `put`, `table` | without a load; many at once |
//! | `evict`, `evict_pattern`, `life`, `reclaim`, `what` | what ends entries, or changes when they end |
//! | `scope` | transactions and the off switch |
//! | `cell`, `namespaces`, `undeclared` | values of an instance; which cache uses which namespace; tags that nothing declares |
//! | `slot`, `test_scope` | where a cache is installed; the caches of a test kit |
//! | `bus`, `events` | what a cache hears; the rules of an event |
//! | `spans`, `durations`, `spawn`, `default_ttl`, `expiry` | what a load tells; background work of a caller; lives |

mod body;
pub(crate) mod bus;
mod cell;
pub(crate) mod default_ttl;
mod desk;
#[cfg(feature = "metrics")]
pub(crate) mod durations;
mod early;
pub(crate) mod events;
mod evict;
mod evict_pattern;
pub(crate) mod expiry;
mod failsafe;
mod find;
mod flight;
pub(crate) mod handle;
mod lease;
mod life;
mod load;
mod lookup;
pub(crate) mod namespaces;
mod nesting;
mod peek;
mod pulse;
mod put;
mod read;
mod read_context;
mod reading;
mod reclaim;
mod request;
mod rules;
pub(crate) mod scope;
mod site;
pub(crate) mod slot;
mod spans;
mod spawn;
mod store;
mod table;
mod tenant;
pub(crate) mod test_scope;
mod timeouts;
mod undeclared;
pub(crate) mod what;
mod work;

pub(crate) use body::{Body, Doing};
pub(crate) use bus::Bus;
pub use cell::{CachedCell, HasCell, cell_of};
pub(crate) use default_ttl::DefaultTtl;
#[cfg(feature = "metrics")]
pub(crate) use durations::{LOAD, RESPONSE, labels};
pub(crate) use early::RandomSource;
pub(crate) use events::Events;
pub use evict_pattern::PatternEviction;
pub use expiry::Expiry;
pub(crate) use flight::Flights;
pub use handle::Cache;
pub(crate) use handle::Engine;
pub(crate) use lookup::{FirstLookup, Lookup};
pub(crate) use nesting::Nesting;
pub(crate) use peek::Trace;
pub(crate) use pulse::Beat;
pub(crate) use reading::{Reading, detached, reading};
pub(crate) use request::{Mode, Request};
pub(crate) use rules::StoreDecision;
pub use rules::{Judge, Rules};
pub(crate) use scope::Switch;
pub use scope::{
    Transaction, TransactionScope, disable, enable, is_enabled, transaction, without_cache,
    without_cache_sync,
};
pub use site::Site;
pub(crate) use site::Visitors;
pub(crate) use slot::{default_slot, known, named, named_slot};
pub(crate) use spans::Spans;
pub(crate) use spawn::{spawn, start_now};
pub(crate) use table::{Seat, TOGETHER, Table};
#[cfg(feature = "testing")]
pub(crate) use test_scope::TestScope;
pub(crate) use test_scope::current;
pub(crate) use what::{What, report};
pub(crate) use work::{Once, Owned, Refreshing, Work};

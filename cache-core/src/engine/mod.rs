//! Reads, writes and evictions. Sync and async calls, foreground and background work share one path: [`begin`]
//! looks, joins or leads the flight of its key, and returns a [`Lead`] to the caller that is to load. The lead
//! fills the tiers through a ticket. The engine knows values only: bodies and outputs stay with the callers.
//!
//! | files | content |
//! | --- | --- |
//! | `handle`, `tenant` | the handle of a cache, its state, and a handle for one tenant |
//! | `request`, `site` | the data of a read; the function |
//! | `verdict`, `terms` | the rules of a function for its values, and its decisions about one value |
//! | `lookup`, `find` | memory, then the remote tier |
//! | `flight`, `nesting`, `pulse` | one load for all callers; loads inside loads; leaders that are not polled |
//! | `read`, `read_context`, `answer` | the order of a read, and what the caller is to do |
//! | `permission`, `lease` | one load among all processes |
//! | `lead`, `store` | the guard of a load, its outcome, and the remote half of a fill |
//! | `early`, `refresh`, `failsafe`, `timeouts` | refreshes in the background; old values instead of failed loads; timeouts |
//! | `refresher`, `scheduled` | refreshes on schedule: the task and its keys; the turn of one key |
//! | `peek`, `put`, `change`, `inspect` | reads without a load; writes; changes of a value; the description of an entry |
//! | `each` | the first step of a batch, which most items need only |
//! | `table`, `together` | where its other items meet, and the requests that they send together |
//! | `evict`, `evict_pattern`, `life`, `reclaim`, `mutation` | evictions, and changes of lifetimes |
//! | `second_round` | lists of evictions, if the store fails at one |
//! | `policies` | the policies of a cache for its functions and models |
//! | `scope` | transactions and the off switch |
//! | `cell`, `namespaces` | values of an instance; the namespaces in use |
//! | `advisor`, `undeclared` | what an installed cache says, and advice; tags that nothing declares |
//! | `slot`, `test_scope` | installed caches; the caches of a test kit |
//! | `bus`, `events` | messages of other processes; the rules of an event |
//! | `standing`, `spans`, `durations`, `spawn`, `default_ttl` | sizes; spans and durations of loads; background work; lifetimes |

mod advisor;
mod answer;
mod bus;
mod cell;
mod change;
pub(crate) mod default_ttl;
#[cfg(feature = "metrics")]
pub(crate) mod durations;
mod each;
mod early;
pub(crate) mod events;
mod evict;
mod evict_pattern;
pub(crate) mod failsafe;
mod find;
mod flight;
pub(crate) mod handle;
mod inspect;
mod lead;
mod lease;
mod life;
mod lookup;
pub(crate) mod mutation;
pub(crate) mod namespaces;
mod nesting;
mod peek;
mod permission;
pub(crate) mod policies;
mod pulse;
mod put;
mod read;
mod read_context;
mod reclaim;
mod refresh;
mod refresher;
mod request;
mod scheduled;
pub(crate) mod scope;
mod second_round;
mod site;
pub(crate) mod slot;
mod spans;
mod spawn;
mod standing;
mod store;
mod table;
mod tenant;
mod terms;
pub(crate) mod test_scope;
mod timeouts;
mod together;
mod undeclared;
mod verdict;

pub(crate) use answer::{Answer, Detached, Fault, Loaded, NotLoaded, Step, made};
pub(crate) use cell::CellContents;
pub use cell::{CachedCell, HasCell, cell_of};
pub(crate) use change::Change;
pub(crate) use default_ttl::DefaultTtl;
#[cfg(feature = "metrics")]
pub(crate) use durations::{LOAD, RESPONSE, labels};
pub(crate) use each::{First, Item, Items, Seated};
pub use evict_pattern::PatternEviction;
pub use handle::Cache;
pub(crate) use handle::{Engine, Parts};
pub use inspect::{EncodingInfo, EntryInfo, EntryState, Inspection};
pub(crate) use lead::{Lead, Leaves};
pub(crate) use lookup::FirstLook;
pub(crate) use mutation::{Mutation, report};
pub(crate) use nesting::Nesting;
pub(crate) use peek::Trace;
pub use policies::Policies;
pub(crate) use pulse::Beat;
pub(crate) use read::{Begun, begin};
pub(crate) use read_context::Caller;
pub(crate) use refresh::{Outcome, go_on};
pub(crate) use request::{Mode, Request};
pub(crate) use scheduled::{Again, Scheduled};
pub use scope::{
    TenantScope, Transaction, TransactionScope, commit, disable, enable, is_enabled, transaction,
    with_tenant, with_tenant_sync, without_cache, without_cache_sync, without_tenant,
    without_tenant_sync,
};
pub(crate) use scope::{is_unscoped, tenant as tenant_of_scope};
pub(crate) use second_round::{SecondRound, evict_in_background};
pub(crate) use site::Inside;
pub use site::{LeadTexts, Site};
pub(crate) use slot::{default_slot, installed, known, named, named_slot};
pub(crate) use spans::Spans;
pub(crate) use spawn::{spawn, start_now};
pub(crate) use table::{Seat, Table};
pub(crate) use tenant::restrict;
pub use terms::Terms;
pub(crate) use terms::{Decide, Keep};
#[cfg(feature = "testing")]
pub use test_scope::TestScope;
pub(crate) use test_scope::current;
pub(crate) use together::TOGETHER;
pub use verdict::Judge;
pub(crate) use verdict::{ReadRules, StoreDecision};

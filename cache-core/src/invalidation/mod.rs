//! What ends a value's life: fences for keys, generations for tags and namespaces, and lists of what
//! is to end.
//!
//! Owns the rule that a load which began before an eviction stores nothing after it. It knows
//! nothing of functions, policies or codecs.

mod events;
mod evict;
mod evictions;
mod fence;
mod generation;
#[cfg(all(test, shuttle))]
mod interleavings;
mod life;
mod list;
mod order;
mod pattern;
mod reclaim;
mod schedule;
mod subject;
mod tag;
mod trust;
mod undeclared;
mod write_through;

pub(crate) use events::Events;
pub use events::Rule;
pub use evict::Evict;
pub(crate) use evict::Otherwise;
pub use evictions::Evictions;
pub(crate) use evictions::report;
pub(crate) use fence::{Committed, Fences, Killed, Overtaken, Permit, Reach, Ticket, Watch};
pub(crate) use generation::{Generations, Stamps, Validity};
pub(crate) use life::is_value;
pub(crate) use list::What;
pub use list::{EvictTarget, Invalidation};
pub(crate) use order::tick;
pub(crate) use pattern::Teller;
pub use pattern::{EvictionProgress, PatternEviction};
pub use schedule::Schedule;
pub use subject::event_tag;
pub(crate) use subject::tag as subject_tag;
pub(crate) use tag::bounded;
pub(crate) use write_through::Write;
pub use write_through::{PutTarget, WriteThrough};

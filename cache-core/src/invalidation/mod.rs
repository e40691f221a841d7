//! What ends a value's life: fences for keys, generations for tags and namespaces.
//!
//! Owns the rule that a load which began before an eviction stores nothing after it. It knows
//! nothing of functions, policies or codecs.

mod evict;
mod evictions;
mod fence;
mod generation;
#[cfg(all(test, shuttle))]
mod interleavings;
mod write_through;

pub use evict::Evict;
pub use evictions::{EvictTarget, Evictions};
pub(crate) use fence::{Committed, Fences, Killed, Permit, Ticket, Watch};
pub(crate) use generation::{Generations, Stamps, Validity};
pub use write_through::WriteThrough;

//! Lists of evictions as values, which attributes, events and schedules carry out.

mod events;
mod evictions;
mod list;
mod schedule;
mod write_through;

pub use events::EventGuard;
pub use evictions::Evictions;
pub use list::Invalidation;
pub use schedule::ScheduleGuard;
pub use write_through::{WriteThrough, put_value, tenant_of};

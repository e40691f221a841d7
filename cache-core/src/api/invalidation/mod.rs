//! Lists of what is to be evicted, as values: attributes, events and schedules carry them out.

mod events;
mod evictions;
mod list;
mod schedule;
mod write_through;

pub use events::EventHandler;
pub use evictions::Evictions;
pub use list::Invalidation;
pub use schedule::ScheduleGuard;
pub use write_through::WriteThrough;

//! Backends for tests, around any other one: one that records, one that fails on command.

mod answer;
mod around;
mod chaos;
mod faults;
mod faulty;
mod gate;
mod link;
mod operation;
mod recording;

pub use chaos::Weather;
pub use faults::{Damage, Faults};
pub use faulty::Faulty;
pub use gate::{At, Gate};
pub use operation::Operation;
pub use recording::{Log, Outcome, Recorded, Recording};

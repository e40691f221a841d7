//! Backends for tests that wrap any other backend: one records, one fails on command.

mod answer;
mod chaos;
mod faults;
mod faulty;
mod gate;
mod layer;
mod link;
mod operation;
mod recording;

pub use chaos::FaultRates;
pub use faults::{Corruption, Faults};
pub use faulty::{FaultLayer, Faulty};
pub use gate::{Gate, HoldPoint};
pub use layer::Layered;
pub use operation::Operation;
pub use recording::{OperationLog, OperationOutcome, Recorded, Recording};

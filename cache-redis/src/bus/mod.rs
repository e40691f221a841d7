//! The bus: sends notices to every process, and detects missed ones.
//!
//! Redis does not store messages, and does not report which subscribers a message failed to reach.
//! A subscriber detects a loss in three ways: its connection ends or does not reply to a `PING`
//! (`subscriber`); its own heartbeats do not come back; or numbers are missing in the messages of
//! other processes (`gaps`). Each process numbers its messages, and sends a heartbeat when it has
//! no message (`frame`). If other programs write values, too, the server can report the changes
//! (`tracking`). All of this runs on a separate thread (`thread`).

mod ear;
mod frame;
mod gaps;
mod subscriber;
mod thread;
mod tracking;

pub(crate) use frame::Sender;
pub(crate) use subscriber::spawn;

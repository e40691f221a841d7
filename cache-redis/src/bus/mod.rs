//! The bus: notices to every process, and knowing when one was missed.
//!
//! Redis forgets a message once it has passed it on, and tells nobody whom it did not reach. A
//! subscriber finds out in three ways: its connection ends, or does not answer a `PING` (`subscriber`);
//! what it sends itself does not come back; or numbers are missing in what others send (`gaps`). Each
//! process numbers what it sends, and sends a heartbeat when it has nothing to say (`frame`). Where others
//! than caches write, the server itself can tell of changes (`tracking`). All of it runs on a thread of its own (`thread`).

mod ear;
mod frame;
mod gaps;
mod subscriber;
mod thread;
mod tracking;

pub(crate) use frame::Sender;
pub(crate) use subscriber::spawn;

//! The wire format: the sender and its number, followed by the notice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};

use crate::connection::random;

/// The last byte is the format's version.
const MAGIC: &[u8; 4] = b"\xf5LB1";

const MESSAGE: u8 = 0;
const HEARTBEAT: u8 = 1;
const LENGTH: usize = MAGIC.len() + 1 + 8 + 8;

/// The name of a sender and the last number that it used in each channel.
pub(crate) struct Sender {
    name: u64,
    used: Mutex<HashMap<String, u64>>,
}

/// A received message or heartbeat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) sender: u64,
    /// Counts from 1; a repeated number is the same message.
    pub(super) number: u64,
    /// `None` for a heartbeat.
    pub(super) message: Option<&'a [u8]>,
}

/// The result of parsing a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    Frame(Frame<'a>),
    /// A message without a number, from another program.
    Bare(&'a [u8]),
    /// A message of an unknown version.
    Unknown,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Self { name: random(), used: Mutex::default() }
    }

    pub(super) fn name(&self) -> u64 {
        self.name
    }

    /// The last number that was used in `channel`.
    pub(super) fn last(&self, channel: &str) -> u64 {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(channel).copied().unwrap_or(0)
    }

    /// A message with the next number.
    pub(crate) fn message(&self, channel: &str, message: &[u8]) -> Bytes {
        self.frame(channel, MESSAGE, message).1
    }

    /// A heartbeat, and its number.
    pub(super) fn heartbeat(&self, channel: &str) -> (u64, Bytes) {
        self.frame(channel, HEARTBEAT, b"")
    }

    fn frame(&self, channel: &str, kind: u8, message: &[u8]) -> (u64, Bytes) {
        let number = self.next(channel);
        let mut frame = BytesMut::with_capacity(LENGTH + message.len());
        frame.put_slice(MAGIC);
        frame.put_u8(kind);
        frame.put_u64(self.name);
        frame.put_u64(number);
        frame.put_slice(message);
        (number, frame.freeze())
    }

    fn next(&self, channel: &str) -> u64 {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.get_mut(channel) {
            Some(number) => {
                *number += 1;
                *number
            }
            None => *used.entry(channel.to_owned()).or_insert(1),
        }
    }
}

pub(super) fn read(payload: &[u8]) -> Heard<'_> {
    let (version, format) = (MAGIC[3], &MAGIC[..3]);
    let Some(behind) = payload.strip_prefix(format) else { return Heard::Bare(payload) };
    let Some((&[theirs, kind], behind)) = behind.split_first_chunk() else { return Heard::Unknown };
    let Some((sender, behind)) = behind.split_first_chunk() else { return Heard::Unknown };
    let Some((number, message)) = behind.split_first_chunk() else { return Heard::Unknown };
    let message = match kind {
        MESSAGE => Some(message),
        HEARTBEAT => None,
        _ => return Heard::Unknown,
    };
    if theirs != version {
        return Heard::Unknown;
    }
    let (sender, number) = (u64::from_be_bytes(*sender), u64::from_be_bytes(*number));
    Heard::Frame(Frame { sender, number, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_can_be_read_back_and_is_numbered_by_channel() {
        let sender = Sender::new();
        for (channel, message, number) in [("a", "one", 1), ("a", "", 2), ("b", "x", 1)] {
            let bytes = sender.message(channel, message.as_bytes());
            let expected =
                Frame { sender: sender.name(), number, message: Some(message.as_bytes()) };
            assert_eq!(read(&bytes), Heard::Frame(expected));
        }
        let (number, bytes) = sender.heartbeat("a");
        let expected = Frame { sender: sender.name(), number, message: None };
        assert_eq!((number, read(&bytes)), (3, Heard::Frame(expected)));
    }

    #[test]
    fn other_payloads_are_recognized() {
        let frame = Sender::new().message("a", b"message");
        assert_eq!(read(b"bare"), Heard::Bare(b"bare"));
        assert_eq!(read(b""), Heard::Bare(b""));
        for length in 3..LENGTH {
            assert_eq!(read(&frame[..length]), Heard::Unknown);
        }
        for (place, byte) in [(3, b'2'), (4, 9)] {
            let mut later = frame.to_vec();
            later[place] = byte;
            assert_eq!(read(&later), Heard::Unknown);
        }
    }
}

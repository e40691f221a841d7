//! The bus: what one process evicts, the memory tiers of the others forget.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::Notice;

/// What is told. A message of a later format is not understood, and then nothing in memory is
/// trusted any more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum BusMessage {
    Keys(Vec<String>),
    /// The pattern's literals.
    Pattern(Vec<String>),
    Tag(String, u64),
    Space(u64),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BusEnvelope {
    pub(crate) sender: u64,
    pub(crate) message: BusMessage,
}

pub(crate) fn notice(channel: &str, sender: u64, message: BusMessage) -> Notice {
    let letter = BusEnvelope { sender, message };
    // Encoding into memory does not fail for these types; an empty letter would distrust memory.
    let message = Bytes::from(postcard::to_stdvec(&letter).unwrap_or_default());
    Notice { channel: channel.to_owned(), message }
}

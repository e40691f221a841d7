//! The bus: the memory tiers of other processes forget what one process evicts.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::Message;

/// A message. A process that receives a message of a later format does not understand it, and distrusts its
/// whole memory tier.
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

pub(crate) fn notice(channel: &str, sender: u64, message: BusMessage) -> Message {
    let letter = BusEnvelope { sender, message };
    // Encoding into memory does not fail for these types. (An empty letter would make receivers distrust
    // memory.)
    let message = Bytes::from(postcard::to_stdvec(&letter).unwrap_or_default());
    Message { channel: channel.to_owned(), message }
}

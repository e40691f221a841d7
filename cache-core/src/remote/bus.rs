//! The bus: the memory tiers of other processes forget what one process evicts.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::Message;
use crate::base::Selection;

/// A message. A process that receives a message of a later format does not understand it, and distrusts its
/// whole memory tier.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BusMessage {
    pub(crate) evicted: Selection<Vec<String>>,
    /// The new generation of the tag or of the namespace; zero for keys and patterns, which have none.
    pub(crate) generation: u64,
    /// Whether the entries of the tag or of the namespace are only stale.
    pub(crate) soft: bool,
}

impl From<Selection<Vec<String>>> for BusMessage {
    /// The eviction of keys or of a pattern.
    fn from(evicted: Selection<Vec<String>>) -> Self {
        Self { evicted, generation: 0, soft: false }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BusEnvelope {
    pub(crate) sender: u64,
    pub(crate) message: BusMessage,
}

pub(crate) fn notice(channel: &str, sender: u64, message: impl Into<BusMessage>) -> Message {
    let letter = BusEnvelope { sender, message: message.into() };
    // Encoding into memory does not fail for these types. (An empty letter would make receivers distrust
    // memory.)
    let message = Bytes::from(postcard::to_stdvec(&letter).unwrap_or_default());
    Message { channel: channel.to_owned(), message }
}

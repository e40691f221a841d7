//! The header before a payload: who may read the value, for how long, and under which generations.

use serde::{Deserialize, Serialize};

/// The metadata of an entry. Times are spans in milliseconds, with one exception: a moment of one clock means
/// nothing to a process with another clock. `u64::MAX` means without limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The id of the writer's clock, and its time.
    pub(crate) clock: u64,
    pub(crate) written: u64,
    /// The age of the value at that time.
    pub(crate) age: u64,
    /// How long the value is fresh, counted from the write.
    pub(crate) fresh_for: u64,
    pub(crate) stale_for: u64,
    pub(crate) keep_for: u64,
    /// How long the store was told to keep the value. A reader compares it with the remaining time.
    pub(crate) stored_for: u64,
    /// The time to idle: how long the value is fresh without a read; 0: no limit.
    pub(crate) idle: u64,
    /// How long the load took.
    pub(crate) cost: u64,
    /// The namespace's generation, which `clear` increments.
    pub(crate) space: u64,
    pub(crate) tags: Vec<(String, u64)>,
}

/// How the payload was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Form {
    pub(super) codec: u8,
    pub(super) fingerprint: u64,
    pub(super) compression: u8,
    /// The length of the uncompressed payload.
    pub(super) length: u64,
}

/// How a stored value is written, for operators.
#[derive(Clone, Debug)]
pub(crate) struct WrittenAs {
    pub(crate) codec: String,
    pub(crate) compression: String,
    /// The length before compression.
    pub(crate) value_bytes: u64,
    pub(crate) fingerprint: u64,
}

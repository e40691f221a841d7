//! What stands before a payload: who may read it, for how long, under which generations.

use serde::{Deserialize, Serialize};

/// What an entry is beside its value. Times are in milliseconds, and spans but for one: a moment of one clock says nothing
/// to whoever reads another, which may show anything. `u64::MAX` is for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// Whose clock the writer's was, and what it showed.
    pub(crate) clock: u64,
    pub(crate) written: u64,
    /// How old the value was when this was written.
    pub(crate) age: u64,
    /// For how long it is fresh, from the writing on.
    pub(crate) fresh_for: u64,
    pub(crate) stale_for: u64,
    pub(crate) keep_for: u64,
    /// For how long the store was told to keep it. A reader compares that with what is left of it.
    pub(crate) stored_for: u64,
    /// For how long it is fresh without being read; 0: that does not matter.
    pub(crate) idle: u64,
    /// What the load took.
    pub(crate) cost: u64,
    /// The namespace's generation, moved on by `clear`.
    pub(crate) space: u64,
    pub(crate) tags: Vec<(String, u64)>,
}

/// How the payload became what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Form {
    pub(super) codec: u8,
    pub(super) fingerprint: u64,
    pub(super) compression: u8,
    /// How long the payload is when it is not compressed.
    pub(super) length: u64,
}

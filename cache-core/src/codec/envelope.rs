//! What stands before a payload: who may read it, for how long, under which generations.

use serde::{Deserialize, Serialize};

/// What an entry is beside its value. Moments are milliseconds since 1970; `u64::MAX` is never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) created: u64,
    pub(crate) fresh_until: u64,
    pub(crate) stale_until: u64,
    pub(crate) keep_until: u64,
    /// For how many milliseconds it is fresh without being read; 0: that does not matter.
    pub(crate) idle: u64,
    /// What the load took, in milliseconds.
    pub(crate) cost: u64,
    /// The namespace's generation, moved on by `clear`.
    pub(crate) space: u64,
    pub(crate) tags: Vec<(String, u64)>,
}

/// How the payload became what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Form {
    pub(super) codec: u8,
    pub(super) fingerprint: u64,
    pub(super) compression: u8,
    /// How long the payload is when it is not compressed.
    pub(super) length: u64,
}

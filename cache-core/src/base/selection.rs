//! What an eviction covers.

use serde::{Deserialize, Serialize};

use super::pattern::{self, Pattern};

/// What an eviction covers, from the attribute to the bus. `K` is how a layer names keys: one key with its identity in
/// the engine, a list of texts in the remote tier, on the bus and in the retry log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Selection<K> {
    Keys(K),
    Pattern(#[serde(with = "pattern::as_literals")] Pattern),
    /// The entries with the tag: its generation is incremented.
    Tag(String),
    /// All entries of the namespace, whose generation is incremented.
    All,
}

//! What a process asks the remote tier for before it loads.

use std::time::Duration;

use crate::backend::MARK;
use crate::base::Timestamp;

/// How a lease is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// The mark of the value that is to be replaced.
    pub(crate) seen: Option<[u8; MARK]>,
    /// The newest generation that the load is judged by.
    pub(crate) generation: u64,
    /// Whether to take it from another holder.
    pub(crate) steal: bool,
    /// How long to wait for other holders.
    pub(crate) until: Timestamp,
    /// How long the load may take.
    pub(crate) lease: Duration,
}

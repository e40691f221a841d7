//! The request for a lease that precedes a load.

use std::time::Duration;

use crate::backend::VERSION_LEN;
use crate::base::Timestamp;

/// The request for a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// The mark of the value to be replaced.
    pub(crate) seen: Option<[u8; VERSION_LEN]>,
    /// The newest generation that decides whether the load's value is valid.
    pub(crate) generation: u64,
    /// Whether to take the lease from another holder.
    pub(crate) steal: bool,
    /// How long to wait for other holders.
    pub(crate) until: Timestamp,
    /// How long the load may take.
    pub(crate) lease: Duration,
}

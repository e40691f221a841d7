//! Alerts, which report that a threshold was crossed or no longer is.

use std::fmt;

use serde::Serialize;

use crate::stats::{Health, Since};

/// A threshold of a [`Monitor`](crate::Monitor) was crossed, or no longer is.
///
/// Plain data, for logs (`Display`) and for messages (serde); without credentials, keys and values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// Whether it is raised or cleared.
    pub state: AlertState,
    /// The threshold: the method of [`Monitor`](crate::Monitor) that added it, such as `hit_rate_below`, or
    /// the name given to [`when_info`](super::Monitor::when_info).
    pub threshold: &'static str,
    /// The first server that crosses it, if the remote tier has several. The message names all of them.
    pub server: Option<String>,
    /// The finding in words: `the hit rate is 0.31 (limit 0.5)`. A cleared alert of `when_info` repeats the
    /// message that raised it.
    pub message: String,
    /// When it was raised, and how long it has lasted.
    #[serde(flatten)]
    pub since: Since,
    /// The health of the cache at that time.
    pub health: Health,
}

/// Whether an [`Alert`] begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The threshold was crossed.
    Raised,
    /// The threshold was not crossed in two consecutive checks.
    Cleared,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, threshold, message, health, since, .. } = self;
        write!(f, "{} {state} for {}: {message}", threshold, health.namespace)?;
        match state {
            AlertState::Raised => Ok(()),
            AlertState::Cleared => write!(f, ", after {:?}", since.lasting),
        }
    }
}

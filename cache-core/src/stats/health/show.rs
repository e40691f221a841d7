//! Formats a cache's health as one line.

use std::fmt;

use super::{Health, MemoryHealth, RemoteHealth, Status};
use crate::backend::NodeLink;
use crate::stats::snapshot::BreakerState;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        })
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.namespace, self.status)?;
        match (self.closed, self.enabled) {
            (true, _) => f.write_str(" (closed)")?,
            (false, false) => f.write_str(" (switched off)")?,
            (false, true) => {}
        }
        if let Some(memory) = &self.memory {
            write!(f, "; {memory}")?;
        }
        match &self.remote {
            Some(remote) => write!(f, "; {remote}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MemoryHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, since, entries, bytes } = self;
        write!(f, "memory {status} for {:?} ({entries} entries, {bytes} bytes)", since.lasting)
    }
}

impl fmt::Display for RemoteHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, status, since, .. } = self;
        write!(f, "remote ({backend}) {status} for {:?}", since.lasting)?;
        if let Some(round_trip) = self.round_trip {
            write!(f, ", ping {round_trip:?}")?;
        }
        if self.breaker != BreakerState::Closed {
            write!(f, ", breaker {}", self.breaker)?;
        }
        if let Some(remaining) = self.retry_in {
            write!(f, " for {remaining:?} more")?;
        }
        match self.pending_evictions {
            0 => {}
            1 => f.write_str(", 1 eviction pending")?,
            many => write!(f, ", {many} evictions pending")?,
        }
        for node in self.servers.nodes.iter().filter(|node| node.link == NodeLink::Down) {
            write!(f, ", {} {} down", node.role, node.address)?;
        }
        if !self.bus.linked {
            write!(f, ", bus lost for {:?}", self.bus.since.lasting)?;
        }
        match &self.last_error {
            Some(error) => {
                write!(f, ", last error {:?} ago: {}", error.since.lasting, error.message)
            }
            None => Ok(()),
        }
    }
}

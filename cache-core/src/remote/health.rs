//! The health of the remote tier, derived from its operations, its bus and its backend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::requests::Remote;
use super::state::HealthSnapshot;
use crate::backend::{BackendState, NodeLink};
use crate::base::{BackendError, BackendErrorKind};
use crate::stats::{Outage, RemoteHealth, Status, WallTimestamp};

impl Remote {
    /// Records the end of an operation.
    pub(super) fn ended<T>(&self, result: &Result<T, BackendError>) {
        match result {
            Ok(_) if self.record().succeeded() => self.look(),
            Ok(_) => {}
            Err(error) => self.fault(error),
        }
    }

    #[cold]
    fn fault(&self, error: &BackendError) {
        // An unsupported operation is not a failure of the store.
        if error.kind() == BackendErrorKind::Unsupported {
            return;
        }
        let worse = match self.record().failed(error) {
            Status::Up => true,
            Status::Degraded => !self.breaker().is_closed(),
            Status::Down => false,
        };
        if worse {
            self.look();
        }
    }

    /// Derives the health from the current state, and records it.
    fn look(&self) {
        self.judge(&self.backend().state(), WallTimestamp::now(self.clock()));
    }

    fn judge(&self, servers: &BackendState, now: WallTimestamp) {
        let down = || !self.breaker().is_closed() || servers.is_down();
        let wrong = || servers.down().next().is_some() || self.pending_evictions() > 0;
        if servers.nodes.iter().any(|node| node.link == NodeLink::Up) {
            self.record().reach();
        }
        self.record().judge(now, down, wrong, || self.pending_evictions());
    }

    /// The current health, without a request to the store.
    pub(crate) fn health(&self, now: WallTimestamp) -> RemoteHealth {
        let servers = self.backend().state();
        self.judge(&servers, now);
        let HealthSnapshot { status, since, last_error, bus } = self.record().told(now);
        RemoteHealth {
            backend: self.backend().name().to_owned(),
            status,
            since,
            last_error,
            breaker: self.breaker().state(now.at),
            retry_in: self.breaker().remaining(now.at),
            pending_evictions: self.pending_evictions(),
            bus,
            servers,
            round_trip: None,
        }
    }

    /// The last outages, without a request to the store.
    pub(crate) fn outages(&self, now: WallTimestamp) -> Vec<Outage> {
        self.judge(&self.backend().state(), now);
        self.record().outages(now)
    }

    /// Pings, even if the breaker is open, and returns the round-trip time. Then carries out pending
    /// evictions.
    pub(crate) async fn probe(self: &Arc<Self>, limit: Duration) -> Option<Duration> {
        let (began, until) = (Instant::now(), self.clock().now().after(limit));
        let Ok(answer) = self.clock().timeout_at(until, self.backend().ping()).await else {
            let message = format!("no answer within {limit:?}");
            // The limit itself may be too short, so this does not open the breaker.
            self.ended::<()>(&Err(BackendError::new(BackendErrorKind::TimedOut, "ping", message)));
            return None;
        };
        let round_trip = began.elapsed();
        self.weigh(&answer);
        answer.ok()?;
        // Otherwise other processes may read evicted values while this process is idle.
        let _ = self.clock().timeout_at(until, self.settle_pending()).await;
        Some(round_trip)
    }
}

//! How the remote tier is: what its operations, its bus and its backend tell of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::requests::Remote;
use super::state::HealthSnapshot;
use crate::backend::{BackendState, NodeLink};
use crate::base::{BackendError, BackendErrorKind};
use crate::stats::{RemoteHealth, Status, WallTimestamp};

impl Remote {
    /// An operation has ended.
    pub(super) fn ended<T>(&self, result: &Result<T, BackendError>) {
        match result {
            Ok(_) if self.record().succeeded() => self.look(),
            Ok(_) => {}
            Err(error) => self.fault(error),
        }
    }

    #[cold]
    fn fault(&self, error: &BackendError) {
        // A question that the backend can't be asked is no failure of the store.
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

    /// Looks at all that is known, and notes what follows from it.
    fn look(&self) {
        self.judge(&self.backend().state(), WallTimestamp::now(self.clock()));
    }

    fn judge(&self, servers: &BackendState, now: WallTimestamp) {
        let down = || !self.breaker().is_closed() || servers.is_down();
        let wrong = || servers.down().next().is_some() || self.owed_evictions() > 0;
        if servers.nodes.iter().any(|node| node.link == NodeLink::Up) {
            self.record().reach();
        }
        self.record().judge(now, down, wrong, || self.owed_evictions());
    }

    /// What is known now, without asking the store.
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
            owed_evictions: self.owed_evictions(),
            bus,
            servers,
            round_trip: None,
        }
    }

    /// Pings, whatever the breaker says, and says how long the answer took. What is owed is then carried out.
    pub(crate) async fn probe(self: &Arc<Self>, limit: Duration) -> Option<Duration> {
        let (began, until) = (Instant::now(), self.clock().now().after(limit));
        let Ok(answer) = self.clock().timeout_at(until, self.backend().ping()).await else {
            let message = format!("no answer within {limit:?}");
            // It may be the limit that is too short: the breaker is not to open for that.
            self.ended::<()>(&Err(BackendError::new(BackendErrorKind::TimedOut, "ping", message)));
            return None;
        };
        let round_trip = began.elapsed();
        self.weigh(&answer);
        answer.ok()?;
        // Others may read what this process should have evicted, while it has nothing to do.
        let _ = self.clock().timeout_at(until, self.settle_owed()).await;
        Some(round_trip)
    }
}

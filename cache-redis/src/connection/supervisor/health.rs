//! Checks idle connections, so that a dead peer is noticed before an operation needs it.
//!
//! A connection in use needs no check: its operations notice a dead peer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::cmd;
use tokio::time::sleep;

use super::{Link, Phase, Shared};
use crate::connection::request::Deadline;

/// Pings the server while the connection is idle. If the connection is lost, connects again. Ends
/// when there is another connection, which has a task of its own.
pub(super) async fn keep_alive(shared: Weak<Shared>, link: Weak<Link>) {
    let mut pause = Duration::ZERO;
    loop {
        sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        pause = match link.upgrade().filter(|link| shared.uses(link)) {
            Some(link) => shared.check(&link).await,
            None if shared.is_closed() || shared.link().await.is_ok() => return,
            None => shared.limits.health_check_interval,
        };
    }
}

impl Shared {
    /// Pings the server if the connection is idle. Returns the time until the next check.
    async fn check(self: &Arc<Self>, link: &Arc<Link>) -> Duration {
        let interval = self.limits.health_check_interval;
        let left = interval.saturating_sub(link.silence.idle());
        if !left.is_zero() {
            return left;
        }
        let deadline = Deadline::after(self.limits.operation_timeout);
        match self.send(link, deadline, &cmd("PING").into()).await {
            Ok(_) => interval,
            // A time-out is repeated immediately: several of them in a row end the connection.
            Err(_) => Duration::ZERO,
        }
    }

    /// Whether this is the current connection.
    fn uses(&self, link: &Arc<Link>) -> bool {
        matches!(&*self.phase.borrow(), Phase::Ready(current) if Arc::ptr_eq(current, link))
    }

    fn is_closed(&self) -> bool {
        matches!(&*self.phase.borrow(), Phase::Closed)
    }
}

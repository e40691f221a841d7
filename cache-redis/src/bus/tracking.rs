//! Server-assisted tracking: Redis reports every changed value.
//!
//! Tracking uses broadcast mode, so that the server stores nothing for each client. It has its own
//! connection; it ends with that connection and starts again with the next one.

use std::task::{Context, Poll};

use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, RedisError, Value, cmd};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::config::Endpoint;
use crate::connection::{Connection, Wire};
use crate::errors::Fault;

pub(super) struct Tracker {
    connection: Wire,
    pushes: UnboundedReceiver<PushInfo>,
}

/// A report of the server.
pub(super) enum Change {
    Keys(Vec<String>),
    /// All values may have changed.
    All,
    /// The connection ended.
    Ended,
}

impl Tracker {
    /// Reports changes of all keys that begin with `prefix`.
    pub(super) async fn open(connection: &Connection, prefix: &str) -> Result<Self, Fault> {
        let (sender, pushes) = unbounded_channel();
        let tracked = connection.pushing(sender).await?;
        let mut tracker = Self { connection: tracked, pushes };
        let mut tracking = cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(prefix);
        let endpoint: &Endpoint = connection.endpoint();
        tracker.ask(&tracking).await.map_err(|error| Fault::operating(&error, endpoint))?;
        Ok(tracker)
    }

    pub(super) fn connection(&self) -> MultiplexedConnection {
        MultiplexedConnection::clone(&self.connection)
    }

    async fn ask(&mut self, command: &redis::Cmd) -> Result<Value, RedisError> {
        self.connection.send_packed_command(command).await?.extract_error()
    }

    pub(super) fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<Change> {
        loop {
            let change = match self.pushes.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => Change::Ended,
                Poll::Ready(Some(PushInfo { kind: PushKind::Disconnection, .. })) => Change::Ended,
                Poll::Ready(Some(PushInfo { kind: PushKind::Invalidate, data })) => keys(data),
                Poll::Ready(Some(_)) => continue,
            };
            return Poll::Ready(change);
        }
    }
}

fn keys(data: Vec<Value>) -> Change {
    let Some(Value::Array(keys)) = data.into_iter().next() else { return Change::All };
    Change::Keys(keys.into_iter().filter_map(crate::values::text).collect())
}

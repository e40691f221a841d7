//! What is sent and what comes back.

use std::time::Duration;

use redis::{Cmd, RedisError, Value};
use tokio::time::Instant;

use crate::errors::Fault;
use crate::keys::slot;
use crate::scripts::Call;

/// What is sent in one go.
#[derive(Clone)]
pub(crate) struct Request {
    what: What,
    pub(crate) route: Route,
}

#[derive(Clone)]
enum What {
    Command(Cmd),
    Script(Call),
}

/// Where a request has to go on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the master of a slot.
    Slot(u16),
    /// Anywhere.
    Any,
    /// To one node.
    Node(Node),
}

/// A node's address, as the cluster tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Request {
    /// A command for the server that has `key`.
    pub(crate) fn of(key: &str, command: Cmd) -> Self {
        Self { what: What::Command(command), route: Route::Slot(slot(key.as_bytes())) }
    }

    /// A command that every server can answer.
    pub(crate) fn anywhere(command: Cmd) -> Self {
        Self { what: What::Command(command), route: Route::Any }
    }

    pub(crate) fn at(node: Node, command: Cmd) -> Self {
        Self { what: What::Command(command), route: Route::Node(node) }
    }

    pub(crate) fn routed(route: Route, command: Cmd) -> Self {
        Self { what: What::Command(command), route }
    }

    /// A script for the server that has its keys.
    pub(crate) fn script(call: Call) -> Self {
        let route = call.first_key().map_or(Route::Any, |key| Route::Slot(slot(key.as_bytes())));
        Self { what: What::Script(call), route }
    }

    /// The command that says it; for a script, by its digest unless it is to be in full.
    pub(crate) fn command(&self, in_full: bool) -> Cmd {
        match &self.what {
            What::Command(command) => command.clone(),
            What::Script(call) if in_full => call.in_full(),
            What::Script(call) => call.by_digest(),
        }
    }

    /// What does the same in steps, for a slot that is being moved: see [`Call::in_steps`].
    pub(crate) fn in_steps(&self) -> Option<Vec<Cmd>> {
        match &self.what {
            What::Command(_) => None,
            What::Script(call) => call.in_steps(),
        }
    }
}

/// The answer to one request.
pub(crate) type Reply = Result<Value, Failure>;

/// Why there is no answer, or none that helps.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server refuses.
    Answer(RedisError),
    /// There is no answer.
    Fault(Fault),
}

/// What to do if the connection breaks before the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBreak {
    /// Send it once more over a new connection: doing it twice is harmless.
    Repeat,
    /// Tell the caller, who alone knows whether it may be repeated.
    Fail,
}

/// When an operation's time is over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// How much time it was given.
    pub(crate) limit: Duration,
    /// Whether whoever has just taken over is not to be asked yet.
    pub(crate) after_replays: bool,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit, after_replays: false }
    }

    /// The same, for what waits until evictions were made again after a failover.
    pub(crate) fn after_replays(self) -> Self {
        Self { after_replays: true, ..self }
    }

    pub(crate) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

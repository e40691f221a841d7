//! Requests and replies.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::time::Instant;

use crate::errors::Fault;
use crate::keys::slot;
use crate::scripts::Call;

/// A command or a script, with its route.
#[derive(Clone)]
pub(crate) struct Request {
    what: What,
    pub(crate) route: Route,
    /// Whether it changes nothing, so that it does no harm to send it twice.
    is_read: bool,
}

#[derive(Clone)]
enum What {
    Command(Cmd),
    Script(Call),
}

/// The node of a cluster that must get a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The master of a slot.
    Slot(u16),
    /// Any node.
    Any,
    /// One particular node.
    Node(Node),
}

/// A node's address, as the cluster reports it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Request {
    /// A command for the server that has `key`.
    pub(crate) fn of(key: &str, command: Cmd) -> Self {
        Self::routed(Route::Slot(slot(key.as_bytes())), command)
    }

    /// A command for the server that has `key`, which changes nothing.
    pub(crate) fn read(key: &str, command: Cmd) -> Self {
        Self { is_read: true, ..Self::of(key, command) }
    }

    /// A command for the server of this request, which changes nothing.
    pub(crate) fn beside(&self, command: Cmd) -> Self {
        Self { is_read: true, ..Self::routed(self.route.clone(), command) }
    }

    /// A command that every server can answer.
    pub(crate) fn anywhere(command: Cmd) -> Self {
        Self::routed(Route::Any, command)
    }

    pub(crate) fn at(node: Node, command: Cmd) -> Self {
        Self::routed(Route::Node(node), command)
    }

    pub(crate) fn routed(route: Route, command: Cmd) -> Self {
        Self { what: What::Command(command), route, is_read: false }
    }

    /// A script for the server that has its keys.
    pub(crate) fn script(call: Call) -> Self {
        let route = call.first_key().map_or(Route::Any, |key| Route::Slot(slot(key.as_bytes())));
        Self { what: What::Script(call), route, is_read: false }
    }

    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// The command to send; a script is called by digest unless `in_full`.
    pub(crate) fn command(&self, in_full: bool) -> Cmd {
        match &self.what {
            What::Command(command) => command.clone(),
            What::Script(call) if in_full => call.in_full(),
            What::Script(call) => call.by_digest(),
        }
    }

    /// Like [`command`](Self::command), for a request that is sent only once.
    pub(crate) fn into_command(self) -> Cmd {
        match self.what {
            What::Command(command) => command,
            What::Script(call) => call.by_digest(),
        }
    }

    /// Commands with the same effect, for a slot that is being moved: see [`Call::in_steps`].
    pub(crate) fn in_steps(&self) -> Option<Vec<Cmd>> {
        match &self.what {
            What::Command(_) => None,
            What::Script(call) => call.in_steps(),
        }
    }
}

/// The commands of one exchange. They are built once, even if they are sent again.
pub(crate) enum Commands {
    One(Cmd),
    /// Sent with one write to the connection.
    Together(Pipeline),
}

impl Commands {
    /// The number of replies.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Together(commands) => commands.len(),
        }
    }
}

impl From<Cmd> for Commands {
    fn from(command: Cmd) -> Self {
        Self::One(command)
    }
}

impl FromIterator<Cmd> for Commands {
    fn from_iter<I: IntoIterator<Item = Cmd>>(commands: I) -> Self {
        let mut commands = commands.into_iter();
        match (commands.next(), commands.next()) {
            (Some(only), None) => Self::One(only),
            (first, second) => {
                let mut together = Pipeline::with_capacity(commands.size_hint().0 + 2);
                for command in first.into_iter().chain(second).chain(commands) {
                    together.add_command(command);
                }
                Self::Together(together)
            }
        }
    }
}

/// The reply to one request.
pub(crate) type Reply = Result<Value, Failure>;

/// Why a request has no usable reply.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server answered with an error.
    Answer(RedisError),
    /// There is no reply.
    Fault(Fault),
}

/// What happens if the connection breaks before the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBreak {
    /// The request is sent again over a new connection, because repeating it is harmless: see
    /// [`RedisBuilder::retry_attempts`](crate::RedisBuilder::retry_attempts).
    Repeat,
    /// The operation fails: only the caller knows whether it may be repeated.
    Fail,
}

/// The end of an operation's time.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// The whole time of the operation.
    pub(crate) limit: Duration,
    /// Whether the operation waits for the replay of evictions after a takeover.
    pub(crate) after_replays: bool,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit, after_replays: false }
    }

    /// The same for an operation that waits for the replay of evictions after a failover.
    pub(crate) fn after_replays(self) -> Self {
        Self { after_replays: true, ..self }
    }

    pub(crate) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

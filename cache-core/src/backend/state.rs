//! The state of a backend's connections, known without a request.

use std::fmt;

use serde::Serialize;

/// The servers behind a [`Backend`](super::Backend), as it knows them at one moment.
///
/// The default is empty: a backend without connections need not report any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackendState {
    /// The servers to which it sends operations.
    pub nodes: Vec<NodeState>,
    /// How often it found that another server had become the master.
    pub failovers: u64,
}

impl BackendState {
    /// Creates a state with these servers.
    pub fn new(nodes: impl IntoIterator<Item = NodeState>) -> Self {
        Self { nodes: nodes.into_iter().collect(), failovers: 0 }
    }

    /// Sets the number of failovers.
    #[must_use]
    pub fn failovers(mut self, failovers: u64) -> Self {
        self.failovers = failovers;
        self
    }

    /// The servers that are unreachable.
    pub fn down(&self) -> impl Iterator<Item = &NodeState> {
        self.nodes.iter().filter(|node| node.link == NodeLink::Down)
    }

    /// Whether there are servers and all of them are unreachable.
    pub(crate) fn is_down(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(|node| node.link == NodeLink::Down)
    }
}

/// One server of a [`BackendState`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeState {
    /// The address, as `host:port`; never with a user name or a password.
    pub address: String,
    /// What it is to the others.
    pub role: NodeRole,
    /// Whether it is reachable, as far as operations have found out.
    pub link: NodeLink,
    /// The number of open connections.
    pub connections: usize,
    /// The number of failed connection attempts since the last success.
    pub failures: u32,
    /// The error of the last attempt, if it failed.
    pub last_error: Option<String>,
}

impl NodeState {
    /// Creates a server without connections and failures.
    ///
    /// Operators see `address`: it must not contain credentials.
    pub fn new(address: impl Into<String>, role: NodeRole, link: NodeLink) -> Self {
        let address = address.into();
        Self { address, role, link, connections: 0, failures: 0, last_error: None }
    }

    /// Sets the number of open connections.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets the number of failed connection attempts and the last error.
    #[must_use]
    pub fn failures(mut self, failures: u32, last_error: impl Into<String>) -> Self {
        (self.failures, self.last_error) = (failures, Some(last_error.into()));
        self
    }
}

/// What a server is to the other servers of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeRole {
    /// The only one.
    Server,
    /// It takes the writes for all keys, or for its part of them.
    Master,
    /// It follows a master.
    Replica,
    /// It is asked for the masters, which are not known yet.
    Seed,
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Master => "master",
            Self::Replica => "replica",
            Self::Seed => "seed",
        })
    }
}

/// Whether a server is reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeLink {
    /// A connection is open.
    Up,
    /// There is no connection, because none was needed yet or the last one has just closed.
    Idle,
    /// The first connection is being made.
    Connecting,
    /// The last attempt failed. Another will follow.
    Down,
}

//! What a backend knows of its connections, without asking anybody.

use serde::Serialize;

/// What a [`Backend`](super::Backend) knows of the servers behind it at one moment.
///
/// An empty one says nothing: a backend that has no connections need not tell of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackendState {
    /// The servers that it sends operations to.
    pub nodes: Vec<NodeState>,
    /// How often another server was found in charge than before.
    pub failovers: u64,
}

impl BackendState {
    /// The state of these servers.
    pub fn new(nodes: impl IntoIterator<Item = NodeState>) -> Self {
        Self { nodes: nodes.into_iter().collect(), failovers: 0 }
    }

    /// With so many changes of who is in charge.
    #[must_use]
    pub fn failovers(mut self, failovers: u64) -> Self {
        self.failovers = failovers;
        self
    }

    /// The servers that can't be reached.
    pub fn down(&self) -> impl Iterator<Item = &NodeState> {
        self.nodes.iter().filter(|node| node.link == NodeLink::Down)
    }

    /// Whether there are servers, and none can be reached.
    pub(crate) fn is_down(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(|node| node.link == NodeLink::Down)
    }
}

/// One server of a [`BackendState`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeState {
    /// Where it is, as `host:port`; never with a user or a password.
    pub address: String,
    /// What it is, in the backend's own words. Redis: `server`; `master` of Sentinels or of a
    /// cluster; `seed`, whom to ask for the masters.
    pub role: &'static str,
    /// Whether it can be reached, as far as operations have found out.
    pub link: NodeLink,
    /// How many connections to it stand.
    pub connections: usize,
    /// How many attempts to connect failed since the last one that did not.
    pub failures: u32,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

impl NodeState {
    /// A server without connections and failures.
    ///
    /// `address` is shown to operators: it must not hold credentials.
    pub fn new(address: impl Into<String>, role: &'static str, link: NodeLink) -> Self {
        let address = address.into();
        Self { address, role, link, connections: 0, failures: 0, last_error: None }
    }

    /// With so many connections that stand.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// With attempts to connect that failed, and why the last one did.
    #[must_use]
    pub fn failures(mut self, failures: u32, last_error: impl Into<String>) -> Self {
        (self.failures, self.last_error) = (failures, Some(last_error.into()));
        self
    }
}

/// Whether a server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeLink {
    /// A connection stands.
    Up,
    /// There is none, because none was needed yet or the last one was given up a moment ago.
    Idle,
    /// The first one is being made.
    Connecting,
    /// The last attempt failed. There will be another.
    Down,
}

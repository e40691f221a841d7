//! The state of the servers as the supervisors know it, for operators.

use cache_core::{BackendState, NodeLink, NodeRole, NodeState};

use super::supervisor::Seen;
use super::{Connection, Fleet};
use crate::config::{Endpoint, Target};

use super::pool::Pool;

impl Connection {
    /// The known state; asks no server.
    pub(crate) fn state(&self) -> BackendState {
        let nodes = match &self.shared.fleet {
            Fleet::Single(pool) => {
                let role = match self.config().target {
                    Target::Sentinels { .. } => NodeRole::Master,
                    _ => NodeRole::Server,
                };
                vec![node(role, self.endpoint(), Some(pool))]
            }
            Fleet::Cluster(cluster) => {
                let (role, ways) = cluster.ways();
                ways.iter().map(|(endpoint, pool)| node(role, endpoint, pool.as_ref())).collect()
            }
        };
        BackendState::new(nodes).failovers(self.shared.takeovers.count())
    }
}

/// The state of a server from all connections to it. It is up if one of them is up, otherwise down
/// if one of them cannot be established.
fn node(role: NodeRole, endpoint: &Endpoint, pool: Option<&Pool>) -> NodeState {
    let mut node = NodeState::new(&endpoint.address, role, NodeLink::Idle);
    for supervisor in pool.map(Pool::supervisors).unwrap_or_default() {
        let (seen, chosen) = supervisor.look();
        if let Some(chosen) = chosen {
            node.address = endpoint.at(&chosen).address;
        }
        node.link = match (seen, node.link) {
            (Seen::Ready, _) => {
                node.connections += 1;
                NodeLink::Up
            }
            (Seen::Failed(failures, fault), link) => {
                node = node.failures(failures, fault.message());
                if link == NodeLink::Up { link } else { NodeLink::Down }
            }
            (Seen::Connecting, NodeLink::Idle) => NodeLink::Connecting,
            (Seen::Connecting | Seen::Idle, link) => link,
        };
    }
    node
}

//! A cluster: a pool for each node, and the map from slots to nodes.
//!
//! The client's own cluster connection is not used. It sends a command again after a time-out,
//! whether or not that is harmless, never replaces a half-open connection, and refuses pipelines
//! over several slots. Here each node has supervisors, as a single server has. So a dead node costs
//! nothing and does not affect the others.

mod batch;
mod pass;
mod refresh;
mod topology;
mod verdict;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::NodeRole;
use redis::ConnectionInfo;
use redis::aio::PubSub;

use super::Takeovers;
use super::bounded::Bound;
use super::dialer::Dialer;
use super::pool::Pool;
use super::request::{Deadline, Node};
use super::source::Source;
use crate::config::{Endpoint, Limits, addressed, node_of};
use crate::errors::Fault;

pub(crate) use pass::Pass;
use refresh::Refresh;
use topology::Topology;

pub(crate) struct Cluster {
    /// The connection settings for a node; the address is replaced.
    template: ConnectionInfo,
    seeds: Vec<Node>,
    endpoint: Endpoint,
    limits: Limits,
    known: Mutex<Known>,
    refresh: Refresh,
    turn: AtomicUsize,
    takeovers: Arc<Takeovers>,
    bound: Bound,
}

struct Known {
    topology: Arc<Topology>,
    /// The number of changes of the topology.
    version: u64,
    /// The masters of the last full topology, without changes by redirections.
    masters: Vec<Node>,
    pools: HashMap<Node, Pool>,
    closed: bool,
}

/// The topology at one moment.
#[derive(Clone)]
struct View {
    topology: Arc<Topology>,
    version: u64,
}

impl Cluster {
    /// The seeds differ only in their addresses; there is at least one.
    pub(super) fn new(
        seeds: &[ConnectionInfo],
        endpoint: &Endpoint,
        limits: &Limits,
        (takeovers, bound): (&Arc<Takeovers>, &Bound),
    ) -> Arc<Self> {
        let topology = Arc::new(Topology::unknown());
        Arc::new(Self {
            template: seeds[0].clone(),
            seeds: seeds.iter().filter_map(node_of).collect(),
            endpoint: endpoint.clone(),
            limits: limits.clone(),
            known: Mutex::new(Known {
                topology,
                version: 0,
                masters: Vec::new(),
                pools: HashMap::new(),
                closed: false,
            }),
            refresh: Refresh::default(),
            turn: AtomicUsize::default(),
            takeovers: Arc::clone(takeovers),
            bound: bound.clone(),
        })
    }

    /// Reads the topology, and connects to every master.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), Fault> {
        let deadline = Deadline::after(self.limits.connect_timeout);
        for master in self.view(deadline).await?.topology.masters() {
            self.pool(&master)?.connect().await?;
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut known = self.known();
        known.closed = true;
        known.pools.values().for_each(Pool::close);
    }

    /// A subscription connection to one of the nodes: a message that is published on any node
    /// reaches all nodes.
    pub(super) async fn pubsub(self: &Arc<Self>) -> Result<PubSub, Fault> {
        let masters = self.masters().await?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let node = &masters[turn % masters.len()];
        let source = self.pool(node)?.source().clone();
        let pubsub = source.pubsub(&self.endpoint.at(node)).await;
        if pubsub.is_err() {
            self.refresh_behind();
        }
        pubsub
    }

    /// The masters that have slots; at least one.
    pub(crate) async fn masters(self: &Arc<Self>) -> Result<Vec<Node>, Fault> {
        let deadline = Deadline::after(self.limits.operation_timeout);
        Ok(self.view(deadline).await?.topology.masters())
    }

    /// The topology; reads it if it is unknown.
    async fn view(self: &Arc<Self>, deadline: Deadline) -> Result<View, Fault> {
        let view = self.current();
        if !view.topology.is_unknown() {
            return Ok(view);
        }
        self.refreshed(deadline).await?;
        Ok(self.current())
    }

    fn current(&self) -> View {
        let known = self.known();
        View { topology: Arc::clone(&known.topology), version: known.version }
    }

    /// Whether there is a connection to any master.
    fn is_partly_there(&self) -> bool {
        let known = self.known();
        let ready = |master: &Node| known.pools.get(master).is_some_and(Pool::is_ready);
        known.topology.masters().iter().any(ready)
    }

    fn pool(&self, node: &Node) -> Result<Pool, Fault> {
        let mut known = self.known();
        if let Some(pool) = known.pools.get(node) {
            return Ok(pool.clone());
        }
        if known.closed {
            return Err(Fault::closed());
        }
        let endpoint = self.endpoint.at(node);
        let dialer = Dialer::new(addressed(&self.template, node), &self.bound)
            .map_err(|error| Fault::connecting(&error, &endpoint))?;
        let source = Source::Server { dialer, of_many: true };
        let pool = Pool::new(source, &endpoint, &self.limits, &self.takeovers);
        known.pools.insert(node.clone(), pool.clone());
        Ok(pool)
    }

    /// Records a redirection: `node` has the slot now.
    fn moved(&self, slot: u16, node: &Node) {
        let mut known = self.known();
        if known.topology.owner(slot) != Some(node) {
            if !known.masters.is_empty() && !known.masters.contains(node) {
                // A former replica. Operations wait until this process has replayed its evictions
                // on it.
                known.masters.push(node.clone());
                self.takeovers.add();
            }
            Arc::make_mut(&mut known.topology).give(slot, node);
            known.version += 1;
        }
    }

    fn learn(&self, topology: Topology) {
        let mut known = self.known();
        if *known.topology != topology {
            known.version += 1;
            // Drops the pools of nodes that left. Running operations on them end normally.
            known.pools.retain(|node, _| topology.has(node));
            known.topology = Arc::new(topology);
        }
        let masters = known.topology.masters();
        if known.masters.iter().any(|master| !masters.contains(master)) {
            // Under the lock, so that no operation uses the new master before the takeover is
            // counted.
            self.takeovers.add();
        }
        known.masters = masters;
    }

    /// The masters, or the seeds while the masters are unknown, each with its pool if that exists.
    pub(super) fn ways(&self) -> (NodeRole, Vec<(Endpoint, Option<Pool>)>) {
        let known = self.known();
        let masters = known.topology.masters();
        let (role, nodes) = match masters.is_empty() {
            true => (NodeRole::Seed, &self.seeds),
            false => (NodeRole::Master, &masters),
        };
        let way = |node| (self.endpoint.at(node), known.pools.get(node).cloned());
        (role, nodes.iter().map(way).collect())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

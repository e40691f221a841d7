//! A cluster: a pool for each node, and who has which slot.
//!
//! The client's own cluster connection is not used. It sends a command again after a time-out,
//! whether or not that is harmless, keeps a half-open connection for good, and refuses pipelines over
//! several slots. Here each node has the supervisors that a single server has, so that a dead node
//! costs nothing and the others are not touched.

mod batch;
mod pass;
mod refresh;
mod topology;
mod verdict;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// How to get in at a node, but for its address.
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
    /// Counts the changes of the topology.
    version: u64,
    /// Those that were told of last, not by redirections.
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
    /// The seeds differ in their addresses only; there is at least one.
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

    /// Finds out who there is, and connects to every master.
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

    /// A connection to one of the nodes: what is published on any reaches all.
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

    /// The topology; finds it out if nothing is known.
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

    /// One node was told by another: it has the slot now.
    fn moved(&self, slot: u16, node: &Node) {
        let mut known = self.known();
        if known.topology.owner(slot) != Some(node) {
            if !known.masters.is_empty() && !known.masters.contains(node) {
                // A replica of before: whoever is sent there waits until it was told of the last evictions.
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
            // Who is gone is not connected to any more; what is under way ends by itself.
            known.pools.retain(|node, _| topology.has(node));
            known.topology = Arc::new(topology);
        }
        let masters = known.topology.masters();
        if known.masters.iter().any(|master| !masters.contains(master)) {
            // Under the lock: nobody is sent to the new master before.
            self.takeovers.add();
        }
        known.masters = masters;
    }

    /// The masters, or whom to ask for them as long as they are not known; with the way to each that was used.
    pub(super) fn ways(&self) -> (&'static str, Vec<(Endpoint, Option<Pool>)>) {
        let known = self.known();
        let masters = known.topology.masters();
        let (role, nodes) =
            if masters.is_empty() { ("seed", &self.seeds) } else { ("master", &masters) };
        let way = |node| (self.endpoint.at(node), known.pools.get(node).cloned());
        (role, nodes.iter().map(way).collect())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

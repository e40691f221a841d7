//! Reads the topology: one caller at a time, and with a minimum interval.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use redis::{RedisError, Value, cmd};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Cluster;
use super::topology::Topology;
use crate::connection::request::{Deadline, Node, OnBreak, Route};
use crate::errors::Fault;

/// How long a result is used: calls to a dead node do not each read the topology again.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// The number of nodes that are asked concurrently, because a node that was cut off from the others
/// has an old topology.
const AT_ONCE: usize = 3;

/// The maximum time of one node.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long the slower nodes are waited for after the first reply.
const GRACE: Duration = Duration::from_millis(50);

/// When the topology was last read.
#[derive(Default)]
pub(super) struct Refresh(Mutex<Option<Instant>>);

/// The state of the cluster according to one node.
struct Opinion {
    /// Increases with each failover.
    epoch: u64,
    topology: Topology,
}

impl Cluster {
    /// Reads the topology, unless that happened a moment ago. Concurrent callers share one read.
    pub(super) async fn refreshed(self: &Arc<Self>, deadline: Deadline) -> Result<(), Fault> {
        // A separate task: it goes on for the other callers if one is dropped.
        let this = Arc::clone(self);
        let refreshing = tokio::spawn(async move { this.refresh_unless(GOOD_FOR).await });
        match timeout_at(deadline.at, refreshing).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Fault::runtime_ended()),
            Err(_) => Err(Fault::still_connecting(&self.endpoint)),
        }
    }

    /// The same in the background.
    pub(super) fn refresh_behind(self: &Arc<Self>) {
        let this = Arc::clone(self);
        tokio::spawn(async move { this.refresh_unless(GOOD_FOR).await });
    }

    /// Reads the topology now.
    pub(super) async fn refresh_now(&self) -> Result<(), Fault> {
        self.refresh_unless(Duration::ZERO).await
    }

    async fn refresh_unless(&self, younger: Duration) -> Result<(), Fault> {
        let mut last = self.refresh.0.lock().await;
        if last.is_some_and(|last| last.elapsed() < younger)
            && !self.current().topology.is_unknown()
        {
            return Ok(());
        }
        let found = self.ask_around().await;
        *last = Some(Instant::now());
        self.learn(found?);
        Ok(())
    }

    async fn ask_around(&self) -> Result<Topology, Fault> {
        let mut fault = None;
        for nodes in self.to_ask().chunks(AT_ONCE) {
            match self.ask(nodes).await {
                Ok(topology) => return Ok(topology),
                Err(why) => fault = fault.or(why),
            }
        }
        Err(fault.unwrap_or_else(|| Fault::no_cluster(&self.endpoint)))
    }

    /// The nodes to ask: connected ones, other masters, replicas, seeds.
    fn to_ask(&self) -> Vec<Node> {
        let known = self.known();
        let ready = known.pools.iter().filter(|(_, pool)| pool.is_ready()).map(|(node, _)| node);
        let masters = known.topology.masters();
        let all = ready.chain(&masters).chain(known.topology.replicas()).chain(&self.seeds);
        let mut seen = HashSet::new();
        all.filter(|node| seen.insert(*node)).cloned().collect()
    }

    /// The newest of several nodes' opinions.
    async fn ask(&self, nodes: &[Node]) -> Result<Topology, Option<Fault>> {
        let (mut asked, mut fault) = (JoinSet::new(), None);
        for node in nodes {
            let node = node.clone();
            let pool = self.pool(&node).map_err(Some)?;
            asked.spawn(async move {
                let questions = ["INFO", "SLOTS"];
                let questions = questions.map(|question| {
                    let mut ask = cmd("CLUSTER");
                    ask.arg(question);
                    ask
                });
                let questions = questions.into_iter().collect();
                let way = pool.of(&Route::Any);
                let deadline = Deadline::after(PATIENCE);
                let answers = way.exchange(deadline, OnBreak::Repeat, &questions).await;
                answers.map(|answers| opinion(answers, &node))
            });
        }
        let mut newest: Option<Opinion> = None;
        let mut until = Instant::now() + PATIENCE;
        while let Ok(Some(answer)) = timeout_at(until, asked.join_next()).await {
            match answer {
                Ok(Ok(Ok(opinion))) => {
                    until = until.min(Instant::now() + GRACE);
                    if newest.as_ref().is_none_or(|newest| newest.epoch < opinion.epoch) {
                        newest = Some(opinion);
                    }
                }
                Ok(Ok(Err(Some(error)))) => {
                    fault = fault.or(Some(Fault::operating(&error, &self.endpoint)));
                }
                Ok(Err(why)) => fault = fault.or(Some(why)),
                _ => {}
            }
        }
        newest.map(|newest| newest.topology).ok_or(fault)
    }
}

fn opinion(
    answers: Vec<Result<Value, RedisError>>,
    asked: &Node,
) -> Result<Opinion, Option<RedisError>> {
    let mut answers = answers.into_iter();
    let (Some(info), Some(slots)) = (answers.next(), answers.next()) else { return Err(None) };
    let (info, slots) = (info.map_err(Some)?, slots.map_err(Some)?);
    let topology = Topology::read(slots, asked).ok_or(None)?;
    Ok(Opinion { epoch: epoch(&info), topology })
}

fn epoch(info: &Value) -> u64 {
    let text = match info {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes),
        Value::VerbatimString { text, .. } => text.as_str().into(),
        _ => return 0,
    };
    let line = text.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    line.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or(0)
}

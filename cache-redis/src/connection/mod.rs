//! Connections to Redis: one server, the current master of Sentinels, or a cluster.
//!
//! `supervisor` manages one connection; `pool` has several of them to one address; `cluster` has a
//! pool for each node. `sentinel` finds the address of the master. Every request passes
//! [`Connection::run`], which refuses requests after [`Connection::close`].

mod backoff;
mod bounded;
mod cluster;
mod demotions;
mod dialer;
mod gate;
mod half_open;
mod known;
mod pool;
mod request;
mod retries;
mod sentinel;
mod source;
mod state;
mod supervisor;
mod takeovers;
mod trust;

use std::sync::{Arc, OnceLock};

use cache_core::BackendError;
use redis::aio::PubSub;
use redis::{PushInfo, RedisError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::config::{Config, Endpoint, Target};
use crate::errors::Fault;
use crate::keys::slot;

pub(crate) use backoff::{LONGEST, LONGEST_OF_MANY, backoff, jitter, random};
pub(crate) use cluster::{Cluster, Pass};
pub(crate) use request::{Deadline, Failure, Node, OnBreak, Reply, Request};

use bounded::Bound;
use dialer::Dialer;
pub(crate) use dialer::Wire;
use gate::Gate;
use pool::Pool;
use sentinel::Sentinels;
use source::Source;
pub(crate) use takeovers::Takeovers;

#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    fleet: Fleet,
    gate: Gate,
    closed: watch::Sender<bool>,
    takeovers: Arc<Takeovers>,
    bound: Bound,
    /// The runtime that serves callers outside of any runtime.
    home: OnceLock<Handle>,
}

enum Fleet {
    Single(Box<Pool>),
    Cluster(Arc<Cluster>),
}

impl Connection {
    pub(crate) fn new(config: Config) -> Result<Self, Fault> {
        let takeovers = Arc::<Takeovers>::default();
        let bound = Bound::default();
        let fleet = Fleet::new(&config, &takeovers, &bound)
            .map_err(|error| Fault::connecting(&error, &config.endpoint))?;
        let home = Handle::try_current().map(OnceLock::from).unwrap_or_default();
        let (gate, closed) = (Gate::open(), watch::Sender::new(false));
        let shared = Shared { config, fleet, gate, closed, takeovers, bound, home };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Announces a request for at most `values` values of at most `bytes` bytes each.
    pub(crate) fn asks_for(&self, values: usize, bytes: usize) {
        self.shared.bound.asked(values, bytes);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.shared.config.endpoint
    }

    /// Which of the connections to one server the requests for `key` use.
    pub(crate) fn number_of(&self, key: &str) -> usize {
        let connections = self.config().limits.connections;
        pool::number(slot(key.as_bytes()), connections)
    }

    /// The cluster, if there is one. A request to a cluster must use one key only.
    pub(crate) fn cluster(&self) -> Option<&Arc<Cluster>> {
        match &self.shared.fleet {
            Fleet::Single(_) => None,
            Fleet::Cluster(cluster) => Some(cluster),
        }
    }

    /// The runtime for the work: the caller's, or else the one in which this was created.
    pub(crate) fn runtime(&self) -> Result<Handle, Fault> {
        if let Ok(current) = Handle::try_current() {
            self.shared.home.get_or_init(|| current.clone());
            return Ok(current);
        }
        self.shared.home.get().cloned().ok_or_else(Fault::no_runtime)
    }

    /// Whether a server may be replaced by another one, which may lack the latest writes.
    pub(crate) fn may_fail_over(&self) -> bool {
        !matches!(self.config().target, Target::Server(_))
    }

    pub(crate) fn takeovers(&self) -> &Arc<Takeovers> {
        &self.shared.takeovers
    }

    /// A receiver of the number of takeovers, for changes from now on.
    pub(crate) fn news_of_takeovers(&self) -> watch::Receiver<u64> {
        self.shared.takeovers.subscribe()
    }

    /// Opens the first connection, and waits for the whole attempt.
    pub(crate) async fn connect(&self) -> Result<(), Fault> {
        self.runtime()?;
        match &self.shared.fleet {
            Fleet::Single(pool) => pool.connect().await,
            Fleet::Cluster(cluster) => cluster.connect().await,
        }
    }

    /// Sends the requests, and returns one reply for each, in their order.
    ///
    /// A single server gets them one after the other; a cluster gets all of them concurrently, each
    /// on its node. After a failover they wait for the replay of evictions, unless `replays` says
    /// that they are part of it.
    pub(crate) async fn run(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
        replays: bool,
    ) -> Result<Vec<Reply>, BackendError> {
        let runs = match self.is_on_runtime() {
            true => self.shared.run(on_break, requests, replays).await,
            false => {
                let shared = Arc::clone(&self.shared);
                let running = async move { shared.run(on_break, requests, replays).await };
                return Box::pin(self.on_runtime(operation, running)).await;
            }
        };
        runs.map_err(|fault| fault.of(operation))
    }

    /// Whether the caller is on a runtime. Callers without one use the first such runtime.
    fn is_on_runtime(&self) -> bool {
        match Handle::try_current() {
            Ok(current) => {
                self.shared.home.get_or_init(|| current);
                true
            }
            Err(_) => false,
        }
    }

    /// Runs `work` on a runtime, where timers and sockets work: the caller's thread may have none.
    pub(crate) async fn on_runtime<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, BackendError> {
        let runtime = self.runtime().map_err(|fault| fault.of(operation))?;
        if Handle::try_current().is_ok() {
            return work.await.map_err(|fault| fault.of(operation));
        }
        match runtime.spawn(work).await {
            Ok(result) => result.map_err(|fault| fault.of(operation)),
            Err(_) => Err(Fault::runtime_ended().of(operation)),
        }
    }

    /// A connection for subscriptions.
    pub(crate) async fn pubsub(&self) -> Result<PubSub, Fault> {
        match &self.shared.fleet {
            Fleet::Single(pool) => pool.source().pubsub(self.endpoint()).await,
            Fleet::Cluster(cluster) => cluster.pubsub().await,
        }
    }

    /// A connection that receives the server's pushes.
    pub(crate) async fn pushing(&self, pushes: UnboundedSender<PushInfo>) -> Result<Wire, Fault> {
        match &self.shared.fleet {
            Fleet::Single(pool) => pool.source().pushing(self.endpoint(), pushes).await,
            Fleet::Cluster(_) => Err(Fault::no_cluster(self.endpoint())),
        }
    }

    /// Refuses new operations, waits for the running ones, and ends all connections.
    pub(crate) async fn close(&self) {
        let Shared { config, fleet, gate, closed, .. } = &*self.shared;
        gate.close(config.limits.operation_timeout).await;
        closed.send_replace(true);
        match fleet {
            Fleet::Single(pool) => pool.close(),
            Fleet::Cluster(cluster) => cluster.close(),
        }
    }

    /// Returns when this is closed.
    pub(crate) async fn closed(&self) {
        let mut closed = self.shared.closed.subscribe();
        // `self` owns the sender, so the channel is open.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}

impl Shared {
    async fn run(
        &self,
        on_break: OnBreak,
        requests: Vec<Request>,
        replays: bool,
    ) -> Result<Vec<Reply>, Fault> {
        let Some(_inside) = self.gate.enter() else { return Err(Fault::closed()) };
        let deadline = Deadline::after(self.config.limits.operation_timeout);
        let deadline = if replays { deadline } else { deadline.after_replays() };
        Ok(match &self.fleet {
            Fleet::Single(pool) => pool.run(deadline, on_break, requests).await,
            Fleet::Cluster(cluster) => cluster.run(deadline, on_break, &requests).await,
        })
    }
}

impl Fleet {
    fn new(config: &Config, takeovers: &Arc<Takeovers>, bound: &Bound) -> Result<Self, RedisError> {
        let Config { endpoint, limits, target } = config;
        let single =
            |source| Self::Single(Box::new(Pool::new(source, endpoint, limits, takeovers)));
        Ok(match target {
            Target::Server(info) => {
                single(Source::Server { dialer: Dialer::new(info.clone(), bound)?, of_many: false })
            }
            Target::Sentinels { sentinels, master, node } => {
                single(Source::Sentinels(Sentinels::new(sentinels, master, node, bound)?))
            }
            Target::Cluster(seeds) => {
                Self::Cluster(Cluster::new(seeds, endpoint, limits, (takeovers, bound)))
            }
        })
    }
}

//! [`Redis`]: its life cycle and how it sends requests.

use std::fmt;
use std::sync::{Arc, Weak};

use cache_core::BackendError;
use redis::Value;

use crate::RedisBuilder;
use crate::bus;
use crate::config::Config;
use crate::connection::{Connection, Failure, OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::kept::Kept;
use crate::reads::Reads;
use crate::replay::{Recent, What, replay_after_failovers};
use crate::scripts::Call;

/// A Redis store as the remote tier of a cache; several processes may share it.
///
/// The store is one server, the master that Sentinels name, or a cluster: see [`Redis::connect`].
///
/// A clone shares the connections.
#[derive(Clone)]
pub struct Redis {
    pub(crate) inner: Arc<Inner>,
    /// Whether this clone replays evictions. Other operations wait for the replay.
    pub(crate) replays: bool,
}

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    pub(crate) sender: Arc<bus::Sender>,
    recent: Recent,
    pub(crate) kept: Kept,
    pub(crate) reads: Box<[Reads]>,
}

impl Redis {
    /// Connects, and fails if Redis does not reply.
    ///
    /// | | |
    /// | --- | --- |
    /// | `redis://[user:password@]host[:port][/db]` | one server |
    /// | `rediss://...` | the same over TLS (feature `tls`) |
    /// | `unix:///path[?db=n]` | one server, by its socket |
    /// | `redis-sentinel://[user:password@]host[:port],.../master[/db]` | the master that the Sentinels name |
    /// | `redis-cluster://[user:password@]host[:port],...` | the cluster that the nodes belong to |
    ///
    /// The user and the password are those of the servers. If the Sentinels need credentials, too,
    /// use the options `?sentinel_username=..&sentinel_password=..`. `rediss-sentinel` and
    /// `rediss-cluster` use TLS. The settings of a [`RedisBuilder`] can follow the `?` as well.
    ///
    /// # Errors
    /// `Config` for an invalid URL, `Unreachable` if Redis does not reply, `Refused` if Redis does
    /// not accept the credentials.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, BackendError> {
        Self::builder(url).connect().await
    }

    /// Checks only the URL, and connects at the first operation.
    ///
    /// While Redis is unreachable, operations fail with `Unreachable`, most of them immediately.
    ///
    /// # Errors
    /// `Config` for an invalid URL.
    pub fn lazy(url: impl AsRef<str>) -> Result<Self, BackendError> {
        Self::builder(url).build_lazy()
    }

    /// Returns a builder, for further settings.
    pub fn builder(url: impl AsRef<str>) -> RedisBuilder {
        RedisBuilder::of_url(url.as_ref())
    }

    /// Uses the address, credentials, certificates and socket settings of the given client.
    ///
    /// Opens its own connections, and does not use those of the client.
    pub fn from_client(client: &redis::Client) -> RedisBuilder {
        RedisBuilder::of_client(client)
    }

    /// Ends all connections and subscriptions, including those of clones. Waits for running
    /// operations first, at most for the operation timeout. From then on every operation fails with
    /// `Unreachable`.
    ///
    /// # Cancellation
    /// If the future is dropped before it ends, operations fail all the same, and the connections
    /// end when the last clone is dropped.
    pub async fn close(&self) {
        self.inner.connection.close().await;
    }

    pub(crate) fn unconnected(config: Config) -> Result<Self, BackendError> {
        let connection = Connection::new(config).map_err(|fault| fault.of("lazy"))?;
        let sender = Arc::new(bus::Sender::new());
        let (recent, kept) = (Recent::default(), Kept::default());
        let reads = Reads::over(connection.config().limits.connections);
        let inner = Arc::new(Inner { connection, sender, recent, kept, reads });
        Ok(Self { inner, replays: false })
    }

    pub(crate) async fn strict(config: Config) -> Result<Self, BackendError> {
        let redis = Self::unconnected(config)?;
        redis.inner.connection.connect().await.map_err(|fault| fault.of("connect"))?;
        Ok(redis)
    }

    /// Sends the requests and returns one reply for each, in their order.
    pub(crate) async fn run(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Reply>, BackendError> {
        self.inner.connection.run(operation, on_break, requests, self.replays).await
    }

    /// Returns the replies to `requests`; the first refusal fails the operation.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Value>, BackendError> {
        let replies = self.run(operation, on_break, requests).await?;
        replies.into_iter().map(|reply| self.accept(operation, reply)).collect()
    }

    pub(crate) fn accept(
        &self,
        operation: &'static str,
        reply: Reply,
    ) -> Result<Value, BackendError> {
        reply.map_err(|failure| self.failed(operation, &failure))
    }

    pub(crate) fn failed(&self, operation: &'static str, failure: &Failure) -> BackendError {
        match failure {
            Failure::Answer(error) => {
                Fault::operating(error, self.inner.connection.endpoint()).of(operation)
            }
            Failure::Fault(fault) => fault.of(operation),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.inner.recent
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    /// A clone that replays evictions.
    pub(crate) fn replaying(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(|inner| Self { inner, replays: true })
    }

    /// The number of takeovers so far. Callers read it before they send an eviction.
    pub(crate) fn takeovers(&self) -> u64 {
        self.connection().takeovers().count()
    }

    /// Keeps an acknowledged eviction if a failover may lose it. `before` is the number of
    /// takeovers before it was sent.
    ///
    /// If a takeover happened since then, the replaced server may have acknowledged the eviction,
    /// and the replay may have missed it. This function then repeats it before its caller gets the
    /// result.
    pub(crate) async fn remember(&self, before: u64, what: What) -> Result<(), BackendError> {
        if !self.connection().may_fail_over() {
            return Ok(());
        }
        self.inner.recent.add(what.clone());
        // The operation got a reply, so there is a runtime.
        if let Ok(runtime) = self.connection().runtime()
            && self.connection().takeovers().has_evicted()
        {
            let news = self.connection().news_of_takeovers();
            runtime.spawn(replay_after_failovers(self.downgrade(), news));
        }
        // A takeover from now on finds the eviction among the kept ones.
        if self.takeovers() == before { Ok(()) } else { self.replay_one(&what).await }
    }

    /// The number of keys for one request: `most`, or one on a cluster, where each key may be on
    /// another node.
    pub(crate) fn together(&self, most: usize) -> usize {
        if self.inner.connection.cluster().is_some() { 1 } else { most }
    }

    /// The reply to one script that may be sent twice.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        script: Call,
    ) -> Result<Value, BackendError> {
        let requests = vec![Request::script(script)];
        let reply = self.ask(operation, OnBreak::Repeat, requests).await?.pop();
        reply.ok_or_else(|| self.unexpected(operation))
    }

    pub(crate) fn unexpected(&self, operation: &'static str) -> BackendError {
        Fault::unexpected(self.inner.connection.endpoint()).of(operation)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.inner.connection.endpoint();
        f.debug_struct("Redis")
            .field("address", &endpoint.address)
            .field("db", &endpoint.db)
            .finish_non_exhaustive()
    }
}

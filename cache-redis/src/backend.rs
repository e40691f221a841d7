//! The operations: which commands they are, and what their answers mean.
//!
//! Chunks keep the server responsive for others and the buffers small. Whether a request may be
//! sent twice if the connection breaks is decided here: a repeated removal costs a miss at most, a
//! repeated `SET` could overwrite what somebody else has written in between.
//!
//! What ends the leases of keys does so in the script that changes the values.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendResult, Leases, Listener, Notice, Page, Pattern, Subscription,
    Write,
};
use redis::{Cmd, Value, cmd};

use crate::RedisBuilder;
use crate::bus;
use crate::config::Config;
use crate::connection::{Connection, Failure, OnBreak, Reply, Request};
use crate::errors::Fault;
use crate::keys::lease_key;
use crate::replay::{Recent, replay_after_failovers};
use crate::scripts::{BUMP, Call, GENERATIONS, REMOVE, STORE};

/// So many entries or keys in one request.
pub(crate) const CHUNK: usize = 256;

/// So many bytes in one request, about.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// So many keys are removed in one script; it takes some milliseconds.
const REMOVE_AT_ONCE: usize = 4096;

/// A longer time to live is cut to this; Redis refuses those that overflow its clock.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A Redis that several processes may share, as the remote tier of a cache.
///
/// It may be one server, the master that Sentinels name, or a cluster: see [`Redis::connect`].
///
/// A clone shares the connections.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    connection: Connection,
    sender: Arc<bus::Sender>,
    recent: Recent,
    /// Whether somebody makes evictions again after failovers.
    replays: OnceLock<()>,
}

impl Redis {
    /// Connects, and fails if Redis does not answer.
    ///
    /// | | |
    /// | --- | --- |
    /// | `redis://[user:password@]host[:port][/db]` | one server |
    /// | `rediss://...` | the same over TLS (feature `tls`) |
    /// | `unix:///path[?db=n]` | one server, by its socket |
    /// | `redis-sentinel://[user:password@]host[:port],.../master[/db]` | the master that the Sentinels name |
    /// | `redis-cluster://[user:password@]host[:port],...` | the cluster that the nodes belong to |
    ///
    /// The user and the password are those of the servers; for Sentinels that want some, too, there are
    /// the options `?sentinel_username=..&sentinel_password=..`. `rediss-sentinel` and `rediss-cluster` are
    /// over TLS. What a [`RedisBuilder`] can set can stand behind the `?` as well.
    ///
    /// # Errors
    /// `Config` for a URL that is none, `Unreachable` if there is no answer, `Refused` if Redis
    /// does not accept the credentials.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, BackendError> {
        Self::builder(url).connect().await
    }

    /// Checks the URL only, and connects at the first operation.
    ///
    /// While Redis is away, operations fail with `Unreachable`, most of them at once.
    ///
    /// # Errors
    /// `Config` for a URL that is none.
    pub fn lazy(url: impl AsRef<str>) -> Result<Self, BackendError> {
        Self::builder(url).build_lazy()
    }

    /// More settings than a URL has.
    pub fn builder(url: impl AsRef<str>) -> RedisBuilder {
        RedisBuilder::of_url(url.as_ref())
    }

    /// Uses a client of one's own: its address, credentials, certificates and socket settings.
    ///
    /// It makes the connections itself; ones that the client made elsewhere are not touched.
    pub fn from_client(client: &redis::Client) -> RedisBuilder {
        RedisBuilder::of_client(client)
    }

    /// Ends all connections and subscriptions, of clones too, after what is under way: for as long as an
    /// operation may take. From then on every operation fails with `Unreachable`.
    ///
    /// If the future is dropped before it ends, operations fail all the same, and connections end when
    /// the last clone is dropped.
    pub async fn close(&self) {
        self.inner.connection.close().await;
    }

    pub(crate) fn unconnected(config: Config) -> Result<Self, BackendError> {
        let connection = Connection::new(config).map_err(|fault| fault.of("lazy"))?;
        let sender = Arc::new(bus::Sender::new());
        let (recent, replays) = (Recent::default(), OnceLock::new());
        Ok(Self { inner: Arc::new(Inner { connection, sender, recent, replays }) })
    }

    pub(crate) async fn strict(config: Config) -> Result<Self, BackendError> {
        let redis = Self::unconnected(config)?;
        redis.inner.connection.connect().await.map_err(|fault| fault.of("connect"))?;
        Ok(redis)
    }

    /// The answers to `requests`; the first refusal fails the operation.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Value>, BackendError> {
        let replies = self.inner.connection.run(operation, on_break, requests).await?;
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

    pub(crate) fn upgraded(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(|inner| Self { inner })
    }

    /// What was acknowledged, where a failover may lose it.
    fn remember(&self, keep: impl FnOnce(&Recent)) {
        if !self.connection().may_fail_over() {
            return;
        }
        keep(&self.inner.recent);
        self.inner.replays.get_or_init(|| {
            if let Ok(runtime) = self.connection().runtime() {
                runtime
                    .spawn(replay_after_failovers(self.downgrade(), self.connection().takeovers()));
            }
        });
    }

    pub(crate) async fn remove_now(
        &self,
        keys: &[&str],
        notice: Option<&Notice>,
    ) -> Result<u64, BackendError> {
        let mut removed = 0;
        let changes = self.removals(keys, notice);
        for reply in self.change("remove", OnBreak::Repeat, changes, notice).await? {
            let Value::Int(count) = reply else { return Err(self.unexpected("remove")) };
            removed += u64::try_from(count).unwrap_or(0);
        }
        // The answer of PUBLISH, which is sent alone, counts receivers.
        Ok(if keys.is_empty() { 0 } else { removed })
    }

    pub(crate) async fn bump_now(&self, key: &str) -> Result<u64, BackendError> {
        let bump = Call::new(&BUMP, owned(&[key]), Vec::new());
        let reply = self.call("bump", bump).await?;
        number(reply).ok_or_else(|| self.unexpected("bump"))
    }

    /// So many keys go into one request: one on a cluster, where each may have its own node.
    pub(crate) fn together(&self, most: usize) -> usize {
        if self.inner.connection.cluster().is_some() { 1 } else { most }
    }

    /// The answer to one script that may be sent twice.
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

    /// A notice as the last arguments of a script.
    pub(crate) fn told(&self, notice: Option<&Notice>) -> impl Iterator<Item = Bytes> {
        let told = |Notice { channel, message }: &Notice| {
            [channel.clone().into(), self.inner.sender.message(channel, message)]
        };
        notice.map(told).into_iter().flatten()
    }

    fn publication(&self, Notice { channel, message }: &Notice) -> Request {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(&self.inner.sender.message(channel, message)[..]);
        Request::anywhere(publish)
    }

    /// Changes that a notice tells of. On a cluster they are made at several places, in any order: the
    /// notice is sent behind them all, and before, so that others forget what they have even if this
    /// process does not live to send the second.
    async fn change(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        changes: Changes,
        notice: Option<&Notice>,
    ) -> Result<Vec<Value>, BackendError> {
        let Changes { mut requests, told } = changes;
        let Some(notice) = notice.filter(|_| !told) else {
            return self.ask(operation, on_break, requests).await;
        };
        if !requests.is_empty() {
            requests.push(self.publication(notice));
        }
        let mut values = self.ask(operation, on_break, requests).await?;
        values.pop();
        let publish = vec![self.publication(notice)];
        self.ask(operation, OnBreak::Repeat, publish).await?;
        Ok(values)
    }

    /// The entries in chunks, the notice with the last.
    fn stores(&self, entries: &[Write], notice: Option<&Notice>) -> Changes {
        let most = self.together(CHUNK);
        let chunks: Vec<_> = chunked(entries, most).collect();
        self.changes(chunks, notice, |chunk, notice| {
            let keys = with_leases(chunk.iter().map(|entry| entry.key.as_str()));
            let values = chunk.iter().flat_map(|entry| [entry.value.clone(), expiry(entry.ttl)]);
            Call::new(&STORE, keys, values.chain(self.told(notice)).collect())
        })
    }

    /// Removals in chunks, the last together with the notice: none precedes the removal it tells of.
    fn removals(&self, keys: &[&str], notice: Option<&Notice>) -> Changes {
        let most = self.together(CHUNK);
        let chunks = match notice {
            // What the notice comes with is removed in one step, as far as that is short.
            Some(_) if most > 1 => {
                let last = keys.len().saturating_sub(1) / REMOVE_AT_ONCE * REMOVE_AT_ONCE;
                let (before, last) = keys.split_at(last);
                let last = (!last.is_empty()).then_some(last);
                before.chunks(most).chain(last).collect::<Vec<_>>()
            }
            _ => keys.chunks(most).collect(),
        };
        self.changes(chunks, notice, |keys, notice| {
            let args = self.told(notice).collect();
            Call::new(&REMOVE, with_leases(keys.iter().copied()), args)
        })
    }

    /// A script for each chunk. The notice goes with the last, if they are made one after the other.
    fn changes<T: ?Sized>(
        &self,
        chunks: Vec<&T>,
        notice: Option<&Notice>,
        script: impl Fn(&T, Option<&Notice>) -> Call,
    ) -> Changes {
        let in_order = self.inner.connection.cluster().is_none() || chunks.len() == 1;
        let told = in_order && !chunks.is_empty();
        let last = chunks.len().saturating_sub(1);
        let requests = chunks.into_iter().enumerate().map(|(place, chunk)| {
            let notice = notice.filter(|_| told && place == last);
            Request::script(script(chunk, notice))
        });
        Changes { requests: requests.collect(), told }
    }
}

/// What changes values.
struct Changes {
    requests: Vec<Request>,
    /// Whether the notice is sent with the last of them.
    told: bool,
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

impl Backend for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let most = self.together(CHUNK);
            let alone = keys.len() == 1 || most == 1;
            let name = if alone { "GET" } else { "MGET" };
            let requests =
                keys.chunks(most).map(|keys| Request::of(keys[0], command(name, keys))).collect();
            let replies = self.inner.connection.run("get", OnBreak::Repeat, requests).await?;
            let mut found = Vec::with_capacity(keys.len());
            for reply in replies {
                match reply {
                    // A list or a hash is somebody else's; MGET answers nil for it, too.
                    Err(Failure::Answer(error)) if error.code() == Some("WRONGTYPE") => {
                        found.push(None);
                    }
                    reply => match self.accept("get", reply)? {
                        Value::Array(values) if !alone => {
                            found.extend(values.into_iter().map(bytes));
                        }
                        value if alone => found.push(bytes(value)),
                        _ => return Err(self.unexpected("get")),
                    },
                }
            }
            if found.len() == keys.len() { Ok(found) } else { Err(self.unexpected("get")) }
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let changes = self.stores(entries, notice);
            self.change("set", OnBreak::Fail, changes, notice).await?;
            let keys = entries.iter().map(|entry| entry.key.as_str());
            self.remember(|recent| recent.changed(keys, notice));
            Ok(())
        })
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let removed = self.remove_now(keys, notice).await?;
            self.remember(|recent| recent.changed(keys.iter().copied(), notice));
            Ok(removed)
        })
    }

    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            let requests = keys
                .chunks(self.together(CHUNK))
                .map(|keys| Request::script(Call::new(&GENERATIONS, owned(keys), Vec::new())))
                .collect();
            let mut found = Vec::with_capacity(keys.len());
            for reply in self.ask("generations", OnBreak::Repeat, requests).await? {
                let Value::Array(values) = reply else {
                    return Err(self.unexpected("generations"));
                };
                found.extend(values.into_iter().filter_map(number));
            }
            if found.len() == keys.len() { Ok(found) } else { Err(self.unexpected("generations")) }
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let generation = self.bump_now(key).await?;
            self.remember(|recent| recent.bumped(key));
            Ok(generation)
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        Box::pin(async move { self.page("scan", &pattern.to_redis_glob(), cursor).await })
    }

    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let publish = vec![self.publication(notice)];
            self.ask("publish", OnBreak::Repeat, publish).await.map(|_| ())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        let runtime = self.inner.connection.runtime().map_err(|fault| fault.of("subscribe"))?;
        let (connection, sender) = (self.inner.connection.clone(), Arc::clone(&self.inner.sender));
        Ok(bus::spawn(&runtime, connection, sender, channel, listener))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async move {
            let ping = vec![Request::anywhere(cmd("PING"))];
            self.ask("ping", OnBreak::Repeat, ping).await.map(|_| ())
        })
    }
}

pub(crate) fn command(name: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd(name);
    for key in keys {
        command.arg(key);
    }
    command
}

/// Chunks by number and size; an entry that is too large is one by itself.
fn chunked(mut entries: &[Write], most: usize) -> impl Iterator<Item = &[Write]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = |entry: &&Write| {
            size += entry.key.len() + entry.value.len();
            size <= CHUNK_BYTES
        };
        let fitting = entries.iter().take(most).take_while(fits).count();
        let (chunk, rest) = entries.split_at(fitting.max(1).min(entries.len()));
        entries = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// The keys, then those of their leases.
pub(crate) fn with_leases<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    keys.clone().map(str::to_owned).chain(keys.map(lease_key)).collect()
}

/// A time to live as an argument of a script; empty: for ever.
pub(crate) fn expiry(ttl: Option<Duration>) -> Bytes {
    ttl.map(|ttl| milliseconds(ttl).to_string().into()).unwrap_or_default()
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(LONGEST_TTL).as_millis()).unwrap_or(u64::MAX).max(1)
}

pub(crate) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    }
}

pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn number(value: Value) -> Option<u64> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_at_least_a_millisecond_and_no_overflow() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(999)), 1);
        assert_eq!(milliseconds(Duration::from_millis(1500)), 1500);
        assert_eq!(milliseconds(Duration::MAX), 3_153_600_000_000);
    }

    #[test]
    fn writes_are_chunked_by_number_and_size() {
        let write = |size: usize| Write {
            key: "k".to_owned(),
            value: Bytes::from(vec![0; size]),
            ttl: None,
        };
        let lengths =
            |entries: &[Write]| chunked(entries, CHUNK).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![write(1); 600]), [256, 256, 88]);
        assert_eq!(lengths(&vec![write(600 << 10); 3]), [1, 1, 1]);
        assert_eq!(lengths(&vec![write(2 << 20); 2]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}

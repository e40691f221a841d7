//! The operations: which commands they are, and what their answers mean.
//!
//! Chunks keep the server responsive for others and the buffers small. Whether a request may be
//! sent twice if the connection breaks is decided here: a repeated removal costs a miss at most, a
//! repeated `SET` could overwrite what somebody else has written in between.
//!
//! What ends the leases of keys does so in the script that changes the values.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendResult, Leases, Listener, Notice, Page, Pattern, Subscription,
    Write,
};
use redis::{Cmd, Value, cmd};

use crate::RedisBuilder;
use crate::config::Config;
use crate::connection::{OnBreak, Reply, Request, Supervisor};
use crate::errors::Fault;
use crate::keys::lease_key;
use crate::scripts::{BUMP, Call, GENERATIONS, REMOVE, STORE};
use crate::subscriber;

/// So many entries or keys in one request.
pub(crate) const CHUNK: usize = 256;

/// So many bytes in one request, about.
const CHUNK_BYTES: usize = 1 << 20;

/// So many keys are removed in one script; it takes some milliseconds.
const REMOVE_AT_ONCE: usize = 4096;

/// So many keys Redis looks at for one page: a call of 5 ms at most, by measurement.
const SCAN_COUNT: usize = 1000;

/// A longer time to live is cut to this; Redis refuses those that overflow its clock.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A Redis that several processes may share, as the remote tier of a cache.
///
/// A clone shares the connection.
#[derive(Clone)]
pub struct Redis {
    supervisor: Supervisor,
}

impl Redis {
    /// Connects to `redis://[user:password@]host[:port][/db]` or `unix:///path[?db=n]`, and fails
    /// if Redis does not answer.
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
        RedisBuilder::new(url.as_ref())
    }

    pub(crate) fn unconnected(config: Config) -> Result<Self, BackendError> {
        let supervisor = Supervisor::new(config).map_err(|fault| fault.of("lazy"))?;
        Ok(Self { supervisor })
    }

    pub(crate) async fn strict(config: Config) -> Result<Self, BackendError> {
        let supervisor = Supervisor::new(config).map_err(|fault| fault.of("connect"))?;
        supervisor.connect().await.map_err(|fault| fault.of("connect"))?;
        Ok(Self { supervisor })
    }

    fn config(&self) -> &Config {
        self.supervisor.config()
    }

    /// The answers to `requests`; the first refusal fails the operation.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Value>, BackendError> {
        let replies = self.supervisor.run(operation, on_break, requests).await?;
        replies.into_iter().map(|reply| self.accept(operation, reply)).collect()
    }

    fn accept(&self, operation: &'static str, reply: Reply) -> Result<Value, BackendError> {
        reply.map_err(|error| Fault::operating(&error, &self.config().endpoint).of(operation))
    }

    /// The answer to one script that may be sent twice.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        script: Call,
    ) -> Result<Value, BackendError> {
        let requests = vec![Request::Script(script)];
        let reply = self.ask(operation, OnBreak::Repeat, requests).await?.pop();
        reply.ok_or_else(|| self.unexpected(operation))
    }

    /// The page of keys that match a glob.
    pub(crate) async fn page(
        &self,
        operation: &'static str,
        glob: &str,
        cursor: u64,
    ) -> Result<Page, BackendError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(glob).arg("COUNT").arg(SCAN_COUNT);
        let reply = self.ask(operation, OnBreak::Repeat, vec![Request::One(scan)]).await?.pop();
        page(reply).ok_or_else(|| self.unexpected(operation))
    }

    pub(crate) fn unexpected(&self, operation: &'static str) -> BackendError {
        Fault::unexpected(&self.config().endpoint).of(operation)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.config().endpoint;
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
            if let [key] = keys {
                let get = vec![Request::One(command("GET", &[key]))];
                let mut replies = self.supervisor.run("get", OnBreak::Repeat, get).await?;
                return match replies.pop() {
                    // A list or a hash is somebody else's; MGET answers nil for it, too.
                    Some(Err(error)) if error.code() == Some("WRONGTYPE") => Ok(vec![None]),
                    Some(reply) => Ok(vec![bytes(self.accept("get", reply)?)]),
                    None => Err(self.unexpected("get")),
                };
            }
            let requests =
                keys.chunks(CHUNK).map(|keys| Request::One(command("MGET", keys))).collect();
            let mut found = Vec::with_capacity(keys.len());
            for reply in self.ask("get", OnBreak::Repeat, requests).await? {
                let Value::Array(values) = reply else { return Err(self.unexpected("get")) };
                found.extend(values.into_iter().map(bytes));
            }
            if found.len() == keys.len() { Ok(found) } else { Err(self.unexpected("get")) }
        })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [Write],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, ()> {
        Box::pin(
            async move { self.ask("set", OnBreak::Fail, store(entries, notice)).await.map(|_| ()) },
        )
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Notice>,
    ) -> BackendResult<'a, u64> {
        Box::pin(async move {
            let mut removed = 0;
            let requests = unlink(keys, notice);
            for reply in self.ask("remove", OnBreak::Repeat, requests).await? {
                let Value::Int(count) = reply else { return Err(self.unexpected("remove")) };
                removed += u64::try_from(count).unwrap_or(0);
            }
            // The answer of PUBLISH, which is sent alone, counts receivers.
            Ok(if keys.is_empty() { 0 } else { removed })
        })
    }

    fn generations<'a>(&'a self, keys: &'a [&'a str]) -> BackendResult<'a, Vec<u64>> {
        Box::pin(async move {
            let requests = keys
                .chunks(CHUNK)
                .map(|keys| Request::Script(Call::new(&GENERATIONS, owned(keys), Vec::new())))
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
            let bump = Call::new(&BUMP, owned(&[key]), Vec::new());
            let reply = self.call("bump", bump).await?;
            number(reply).ok_or_else(|| self.unexpected("bump"))
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        Box::pin(async move { self.page("scan", &pattern.to_redis_glob(), cursor).await })
    }

    fn publish<'a>(&'a self, notice: &'a Notice) -> BackendResult<'a, ()> {
        Box::pin(async move {
            let publish = vec![Request::One(publication(notice))];
            self.ask("publish", OnBreak::Repeat, publish).await.map(|_| ())
        })
    }

    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn Listener>,
    ) -> Result<Subscription, BackendError> {
        let runtime = self.supervisor.runtime().map_err(|fault| fault.of("subscribe"))?;
        let client = self.supervisor.client().clone();
        Ok(subscriber::spawn(&runtime, client, self.config().clone(), channel, listener))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async move {
            let ping = vec![Request::One(cmd("PING"))];
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

fn publication(notice: &Notice) -> Cmd {
    let mut publish = cmd("PUBLISH");
    publish.arg(&notice.channel).arg(&notice.message[..]);
    publish
}

/// The entries in chunks, the notice with the last.
fn store(entries: &[Write], notice: Option<&Notice>) -> Vec<Request> {
    let mut chunks: Vec<_> = chunked(entries).collect();
    let Some(last) = chunks.pop() else {
        return notice.map(|notice| Request::One(publication(notice))).into_iter().collect();
    };
    let before = chunks.into_iter().map(|chunk| storing(chunk, None));
    before.chain([storing(last, notice)]).collect()
}

/// Chunks by number and size; an entry that is too large is one by itself.
fn chunked(mut entries: &[Write]) -> impl Iterator<Item = &[Write]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = |entry: &&Write| {
            size += entry.key.len() + entry.value.len();
            size <= CHUNK_BYTES
        };
        let fitting = entries.iter().take(CHUNK).take_while(fits).count();
        let (chunk, rest) = entries.split_at(fitting.max(1).min(entries.len()));
        entries = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn storing(entries: &[Write], notice: Option<&Notice>) -> Request {
    let keys = with_leases(entries.iter().map(|entry| entry.key.as_str()));
    let values = entries.iter().flat_map(|entry| [entry.value.clone(), expiry(entry.ttl)]);
    Request::Script(Call::new(&STORE, keys, values.chain(told(notice)).collect()))
}

/// Removals in chunks, the last together with the notice: none precedes the removal it tells of.
fn unlink(keys: &[&str], notice: Option<&Notice>) -> Vec<Request> {
    let Some(notice) = notice else {
        return keys.chunks(CHUNK).map(|keys| removing(keys, None)).collect();
    };
    let mut chunks: Vec<_> = keys.chunks(REMOVE_AT_ONCE).collect();
    let Some(last) = chunks.pop() else { return vec![Request::One(publication(notice))] };
    let before = chunks.into_iter().flat_map(|keys| keys.chunks(CHUNK));
    before.map(|keys| removing(keys, None)).chain([removing(last, Some(notice))]).collect()
}

fn removing(keys: &[&str], notice: Option<&Notice>) -> Request {
    let keys = with_leases(keys.iter().copied());
    Request::Script(Call::new(&REMOVE, keys, told(notice).collect()))
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// The keys, then those of their leases.
pub(crate) fn with_leases<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    keys.clone().map(str::to_owned).chain(keys.map(lease_key)).collect()
}

/// A notice as the last arguments of a script.
pub(crate) fn told(notice: Option<&Notice>) -> impl Iterator<Item = Bytes> {
    let told = |notice: &Notice| [notice.channel.clone().into(), notice.message.clone()];
    notice.map(told).into_iter().flatten()
}

/// A time to live as an argument of a script; empty: for ever.
pub(crate) fn expiry(ttl: Option<Duration>) -> Bytes {
    ttl.map(|ttl| milliseconds(ttl).to_string().into()).unwrap_or_default()
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(LONGEST_TTL).as_millis()).unwrap_or(u64::MAX).max(1)
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn number(value: Value) -> Option<u64> {
    text(value)?.parse().ok()
}

/// A page of `SCAN`. Keys that are not text are not ours.
fn page(reply: Option<Value>) -> Option<Page> {
    let Some(Value::Array(parts)) = reply else { return None };
    let mut parts = parts.into_iter();
    let cursor = number(parts.next()?)?;
    let Value::Array(keys) = parts.next()? else { return None };
    let keys = keys.into_iter().filter_map(text).collect();
    Some(Page { keys, next: (cursor != 0).then_some(cursor) })
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
        let lengths = |entries: &[Write]| chunked(entries).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![write(1); 600]), [256, 256, 88]);
        assert_eq!(lengths(&vec![write(600 << 10); 3]), [1, 1, 1]);
        assert_eq!(lengths(&vec![write(2 << 20); 2]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}

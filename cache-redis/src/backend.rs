//! The operations: which commands they are, and what their answers mean.
//!
//! Chunks keep the server responsive for others and the buffers small. Whether a request may be
//! sent twice if the connection breaks is decided here: a repeated removal costs a miss at most, a
//! repeated `SET` could overwrite what somebody else has written in between.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Backend, BackendError, BackendResult, Listener, Notice, Page, Pattern, Subscription, Write,
};
use redis::{Cmd, Pipeline, Value, cmd};

use crate::RedisBuilder;
use crate::config::Config;
use crate::connection::{OnBreak, Reply, Request, Supervisor};
use crate::errors::Fault;
use crate::scripts::{BUMP, Call, GENERATIONS, REMOVE};
use crate::subscriber;

/// So many commands or keys in one request.
const CHUNK: usize = 256;

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
    async fn ask(
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

    fn unexpected(&self, operation: &'static str) -> BackendError {
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
        Box::pin(async move {
            let requests = store(entries, notice);
            for reply in self.ask("set", OnBreak::Fail, requests).await? {
                // The answers to the single commands: all are sent, whatever the first answers.
                let Value::Array(values) = reply else { return Err(self.unexpected("set")) };
                for value in values {
                    self.accept("set", value.extract_error())?;
                }
            }
            Ok(())
        })
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
                .map(|keys| Request::Script(Call::new(&GENERATIONS, keys, &[])))
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
            let bump = vec![Request::Script(Call::new(&BUMP, &[key], &[]))];
            let reply = self.ask("bump", OnBreak::Repeat, bump).await?.pop();
            reply.and_then(number).ok_or_else(|| self.unexpected("bump"))
        })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, Page> {
        Box::pin(async move {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern.to_redis_glob());
            scan.arg("COUNT").arg(SCAN_COUNT);
            let reply = self.ask("scan", OnBreak::Repeat, vec![Request::One(scan)]).await?.pop();
            page(reply).ok_or_else(|| self.unexpected("scan"))
        })
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

    fn ping(&self) -> BackendResult<'_, ()> {
        Box::pin(async move {
            let ping = vec![Request::One(cmd("PING"))];
            self.ask("ping", OnBreak::Repeat, ping).await.map(|_| ())
        })
    }
}

fn command(name: &str, keys: &[&str]) -> Cmd {
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

/// `SET`s in chunks, the notice behind the last.
fn store(entries: &[Write], notice: Option<&Notice>) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut pipeline = Pipeline::new();
    let mut size = 0;
    for entry in entries {
        let entry_size = entry.key.len() + entry.value.len();
        if pipeline.len() == CHUNK || (size > 0 && size + entry_size > CHUNK_BYTES) {
            requests.push(Request::Many(std::mem::take(&mut pipeline)));
            size = 0;
        }
        size += entry_size;
        let mut set = cmd("SET");
        set.arg(&entry.key).arg(&entry.value[..]);
        if let Some(ttl) = entry.ttl {
            set.arg("PX").arg(milliseconds(ttl));
        }
        pipeline.add_command(set);
    }
    if let Some(notice) = notice {
        pipeline.add_command(publication(notice));
    }
    if !pipeline.is_empty() {
        requests.push(Request::Many(pipeline));
    }
    requests
}

/// `UNLINK`s in chunks, the last together with the notice: none precedes the removal it tells of.
fn unlink(keys: &[&str], notice: Option<&Notice>) -> Vec<Request> {
    let Some(notice) = notice else {
        return keys.chunks(CHUNK).map(|keys| Request::One(command("UNLINK", keys))).collect();
    };
    let mut chunks: Vec<_> = keys.chunks(REMOVE_AT_ONCE).collect();
    let Some(last) = chunks.pop() else { return vec![Request::One(publication(notice))] };
    let args: [&[u8]; 2] = [notice.channel.as_bytes(), &notice.message];
    let script = Request::Script(Call::new(&REMOVE, last, &args));
    let before = chunks.into_iter().flat_map(|keys| keys.chunks(CHUNK));
    before.map(|keys| Request::One(command("UNLINK", keys))).chain([script]).collect()
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
        let lengths = |entries: &[Write]| {
            let many = store(entries, None).into_iter().map(|request| match request {
                Request::Many(pipeline) => pipeline.len(),
                _ => 0,
            });
            many.collect::<Vec<_>>()
        };
        assert_eq!(lengths(&vec![write(1); 600]), [256, 256, 88]);
        assert_eq!(lengths(&vec![write(600 << 10); 3]), [1, 1, 1]);
        assert_eq!(lengths(&vec![write(2 << 20); 2]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}

//! The supervisor: one shared connection, made on demand and replaced when it is of no use.
//!
//! The client's own `ConnectionManager` never replaces a connection that only times out, so a
//! half-open one stays dead for good, and its callers wait through its retries. A cache wants the
//! opposite: a dead Redis must cost nothing. So:
//!
//! - connecting is one background task, whoever asked for it; who comes meanwhile waits for it;
//! - after a failed attempt operations fail at once, until the next attempt is due;
//! - a broken connection is dropped with the error, a silent one after three time-outs in a row.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cache_core::BackendError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Config;
use crate::errors::{Fault, describe, is_answer, spoils_connection};
use crate::scripts::Call;

/// So many time-outs in a row, and a connection counts as half-open.
const TIMEOUTS_IN_A_ROW: u32 = 3;

/// After so long without an answer, the connection may have been closed without our knowledge: by
/// a restart, by the server's `timeout`, by a balancer. What must not be repeated asks first.
const QUIET: Duration = Duration::from_secs(1);

/// How long an operation waits for an attempt that follows a failed one. A Redis that is back
/// answers well within it; one that is still away must not cost every caller its whole time.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_millis(50);

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// The pause after so many failures: doubling, with jitter over the upper half.
pub(crate) fn backoff(failures: u32) -> Duration {
    let full =
        FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_BACKOFF);
    let random = RandomState::new().build_hasher().finish() % 1024;
    full / 2 + full.mul_f64(random as f64 / 2048.0)
}

/// What is sent in one go.
pub(crate) enum Request {
    One(Cmd),
    Script(Call),
}

/// What came back: an answer, or the server's refusal.
pub(crate) type Reply = Result<Value, RedisError>;

/// What to do if the connection breaks before the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBreak {
    /// Send it once more over a new connection: doing it twice is harmless.
    Repeat,
    /// Tell the caller, who alone knows whether it may be repeated.
    Fail,
}

#[derive(Clone)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    client: Client,
    phase: watch::Sender<Phase>,
    /// The runtime that serves callers outside of any.
    home: OnceLock<Handle>,
}

enum Phase {
    Idle,
    /// `failures` attempts before this one failed, the last of them with `last`.
    Connecting {
        since: Instant,
        failures: u32,
        last: Option<Fault>,
    },
    Ready(Arc<Link>),
    /// The last attempt failed; the next one is due at `until`.
    Failed {
        until: Instant,
        failures: u32,
        fault: Fault,
    },
}

/// A connection and the record of its silence.
struct Link {
    connection: MultiplexedConnection,
    silence: Mutex<Silence>,
}

struct Silence {
    answered: Instant,
    timeouts: u32,
    /// Only operations that began after the last one that was counted count: a short stall of
    /// the server under a hundred concurrent callers is one time-out, not a hundred.
    counted: Instant,
}

impl Link {
    fn new(connection: MultiplexedConnection) -> Self {
        let now = Instant::now();
        let silence = Mutex::new(Silence { answered: now, timeouts: 0, counted: now });
        Self { connection, silence }
    }

    fn answered(&self) {
        let mut silence = self.silence();
        silence.answered = Instant::now();
        silence.timeouts = 0;
    }

    fn is_quiet(&self) -> bool {
        self.silence().answered.elapsed() >= QUIET
    }

    /// Counts an operation that got no answer; whether the connection is to be given up.
    fn unanswered(&self, began: Instant) -> bool {
        let mut silence = self.silence();
        if began >= silence.counted {
            silence.timeouts += 1;
            silence.counted = Instant::now();
        }
        silence.timeouts >= TIMEOUTS_IN_A_ROW
    }

    fn silence(&self) -> std::sync::MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor {
    pub(crate) fn new(config: Config) -> Result<Self, Fault> {
        let client = Client::open(config.info.clone())
            .map_err(|error| Fault::connecting(&error, &config.endpoint))?;
        let home = Handle::try_current().map(OnceLock::from).unwrap_or_default();
        let phase = watch::Sender::new(Phase::Idle);
        Ok(Self { shared: Arc::new(Shared { config, client, phase, home }) })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn client(&self) -> &Client {
        &self.shared.client
    }

    /// The runtime to work on: the caller's, else the one the supervisor was made in.
    pub(crate) fn runtime(&self) -> Result<Handle, Fault> {
        if let Ok(current) = Handle::try_current() {
            self.shared.home.get_or_init(|| current.clone());
            return Ok(current);
        }
        self.shared.home.get().cloned().ok_or_else(Fault::no_runtime)
    }

    /// The first connection, for those who want to know; waits for the whole attempt.
    pub(crate) async fn connect(&self) -> Result<(), Fault> {
        self.runtime()?;
        Shared::link(&self.shared).await.map(|_| ())
    }

    /// Sends the requests one after the other and returns their replies, as many as requests.
    pub(crate) async fn run(
        &self,
        operation: &'static str,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Reply>, BackendError> {
        let runtime = self.runtime().map_err(|fault| fault.of(operation))?;
        let shared = Arc::clone(&self.shared);
        if Handle::try_current().is_ok() {
            return shared.run(on_break, requests).await.map_err(|fault| fault.of(operation));
        }
        // A thread without a runtime: timers and sockets work only inside of one.
        match runtime.spawn(async move { shared.run(on_break, requests).await }).await {
            Ok(result) => result.map_err(|fault| fault.of(operation)),
            Err(_) => Err(Fault::runtime_ended().of(operation)),
        }
    }
}

impl Shared {
    async fn run(
        self: Arc<Self>,
        on_break: OnBreak,
        requests: Vec<Request>,
    ) -> Result<Vec<Reply>, Fault> {
        let endpoint = &self.config.endpoint;
        let limit = self.config.operation_timeout;
        let deadline = Instant::now() + limit;
        let mut may_repeat = on_break == OnBreak::Repeat;
        let mut replies = Vec::with_capacity(requests.len());
        while let Some(request) = requests.get(replies.len()) {
            let link = match timeout_at(deadline, Self::link(&self)).await {
                Ok(link) => link?,
                Err(_) => return Err(Fault::still_connecting(endpoint)),
            };
            let probe = on_break == OnBreak::Fail && link.is_quiet();
            let sent = if probe { &Request::One(redis::cmd("PING")) } else { request };
            let mut pending = Pending::new(&self, &link);
            let Ok(reply) = timeout_at(deadline, send(&link, sent)).await else {
                return Err(Fault::timed_out(limit, endpoint));
            };
            pending.answered = true;
            drop(pending);
            match reply {
                Err(error) if spoils_connection(&error) => {
                    self.discard(&link, &describe(&error, endpoint));
                    if is_answer(&error) {
                        replies.push(Err(error));
                    } else if !probe && !std::mem::take(&mut may_repeat) {
                        return Err(Fault::operating(&error, endpoint));
                    }
                }
                _ if probe => {}
                reply => replies.push(reply),
            }
        }
        Ok(replies)
    }

    /// The connection; makes one if there is none and none is forbidden.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        if let Phase::Ready(link) = &*self.phase.borrow() {
            return Ok(Arc::clone(link));
        }
        let mut changes = self.phase.subscribe();
        loop {
            self.begin_if_due();
            let patience = match &*changes.borrow_and_update() {
                Phase::Ready(link) => return Ok(Arc::clone(link)),
                Phase::Failed { fault, .. } => return Err(fault.clone()),
                // Discarded since we looked.
                Phase::Idle => continue,
                Phase::Connecting { last: None, .. } => None,
                Phase::Connecting { since, last: Some(last), .. } => {
                    Some((*since + PATIENCE_AFTER_FAILURE, last.clone()))
                }
            };
            // The sender lives as long as `self`: `changed` can't fail.
            match patience {
                None => _ = changes.changed().await,
                Some((until, last)) => {
                    if timeout_at(until, changes.changed()).await.is_err() {
                        return Err(last);
                    }
                }
            }
        }
    }

    /// Starts an attempt if nobody else did and the last failure is long enough ago.
    fn begin_if_due(self: &Arc<Self>) {
        let now = Instant::now();
        let begun = self.phase.send_if_modified(|phase| {
            let (failures, last) = match phase {
                Phase::Idle => (0, None),
                Phase::Failed { until, failures, fault } if now >= *until => {
                    (*failures, Some(fault.clone()))
                }
                _ => return false,
            };
            *phase = Phase::Connecting { since: now, failures, last };
            true
        });
        if begun {
            // A task of its own: the callers' time is shorter than an attempt may take, and a
            // caller that goes away must not end it.
            let attempt = Attempt { shared: Arc::clone(self), done: false };
            tokio::spawn(attempt.run());
        }
    }

    fn discard(&self, link: &Arc<Link>, why: &str) {
        let discarded = self.phase.send_if_modified(|phase| {
            let current = matches!(phase, Phase::Ready(current) if Arc::ptr_eq(current, link));
            if current {
                *phase = Phase::Idle;
            }
            current
        });
        if discarded {
            tracing::warn!(address = %self.config.endpoint.address, why, "redis connection lost");
        }
    }
}

async fn send(link: &Link, request: &Request) -> Reply {
    let mut connection = link.connection.clone();
    match request {
        Request::One(command) => connection.send_packed_command(command).await?.extract_error(),
        Request::Script(call) => {
            let by_digest = call.by_digest();
            let reply = connection.send_packed_command(&by_digest).await;
            match reply.and_then(Value::extract_error) {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    connection.send_packed_command(&call.in_full()).await?.extract_error()
                }
                reply => reply,
            }
        }
    }
}

/// An operation that waits for its answer.
///
/// Time-outs are counted when this is dropped, so that callers with less patience than the
/// operation timeout, who drop the future, also find out that a connection is half-open.
struct Pending<'a> {
    shared: &'a Shared,
    link: &'a Arc<Link>,
    began: Instant,
    answered: bool,
}

impl<'a> Pending<'a> {
    fn new(shared: &'a Shared, link: &'a Arc<Link>) -> Self {
        Self { shared, link, began: Instant::now(), answered: false }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.answered {
            self.link.answered();
            return;
        }
        // Who gave up sooner can't tell silence from an ordinary wait.
        let waited = self.began.elapsed() >= self.shared.config.operation_timeout / 5;
        if waited && self.link.unanswered(self.began) {
            self.shared.discard(self.link, "no answer to several operations in a row");
        }
    }
}

/// An attempt to connect. However it ends, nobody is left waiting for it: also not if its runtime
/// ends first, which drops it.
struct Attempt {
    shared: Arc<Shared>,
    done: bool,
}

impl Attempt {
    async fn run(mut self) {
        let config = &self.shared.config;
        let limit = config.connect_timeout;
        let outcome = match timeout(limit, open(&self.shared.client)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Fault::connecting(&error, &config.endpoint)),
            Err(_) => Err(Fault::silent(limit, &config.endpoint)),
        };
        self.done = true;
        self.finish(outcome);
    }

    fn finish(&self, outcome: Result<MultiplexedConnection, Fault>) {
        let address = &self.shared.config.endpoint.address;
        self.shared.phase.send_modify(|phase| {
            let failed = match phase {
                Phase::Connecting { failures, .. } => *failures,
                _ => 0,
            };
            *phase = match outcome {
                Ok(connection) => {
                    tracing::debug!(%address, "connected to redis");
                    Phase::Ready(Arc::new(Link::new(connection)))
                }
                Err(fault) => {
                    let failures = failed.saturating_add(1);
                    let pause = backoff(failures);
                    if failures == 1 {
                        tracing::warn!(%address, fault = fault.message(), "redis is away");
                    } else {
                        tracing::debug!(%address, failures, "redis is still away");
                    }
                    Phase::Failed { until: Instant::now() + pause, failures, fault }
                }
            };
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.done {
            self.finish(Err(Fault::runtime_ended()));
        }
    }
}

async fn open(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    // The limits are the supervisor's own: they cover waiting for the connection, too.
    let settings = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024);
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    // The handshake passes even without the password that the server wants, and while the server
    // still loads its data.
    match connection.send_packed_command(&redis::cmd("PING")).await?.extract_error() {
        Err(error) if error.kind() != ErrorKind::Server(ServerErrorKind::NoPerm) => Err(error),
        _ => Ok(connection),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_with_jitter_up_to_a_limit() {
        for (failures, least, most) in
            [(1, 50, 100), (2, 100, 200), (3, 200, 400), (7, 2500, 5000), (u32::MAX, 2500, 5000)]
        {
            for _ in 0..100 {
                let pause = backoff(failures);
                let range = Duration::from_millis(least)..=Duration::from_millis(most);
                assert!(range.contains(&pause), "{failures}: {pause:?}");
            }
        }
    }
}

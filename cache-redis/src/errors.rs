//! Turns errors of the client into errors that a user can act on.
//!
//! A [`Fault`] is an error that does not yet belong to an operation: every operation that arrives
//! while the supervisor backs off gets the fault of the last connection attempt.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{BackendError, BackendErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::config::Endpoint;

#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: BackendErrorKind,
    message: Arc<str>,
    /// Whether nothing was sent.
    unsent: bool,
    reach: Reach,
}

/// Which servers a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The server that was asked; others may work.
    Server,
    /// One of several servers; others work.
    Part,
    /// All servers, whichever one reported it.
    All,
}

impl Fault {
    fn new(kind: BackendErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into(), unsent: false, reach: Reach::Server }
    }

    fn before_sending(kind: BackendErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { unsent: true, ..Self::new(kind, message) }
    }

    /// Whether the fault occurred before anything was sent. The operation then had no effect.
    pub(crate) fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// Whether the reply did not arrive in time. It may still arrive later.
    pub(crate) fn is_silence(&self) -> bool {
        self.kind == BackendErrorKind::TimedOut
    }

    /// Whether the next attempt may succeed although no one changes a setting.
    pub(crate) fn is_transient(&self) -> bool {
        self.kind == BackendErrorKind::Unreachable
    }

    pub(crate) fn of(&self, operation: &'static str) -> BackendError {
        let error = BackendError::new(self.kind, operation, Arc::clone(&self.message));
        if self.reach == Reach::Part { error.of_a_part() } else { error }
    }

    /// Notes that other servers work.
    pub(crate) fn of_a_part(&mut self) {
        if self.reach == Reach::Server {
            self.reach = Reach::Part;
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// A connection attempt failed.
    pub(crate) fn connecting(error: &RedisError, endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let text = describe(error, endpoint);
        // For a refused SELECT the client omits the code.
        let no_auth = error.code() == Some("NOAUTH") || text.contains("Authentication required");
        if error.kind() == ErrorKind::AuthenticationFailed || error.code() == Some("WRONGPASS") {
            let message = format!(
                "Redis at {address} does not accept the credentials: check the user and the \
                 password in the URL (special characters percent-encoded)"
            );
            return Self::before_sending(BackendErrorKind::Refused, message);
        }
        if no_auth {
            let message = format!(
                "Redis at {address} wants a password: write it in the URL, as in \
                 `redis://:password@host`"
            );
            return Self::before_sending(BackendErrorKind::Refused, message);
        }
        // The client uses its own text for a refused SELECT.
        if is_answer(error) || text.contains("database number") {
            let advice = advice(&text);
            let message =
                format!("Redis at {address} (db {}) answers: {text}{advice}", endpoint.db);
            return Self::before_sending(BackendErrorKind::Refused, message);
        }
        // The client's text contains some bytes that it could not parse.
        let (text, advice) = match error.kind() {
            ErrorKind::Parse => ("the server is not a Redis".to_owned(), what_to_check(endpoint)),
            _ => (text, what_to_check(endpoint)),
        };
        let message = format!("can't connect to Redis at {address} ({text}): {advice}");
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// A connection attempt got no reply.
    pub(crate) fn silent(after: Duration, endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let message = format!(
            "Redis at {address} did not answer within {after:?}: {}",
            what_to_check(endpoint)
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// The operation timed out before a connection was established.
    pub(crate) fn still_connecting(endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let message =
            format!("still connecting to Redis at {address}: {}", what_to_check(endpoint));
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// The server is a replica and takes no writes.
    pub(crate) fn replica(endpoint: &Endpoint) -> Self {
        let message = format!(
            "Redis at {} is a replica and takes no writes: a failover may be under way, or the URL \
             names a replica",
            endpoint.address
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// Another server took over, and the recent evictions are not replayed yet.
    pub(crate) fn not_replayed(endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let message = format!(
            "after a failover of Redis at {address} the last evictions are still being repeated"
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// No Sentinel names a master.
    pub(crate) fn no_sentinel(why: Option<&RedisError>, master: &str, endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let text = why.map_or("no answer".to_owned(), |error| describe(error, endpoint));
        let refused = BackendErrorKind::Refused;
        let (kind, message) = match why {
            Some(error) if is_about_credentials(error) => (
                refused,
                format!(
                    "the Sentinels of {address} do not accept the credentials ({text}): theirs are \
                     not those of the servers, write them as \
                     `?sentinel_username=..&sentinel_password=..`"
                ),
            ),
            Some(_) if text.contains("unknown command") => (
                refused,
                format!(
                    "the server at {address} is not a Sentinel ({text}): for a server write \
                     `redis://` in the URL"
                ),
            ),
            Some(error) if is_answer(error) => (
                refused,
                format!(
                    "the Sentinels of {address} do not know a master `{master}` ({text}): check the \
                     name in the URL, as in `redis-sentinel://host:26379/name`"
                ),
            ),
            _ => (
                BackendErrorKind::Unreachable,
                format!(
                    "can't reach any Sentinel of {address} ({text}): {}",
                    what_to_check(endpoint)
                ),
            ),
        };
        Self::before_sending(kind, message)
    }

    /// The server that the Sentinels name is not a master.
    pub(crate) fn no_master(master: &str, endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let message = format!(
            "the Sentinels name {address} as the master `{master}`, but it is a replica: a \
             failover may be under way"
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// The Sentinels that reply name a master that was replaced.
    pub(crate) fn behind(master: &str, endpoint: &Endpoint) -> Self {
        let message = format!(
            "the Sentinels of {} that reply do not know of the last failover of `{master}` yet",
            endpoint.address
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// Another server took over, or may have, while a reply was under way.
    pub(crate) fn replaced(endpoint: &Endpoint) -> Self {
        let message = format!(
            "the answer of Redis at {} was discarded, because another server may have taken over",
            endpoint.address
        );
        Self::new(BackendErrorKind::Unreachable, message)
    }

    /// No node reports which node serves which slot.
    pub(crate) fn no_cluster(endpoint: &Endpoint) -> Self {
        let message = format!(
            "no node of {} reports its cluster: check that they run with `cluster-enabled yes`",
            endpoint.address
        );
        Self::before_sending(BackendErrorKind::Unreachable, message)
    }

    /// The `Redis` was closed.
    pub(crate) fn closed() -> Self {
        Self::before_sending(BackendErrorKind::Unreachable, "this `Redis` was closed")
    }

    /// An operation got no reply in time.
    pub(crate) fn timed_out(after: Duration, endpoint: &Endpoint) -> Self {
        let message = format!("no answer from Redis at {} within {after:?}", endpoint.address);
        Self::new(BackendErrorKind::TimedOut, message)
    }

    /// An operation was answered with an error, or its connection broke.
    pub(crate) fn operating(error: &RedisError, endpoint: &Endpoint) -> Self {
        let address = &endpoint.address;
        let text = describe(error, endpoint);
        if is_answer(error) {
            let message = format!("Redis at {address} answers: {text}{}", advice(&text));
            let kind = if is_unready(error) {
                BackendErrorKind::Unreachable
            } else {
                BackendErrorKind::Refused
            };
            let reach = if is_cluster_down(error) { Reach::All } else { Reach::Server };
            return Self { reach, ..Self::new(kind, message) };
        }
        let message = format!("the connection to Redis at {address} broke ({text})");
        Self::new(BackendErrorKind::Unreachable, message)
    }

    /// A script was not permitted one of its commands. Older servers begin such an error with a
    /// `-`.
    pub(crate) fn refused(why: &str, endpoint: &Endpoint) -> Self {
        let why = endpoint.redact(why.trim_start_matches('-'));
        let message = format!("Redis at {} answers: {why}", endpoint.address);
        Self::new(BackendErrorKind::Refused, message)
    }

    /// The reply does not have the type that the command returns.
    pub(crate) fn unexpected(endpoint: &Endpoint) -> Self {
        let message = format!(
            "Redis at {} gave an answer of an unexpected type: is it a Redis, 5.0 or later?",
            endpoint.address
        );
        Self::new(BackendErrorKind::Refused, message)
    }

    pub(crate) fn no_runtime() -> Self {
        Self::before_sending(
            BackendErrorKind::Config,
            "there is no Tokio runtime: use `Redis` inside of one, or in `larder::block_on(..)`",
        )
    }

    pub(crate) fn runtime_ended() -> Self {
        Self::new(
            BackendErrorKind::Unreachable,
            "the Tokio runtime that this `Redis` was made in has ended",
        )
    }
}

fn what_to_check(endpoint: &Endpoint) -> &'static str {
    if endpoint.tls {
        "check that the server runs, that host and port are right, that the port uses TLS (without \
         TLS it is `redis://`), that client and server trust each other's certificates, and that no \
         firewall blocks the connection"
    } else {
        "check that the server runs, that host and port are right, that the port does not use TLS \
         (that is `rediss://`), and that no firewall blocks the connection"
    }
}

/// Advice for errors whose own text does not say what to do.
fn advice(answer: &str) -> &'static str {
    if answer.starts_with("MOVED") || answer.starts_with("CROSSSLOT") {
        ": it is a node of a cluster, write `redis-cluster://` in the URL"
    } else if answer.contains("cluster support disabled") {
        ": it is a single server, write `redis://` in the URL"
    } else if answer.starts_with("NOPERM")
        || answer.contains("The user executing the script")
        // Redis 7.2 and Valkey.
        || answer.contains("ACL failure in script")
    {
        ": the guide `operating` has a user with all the permissions that a cache needs"
    } else {
        ""
    }
}

/// Whether the credentials are missing or wrong.
fn is_about_credentials(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// Whether the server answered with an error. The connection works in that case.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether the server is reachable but not ready yet.
pub(crate) fn is_unready(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, TryAgain};
    matches!(error.kind(), ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain))
}

/// Whether the whole cluster refuses to serve, rather than some slots without a node.
fn is_cluster_down(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ClusterDown)
        && !error.detail().is_some_and(|detail| detail.contains("slot not served"))
}

/// The text of the error, without the password and without the arguments that some errors echo.
pub(crate) fn describe(error: &RedisError, endpoint: &Endpoint) -> String {
    let text = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    };
    let text = match text.find(", with args beginning with") {
        Some(at) => &text[..at],
        None => &text,
    };
    endpoint.redact(text)
}

//! The settings of a `Redis`, and their validation before the first connection.

use std::fmt;
use std::time::Duration;

use cache_core::{BackendError, BackendErrorKind, Error};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo};

use super::endpoint::{Endpoint, address, node_of};
use super::url::{parse, quoted};
use super::{Config, Limits, Target};
use crate::Redis;

/// The maximum of all timeouts. A longer one would overflow the clock, and has the same effect as
/// none.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The permitted keepalive in seconds. Linux refuses every connection with another value.
const KEEPALIVE: std::ops::RangeInclusive<u64> = 1..=32_767;

/// The default of the keepalive and of the user timeout.
const SILENCE: Duration = Duration::from_secs(15);

/// The permitted number of connections to each server.
const CONNECTIONS: std::ops::RangeInclusive<usize> = 1..=1024;

/// The field name for errors of the URL itself.
const URL: &str = "url";

/// A setting and its mistake.
struct Wrong {
    field: &'static str,
    message: String,
}

impl Wrong {
    fn error(self) -> Error {
        Error::Config { field: self.field, message: self.message }
    }

    /// The message of a [`BackendError`]. A message about the URL quotes it, and needs no field
    /// name.
    fn shown(self) -> String {
        if self.field == URL { self.message } else { format!("{}: {}", self.field, self.message) }
    }
}

/// The settings of a `Redis`, created by [`Redis::builder`].
///
/// An option of the URL with the name of a method is the same setting, as in
/// `redis://host?operation_timeout=200ms&connections=4`, and takes precedence over the method.
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect` or `build_lazy`"]
pub struct RedisBuilder {
    way: Way,
    pub(super) operation_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) connections: usize,
    pub(super) half_open_after: u32,
    pub(super) retry_attempts: u32,
    pub(super) health_check_interval: Duration,
    pub(super) bus_heartbeat: Duration,
    pub(super) tracking: bool,
    pub(super) keepalive: Option<Duration>,
    pub(super) user_timeout: Option<Duration>,
    #[cfg(feature = "tls")]
    certificates: Option<redis::TlsCertificates>,
}

#[derive(Clone)]
enum Way {
    Url(String),
    Client(Box<ConnectionInfo>),
}

impl RedisBuilder {
    fn new(way: Way) -> Self {
        Self {
            way,
            operation_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(1),
            connections: 1,
            half_open_after: 3,
            retry_attempts: 2,
            health_check_interval: Duration::from_secs(10),
            bus_heartbeat: Duration::from_secs(5),
            tracking: false,
            keepalive: None,
            user_timeout: None,
            #[cfg(feature = "tls")]
            certificates: None,
        }
    }

    pub(crate) fn of_url(url: &str) -> Self {
        Self::new(Way::Url(url.to_owned()))
    }

    pub(crate) fn of_client(client: &Client) -> Self {
        Self::new(Way::Client(Box::new(client.get_connection_info().clone())))
    }

    /// Sets the maximum time of an operation, including all of its round trips. Default: 500 ms.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// Sets the maximum time of one connection attempt, including the handshake and, with
    /// Sentinels, the search for the master. Default: 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the number of connections to each server, from 1 to 1024. Default: 1. One connection
    /// carries many concurrent operations and is rarely the bottleneck; large values are a reason
    /// for more. All requests for one key use the same connection.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets the number of operations in a row without a reply after which a connection counts as
    /// half-open and is replaced. Concurrent operations count as one. Default: 3.
    pub fn half_open_after(mut self, timeouts: u32) -> Self {
        self.half_open_after = timeouts;
        self
    }

    /// Sets how often at most a request whose connection broke is sent again, within the operation
    /// timeout. Default: 2. Zero: a broken connection fails the operation.
    ///
    /// The first repetition is sent immediately, over a new connection; before each further one
    /// there is a pause: 12 to 25 ms, then twice as long each time, and at least until the next
    /// connection attempt is due. Only operations that had a connection and lost it are repeated.
    /// While Redis is known to be unreachable, operations fail immediately.
    ///
    /// Requests that store a value without a lease ([`Backend::set`](cache_core::Backend::set)) are
    /// not repeated once they may have been sent: a second copy could overwrite the value that
    /// another process stored in between. Nor is a request without a reply: a slow server would get
    /// it twice.
    pub fn retry_attempts(mut self, attempts: u32) -> Self {
        self.retry_attempts = attempts;
        self
    }

    /// Sets after how much time without a reply a connection is checked with a `PING`. Default:
    /// 10 s. Zero: idle connections are not checked.
    ///
    /// A peer may disappear without closing the connection: a machine stops, or a firewall forgets
    /// an idle connection. The check notices this while no one waits. It replaces the connection
    /// after as many consecutive time-outs as [`half_open_after`](Self::half_open_after) says, and
    /// goes on connecting until Redis replies.
    pub fn health_check_interval(mut self, interval: Duration) -> Self {
        self.health_check_interval = interval;
        self
    }

    /// Sets the interval of each process's heartbeats on the bus. Default: 5 s.
    ///
    /// If the bus loses a message (a cluster may lose one between its nodes), the receivers notice
    /// it at the next message or heartbeat of the same process. Within a second they stop using
    /// entries in memory before they have asked Redis. All processes must have the same interval: a
    /// process that is silent for three heartbeats counts as unreachable.
    pub fn bus_heartbeat(mut self, interval: Duration) -> Self {
        self.bus_heartbeat = interval;
        self
    }

    /// Sets whether Redis reports every changed value, whichever client changes it. This is for
    /// values that other programs than caches write or remove. Default: no. Requires Redis 6 or
    /// later, and one server or Sentinels.
    ///
    /// Tracking has a cost: Redis does not report which client changed a value. So every memory
    /// tier, including that of the loading process, drops a value that was just stored, and reads
    /// it from Redis when it is next requested. Evictions by caches need no tracking.
    pub fn tracking(mut self, tracking: bool) -> Self {
        self.tracking = tracking;
        self
    }

    /// Sets the idle time after which the operating system checks whether the peer still exists:
    /// whole seconds, from 1 to 32,767 (the bounds of Linux). Default: 15 s, or the setting of the
    /// client that was passed to [`Redis::from_client`].
    pub fn keepalive(mut self, idle: Duration) -> Self {
        self.keepalive = Some(idle);
        self
    }

    /// Sets how long sent data may stay unacknowledged before the operating system closes the
    /// connection. Default: 15 s, or the setting of the client that was passed to
    /// [`Redis::from_client`]. Linux only.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }

    /// Sets the certificates for TLS, for a `rediss://` URL: a root certificate instead of the
    /// system's, a client certificate, or both.
    #[cfg(feature = "tls")]
    pub fn certificates(mut self, certificates: redis::TlsCertificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Connects, and fails if Redis does not reply.
    ///
    /// # Errors
    /// `Config` for an invalid URL or setting, `Unreachable` if Redis does not reply, `Refused` if
    /// Redis does not accept the credentials.
    pub async fn connect(self) -> Result<Redis, BackendError> {
        Redis::strict(self.checked("connect")?).await
    }

    /// Checks only the settings, and connects at the first operation.
    ///
    /// # Errors
    /// `Config` for an invalid URL or setting.
    pub fn build_lazy(self) -> Result<Redis, BackendError> {
        Redis::unconnected(self.checked("lazy")?)
    }

    /// Returns every setting that [`build_lazy`](Self::build_lazy) refuses, as an [`Error::Config`]
    /// each; empty if it accepts all. It does not connect. The field `url` stands for the URL.
    #[must_use]
    pub fn check(&self) -> Vec<Error> {
        match self.read() {
            Ok((_, wrong)) => wrong.into_iter().map(Wrong::error).collect(),
            Err(wrong) => vec![wrong.error()],
        }
    }

    /// Returns the checked settings; the error names `operation`.
    pub(super) fn checked(self, operation: &'static str) -> Result<Config, BackendError> {
        let bad =
            |wrong: Wrong| BackendError::new(BackendErrorKind::Config, operation, wrong.shown());
        let (config, wrong) = self.read().map_err(bad)?;
        wrong.into_iter().next().map_or(Ok(config), |wrong| Err(bad(wrong)))
    }

    /// Combines the URL with the other settings, and collects the invalid ones. If the URL cannot
    /// be parsed, that is the only reported mistake, because its options are unknown.
    fn read(&self) -> Result<(Config, Vec<Wrong>), Wrong> {
        let mut read = self.clone();
        let target = match self.way.clone() {
            Way::Url(url) => {
                parse(&url, &mut read).map_err(|message| Wrong { field: URL, message })?
            }
            Way::Client(info) => Target::Server(*info),
        };
        let mut wrong = read.wrong(&target);
        let target = match target.clone().map(|info| read.equipped(info)) {
            Ok(equipped) => equipped,
            Err(message) => {
                wrong.push(Wrong { field: "certificates", message });
                target
            }
        };
        let config = Config {
            endpoint: endpoint(&target),
            target,
            limits: Limits {
                operation_timeout: read.operation_timeout.min(LONGEST_TIMEOUT),
                connect_timeout: read.connect_timeout.min(LONGEST_TIMEOUT),
                connections: read.connections,
                half_open_after: read.half_open_after,
                retry_attempts: read.retry_attempts,
                health_check_interval: read.health_check_interval.min(LONGEST_TIMEOUT),
                bus_heartbeat: read.bus_heartbeat.min(LONGEST_TIMEOUT),
                tracking: read.tracking,
            },
        };
        Ok((config, wrong))
    }

    /// The rules for all settings except the URL.
    fn wrong(&self, target: &Target) -> Vec<Wrong> {
        let mut found = Vec::new();
        let mut refuse = |field, message: String| found.push(Wrong { field, message });
        let short = |time: &Duration| *time < Duration::from_millis(1);
        for (field, time) in [
            ("operation_timeout", Some(self.operation_timeout)),
            ("connect_timeout", Some(self.connect_timeout)),
            ("bus_heartbeat", Some(self.bus_heartbeat)),
            ("user_timeout", self.user_timeout),
        ] {
            if let Some(time) = time.filter(short) {
                let wanted = "1 ms at least; leave it out for the default";
                refuse(field, format!("found {}; wanted {wanted}", shown(time)));
            }
        }
        let interval = self.health_check_interval;
        if short(&interval) && !interval.is_zero() {
            let wanted = "1 ms at least, or zero (`0s`) for no checks; leave it out for 10 seconds";
            refuse("health_check_interval", format!("found {}; wanted {wanted}", shown(interval)));
        }
        if let Some(idle) = self.keepalive.filter(|idle| !KEEPALIVE.contains(&idle.as_secs())) {
            let wanted = "1 s to 32767 s; leave it out for the default";
            refuse("keepalive", format!("found {}; wanted {wanted}", shown(idle)));
        }
        if self.half_open_after == 0 {
            refuse("half_open_after", "found zero; wanted 1 at least".to_owned());
        }
        if !CONNECTIONS.contains(&self.connections) {
            let message = format!("found `{}`; wanted a number from 1 to 1024", self.connections);
            refuse("connections", message);
        }
        if self.tracking && matches!(target, Target::Cluster(_)) {
            let message = "a cluster can't be tracked; evict, instead, where values change";
            refuse("tracking", message.to_owned());
        }
        found
    }

    /// Adds the socket settings to a server's address.
    fn equipped(&self, info: ConnectionInfo) -> Result<ConnectionInfo, String> {
        #[cfg(feature = "tls")]
        let info = super::tls::equipped(info, self.certificates.as_ref())?;
        let own = matches!(self.way, Way::Client(_));
        if own && self.keepalive.is_none() && self.user_timeout.is_none() {
            return Ok(info);
        }
        let settings = if own { info.tcp_settings().clone() } else { TcpSettings::default() };
        let settings = self.tcp_settings(settings);
        Ok(info.set_tcp_settings(settings))
    }

    /// With these settings the operating system notices a dead peer within half a minute even
    /// without traffic.
    fn tcp_settings(&self, settings: TcpSettings) -> TcpSettings {
        let idle = self.keepalive.unwrap_or(SILENCE);
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(Duration::from_secs(5));
        let settings = settings.set_nodelay(true).set_keepalive(keepalive);
        #[cfg(target_os = "linux")]
        let settings =
            settings.set_user_timeout(self.user_timeout.unwrap_or(SILENCE).min(LONGEST_TIMEOUT));
        settings
    }
}

fn shown(time: Duration) -> String {
    if time.is_zero() { "zero".to_owned() } else { format!("`{time:?}`") }
}

fn endpoint(target: &Target) -> Endpoint {
    let list =
        |servers: &[ConnectionInfo]| servers.iter().map(address).collect::<Vec<_>>().join(",");
    let (address, servers) = match target {
        Target::Server(info) => (address(info), vec![info]),
        Target::Sentinels { sentinels, master, node } => {
            let servers = std::iter::once(node).chain(sentinels).collect();
            (format!("{master} of {}", list(sentinels)), servers)
        }
        Target::Cluster(seeds) => (list(seeds), seeds.iter().collect()),
    };
    Endpoint::of(address, store(target), &servers)
}

/// The same text for every way to write the address of one store.
fn store(target: &Target) -> String {
    let one = |info: &ConnectionInfo| match node_of(info) {
        Some(_) => address(info).to_lowercase(),
        None => address(info),
    };
    let all = |servers: &[ConnectionInfo]| {
        let mut addresses: Vec<String> = servers.iter().map(one).collect();
        addresses.sort();
        addresses.join(",")
    };
    match target {
        Target::Server(info) => one(info),
        Target::Sentinels { sentinels, master, .. } => format!("{master} of {}", all(sentinels)),
        Target::Cluster(seeds) => all(seeds),
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut builder = f.debug_struct("RedisBuilder");
        match &self.way {
            Way::Url(url) => builder.field("url", &format_args!("{}", quoted(url))),
            Way::Client(info) => builder.field("client", &format_args!("{}", address(info))),
        };
        builder
            .field("operation_timeout", &self.operation_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

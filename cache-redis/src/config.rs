//! The URL and the time limits, checked before anything is connected.
//!
//! A URL may hold a password, and passwords with unescaped `@`, `/` or `#` are the usual reason
//! why one does not parse. So nothing here ever prints a URL as it was given: see [`shown`].

use std::fmt;
use std::time::Duration;

use cache_core::{BackendError, BackendErrorKind};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use crate::Redis;

const FORM: &str = "write `redis://[user:password@]host[:port][/db]`, or \
                    `unix:///path/to/socket[?db=n]`";

/// More would overflow the clock, and is as good as none.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How to reach Redis: made by [`Redis::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect` or `build_lazy`"]
pub struct RedisBuilder {
    url: String,
    operation_timeout: Duration,
    connect_timeout: Duration,
}

impl RedisBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            operation_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(1),
        }
    }

    /// How long an operation may take, all of its round trips together. Default: 500 ms.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// How long one attempt to connect may take, handshake included. Default: 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Connects, and fails if Redis does not answer.
    ///
    /// # Errors
    /// `Config` for a URL or a time limit that can't be, `Unreachable` if there is no answer,
    /// `Refused` if Redis does not accept the credentials.
    pub async fn connect(self) -> Result<Redis, BackendError> {
        Redis::strict(self.check("connect")?).await
    }

    /// Checks the settings only; connects at the first operation.
    ///
    /// # Errors
    /// `Config` for a URL or a time limit that can't be.
    pub fn build_lazy(self) -> Result<Redis, BackendError> {
        Redis::unconnected(self.check("lazy")?)
    }

    fn check(self, operation: &'static str) -> Result<Config, BackendError> {
        let bad = |message: String| BackendError::new(BackendErrorKind::Config, operation, message);
        for (field, timeout) in [
            ("operation_timeout", self.operation_timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if timeout.is_zero() {
                return Err(bad(format!("{field}: zero leaves no time at all; the least is 1 ms")));
            }
        }
        let info = parse(&self.url).map_err(bad)?;
        Ok(Config {
            endpoint: Endpoint::of(&info),
            info,
            operation_timeout: self.operation_timeout.min(LONGEST_TIMEOUT),
            connect_timeout: self.connect_timeout.min(LONGEST_TIMEOUT),
        })
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("url", &format_args!("{}", quoted(&self.url)))
            .field("operation_timeout", &self.operation_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

/// Checked settings.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) info: ConnectionInfo,
    pub(crate) operation_timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

/// What may be told of a Redis: where it is, never how to get in.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) db: i64,
    password: Option<String>,
}

impl Endpoint {
    fn of(info: &ConnectionInfo) -> Self {
        let settings = info.redis_settings();
        let password = settings.password().filter(|password| !password.is_empty());
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            address => address.to_string(),
        };
        Self { address, db: settings.db(), password: password.map(str::to_owned) }
    }

    /// `text` without the password: servers and proxies may echo the arguments of AUTH.
    pub(crate) fn redact(&self, text: &str) -> String {
        match &self.password {
            Some(password) => text.replace(password, "***"),
            None => text.to_owned(),
        }
    }
}

fn parse(url: &str) -> Result<ConnectionInfo, String> {
    let url = url.trim();
    let not_a_url = || format!("{} is not a Redis URL: {FORM}", quoted(url));
    let Some((scheme, rest)) = url.split_once("://") else { return Err(not_a_url()) };
    let unix = match scheme {
        "redis" | "valkey" => false,
        "unix" | "redis+unix" | "valkey+unix" => true,
        "rediss" | "valkeys" => {
            return Err(format!("TLS (`{scheme}://`) is not supported yet: {FORM}"));
        }
        _ => return Err(not_a_url()),
    };
    if !unix {
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains(['@', '#']) {
            return Err(format!(
                "{}: a user or password with `/`, `?`, `#` or `@` must be percent-encoded \
                 (%2F, %3F, %23, %40)",
                quoted(url)
            ));
        }
        if authority.split_once('@').is_some_and(|(user, _)| !user.contains(':')) {
            return Err(format!(
                "{}: there is a user but no password: for a password alone, put a colon before \
                 it, as in `redis://:password@host`",
                quoted(url)
            ));
        }
    }
    let info = url.into_connection_info().map_err(|error| {
        // Its details are either fixed texts or a piece of the URL: only the former are told.
        let why = match error.to_string() {
            text if text.contains("database") => "the database must be a number",
            text if text.contains("wildcard") => "a wildcard address can't be connected to",
            text if text.contains("UTF-8") => "the credentials are not UTF-8",
            text if text.contains("hostname") => "the host is missing",
            _ => "it does not parse",
        };
        format!("{} is not a Redis URL ({why}): {FORM}", quoted(url))
    })?;
    if info.redis_settings().db() < 0 {
        return Err(format!("{}: the database must not be negative: {FORM}", quoted(url)));
    }
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
}

/// A dead peer is noticed by the system within half a minute even if nobody asks for anything.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(15));
    settings
}

fn quoted(url: &str) -> String {
    shown(url).map_or_else(|| "the given text".to_owned(), |shown| format!("`{shown}`"))
}

/// What may be shown of a URL: only what is beyond doubt not part of a password.
fn shown(url: &str) -> Option<String> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("***@", rest),
        None => ("", rest),
    };
    let (rest, query) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], "?..."),
        None => (rest, ""),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match host.rfind(':') {
        Some(at) if !host.ends_with(']') => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    };
    let plain = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    // A bare word may be anything.
    let harmless = (scheme.is_some() || !port.is_empty())
        && scheme.is_none_or(|scheme| plain(scheme, "+-."))
        && plain(host, "-._[]:")
        && (host.starts_with('[') || !host.contains(':'))
        && port.chars().all(|c| c.is_ascii_digit())
        && plain(path, "/-._");
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let port = if port.is_empty() { String::new() } else { format!(":{port}") };
    harmless.then(|| format!("{scheme}{hidden}{host}{port}{path}{query}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(url: &str) -> String {
        RedisBuilder::new(url).build_lazy().map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn shows_the_form() {
        for url in ["localhost:6379", "http://localhost", "", "redis", "redis://", "redis://h:x"] {
            let message = message(url);
            assert!(message.contains("redis://[user:password@]host[:port][/db]"), "{message}");
        }
        assert!(message("localhost:6379").contains("`localhost:6379` is not a Redis URL"));
        assert!(message("redis://localhost/one").contains("database must be a number"));
        assert!(message("redis://localhost/-1").contains("must not be negative"));
        assert!(message("rediss://localhost").contains("TLS"));
        assert!(message("redis://secret@localhost").contains("redis://:password@host"));
    }

    #[test]
    fn never_shows_a_password() {
        for url in [
            "redis://:hun/ter2@localhost",
            "redis://:hun#ter2@localhost",
            "redis://user:hun@ter2@localhost:x",
            "redis://user:hunter2",
            "redis://user:hunter2@",
            "redis://hunter2@localhost",
            "redis://hunter2@localhost/a",
            "hunter2",
            "user:hunter2@localhost",
            ":hunter2@localhost",
            "redis://user:12/hunter2@localhost",
            "http://user:hunter2@localhost",
            "unix:relative?pass=hunter2",
            "unix://relative?pass=hunter2&db=x",
            "redis:///?pass=hunter2",
            "redis://localhost:hunter2",
            "redis://user:hunter2:hunter2",
        ] {
            let builder = RedisBuilder::new(url);
            let debug = format!("{builder:?}");
            let message = builder.build_lazy().map(|_| ()).unwrap_err().to_string();
            for text in [message, debug] {
                assert!(!text.contains("ter2"), "{url}: {text}");
                assert!(!text.contains("hun#") && !text.contains("hun@"), "{url}: {text}");
            }
        }
    }

    #[test]
    fn accepts_what_redis_accepts() {
        for (url, address, db) in [
            ("redis://localhost", "localhost:6379", 0),
            ("redis://:p%40ss@localhost:7000/3", "localhost:7000", 3),
            ("redis://user:pass@[::1]:7000", "[::1]:7000", 0),
            ("valkey://localhost/", "localhost:6379", 0),
            ("unix:///run/redis.sock?db=2&pass=x", "/run/redis.sock", 2),
            ("redis+unix:///run/redis.sock", "/run/redis.sock", 0),
        ] {
            let info = parse(url).unwrap();
            let endpoint = Endpoint::of(&info);
            assert_eq!((endpoint.address.as_str(), endpoint.db), (address, db), "{url}");
        }
    }

    #[test]
    fn zero_durations_name_the_field() {
        let zero = Duration::ZERO;
        let builder = RedisBuilder::new("redis://localhost");
        let message = builder.clone().operation_timeout(zero).build_lazy().unwrap_err().to_string();
        assert!(message.contains("operation_timeout"), "{message}");
        let message = builder.connect_timeout(zero).build_lazy().unwrap_err().to_string();
        assert!(message.contains("connect_timeout"), "{message}");
    }

    #[test]
    fn redacts_the_password() {
        let endpoint = Endpoint::of(&parse("redis://us:p%40ss@localhost").unwrap());
        assert_eq!(endpoint.redact("AUTH us p@ss"), "AUTH us ***");
    }
}

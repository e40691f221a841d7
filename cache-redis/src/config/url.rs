//! Parses URLs into servers and their credentials.
//!
//! A URL may contain a password, and a password with an unescaped `@`, `/` or `#` is the usual
//! reason why a URL is invalid. So no error shows the URL as given: see [`shown`].

use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::Target;
use super::builder::RedisBuilder;
use super::options::{self, SentinelLogin};

pub(super) const FORM: &str = "write `redis://[user:password@]host[:port][/db]`, \
     `unix:///path/to/socket[?db=n]`, `redis-sentinel://host[:port],host[:port]/master[/db]` or \
     `redis-cluster://host[:port],host[:port]`";

/// The default port of Sentinels.
const SENTINEL_PORT: u16 = 26379;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Unix,
    Sentinels,
    Cluster,
}

/// Parses the text before `://` into the kind and whether it uses TLS.
fn scheme(scheme: &str) -> Option<(Kind, bool)> {
    let (kind, store) = match scheme {
        "unix" | "redis+unix" | "valkey+unix" => return Some((Kind::Unix, false)),
        _ => match scheme.split_once(['-', '+']) {
            None => (Kind::Server, scheme),
            Some((store, "sentinel")) => (Kind::Sentinels, store),
            Some((store, "cluster")) => (Kind::Cluster, store),
            Some(_) => return None,
        },
    };
    match store {
        "redis" | "valkey" => Some((kind, false)),
        "rediss" | "valkeys" => Some((kind, true)),
        _ => None,
    }
}

/// Parses the servers of a URL, and passes its options to the builder.
pub(super) fn parse(url: &str, builder: &mut RedisBuilder) -> Result<Target, String> {
    let url = url.trim();
    let not_a_url = || format!("{} is not a Redis URL: {FORM}", quoted(url));
    let (before, rest) = url.split_once("://").ok_or_else(not_a_url)?;
    let (kind, tls) = scheme(before).ok_or_else(not_a_url)?;
    if tls && !cfg!(feature = "tls") {
        return Err(format!(
            "TLS (`{before}://`) needs the feature `tls` (of larder: `redis-tls`)"
        ));
    }
    let mut login = SentinelLogin::default();
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, query),
        None => (rest, ""),
    };
    let misplaced = |text: &str| text.contains(['@', '#']);
    if kind == Kind::Unix {
        let query = options::take(query, builder, &mut login)?;
        let query = if query.is_empty() { query } else { format!("?{query}") };
        return one(url, &format!("unix://{rest}{query}")).map(Target::Server);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '#']).unwrap_or(rest.len()));
    if misplaced(path) || misplaced(query) {
        return Err(format!(
            "{}: a user or password with `/`, `?`, `#` or `@` must be percent-encoded \
             (%2F, %3F, %23, %40)",
            quoted(url)
        ));
    }
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, _)) if !user.contains(':') => {
            return Err(format!(
                "{}: there is a user but no password: for a password alone, put a colon before \
                 it, as in `redis://:password@host`",
                quoted(url)
            ));
        }
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let query = options::take(query, builder, &mut login)?;
    if !query.is_empty() {
        return Err(format!(
            "{}: the options `db`, `user` and `pass` are those of `unix://` URLs; here write \
             `{before}://user:pass@host/db`",
            quoted(url)
        ));
    }
    let scheme = if tls { "rediss" } else { "redis" };
    let each = |path: &str, port: Option<u16>| {
        let with_port = |host: &str| match port {
            Some(port) if host.ends_with(']') || !host.contains(':') => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        hosts
            .split(',')
            .map(|host| one(url, &format!("{scheme}://{user}{}{path}", with_port(host.trim()))))
            .collect::<Result<Vec<_>, _>>()
    };
    match kind {
        Kind::Cluster if !matches!(path, "" | "/" | "/0") => {
            Err(format!("{}: a cluster has one database only, 0", quoted(url)))
        }
        Kind::Cluster => Ok(Target::Cluster(each("", None)?)),
        Kind::Sentinels => {
            let mut parts = path.trim_matches('/').splitn(2, '/');
            let master = parts.next().unwrap_or_default();
            if master.is_empty() {
                return Err(format!(
                    "{}: the name of the master is missing, as in \
                     `redis-sentinel://host:26379/mymaster`",
                    quoted(url)
                ));
            }
            let db = parts.next().map(|db| format!("/{db}")).unwrap_or_default();
            let sentinels = each(&db, Some(SENTINEL_PORT))?;
            let node = sentinels[0].clone();
            let sentinels = sentinels.into_iter().map(|info| login.of(info)).collect();
            Ok(Target::Sentinels { sentinels, master: master.to_owned(), node })
        }
        _ if hosts.contains(',') => Err(format!(
            "{}: several hosts are those of `redis-sentinel://` or `redis-cluster://` URLs",
            quoted(url)
        )),
        _ => one(url, &format!("{scheme}://{user}{hosts}{path}")).map(Target::Server),
    }
}

impl SentinelLogin {
    /// Adds the Sentinels' own credentials. A Sentinel has no databases.
    fn of(&self, info: ConnectionInfo) -> ConnectionInfo {
        let mut settings = redis::RedisConnectionInfo::default();
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        info.set_redis_settings(settings)
    }
}

/// Parses one server; an error shows `url`.
fn one(url: &str, server: &str) -> Result<ConnectionInfo, String> {
    let info = server.into_connection_info().map_err(|error| {
        // The client's detail is either a fixed text or a part of the URL. Only fixed texts are
        // shown.
        let why = match error.to_string() {
            text if text.contains("database") => "the database must be a number",
            text if text.contains("wildcard") => "a wildcard address can't be connected to",
            text if text.contains("UTF-8") => "the credentials are not UTF-8",
            text if text.contains("hostname") => "the host is missing",
            _ if !has_port(server) => "the port must be a number below 65536",
            _ => "it does not parse",
        };
        format!("{} is not a Redis URL ({why}): {FORM}", quoted(url))
    })?;
    if info.redis_settings().db() < 0 {
        return Err(format!("{}: the database must not be negative: {FORM}", quoted(url)));
    }
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Ok(info.set_redis_settings(settings))
}

/// Whether the port is a number, if there is a port.
fn has_port(server: &str) -> bool {
    let (_, rest) = server.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (_, port) = host_and_port(authority.rsplit('@').next().unwrap_or_default());
    port.is_empty() || port.parse::<u16>().is_ok()
}

pub(super) fn quoted(url: &str) -> String {
    shown(url).map_or_else(|| "the given text".to_owned(), |shown| format!("`{shown}`"))
}

/// The part of a URL that may be shown: everything that certainly does not belong to a password.
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
    let plain = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let hosts: Vec<(&str, &str)> = host.split(',').map(host_and_port).collect();
    let harmless_host = |&(host, port): &(&str, &str)| {
        plain(host, "-._[]:")
            && (host.starts_with('[') || !host.contains(':'))
            && port.chars().all(|c| c.is_ascii_digit())
    };
    // A word alone may be anything, even a password.
    let harmless = (scheme.is_some() || hosts.iter().all(|(_, port)| !port.is_empty()))
        && scheme.is_none_or(|scheme| plain(scheme, "+-."))
        && hosts.iter().all(harmless_host)
        && plain(path, "/-._");
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    harmless.then(|| format!("{scheme}{hidden}{host}{path}{query}"))
}

fn host_and_port(host: &str) -> (&str, &str) {
    match host.rfind(':') {
        Some(at) if !host.ends_with(']') => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    }
}

//! The settings: which Redis, and the timeouts.

mod builder;
mod endpoint;
mod options;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::time::Duration;

use redis::ConnectionInfo;

pub use builder::RedisBuilder;
pub(crate) use endpoint::{Endpoint, addressed, node_of};

/// Checked settings.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) target: Target,
    pub(crate) limits: Limits,
}

/// The server or servers to connect to.
#[derive(Clone)]
pub(crate) enum Target {
    Server(ConnectionInfo),
    /// The master that the Sentinels name. `node` has its connection settings; its address is
    /// replaced.
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        node: ConnectionInfo,
    },
    /// Nodes of a cluster; at least one.
    Cluster(Vec<ConnectionInfo>),
}

/// Timeouts and other limits.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) operation_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) connections: usize,
    pub(crate) half_open_after: u32,
    pub(crate) retry_attempts: u32,
    /// Zero: no checks.
    pub(crate) health_check_interval: Duration,
    pub(crate) bus_heartbeat: Duration,
    pub(crate) tracking: bool,
}

impl Target {
    fn map<E>(self, each: impl Fn(ConnectionInfo) -> Result<ConnectionInfo, E>) -> Result<Self, E> {
        let all = |servers: Vec<_>| servers.into_iter().map(&each).collect::<Result<Vec<_>, E>>();
        Ok(match self {
            Self::Server(info) => Self::Server(each(info)?),
            Self::Sentinels { sentinels, master, node } => {
                Self::Sentinels { sentinels: all(sentinels)?, master, node: each(node)? }
            }
            Self::Cluster(seeds) => Self::Cluster(all(seeds)?),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(url: &str) -> String {
        RedisBuilder::of_url(url).build_lazy().map(|_| ()).unwrap_err().to_string()
    }

    fn config(url: &str) -> Config {
        RedisBuilder::of_url(url).checked("test").map_err(|error| error.to_string()).unwrap()
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
            let builder = RedisBuilder::of_url(url);
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
            ("redis-cluster://a:1,b", "a:1,b:6379", 0),
            ("redis+cluster://:x@[::1]:7000/0", "[::1]:7000", 0),
            ("redis-sentinel://:x@a:1,b/main/3", "main of a:1,b:26379", 3),
            ("valkey-sentinel://[::1]/main/", "main of [::1]:26379", 0),
        ] {
            let Config { endpoint, .. } = config(url);
            assert_eq!((endpoint.address.as_str(), endpoint.db), (address, db), "{url}");
        }
    }

    /// [`Backend::store`](cache_core::Backend::store) tells whether two caches use one database.
    #[test]
    fn one_database_has_many_urls() {
        let store = |url: &str| config(url).endpoint.store();
        for same in [
            &["redis://h", "redis://h/", "redis://H:6379/0", "redis://:p%40ss@h?connections=2"][..],
            &["redis://h/1", "redis://h:6379/1"],
            &["redis://[::1]", "redis://[::1]:6379"],
            &["unix:///run/r.sock", "unix:///run/r.sock?db=0"],
            &["redis-sentinel://a,b/m", "redis-sentinel://b:26379,A:26379/m/0"],
            &["redis-cluster://a,b", "redis-cluster://b:6379,a"],
        ] {
            for url in same {
                assert_eq!(store(url), store(same[0]), "{url}");
            }
        }
        let different = [
            "redis://h",
            "redis://h/1",
            "redis://h:1",
            "redis://[::1]",
            "redis-sentinel://h/m",
            "redis-sentinel://h/M",
            "redis-sentinel://h/m/1",
            "unix:///run/r.sock",
            "unix:///run/R.sock",
            "unix:///run/r.sock?db=1",
        ];
        for (at, one) in different.iter().enumerate() {
            assert!(different[at + 1..].iter().all(|other| store(one) != store(other)), "{one}");
        }
    }

    #[test]
    fn zero_durations_name_the_field() {
        let zero = Duration::ZERO;
        let builder = RedisBuilder::of_url("redis://localhost");
        let message = builder.clone().operation_timeout(zero).build_lazy().unwrap_err().to_string();
        assert!(message.contains("operation_timeout"), "{message}");
        let message = builder.clone().connect_timeout(zero).build_lazy().unwrap_err().to_string();
        assert!(message.contains("connect_timeout"), "{message}");
        let instant = builder.health_check_interval(Duration::from_nanos(1));
        let message = instant.build_lazy().unwrap_err().to_string();
        assert!(message.contains("health_check_interval"), "{message}");
    }

    #[test]
    fn redacts_the_password() {
        let Config { endpoint, .. } = config("redis://us:p%40ss@localhost");
        assert_eq!(endpoint.redact("AUTH us p@ss"), "AUTH us ***");
    }

    #[test]
    fn a_url_has_options() {
        let url = "redis://h/1?operation_timeout=200ms&connect_timeout=2s&connections=4\
                   &half_open_after=5&keepalive=1m&user_timeout=9s&retry_attempts=0\
                   &health_check_interval=3s";
        let Config { limits, target, .. } = config(url);
        assert_eq!(limits.operation_timeout, Duration::from_millis(200));
        assert_eq!(limits.connect_timeout, Duration::from_secs(2));
        assert_eq!((limits.connections, limits.half_open_after), (4, 5));
        assert_eq!(limits.health_check_interval, Duration::from_secs(3));
        assert_eq!(limits.retry_attempts, 0);
        let none = config("redis://h?health_check_interval=0s").limits.health_check_interval;
        assert_eq!(none, Duration::ZERO, "no checks");
        let Target::Server(info) = target else { panic!("one server") };
        assert!(info.tcp_settings().nodelay() && info.tcp_settings().keepalive().is_some());
        #[cfg(target_os = "linux")]
        assert_eq!(info.tcp_settings().user_timeout(), Some(Duration::from_secs(9)));

        for (option, says) in [
            ("colour=blue", "there is no option `colour`; there are operation_timeout"),
            ("operation_timeout=fast", "operation_timeout: wanted a duration"),
            (
                "operation_timeout=500us",
                "operation_timeout: found `500us`; wanted a duration such as `200ms`",
            ),
            (
                "health_check_interval=0",
                "found `0`; wanted a duration such as `200ms`, `5s` or `1m`; for seconds write `0s`",
            ),
            ("operation_timeout=0s", "operation_timeout: found zero; wanted 1 ms at least"),
            ("tracking=perhaps", "tracking: wanted `true` or `false`"),
            ("connections=many", "connections: wanted a number such as `4`"),
            ("connections=0", "connections: found `0`; wanted a number from 1 to 1024"),
            ("keepalive=200ms", "keepalive: found `200ms`; wanted 1 s to 32767 s"),
            ("keepalive=600m", "keepalive: found `36000s`; wanted 1 s to 32767 s"),
            ("connections=9999", "connections: found `9999`; wanted a number from 1 to 1024"),
            ("pass=hunter2", "those of `unix://` URLs"),
        ] {
            let message = message(&format!("redis://h?{option}"));
            assert!(message.contains(says) && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn sentinels_have_a_login_of_their_own() {
        let url = "redis-sentinel://me:mine@h/main?sentinel_username=you&sentinel_password=y%40";
        let Config { target, endpoint, .. } = config(url);
        let Target::Sentinels { sentinels, node, .. } = target else { panic!("sentinels") };
        let login = |info: &ConnectionInfo| {
            let settings = info.redis_settings();
            let owned = |text: Option<&str>| text.map(str::to_owned);
            (owned(settings.username()), owned(settings.password()))
        };
        assert_eq!(login(&node), (Some("me".into()), Some("mine".into())));
        assert_eq!(login(&sentinels[0]), (Some("you".into()), Some("y@".into())));
        assert_eq!(endpoint.redact("mine y@"), "*** ***");
        let url = "redis-sentinel://:hunter2@h/main";
        let Config { target: Target::Sentinels { sentinels, .. }, .. } = config(url) else {
            panic!("sentinels")
        };
        assert_eq!(login(&sentinels[0]), (None, None), "the master's password is not for them");
    }

    #[test]
    fn several_servers_have_forms_of_their_own() {
        for (url, says) in [
            ("redis://a,b", "several hosts are those of `redis-sentinel://`"),
            ("redis-sentinel://a,b", "the name of the master is missing"),
            ("redis-cluster://a,b/3", "a cluster has one database only"),
            ("redis-cluster://a,,b", "the host is missing"),
            ("redis-garden://a", "is not a Redis URL"),
            ("redis-cluster://a?tracking=true", "tracking: a cluster can't be tracked"),
        ] {
            let message = message(url);
            assert!(message.contains(says), "{url}: {message}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_is_a_feature() {
        assert!(message("rediss://localhost").contains("needs the feature `tls`"));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn nodes_found_later_use_tls_too() {
        use crate::connection::Node;
        let found = Node { host: "found".to_owned(), port: 7 };
        let certificates = redis::TlsCertificates { client_tls: None, root_cert: None };
        for url in ["rediss-cluster://a,b", "rediss-sentinel://a,b/main"] {
            let builder = RedisBuilder::of_url(url).certificates(certificates.clone());
            let template = match builder.checked("test").unwrap().target {
                Target::Cluster(seeds) => seeds[0].clone(),
                Target::Sentinels { node, sentinels, .. } => {
                    let tls = |info: &ConnectionInfo| {
                        matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. })
                    };
                    assert!(sentinels.iter().all(tls));
                    node
                }
                Target::Server(_) => panic!("several servers"),
            };
            let redis::ConnectionAddr::TcpTls { host, port: 7, insecure: false, tls_params } =
                addressed(&template, &found).addr().clone()
            else {
                panic!("no TLS")
            };
            assert!(host == "found" && tls_params.is_some());
        }
    }

    #[test]
    fn a_given_client_keeps_its_settings() {
        let client = redis::Client::open("redis://:hunter2@h:1/2").unwrap();
        let builder = RedisBuilder::of_client(&client);
        assert!(!format!("{builder:?}").contains("hunter2"));
        let Config { endpoint, target, .. } = builder.clone().checked("test").unwrap();
        assert_eq!((endpoint.address.as_str(), endpoint.db), ("h:1", 2));
        let Target::Server(info) = target else { panic!("one server") };
        assert!(!info.tcp_settings().nodelay(), "untouched");
        let builder = builder.keepalive(Duration::from_secs(1));
        let Target::Server(info) = builder.checked("test").unwrap().target else { panic!() };
        assert!(info.tcp_settings().keepalive().is_some());
    }
}

//! Kubernetes sets variables for the services of a pod's namespace. A service called `larder` must not prevent pods
//! from starting.

use larder::config::Config;

fn load(pairs: &[(String, &str)]) -> Result<Config, larder::config::ConfigError> {
    Config::layers().env_from(pairs.iter().map(|(name, text)| (name.as_str(), *text))).load()
}

/// The variables that Kubernetes sets for a service with this name and two ports.
fn links(service: &str) -> Vec<(String, &'static str)> {
    let name = |end: &str| format!("{service}_{end}");
    vec![
        (name("SERVICE_HOST"), "10.0.0.11"),
        (name("SERVICE_PORT"), "6379"),
        (name("SERVICE_PORT_HTTP"), "80"),
        (name("SERVICE_PORT_GRPC_WEB"), "8080"),
        (name("PORT"), "tcp://10.0.0.11:6379"),
        (name("PORT_6379_TCP"), "tcp://10.0.0.11:6379"),
        (name("PORT_6379_TCP_PROTO"), "tcp"),
        (name("PORT_6379_TCP_PORT"), "6379"),
        (name("PORT_6379_TCP_ADDR"), "10.0.0.11"),
        (name("PORT_53_UDP"), "udp://[fd00::11]:53"),
        (name("PORT_53_UDP_PROTO"), "udp"),
        (name("PORT_53_UDP_PORT"), "53"),
        (name("PORT_53_UDP_ADDR"), "fd00::11"),
        (name("PORT_132_SCTP"), "sctp://10.0.0.11:132"),
    ]
}

#[test]
fn service_links_are_ignored() {
    let services =
        ["LARDER", "LARDER_API", "LARDER_REDIS", "LARDER_CACHES", "LARDER_PORT", "LARDER_A__B"];
    for service in services {
        let mut pairs = links(service);
        pairs.push(("LARDER_NAMESPACE".to_owned(), "shop"));
        let config = load(&pairs).unwrap_or_else(|error| panic!("{service}: {error}"));
        assert_eq!(config.default.namespace.as_deref(), Some("shop"));
        assert!(config.caches.is_empty() && config.default.redis.url.is_none(), "{service}");
    }
}

/// A variable that only resembles a service link is still a mistake.
#[test]
fn other_variables_are_reported() {
    for (name, text) in [
        ("LARDER_PORT", "6379"),
        ("LARDER_PORT", "redis://10.0.0.11"),
        ("LARDER_SERVICE_HOST", "on"),
        ("LARDER_SERVICE_PORT", "http"),
        ("LARDER_SERVICE_PORTS", "80"),
        ("LARDER_PORT_6379_TCP", "1"),
        ("LARDER_PORT_HTTP_TCP", "tcp://10.0.0.11:80"),
        ("LARDER_PORT_6379_TCP_NAME", "redis"),
        ("LARDER_PORT_6379_TCP_ADDR_X", "10.0.0.11"),
        ("LARDER_service_host", "10.0.0.11"),
        ("LARDER_IMPORT", "tcp://10.0.0.11:80"),
    ] {
        let error = load(&[(name.to_owned(), text)]).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
    }
}

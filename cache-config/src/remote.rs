//! Checks the fields of `redis` and connects to it.

use crate::check::Fault;
use crate::fields::RedisConfig;

/// Whether a cache uses Redis.
pub(crate) fn is_on(redis: &RedisConfig) -> bool {
    redis.enabled != Some(false) && redis.has_address()
}

/// Rules that depend on several fields apply only where the `whole` configuration could be read.
pub(crate) fn faults(redis: &RedisConfig, whole: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    if whole && redis.enabled == Some(true) && !redis.has_address() {
        let message = "missing, although `redis.enabled = true`; set it or `redis.host`, or the variable `REDIS_URL`";
        faults.push(("redis.url".to_owned(), message.to_owned()));
    }
    if whole
        && redis.enabled != Some(false)
        && let Err(found) = redis.address()
    {
        faults.extend(found);
        return faults;
    }
    #[cfg(feature = "redis")]
    faults.extend(with_redis::faults(redis, whole));
    #[cfg(not(feature = "redis"))]
    if is_on(redis) {
        let message = "a remote tier needs the feature `redis`";
        faults.push(("redis.url".to_owned(), message.to_owned()));
    }
    faults
}

/// The database that a cache uses; the same text for every URL of it.
#[cfg(not(feature = "redis"))]
pub(crate) fn store(_: &RedisConfig) -> Option<String> {
    None
}

#[cfg(feature = "redis")]
pub(crate) use with_redis::{connect, store};

#[cfg(feature = "redis")]
mod with_redis {
    use cache_core::{Backend, Error};
    use cache_redis::{Redis, RedisBuilder};

    use super::is_on;
    use crate::check::Fault;
    use crate::fields::{ConnectMode, RedisConfig};

    /// What the builder refuses, by the fields of the configuration.
    pub(super) fn faults(redis: &RedisConfig, whole: bool) -> Vec<Fault> {
        if !is_on(redis) {
            return refused(&without_url(redis));
        }
        let mut faults = Vec::new();
        let builder = certified(builder(redis), redis, &mut faults);
        if !whole {
            faults.clear();
        }
        let of_url = refused(&builder);
        if of_url.iter().any(|(field, _)| field == "redis.url") {
            faults.extend(refused(&without_url(redis)));
        }
        faults.extend(of_url);
        faults
    }

    /// The builder with a URL that is accepted, to check the other fields.
    fn without_url(redis: &RedisConfig) -> RedisBuilder {
        let mut redis = redis.clone();
        redis.without_address();
        builder(&redis.url("redis://localhost"))
    }

    fn refused(builder: &RedisBuilder) -> Vec<Fault> {
        let placed = |error| match error {
            Error::Config { field: "certificates", message } => {
                ("redis.ca_file".to_owned(), message)
            }
            Error::Config { field, message } => (format!("redis.{field}"), message),
            other => ("redis.url".to_owned(), other.to_string()),
        };
        builder.check().into_iter().map(placed).collect()
    }

    pub(crate) fn store(redis: &RedisConfig) -> Option<String> {
        is_on(redis).then(|| builder(redis).build_lazy().ok()?.store()).flatten()
    }

    /// The builder without the certificates.
    fn builder(redis: &RedisConfig) -> RedisBuilder {
        // The faults of an address are reported before.
        let url = redis.address().ok().flatten();
        let mut builder = Redis::builder(url.as_ref().map(|url| url.expose()).unwrap_or_default());
        macro_rules! set {
            ($($field:ident),*) => {
                $( if let Some(value) = redis.$field {
                    builder = builder.$field(value);
                } )*
            };
        }
        set!(operation_timeout, connect_timeout, half_open_after, retry_attempts);
        set!(health_check_interval, bus_heartbeat, tracking, keepalive, user_timeout);
        if let Some(connections) = redis.connections {
            builder = builder.connections(usize::try_from(connections).unwrap_or(usize::MAX));
        }
        builder
    }

    #[cfg(feature = "tls")]
    fn certified(
        builder: RedisBuilder,
        redis: &RedisConfig,
        faults: &mut Vec<Fault>,
    ) -> RedisBuilder {
        use cache_redis::client::{ClientTlsConfig, TlsCertificates};

        let mut fault = |field, message| faults.push((format!("redis.{field}"), message));
        let mut file = |field, path: &Option<std::path::PathBuf>| {
            let path = path.as_ref()?;
            let read = std::fs::read(path);
            read.map_err(|error| {
                fault(field, format!("`{}` can't be read: {error}", path.display()))
            })
            .ok()
        };
        let cert = file("cert_file", &redis.cert_file);
        let key = file("key_file", &redis.key_file);
        let root_cert = file("ca_file", &redis.ca_file);
        match (&redis.cert_file, &redis.key_file) {
            (Some(_), None) => fault("cert_file", "needs `key_file` too".to_owned()),
            (None, Some(_)) => fault("key_file", "needs `cert_file` too".to_owned()),
            _ => {}
        }
        let client_tls = cert
            .zip(key)
            .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        if client_tls.is_none() && root_cert.is_none() {
            return builder;
        }
        builder.certificates(TlsCertificates { client_tls, root_cert })
    }

    #[cfg(not(feature = "tls"))]
    fn certified(
        builder: RedisBuilder,
        redis: &RedisConfig,
        faults: &mut Vec<Fault>,
    ) -> RedisBuilder {
        let files = [
            ("ca_file", &redis.ca_file),
            ("cert_file", &redis.cert_file),
            ("key_file", &redis.key_file),
        ];
        for (field, _) in files.into_iter().filter(|(_, file)| file.is_some()) {
            let message = "certificates need the feature `redis-tls`".to_owned();
            faults.push((format!("redis.{field}"), message));
        }
        builder
    }

    /// Connects now, or at the first operation.
    pub(crate) async fn connect(redis: &RedisConfig) -> Result<Redis, Fault> {
        let mut faults = Vec::new();
        let builder = certified(builder(redis), redis, &mut faults);
        // A file may have gone since the configuration was checked.
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        let built = match redis.connect {
            Some(ConnectMode::Strict) => builder.connect().await.map_err(|error| error.to_string()),
            Some(ConnectMode::Lazy) | None => {
                builder.build_lazy().map_err(|error| error.message().to_owned())
            }
        };
        built.map_err(|message| ("redis.url".to_owned(), message))
    }
}

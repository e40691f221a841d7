//! The remote tier that the fields describe.

use crate::fields::RedisConfig;

/// A field, and what is wrong with it.
pub(crate) type Wrong = (&'static str, String);

pub(crate) fn is_on(redis: &RedisConfig) -> bool {
    redis.enabled != Some(false) && redis.url.is_some()
}

pub(crate) fn mistake(redis: &RedisConfig) -> Option<Wrong> {
    if redis.enabled == Some(true) && redis.url.is_none() {
        let message =
            "missing, although `redis.enabled = true`; set it, or the variable `REDIS_URL`";
        return Some(("url", message.to_owned()));
    }
    if !is_on(redis) {
        return None;
    }
    #[cfg(feature = "redis")]
    return with_redis::builder(redis).and_then(with_redis::check).err();
    #[cfg(not(feature = "redis"))]
    Some(("url", "a remote tier needs the feature `redis`".to_owned()))
}

#[cfg(feature = "redis")]
pub(crate) use with_redis::connect;

#[cfg(feature = "redis")]
mod with_redis {
    use cache_core::BackendError;
    use cache_redis::{Redis, RedisBuilder};

    use super::Wrong;
    use crate::fields::{Connect, RedisConfig};

    /// A Redis as the fields say; with a URL, which must be there.
    pub(super) fn builder(redis: &RedisConfig) -> Result<RedisBuilder, Wrong> {
        let url = redis.url.as_ref().map(|url| url.expose()).unwrap_or_default();
        let mut builder = Redis::builder(url);
        macro_rules! set {
            ($($field:ident),*) => {
                $( if let Some(value) = redis.$field {
                    builder = builder.$field(value);
                } )*
            };
        }
        set!(operation_timeout, connect_timeout, half_open_after, bus_heartbeat);
        set!(tracking, keepalive, user_timeout);
        if let Some(connections) = redis.connections {
            builder = builder.connections(usize::try_from(connections).unwrap_or(usize::MAX));
        }
        certified(builder, redis)
    }

    #[cfg(feature = "tls")]
    fn certified(builder: RedisBuilder, redis: &RedisConfig) -> Result<RedisBuilder, Wrong> {
        use cache_redis::client::{ClientTlsConfig, TlsCertificates};

        fn file(
            field: &'static str,
            path: Option<&std::path::PathBuf>,
        ) -> Result<Option<Vec<u8>>, Wrong> {
            let read = |path: &std::path::PathBuf| {
                std::fs::read(path).map_err(|error| {
                    (field, format!("`{}` can't be read: {error}", path.display()))
                })
            };
            path.map(read).transpose()
        }

        let client_tls = match (
            file("cert_file", redis.cert_file.as_ref())?,
            file("key_file", redis.key_file.as_ref())?,
        ) {
            (Some(client_cert), Some(client_key)) => {
                Some(ClientTlsConfig { client_cert, client_key })
            }
            (Some(_), None) => return Err(("cert_file", "needs `key_file` beside it".to_owned())),
            (None, Some(_)) => return Err(("key_file", "needs `cert_file` beside it".to_owned())),
            (None, None) => None,
        };
        let root_cert = file("ca_file", redis.ca_file.as_ref())?;
        if client_tls.is_none() && root_cert.is_none() {
            return Ok(builder);
        }
        Ok(builder.certificates(TlsCertificates { client_tls, root_cert }))
    }

    #[cfg(not(feature = "tls"))]
    fn certified(builder: RedisBuilder, redis: &RedisConfig) -> Result<RedisBuilder, Wrong> {
        let files = [
            ("ca_file", &redis.ca_file),
            ("cert_file", &redis.cert_file),
            ("key_file", &redis.key_file),
        ];
        match files.into_iter().find(|(_, file)| file.is_some()) {
            Some((field, _)) => {
                Err((field, "certificates need the feature `redis-tls`".to_owned()))
            }
            None => Ok(builder),
        }
    }

    /// What the builder itself has to say. (All fields but the URL were looked at before.)
    pub(super) fn check(builder: RedisBuilder) -> Result<(), Wrong> {
        builder.build_lazy().map(drop).map_err(|error| of(&error))
    }

    fn of(error: &BackendError) -> Wrong {
        let message = error.message();
        match message.split_once(": ") {
            Some(("tracking", rest)) => ("tracking", rest.to_owned()),
            Some(("certificates", rest)) => ("ca_file", rest.to_owned()),
            _ => ("url", message.to_owned()),
        }
    }

    /// Connects, or does not yet.
    pub(crate) async fn connect(redis: &RedisConfig) -> Result<Redis, Wrong> {
        let builder = builder(redis)?;
        match redis.connect {
            Some(Connect::Strict) => {
                builder.connect().await.map_err(|error| ("url", error.to_string()))
            }
            Some(Connect::Lazy) | None => builder.build_lazy().map_err(|error| of(&error)),
        }
    }
}

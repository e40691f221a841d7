//! From a configuration to caches.

use cache_core::{Builder, Cache, Compression, Memory};

use crate::caches::Caches;
use crate::check::path_of;
use crate::fields;
use crate::fields::{CacheConfig, MemoryConfig, RedisConfig};
use crate::mistakes::{ConfigError, Mistake};
use crate::model::Config;

impl Config {
    /// The caches, not installed yet. Caches with the same `redis` share its connections.
    ///
    /// With a remote tier it must be called within a tokio runtime, which has to live as long as the caches.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; or where `redis.connect = "strict"`, what Redis says.
    pub async fn build(&self) -> Result<Caches, ConfigError> {
        self.check()?;
        let (mut caches, mut connected, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
        for (name, config) in self.effective() {
            let built = match builder(name, &config) {
                Ok(builder) => with_remote(builder, &config.redis, &mut connected).await,
                Err(wrong) => Err(wrong),
            };
            let built = built.and_then(|builder| {
                builder.build().map_err(|error| (String::new(), error.to_string()))
            });
            match built {
                Ok(cache) => {
                    if config.enabled == Some(false) {
                        cache.disable();
                    }
                    caches.push((name.map(str::to_owned), config, cache));
                }
                Err((field, message)) => {
                    let path = format!("{}{field}", path_of(name));
                    mistakes.push(Mistake::new(path.trim_end_matches('.'), message));
                }
            }
        }
        ConfigError::unless_none(mistakes)?;
        Ok(Caches::new(caches))
    }

    /// Builds the caches and installs them: the default one for the process, the others under their names.
    /// Where one can't be built, none is installed.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn install(&self) -> Result<Caches, ConfigError> {
        let caches = self.build().await?;
        caches.install();
        Ok(caches)
    }
}

/// A field, and what is wrong with it.
type Wrong = (String, String);

/// What does not need a connection.
fn builder(name: Option<&str>, config: &CacheConfig) -> Result<Builder, Wrong> {
    let mut builder = Cache::builder();
    if let Some(name) = name {
        builder = builder.name(name);
    }
    if let Some(namespace) = &config.namespace {
        builder = builder.namespace(namespace);
    }
    if let Some(ttl) = config.default_ttl.and_then(|ttl| ttl.duration()) {
        builder = builder.default_ttl(ttl);
    }
    if let Some(bytes) = config.max_value_bytes {
        builder = builder.max_value_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    if let Some(time) = config.trust_tags {
        builder = builder.trust_tags(time);
    }
    if let Some(failures) = config.breaker.threshold {
        builder = builder.breaker_threshold(failures);
    }
    if let Some(time) = config.breaker.cool_down {
        builder = builder.breaker_cool_down(time);
    }
    builder = match config.memory.enabled {
        Some(false) => builder.no_memory(),
        _ => builder.memory(memory(&config.memory)?),
    };
    let builder = builder.codec(codec(config)?).compression(compression(config)?);
    encrypted(builder, config)
}

#[cfg(feature = "encryption")]
fn encrypted(builder: Builder, config: &CacheConfig) -> Result<Builder, Wrong> {
    let keys = crate::keys::load(&config.encryption).map_err(|wrong| {
        let first = wrong.into_iter().next().unwrap_or_default();
        (format!("encryption.{}", first.0), first.1)
    })?;
    Ok(match keys {
        Some(keys) => builder.encryption(keys),
        None => builder,
    })
}

/// (What is configured although it is not compiled in was refused by `check`.)
#[cfg(not(feature = "encryption"))]
fn encrypted(builder: Builder, _: &CacheConfig) -> Result<Builder, Wrong> {
    Ok(builder)
}

fn memory(config: &MemoryConfig) -> Result<Memory, Wrong> {
    let memory = match (config.max_entries, config.max_bytes) {
        (Some(entries), _) => Memory::max_entries(entries),
        (None, Some(bytes)) => Memory::max_bytes(bytes),
        (None, None) => Memory::default(),
    };
    let memory = match config.eviction {
        None => memory,
        Some(fields::Eviction::Auto) => memory.policy(cache_core::Eviction::Auto),
        Some(fields::Eviction::Ttl) => memory.policy(cache_core::Eviction::Ttl),
        #[cfg(feature = "moka")]
        Some(fields::Eviction::Lru) => memory.policy(cache_core::Eviction::Lru),
        #[cfg(feature = "moka")]
        Some(fields::Eviction::Lfu) => memory.policy(cache_core::Eviction::Lfu),
        #[cfg(not(feature = "moka"))]
        Some(_) => return Err(uncompiled("memory.eviction")),
    };
    Ok(match config.sweep_every {
        Some(interval) => memory.sweep_every(interval),
        None => memory,
    })
}

fn codec(config: &CacheConfig) -> Result<cache_core::Codec, Wrong> {
    Ok(match config.codec {
        None | Some(fields::Codec::Postcard) => cache_core::Codec::Postcard,
        #[cfg(feature = "json")]
        Some(fields::Codec::Json) => cache_core::Codec::Json,
        Some(fields::Codec::MessagePack) => cache_core::Codec::MessagePack,
        #[cfg(not(feature = "json"))]
        Some(_) => return Err(uncompiled("codec")),
    })
}

fn compression(config: &CacheConfig) -> Result<Compression, Wrong> {
    let config = &config.compression;
    let compression = match config.algorithm {
        None | Some(fields::Algorithm::None) => Compression::none(),
        #[cfg(feature = "lz4")]
        Some(fields::Algorithm::Lz4) => Compression::lz4(),
        #[cfg(feature = "zstd")]
        Some(fields::Algorithm::Zstd) => Compression::zstd(config.level.unwrap_or(3)),
        #[cfg(not(all(feature = "lz4", feature = "zstd")))]
        Some(_) => return Err(uncompiled("compression.algorithm")),
    };
    Ok(match config.threshold {
        Some(bytes) => compression.threshold(usize::try_from(bytes).unwrap_or(usize::MAX)),
        None => compression,
    })
}

#[cfg(not(all(feature = "json", feature = "lz4", feature = "zstd", feature = "moka")))]
fn uncompiled(field: &str) -> Wrong {
    (field.to_owned(), "needs a feature that is not compiled in".to_owned())
}

#[cfg(feature = "redis")]
async fn with_remote(
    builder: Builder,
    config: &RedisConfig,
    connected: &mut Vec<(RedisConfig, cache_redis::Redis)>,
) -> Result<Builder, Wrong> {
    if !crate::remote::is_on(config) {
        return Ok(builder);
    }
    if let Some((_, redis)) = connected.iter().find(|(other, _)| other == config) {
        return Ok(builder.remote(redis.clone()));
    }
    let redis = crate::remote::connect(config)
        .await
        .map_err(|(field, message)| (format!("redis.{field}"), message))?;
    connected.push((config.clone(), redis.clone()));
    Ok(builder.remote(redis))
}

/// (A URL was refused by `check`.)
#[cfg(not(feature = "redis"))]
async fn with_remote(builder: Builder, _: &RedisConfig, _: &mut Vec<()>) -> Result<Builder, Wrong> {
    Ok(builder)
}

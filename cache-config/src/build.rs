//! Builds caches from a configuration.

use cache_core::{Builder, Cache, Compression, Error, Memory, MemoryBackend};

use crate::caches::Caches;
use crate::check::{Fault, path_of};
use crate::fields::{Algorithm, CacheConfig, CompressionConfig, MemoryConfig, RedisConfig};
use crate::mistakes::{ConfigError, ConfigIssue};
use crate::model::Config;
use crate::policies::policies;
use crate::{fields, keys, remote};

impl Config {
    /// Builds the caches without installing them. Caches with the same `redis` share its connections.
    ///
    /// If a cache has a remote tier, call it within a tokio runtime that lives as long as the caches.
    ///
    /// # Errors
    /// The mistakes that [`check`](Self::check) finds, or the error of a Redis with `redis.connect = "strict"`.
    pub async fn build(&self) -> Result<Caches, ConfigError> {
        self.build_with(|_, builder| builder).await
    }

    /// Builds the caches like [`build`](Self::build), each with what only the program can give it: a listener, weighers, a
    /// backend, a retry log. `complete` gets the name of each cache (the default cache has none) and the builder with all
    /// settings of the configuration. What it sets there has precedence.
    ///
    /// ```
    /// # use cache_config as config;
    /// # use cache_core as larder;
    /// # use larder::{CacheEvent, MemoryBackend};
    /// use config::{CacheConfig, Config};
    ///
    /// # async fn run() -> Result<(), config::ConfigError> {
    /// let config = Config::default().cache("images", CacheConfig::default().namespace("images"));
    /// let caches = config
    ///     .build_with(|name, builder| match name {
    ///         Some("images") => builder
    ///             .remote(MemoryBackend::new())
    ///             .change_memory(|memory| memory.weigher(|image: &String| image.len() as u64)),
    ///         _ => builder.listener(|event: &CacheEvent<'_>| println!("{event:?}")),
    ///     })
    ///     .await?;
    /// caches.install();
    /// # Ok(())
    /// # }
    /// # let _ = run;
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build); also if a builder is not valid any more. `complete` is not called if the configuration
    /// itself has mistakes.
    pub async fn build_with(
        &self,
        mut complete: impl FnMut(Option<&str>, Builder) -> Builder,
    ) -> Result<Caches, ConfigError> {
        self.check()?;
        let (mut caches, mut connected, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
        for (name, config) in self.effective() {
            let (mut builder, _) = builder(&config, true);
            if let Some(name) = name {
                builder = builder.name(name);
            }
            let built = with_remote(builder, &config.redis, &mut connected).await;
            let built = built.and_then(|builder| {
                complete(name, builder).build().map_err(|error| (String::new(), error.to_string()))
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
                    mistakes.push(ConfigIssue::new(path.trim_end_matches('.'), message));
                }
            }
        }
        ConfigError::unless_none(mistakes)?;
        Ok(Caches::new(caches))
    }

    /// Builds the caches and installs them: the default cache for the process, the others under their names. If one can't
    /// be built, none is installed.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn install(&self) -> Result<Caches, ConfigError> {
        let caches = self.build().await?;
        caches.install();
        Ok(caches)
    }
}

/// The builder of a cache without its remote tier, and the faults that a builder can't have. Keys are read only if the
/// `whole` configuration could be read.
fn builder(config: &CacheConfig, whole: bool) -> (Builder, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut builder = Cache::builder();
    if let Some(namespace) = &config.namespace {
        builder = builder.namespace(namespace);
    }
    if let Some(ttl) = config.default_ttl.and_then(|ttl| ttl.duration()) {
        builder = builder.default_ttl(ttl);
    }
    builder = builder.policies(policies(config, &mut faults));
    if let Some(bytes) = config.max_value_bytes {
        builder = builder.max_value_bytes(in_memory("max_value_bytes", bytes, &mut faults));
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
    let memory = memory(&config.memory, &mut faults);
    builder = match config.memory.enabled {
        Some(false) => builder.no_memory(),
        _ => builder.memory(memory),
    };
    let codec = codec(config, &mut faults);
    let compression = compression(&config.compression, &mut faults);
    builder = builder.codec(codec).compression(compression);
    if whole {
        builder = keys::encrypted(builder, &config.encryption, &mut faults);
    }
    (builder, faults)
}

/// The faults of all fields outside `redis`.
pub(crate) fn faults(config: &CacheConfig, whole: bool) -> Vec<Fault> {
    let (builder, mut faults) = builder(config, whole);
    // A check does not connect, so it uses another backend for Redis.
    let builder = match remote::is_on(&config.redis) {
        true => builder.remote(MemoryBackend::new()),
        false => builder,
    };
    let placed = |error| match error {
        Error::Config { field: "memory", .. } if !whole => None,
        Error::Config { field: "memory", .. } => {
            let message = "there is neither a memory tier nor a remote one; remove `memory.enabled = false`, or set `redis.url`";
            Some(("memory.enabled".to_owned(), message.to_owned()))
        }
        // Reported with the field's own path.
        Error::Config { field: "policies", .. } => None,
        Error::Config { field, message } => Some((path(field).to_owned(), message)),
        other => Some((String::new(), other.to_string())),
    };
    faults.extend(builder.check().into_iter().filter_map(placed));
    faults
}

/// The field for a setting of the builder.
fn path(setting: &str) -> &str {
    match setting {
        "max_entries" => "memory.max_entries",
        "max_bytes" => "memory.max_bytes",
        "memory_ttl" => "memory.ttl",
        "sweep_every" => "memory.sweep_every",
        "breaker_threshold" => "breaker.threshold",
        "breaker_cool_down" => "breaker.cool_down",
        "encryption" => "encryption.keys",
        same => same,
    }
}

fn fault(faults: &mut Vec<Fault>, field: &str, message: impl Into<String>) {
    faults.push((field.to_owned(), message.into()));
}

fn in_memory(field: &str, bytes: u64, faults: &mut Vec<Fault>) -> usize {
    usize::try_from(bytes).unwrap_or_else(|_| {
        fault(faults, field, "more than this machine can address");
        usize::MAX
    })
}

fn memory(config: &MemoryConfig, faults: &mut Vec<Fault>) -> Memory {
    let memory = match (config.max_entries, config.max_bytes) {
        (Some(entries), None) => Memory::max_entries(entries),
        (None, Some(bytes)) => Memory::max_bytes(bytes),
        (None, None) => Memory::default(),
        (Some(entries), Some(_)) => {
            let message = "found together with `max_entries`; wanted one bound: remove one of them";
            fault(faults, "memory.max_bytes", message);
            Memory::max_entries(entries)
        }
    };
    let memory = match config.eviction {
        None => memory,
        Some(fields::Eviction::Auto) => memory.eviction(cache_core::Eviction::Auto),
        Some(fields::Eviction::Ttl) => memory.eviction(cache_core::Eviction::Ttl),
        #[cfg(feature = "moka")]
        Some(fields::Eviction::Lru) => memory.eviction(cache_core::Eviction::Lru),
        #[cfg(feature = "moka")]
        Some(fields::Eviction::Lfu) => memory.eviction(cache_core::Eviction::Lfu),
        #[cfg(not(feature = "moka"))]
        Some(other) => {
            let word = if other == fields::Eviction::Lru { "lru" } else { "lfu" };
            fault(faults, "memory.eviction", format!("`{word}` needs the feature `moka`"));
            memory
        }
    };
    let memory = match config.ttl {
        Some(ttl) => memory.ttl(ttl),
        None => memory,
    };
    match config.sweep_every {
        Some(interval) => memory.sweep_every(interval),
        None => memory,
    }
}

#[cfg_attr(feature = "json", allow(unused_variables, clippy::ptr_arg))]
fn codec(config: &CacheConfig, faults: &mut Vec<Fault>) -> cache_core::Codec {
    match config.codec {
        None | Some(fields::Codec::Postcard) => cache_core::Codec::Postcard,
        Some(fields::Codec::MessagePack) => cache_core::Codec::MessagePack,
        #[cfg(feature = "json")]
        Some(fields::Codec::Json) => cache_core::Codec::Json,
        #[cfg(not(feature = "json"))]
        Some(fields::Codec::Json) => {
            fault(faults, "codec", "`json` needs the feature `json`");
            cache_core::Codec::default()
        }
    }
}

fn compression(config: &CompressionConfig, faults: &mut Vec<Fault>) -> Compression {
    let _level = level(config, faults);
    let compression = match config.algorithm {
        None | Some(Algorithm::None) => Compression::none(),
        #[cfg(feature = "lz4")]
        Some(Algorithm::Lz4) => Compression::lz4(),
        #[cfg(feature = "zstd")]
        Some(Algorithm::Zstd) => Compression::zstd(_level),
        #[cfg(not(all(feature = "lz4", feature = "zstd")))]
        Some(other) => {
            let word = if other == Algorithm::Lz4 { "lz4" } else { "zstd" };
            fault(faults, "compression.algorithm", format!("`{word}` needs the feature `{word}`"));
            Compression::none()
        }
    };
    match config.threshold {
        Some(bytes) => compression.threshold(usize::try_from(bytes).unwrap_or(usize::MAX)),
        None => compression,
    }
}

/// (The builder does not refuse a level: it takes the nearest one.)
fn level(config: &CompressionConfig, faults: &mut Vec<Fault>) -> i32 {
    let Some(level) = config.level else { return 3 };
    if matches!(config.algorithm, Some(Algorithm::Lz4 | Algorithm::None)) {
        fault(faults, "compression.level", "only `zstd` has levels; remove it");
    } else if !(1..=22).contains(&level) {
        let message = format!("found `{level}`; wanted a number from 1 (fast) to 22 (small)");
        fault(faults, "compression.level", message);
    }
    level
}

#[cfg(feature = "redis")]
async fn with_remote(
    builder: Builder,
    config: &RedisConfig,
    connected: &mut Vec<(RedisConfig, cache_redis::Redis)>,
) -> Result<Builder, Fault> {
    if !crate::remote::is_on(config) {
        return Ok(builder);
    }
    if let Some((_, redis)) = connected.iter().find(|(other, _)| other == config) {
        return Ok(builder.remote(redis.clone()));
    }
    let redis = crate::remote::connect(config).await?;
    connected.push((config.clone(), redis.clone()));
    Ok(builder.remote(redis))
}

/// (`check` has refused a URL.)
#[cfg(not(feature = "redis"))]
async fn with_remote(builder: Builder, _: &RedisConfig, _: &mut Vec<()>) -> Result<Builder, Fault> {
    Ok(builder)
}

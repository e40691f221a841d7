//! The caches of a process from one description: in code, in files, in the environment.
//!
//! | module | idea |
//! | --- | --- |
//! | `model`, `fields` | what can be described: a [`Config`] and its tables |
//! | `section` | tables of fields that may be left out |
//! | `units`, `secret` | durations, sizes, passwords |
//! | `layers`, `files`, `environment` | sources on top of each other |
//! | `tree` | from what they say to a [`Config`], with every mistake |
//! | `check`, `place`, `mistakes` | what can't be |
//! | `build`, `remote`, `keys` | from a [`Config`] to caches |
//! | `caches` | what can be changed while they run |
#![forbid(unsafe_code)]

mod build;
mod caches;
mod check;
mod environment;
mod fields;
mod files;
mod keys;
mod layers;
mod mistakes;
mod model;
mod place;
mod remote;
mod secret;
mod section;
mod service_links;
mod tree;
#[cfg(feature = "json-files")]
mod unique;
mod units;

use std::path::Path;

use cache_core::Cache;

pub use caches::{Caches, Changes};
pub use fields::{
    Algorithm, BreakerConfig, CacheConfig, Codec, CompressionConfig, Connect, EncryptionConfig,
    Eviction, KeyConfig, MemoryConfig, RedisConfig,
};
pub use files::Format;
pub use layers::Layers;
pub use mistakes::{ConfigError, Mistake};
pub use model::Config;
pub use secret::Secret;
pub use units::Ttl;

/// Builds and installs the caches that the environment describes: a memory tier, and Redis behind it if there is a
/// `REDIS_URL`; `LARDER_..` for all else.
///
/// [`Cache::from_env`](FromEnv::from_env) builds the default one and installs nothing; [`Config::from_env`] only reads.
///
/// # Errors
/// As [`Config::from_env`] and [`Config::install`].
pub async fn install_from_env() -> Result<Caches, ConfigError> {
    Config::from_env()?.install().await
}

/// Builds and installs the caches that a file describes, and the environment above it.
///
/// # Errors
/// As [`Config::from_file`] and [`Config::install`].
pub async fn install_from_file(path: impl AsRef<Path>) -> Result<Caches, ConfigError> {
    Config::from_file(path)?.install().await
}

/// [`Cache::from_env`](Self::from_env), for [`Cache`] only.
///
/// ```
/// use cache_config::FromEnv;
/// use cache_core::Cache;
///
/// # async fn run() -> Result<(), cache_config::ConfigError> {
/// let cache = Cache::from_env().await?;
/// # Ok(())
/// # }
/// ```
pub trait FromEnv: Sized + private::Sealed {
    /// The default cache that the environment describes, built and not installed: for a program that hands its cache on.
    /// [`install_from_env`] installs it, and the named ones.
    ///
    /// # Errors
    /// As [`Config::from_env`] and [`Config::build`].
    fn from_env() -> impl Future<Output = Result<Self, ConfigError>> + Send;
}

impl FromEnv for Cache {
    async fn from_env() -> Result<Self, ConfigError> {
        let config = Config::new(Config::from_env()?.default);
        let caches = config.build().await?;
        caches
            .get(None)
            .cloned()
            .ok_or_else(|| Mistake::new("", "there is no default cache").into())
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for cache_core::Cache {}
}

//! Configures the caches of a process: from code, from files, and from the environment.
//!
//! | module | content |
//! | --- | --- |
//! | `model`, `fields` | [`Config`] and its tables |
//! | `section` | the macro for tables of optional fields |
//! | `units`, `secret` | the kinds of values: durations, sizes, passwords |
//! | `layers`, `files`, `environment` | reads the sources and merges them |
//! | `read`, `suggest` | makes a [`Config`] of merged values, and messages for fields that it can't read |
//! | `check`, `mistakes` | finds mistakes that depend on several fields |
//! | `build`, `remote`, `keys` | builds caches; reports everything that the builders refuse |
//! | `caches` | changes running caches |
#![forbid(unsafe_code)]

mod address;
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
mod policies;
mod read;
mod remote;
mod secret;
mod section;
mod service_links;
mod suggest;
#[cfg(feature = "json-files")]
mod unique;
mod units;

use std::path::Path;

use cache_core::Cache;

pub use caches::{Caches, ReloadReport};
pub use fields::{
    Access, Algorithm, BreakerConfig, CacheConfig, Codec, CompressionConfig, ConnectMode,
    EncryptionConfig, Eviction, KeyConfig, MemoryConfig, OnError, PolicyConfig, RedisConfig,
    Stampede, Tiers,
};
pub use files::Format;
pub use layers::ConfigLoader;
pub use mistakes::{ConfigError, ConfigIssue};
pub use model::Config;
pub use secret::Secret;
pub use units::Ttl;

/// Builds and installs the caches that the environment describes: a memory tier, and Redis behind it if `REDIS_URL` is
/// set. The variables `LARDER_..` set everything else.
///
/// [`Cache::from_env`](FromEnv::from_env) builds only the default cache and installs nothing; [`Config::from_env`] only
/// reads.
///
/// # Errors
/// As [`Config::from_env`] and [`Config::install`].
pub async fn install_from_env() -> Result<Caches, ConfigError> {
    Config::from_env()?.install().await
}

/// Builds and installs the caches that a file describes. Variables of the environment override its fields.
///
/// # Errors
/// As [`Config::from_file`] and [`Config::install`].
pub async fn install_from_file(path: impl AsRef<Path>) -> Result<Caches, ConfigError> {
    Config::from_file(path)?.install().await
}

/// Builds and installs the caches that a section of a program's own file describes, such as `cache` or `services.cache`.
/// Variables of the environment override its fields.
///
/// # Errors
/// As [`Config::from_section`] and [`Config::install`].
pub async fn install_from_section(
    path: impl AsRef<Path>,
    section: &str,
) -> Result<Caches, ConfigError> {
    Config::from_section(path, section)?.install().await
}

/// [`Cache::from_env`](Self::from_env), for [`Cache`] only.
///
/// ```
/// # mod larder { pub use cache_core::*; pub mod config { pub use cache_config::*; } }
/// use larder::config::FromEnv;
/// use larder::Cache;
///
/// # async fn run() -> Result<(), larder::config::ConfigError> {
/// let cache = Cache::from_env().await?;
/// # Ok(())
/// # }
/// ```
pub trait FromEnv: Sized + private::Sealed {
    /// Builds the default cache that the environment describes, without installing it: for a program that passes its cache
    /// on. [`install_from_env`] installs it together with the named caches.
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
            .ok_or_else(|| ConfigIssue::new("", "there is no default cache").into())
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for cache_core::Cache {}
}

//! A whole configuration: the default cache and the named caches.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::fields::CacheConfig;
use crate::read::{self, Reader, Section, Table};

/// All caches of a process.
///
/// The top level has the fields of the default cache. A named cache inherits each of them unless it sets the
/// field itself. (If it sets a bound of the memory tier, it does not inherit a bound of the other kind; if it sets
/// `encryption.keys`, it inherits neither keys nor `write_with`.)
///
/// A program can use it as a part of another configuration: it is an ordinary serde type, and its error lists all fields
/// that could not be read. [`Config::with_env`] lets variables of the environment override it and checks it;
/// [`Config::check`] only checks it. [`Config::from_section`] reads a part of a program's file, and names the source of each
/// mistake.
///
/// ```
/// # mod larder { pub use cache_core::*; pub mod config { pub use cache_config::*; } }
/// use larder::config::{CacheConfig, Config, MemoryConfig};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), larder::config::ConfigError> {
/// let config = Config::new(CacheConfig::default().default_ttl(Duration::from_secs(300)))
///     .cache("sessions", CacheConfig::default().memory(MemoryConfig::default().max_entries(500u64)));
/// config.check()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Config {
    /// The default cache.
    #[serde(flatten)]
    pub default: CacheConfig,
    /// The other caches by name: letters, digits, `-` and `_`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub caches: BTreeMap<String, CacheConfig>,
}

impl Config {
    /// A default cache without named caches.
    #[must_use]
    pub fn new(default: CacheConfig) -> Self {
        Self { default, caches: BTreeMap::new() }
    }

    /// Adds a named cache. A second one of the same name replaces the first.
    #[must_use]
    pub fn cache(mut self, name: impl Into<String>, cache: CacheConfig) -> Self {
        self.caches.insert(name.into(), cache);
        self
    }

    /// This configuration, with the fields of `base` that it does not set.
    pub(crate) fn over(self, base: &Self) -> Self {
        let mut caches = base.caches.clone();
        for (name, cache) in self.caches {
            let cache = caches.get(&name).map_or_else(|| cache.clone(), |base| cache.over(base));
            caches.insert(name, cache);
        }
        Self { default: self.default.over(&base.default), caches }
    }

    /// Each cache with its inherited fields; the default cache (without a name) comes first.
    pub(crate) fn effective(&self) -> impl Iterator<Item = (Option<&str>, CacheConfig)> {
        let named = self.caches.iter().map(|(name, cache)| {
            let mut cache = cache.over(&self.default);
            if self.caches[name].namespace.is_none() {
                let base = self.default.namespace.as_deref().unwrap_or(NAMESPACE);
                cache.namespace = Some(format!("{base}/{name}"));
            }
            (Some(&**name), cache)
        });
        std::iter::once((None, self.default.clone())).chain(named)
    }
}

/// The default cache's namespace if none is given.
pub(crate) const NAMESPACE: &str = "larder";

/// The table of the named caches.
pub(crate) const CACHES: &str = "caches";

impl Section for Config {
    fn read(mut fields: Table, reader: &mut Reader) -> Self {
        let caches = reader.field::<BTreeMap<_, _>>(&mut fields, CACHES).unwrap_or_default();
        Self { default: CacheConfig::read(fields, reader), caches }
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read::deserialize(from)
    }
}

//! A whole configuration: the default cache, and the named ones.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::fields::CacheConfig;

/// All caches of a process.
///
/// At the top level stand the fields of the default cache, which hold for the named ones, too, as far as they
/// don't say otherwise. (A bound of the memory tier replaces a bound of the other kind, and `encryption.keys` all
/// keys and `write_with`.)
///
/// It can be part of a program's own configuration: it is an ordinary serde type. [`Config::layers`] reports all
/// mistakes at once, with path and source; [`Config::check`] does for what was read or made elsewhere.
///
/// ```
/// use cache_config::{CacheConfig, Config, MemoryConfig};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), cache_config::ConfigError> {
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
    /// The others, by the names that they are installed under: letters, digits, `-` and `_`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub caches: BTreeMap<String, CacheConfig>,
}

impl Config {
    /// A default cache alone.
    #[must_use]
    pub fn new(default: CacheConfig) -> Self {
        Self { default, caches: BTreeMap::new() }
    }

    /// And a named one. A second one of the same name replaces the first.
    #[must_use]
    pub fn cache(mut self, name: impl Into<String>, cache: CacheConfig) -> Self {
        self.caches.insert(name.into(), cache);
        self
    }

    /// What holds for each cache, the default one (without a name) first.
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

/// The default cache's namespace where none is given.
pub(crate) const NAMESPACE: &str = "larder";

/// The table that is not the default cache's.
pub(crate) const CACHES: &str = "caches";

/// Written by hand, because serde's `flatten` can't refuse unknown fields.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct Config")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Config, A::Error> {
        let mut caches = BTreeMap::new();
        let others = Others { fields, caches: &mut caches };
        let default = CacheConfig::deserialize(MapAccessDeserializer::new(others))?;
        Ok(Config { default, caches })
    }
}

/// All fields but `caches`, which it keeps.
struct Others<'a, A> {
    fields: A,
    caches: &'a mut BTreeMap<String, CacheConfig>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Others<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.fields.next_key::<String>()? {
            if key == CACHES {
                *self.caches = self.fields.next_value()?;
                continue;
            }
            let key: StringDeserializer<A::Error> = key.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

//! ReloadReport running caches to a new configuration.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{Cache, Capacity};

use crate::check::path_of;
use crate::fields::CacheConfig;
use crate::mistakes::ConfigError;
use crate::model::Config;
use crate::policies::policies;

/// The caches of a [`Config`]. Clones are the same caches.
#[derive(Clone)]
pub struct Caches {
    running: Arc<[Running]>,
}

struct Running {
    name: Option<String>,
    cache: Cache,
    /// Its configuration now.
    config: Mutex<CacheConfig>,
}

/// What [`Caches::apply`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadReport {
    /// The fields that were changed.
    pub applied: Vec<String>,
    /// The fields that differ but need a restart of the program.
    pub needs_restart: Vec<String>,
}

impl Caches {
    pub(crate) fn new(caches: Vec<(Option<String>, CacheConfig, Cache)>) -> Self {
        let running = caches.into_iter().map(|(name, config, cache)| Running {
            name,
            cache,
            config: Mutex::new(config),
        });
        Self { running: running.collect() }
    }

    /// The cache of this name; `None` for the default cache.
    pub fn get<'a>(&self, name: impl Into<Option<&'a str>>) -> Option<&Cache> {
        let name = name.into();
        self.iter().find(|cache| cache.name() == name)
    }

    /// All caches; the default cache comes first.
    pub fn iter(&self) -> impl Iterator<Item = &Cache> {
        self.running.iter().map(|running| &running.cache)
    }

    /// Installs each cache, as [`Cache::install`] does.
    pub fn install(&self) {
        self.iter().for_each(Cache::install);
    }

    /// Applies the fields of `config` that differ, if a running cache can change them: `enabled`, `default_ttl`, `policy`,
    /// `models` and `functions`, and the memory tier's bound if its engine allows it ([`Cache::set_capacity`]). Call it with a configuration that was read
    /// again, for example on SIGHUP.
    ///
    /// All other fields, new caches and missing caches need a restart: the result lists them, and they stay unchanged.
    ///
    /// # Errors
    /// `config` has mistakes; nothing was changed.
    pub fn apply(&self, config: &Config) -> Result<ReloadReport, ConfigError> {
        config.check()?;
        let mut changes = ReloadReport::default();
        let mut missing: Vec<&Running> = self.running.iter().collect();
        for (name, wanted) in config.effective() {
            let Some(at) = missing.iter().position(|running| running.name.as_deref() == name)
            else {
                changes.needs_restart.push(path_of(name).trim_end_matches('.').to_owned());
                continue;
            };
            missing.swap_remove(at).apply(&wanted, &mut changes);
        }
        for running in missing {
            let path = path_of(running.name.as_deref());
            changes.needs_restart.push(path.trim_end_matches('.').to_owned());
        }
        Ok(changes)
    }
}

impl Running {
    fn apply(&self, wanted: &CacheConfig, changes: &mut ReloadReport) {
        let mut held = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        for field in held.differing(wanted) {
            let path = format!("{}{field}", path_of(self.name.as_deref()));
            match self.change(&field, &mut held, wanted) {
                true => changes.applied.push(path),
                false => changes.needs_restart.push(path),
            }
        }
    }

    /// ReloadReport one field, if a running cache can change it.
    fn change(&self, field: &str, held: &mut CacheConfig, wanted: &CacheConfig) -> bool {
        match field {
            "enabled" => {
                if wanted.enabled == Some(false) {
                    self.cache.disable()
                } else {
                    self.cache.enable()
                }
                held.enabled = wanted.enabled;
            }
            "default_ttl" => {
                let ttl = wanted.default_ttl.and_then(|ttl| ttl.duration());
                if self.cache.set_default_ttl(ttl).is_err() {
                    return false;
                }
                held.default_ttl = wanted.default_ttl;
            }
            "memory.max_entries" if wanted.memory.max_bytes.is_none() => {
                let entries = wanted.memory.max_entries.unwrap_or(ENTRIES);
                if self.cache.set_capacity(Capacity::Entries(entries)).is_err() {
                    return false;
                }
                held.memory.max_entries = wanted.memory.max_entries;
            }
            "memory.max_bytes" => {
                let Some(bytes) = wanted.memory.max_bytes else { return false };
                if self.cache.set_capacity(Capacity::Bytes(bytes)).is_err() {
                    return false;
                }
                held.memory.max_bytes = wanted.memory.max_bytes;
            }
            field if field == "models" || field == "functions" || field.starts_with("policy.") => {
                let policies = policies(wanted, &mut Vec::new());
                if self.cache.set_policies(policies).is_err() {
                    return false;
                }
                held.policy.clone_from(&wanted.policy);
                held.models.clone_from(&wanted.models);
                held.functions.clone_from(&wanted.functions);
            }
            _ => return false,
        }
        true
    }
}

/// The memory tier's bound if none is given.
const ENTRIES: u64 = 10_000;

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

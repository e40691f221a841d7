//! Caches that were built from a configuration, and what of it can be changed while they run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{Cache, Capacity};

use crate::check::path_of;
use crate::fields::CacheConfig;
use crate::mistakes::ConfigError;
use crate::model::Config;

/// The caches of a [`Config`]. Clones are the same caches.
#[derive(Clone)]
pub struct Caches {
    running: Arc<[Running]>,
}

struct Running {
    name: Option<String>,
    cache: Cache,
    /// What holds for it now.
    config: Mutex<CacheConfig>,
}

/// What [`Caches::apply`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// The fields that differed, and hold now.
    pub applied: Vec<String>,
    /// The fields that differ, but for which the program has to be started anew.
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

    /// The cache of this name; `None` for the default one.
    pub fn get<'a>(&self, name: impl Into<Option<&'a str>>) -> Option<&Cache> {
        let name = name.into();
        self.iter().find(|cache| cache.name() == name)
    }

    /// All of them, the default one first.
    pub fn iter(&self) -> impl Iterator<Item = &Cache> {
        self.running.iter().map(|running| &running.cache)
    }

    /// Makes them the caches that functions find, as [`Cache::install`] does each.
    pub fn install(&self) {
        self.iter().for_each(Cache::install);
    }

    /// Applies what differs in `config` from what holds, as far as that is safe while the caches run: `enabled`,
    /// `default_ttl`, and the memory tier's bound, where its engine can ([`Cache::set_capacity`]). It is for
    /// a configuration that was read anew, for example on SIGHUP.
    ///
    /// All else needs a restart, as new and missing caches do; it is listed, and left as it was.
    ///
    /// # Errors
    /// `config` can't be; then nothing was changed.
    pub fn apply(&self, config: &Config) -> Result<Changes, ConfigError> {
        config.check()?;
        let mut changes = Changes::default();
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
    fn apply(&self, wanted: &CacheConfig, changes: &mut Changes) {
        let mut held = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        for field in held.differing(wanted) {
            let path = format!("{}{field}", path_of(self.name.as_deref()));
            match self.change(&field, &mut held, wanted) {
                true => changes.applied.push(path),
                false => changes.needs_restart.push(path),
            }
        }
    }

    /// Changes one field, if that can be done.
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
            _ => return false,
        }
        true
    }
}

/// The memory tier's bound where none is given.
const ENTRIES: u64 = 10_000;

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

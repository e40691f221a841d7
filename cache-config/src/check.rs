//! Finds every mistake in a configuration whose fields could be read. The builders of a cache and of its Redis have the rules
//! for their settings. This file has the rules for names, and for several caches.

use std::collections::BTreeMap;

use crate::fields::CacheConfig;
use crate::mistakes::{ConfigError, ConfigIssue};
use crate::model::{CACHES, Config, NAMESPACE};
use crate::suggest::shown;
use crate::{build, remote};

/// A field of a cache, and the message about it.
pub(crate) type Fault = (String, String);

impl Config {
    /// Looks for whatever [`build`](Self::build) would refuse, without connecting. It reads the files that the
    /// fields name, and the environment variables of keys.
    ///
    /// # Errors
    /// All mistakes.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless_none(mistakes_of(self, true))
    }
}

/// `whole` says that every field could be read. Rules that depend on several fields apply only then.
pub(crate) fn mistakes_of(config: &Config, whole: bool) -> Vec<ConfigIssue> {
    let mut found = names(config);
    let of_default = faults(&config.default, whole);
    for (name, mut cache) in config.effective() {
        let own = name.map_or(&config.default, |name| &config.caches[name]);
        // A namespace that was made from the cache's name breaks no rule.
        cache.namespace.clone_from(&own.namespace);
        let set = own.differing(&CacheConfig::default());
        // A mistake that a named cache inherits is reported where the field is set.
        let inherited = |fault: &Fault| {
            let own = set.iter().any(|field| is_at(&fault.0, field));
            name.is_some() && !own && of_default.contains(fault)
        };
        let faults = faults(&cache, whole).into_iter().filter(|fault| !inherited(fault));
        let place =
            |(field, message)| ConfigIssue::new(format!("{}{field}", path_of(name)), message);
        found.extend(faults.map(place));
    }
    if whole {
        found.extend(shared(config));
    }
    found
}

/// The path of a cache's fields, with the dot at its end.
pub(crate) fn path_of(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{CACHES}.{name}."))
}

/// Whether the path leads to the field, or to a field in it.
fn is_at(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn faults(cache: &CacheConfig, whole: bool) -> Vec<Fault> {
    let mut faults = build::faults(cache, whole);
    faults.extend(remote::faults(&cache.redis, whole));
    faults
}

fn names(config: &Config) -> Vec<ConfigIssue> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for name in config.caches.keys() {
        let message = if name.is_empty() || !name.chars().all(plain) {
            format!("{} can't be a name; use letters, digits, `-` and `_`", shown(name))
        } else if name == "default" {
            "the fields of the default cache are at the top level; move them there".to_owned()
        } else if let Some(other) = seen.insert(name.to_lowercase(), name) {
            format!(
                "`{other}` differs from it only in case, which environment variables do not preserve; rename one"
            )
        } else {
            continue;
        };
        found.push(ConfigIssue::new(format!("{CACHES}.{name}"), message));
    }
    found
}

/// Refuses two caches in one namespace of one Redis: they would be one cache there, with two policies.
fn shared(config: &Config) -> Vec<ConfigIssue> {
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, cache) in config.effective() {
        let Some(store) = remote::store(&cache.redis) else { continue };
        let namespace = cache.namespace.unwrap_or_else(|| NAMESPACE.to_owned());
        let path = format!("{}namespace", path_of(name));
        if let Some(other) = seen.get(&(store.clone(), namespace.clone())) {
            let message = format!(
                "`{namespace}` is also the value of `{other}` on the same Redis, so the caches would share entries; change one of them"
            );
            found.push(ConfigIssue::new(path, message));
        } else {
            seen.insert((store, namespace), path);
        }
    }
    found
}

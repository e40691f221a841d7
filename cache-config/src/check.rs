//! What can't be, although each field can be read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fields::{Algorithm, CacheConfig, Codec, CompressionConfig, Eviction};
use crate::mistakes::{ConfigError, Mistake, shown};
use crate::model::{CACHES, Config};
use crate::place::place;
use crate::{keys, remote};

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

/// `whole` says that every field could be read: only then is looked at what depends on several.
pub(crate) fn mistakes_of(config: &Config, whole: bool) -> Vec<Mistake> {
    let mut found = Vec::new();
    names(config, &mut found);
    fields(&mut At { prefix: "", found: &mut found }, &config.default);
    for (name, cache) in &config.caches {
        fields(&mut At { prefix: &path_of(Some(name)), found: &mut found }, cache);
    }
    if whole {
        for (name, cache) in config.effective() {
            let own = name.map_or(&config.default, |name| &config.caches[name]);
            tiers(&mut At { prefix: &path_of(name), found: &mut found }, own, &cache);
        }
        shared(config, &mut found);
    }
    found
}

/// Where a cache's fields are, with the dot behind it.
pub(crate) fn path_of(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{CACHES}.{name}."))
}

/// The longest time to keep a connection alive without traffic, in seconds.
const KEEPALIVE: u64 = 32_767;

/// A table that is looked at.
struct At<'a> {
    prefix: &'a str,
    found: &'a mut Vec<Mistake>,
}

impl At<'_> {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.found.push(Mistake::new(format!("{}{field}", self.prefix), message));
    }

    fn zero<T: Default + PartialEq>(&mut self, field: &str, value: Option<T>, wanted: &str) {
        if value == Some(T::default()) {
            self.wrong(field, format!("found zero; wanted {wanted}"));
        }
    }

    /// Times that something waits for: shorter ones are as good as none.
    fn brief(&mut self, field: &str, time: Option<Duration>, wanted: &str) {
        match time {
            Some(time) if !time.is_zero() && time < Duration::from_millis(1) => {
                self.wrong(field, format!("found `{time:?}`; wanted {wanted}"));
            }
            time => self.zero(field, time, wanted),
        }
    }

    fn unless(&mut self, compiled: bool, field: &str, value: &str, feature: &str) {
        if !compiled {
            self.wrong(field, format!("`{value}` needs the feature `{feature}`"));
        }
    }
}

fn names(config: &Config, found: &mut Vec<Mistake>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for name in config.caches.keys() {
        let path = format!("{CACHES}.{name}");
        if name.is_empty() || !name.chars().all(plain) {
            let message =
                format!("{} can't be a name; use letters, digits, `-` and `_`", shown(name));
            found.push(Mistake::new(path, message));
        } else if name == "default" {
            let message = "the default cache's fields stand at the top level; move them there";
            found.push(Mistake::new(path, message));
        } else if let Some(other) = seen.insert(name.to_lowercase(), name) {
            let message = format!(
                "`{other}` differs from it in capital letters only, which the environment does not have; rename one"
            );
            found.push(Mistake::new(path, message));
        }
    }
}

/// Each field for itself.
fn fields(at: &mut At<'_>, cache: &CacheConfig) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if let Some(namespace) = &cache.namespace
        && (namespace.is_empty() || !namespace.chars().all(plain))
    {
        let message = format!(
            "`{}` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`",
            namespace.escape_debug()
        );
        at.wrong("namespace", message);
    }
    let ttl = cache.default_ttl.and_then(|ttl| ttl.duration());
    at.zero("default_ttl", ttl, "some time, or `never` for entries that do not expire");
    at.zero("max_value_bytes", cache.max_value_bytes, "1 byte at least");
    if usize::try_from(cache.max_value_bytes.unwrap_or(0)).is_err() {
        at.wrong("max_value_bytes", "more than this machine can address");
    }
    if cache.codec == Some(Codec::Json) {
        at.unless(cfg!(feature = "json"), "codec", "json", "json");
    }
    let memory = &cache.memory;
    let none = "1 at least, or `memory.enabled = false` for a cache without a memory tier";
    at.zero("memory.max_entries", memory.max_entries, none);
    at.zero("memory.max_bytes", memory.max_bytes, none);
    let seldom = "1 ms at least; leave it out for 10 seconds";
    at.brief("memory.sweep_every", memory.sweep_every, seldom);
    if memory.max_entries.is_some() && memory.max_bytes.is_some() {
        let message = "found beside `max_entries`; wanted one bound: remove the one or the other";
        at.wrong("memory.max_bytes", message);
    }
    if let Some(eviction @ (Eviction::Lru | Eviction::Lfu)) = memory.eviction {
        let value = if eviction == Eviction::Lru { "lru" } else { "lfu" };
        at.unless(cfg!(feature = "moka"), "memory.eviction", value, "moka");
    }
    at.zero("breaker.threshold", cache.breaker.threshold, "1 failure at least");
    let pause = "1 ms at least; leave it out for 1 second";
    at.brief("breaker.cool_down", cache.breaker.cool_down, pause);
    redis(at, cache);
    compression(at, &cache.compression);
}

fn redis(at: &mut At<'_>, cache: &CacheConfig) {
    let redis = &cache.redis;
    let times: [(&str, Option<Duration>); 4] = [
        ("redis.operation_timeout", redis.operation_timeout),
        ("redis.connect_timeout", redis.connect_timeout),
        ("redis.bus_heartbeat", redis.bus_heartbeat),
        ("redis.user_timeout", redis.user_timeout),
    ];
    for (field, time) in times {
        at.brief(field, time, "1 ms at least; leave it out for the default");
    }
    // Systems count whole seconds in 15 bits, and refuse each connection that asks for anything else.
    if let Some(idle) = redis.keepalive
        && !(1..=KEEPALIVE).contains(&idle.as_secs())
    {
        let found = if idle.is_zero() { "zero".to_owned() } else { format!("`{idle:?}`") };
        let wanted = format!("1 s to {KEEPALIVE} s; leave it out for the default");
        at.wrong("redis.keepalive", format!("found {found}; wanted {wanted}"));
    }
    at.zero("redis.half_open_after", redis.half_open_after, "1 at least");
    if let Some(connections @ (0 | 1025..)) = redis.connections {
        let found = format!("found `{connections}`; wanted a number from 1 to 1024");
        at.wrong("redis.connections", found);
    }
}

fn compression(at: &mut At<'_>, compression: &CompressionConfig) {
    match compression.algorithm {
        Some(Algorithm::Lz4) => {
            at.unless(cfg!(feature = "lz4"), "compression.algorithm", "lz4", "lz4");
        }
        Some(Algorithm::Zstd) => {
            at.unless(cfg!(feature = "zstd"), "compression.algorithm", "zstd", "zstd");
        }
        Some(Algorithm::None) | None => {}
    }
    if let Some(level) = compression.level {
        if matches!(compression.algorithm, Some(Algorithm::Lz4 | Algorithm::None)) {
            at.wrong("compression.level", "only `zstd` has levels; remove it");
        } else if !(1..=22).contains(&level) {
            let message = format!("found `{level}`; wanted a number from 1 (fast) to 22 (small)");
            at.wrong("compression.level", message);
        }
    }
}

/// What depends on several fields. `own` is what stands in the cache's own table: what is inherited was looked at
/// where it stands.
fn tiers(at: &mut At<'_>, own: &CacheConfig, cache: &CacheConfig) {
    if cache.memory.enabled == Some(false) && !remote::is_on(&cache.redis) {
        let message = "there is neither a memory tier nor a remote one; remove `memory.enabled = false`, or set `redis.url`";
        at.wrong("memory.enabled", message);
    }
    // What is wrong with a field of its own is not to be told twice.
    let redis = format!("{}redis.", at.prefix);
    let told = at.found.iter().any(|mistake| mistake.path().starts_with(&redis));
    if !told
        && (at.prefix.is_empty() || own.redis != Default::default())
        && let Some((field, message)) = remote::mistake(&cache.redis)
    {
        at.wrong(&format!("redis.{field}"), message);
    }
    if (at.prefix.is_empty() || own.encryption != Default::default())
        && let Err(mistakes) = keys::check(&cache.encryption)
    {
        for (field, message) in mistakes {
            at.wrong(&format!("encryption.{field}"), message);
        }
    }
}

/// Two caches in one namespace of one Redis would be one there, with two policies.
fn shared(config: &Config, found: &mut Vec<Mistake>) {
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    for (name, cache) in config.effective().filter(|(_, cache)| remote::is_on(&cache.redis)) {
        let url = cache.redis.url.map(|url| place(url.expose())).unwrap_or_default();
        let namespace = cache.namespace.unwrap_or_else(|| crate::model::NAMESPACE.to_owned());
        let path = format!("{}namespace", path_of(name));
        if let Some(other) = seen.get(&(url.clone(), namespace.clone())) {
            let message = format!(
                "`{namespace}` is that of `{other}`, too, on the same Redis, so that they would share their entries; give one another"
            );
            found.push(Mistake::new(path, message));
        } else {
            seen.insert((url, namespace), path);
        }
    }
}

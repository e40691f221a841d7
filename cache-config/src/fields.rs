//! The fields, with their defaults and units.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use config::ValueKind;
use serde::{Deserialize, Serialize};

use crate::read::Kind;
use crate::secret::Secret;
use crate::section::section;
use crate::units::{Size, Ttl, choice, write_duration};

section! {
    /// One cache. All fields may be left out; a [`Config`](crate::Config) says what holds then.
    pub struct CacheConfig {
        /// Whether it caches: `false` has its functions load each time, as [`Cache::disable`] does. Default: true.
        ///
        /// [`Cache::disable`]: cache_core::Cache::disable
        enabled: bool,
        /// The prefix of its keys in the remote tier: letters, digits, `-`, `_`, `.` and `/`. Default: `larder`;
        /// for a named cache the default cache's, `/` and its name.
        namespace: String,
        /// The time to live of entries whose policy names none: a duration, or `"never"`. Default: never.
        default_ttl: Ttl,
        /// The format of values in the remote tier. Default: postcard.
        codec: Codec,
        /// The most bytes that an encoded value may have in the remote tier. Default: 64 MiB.
        max_value_bytes: u64 as Size,
        /// For how long generations of tags are trusted after they were read from the remote tier: see
        /// [`Builder::trust_tags`](cache_core::Builder::trust_tags). Default: zero, they are read with every value.
        #[serde(serialize_with = "write_duration")]
        trust_tags: Duration,
        /// Defaults for the entries of models, by the models' names. Default: none.
        models: BTreeMap<String, PolicyConfig>,
        /// Policies of functions, by their paths, such as `shop::search`, or by patterns of paths, such as
        /// `shop::*`. They have precedence over the attributes. Of several that match, the last one in the order of
        /// the alphabet has precedence. Default: none.
        functions: BTreeMap<String, PolicyConfig>,
    }
    sections {
        /// The default for everything in the cache that has no policy of its own.
        policy: PolicyConfig,
        /// The memory tier.
        memory: MemoryConfig,
        /// The remote tier.
        redis: RedisConfig,
        /// The breaker around the remote tier.
        breaker: BreakerConfig,
        /// How values are compressed in the remote tier.
        compression: CompressionConfig,
        /// How values are encrypted in the remote tier.
        encryption: EncryptionConfig,
    }
}

section! {
    /// The memory tier. It has one bound, `max_entries` or `max_bytes`.
    pub struct MemoryConfig {
        /// Whether the cache has a memory tier. Default: true.
        enabled: bool,
        /// The bound in entries. Default: 10,000, if `max_bytes` is not set.
        max_entries: u64,
        /// The bound in bytes, by the weight of the entries. Default: none.
        max_bytes: u64 as Size,
        /// Which entry is removed first when the tier is full. Default: auto.
        eviction: Eviction,
        /// How long the tier serves an entry before the remote tier must confirm it. Default: as long as it is fresh.
        #[serde(serialize_with = "write_duration")]
        ttl: Duration,
        /// How often to remove expired entries; 1 ms at least. Default: 10 s.
        #[serde(serialize_with = "write_duration")]
        sweep_every: Duration,
    }
}

section! {
    /// A policy: of functions, or a default. The fields are those of [`Policy`](cache_core::Policy); a field that is left
    /// out leaves the setting to the next policy (see [`Policies`](cache_core::Policies)).
    pub struct PolicyConfig {
        /// Whether functions use the cache; only for `functions`. Default: true.
        enabled: bool,
        /// Whether the calls of functions are part of statistics and metrics; only for `functions`. Default: as the
        /// function's attribute says.
        metrics: bool,
        /// How long a value is fresh: a duration, or `"never"`.
        ttl: Ttl,
        /// How long a value is fresh after its last read.
        #[serde(serialize_with = "write_duration")]
        tti: Duration,
        /// How long the memory tier serves a value before the remote tier must confirm it.
        #[serde(serialize_with = "write_duration")]
        memory_ttl: Duration,
        /// The largest fraction by which `ttl` is shortened at random, from 0 to 1.
        jitter: f64,
        /// For how long after `ttl` the old value is served while a refresh runs.
        #[serde(serialize_with = "write_duration")]
        stale: Duration,
        /// For how long after `ttl` the old value is served if the load fails.
        #[serde(serialize_with = "write_duration")]
        stale_if_error: Duration,
        /// The pause after a failed load while an old value is served. Default: 1 s.
        #[serde(serialize_with = "write_duration")]
        throttle: Duration,
        /// How often the value of a key in use is loaded again; only for `functions` whose attributes have `refresh_every`.
        #[serde(serialize_with = "write_duration")]
        refresh_every: Duration,
        /// How long a caller waits for a load if there is an old value.
        #[serde(serialize_with = "write_duration")]
        soft_timeout: Duration,
        /// How long a caller waits for a load at most.
        #[serde(serialize_with = "write_duration")]
        hard_timeout: Duration,
        /// How long `None` is kept; zero: not at all.
        #[serde(serialize_with = "write_duration")]
        none_ttl: Duration,
        /// How long an error is kept in memory.
        #[serde(serialize_with = "write_duration")]
        err_ttl: Duration,
        /// After this time a load counts as hung. Default: 10 s.
        #[serde(serialize_with = "write_duration")]
        lease: Duration,
        /// Where callers share one load for each key. Default: fleet.
        stampede: Stampede,
        /// What a read does if the cache fails. Default: bypass.
        on_error: OnError,
        /// The tiers that functions read and fill; only for `functions`. Default: as the function's attribute says.
        tiers: Tiers,
        /// Whether functions read and store the cached value; only for `functions`. Default: as the function's attribute
        /// says.
        access: Access,
    }
}

section! {
    /// Redis as the remote tier (feature `redis`): by `url`, or by `host` and the other parts of an address. Options in the URL
    /// override the fields of the same name.
    pub struct RedisConfig {
        /// Whether Redis is used. Default: true if there is an address.
        enabled: bool,
        /// The address: `redis://`, `rediss://` (feature `redis-tls`), `unix://`, `redis-sentinel://` or
        /// `redis-cluster://`, with credentials and options. Default: none, and the cache has no remote tier.
        url: Secret,
        /// The name or the address of the server, instead of a URL. Default: none.
        host: String,
        /// Its port. Default: 6379.
        port: u32,
        /// The number of the database. Default: 0.
        database: u32,
        /// The user; needs a password. Default: Redis's default user.
        user: String,
        /// The password. Default: none.
        password: Secret,
        /// The environment variable that has the password. Default: none.
        password_env: String,
        /// The file that has the password, such as a mounted secret; a new line at its end does not count. Default: none.
        password_file: PathBuf,
        /// Whether the server of `host` is reached over TLS (feature `redis-tls`). Default: false.
        tls: bool,
        /// Whether building the cache waits for an answer of Redis. Default: lazy.
        connect: ConnectMode,
        /// The time limit of an operation, including all of its round trips. Default: 500 ms.
        #[serde(serialize_with = "write_duration")]
        operation_timeout: Duration,
        /// The time limit of one attempt to connect. Default: 1 s.
        #[serde(serialize_with = "write_duration")]
        connect_timeout: Duration,
        /// The number of connections to each server, from 1 to 1024. Default: 1.
        connections: u32,
        /// A connection is replaced after so many operations in a row without an answer. Default: 3.
        half_open_after: u32,
        /// How often at most a request whose connection broke is sent again, within the time limit of the operation.
        /// Default: 2.
        retry_attempts: u32,
        /// A connection is checked after so long without an answer. Zero: not at all. Default: 10 s.
        #[serde(serialize_with = "write_duration")]
        health_check_interval: Duration,
        /// How often every process sends a heartbeat on the bus. Default: 5 s.
        #[serde(serialize_with = "write_duration")]
        bus_heartbeat: Duration,
        /// Whether Redis reports every value that any client changes. Default: false.
        tracking: bool,
        /// The system probes the connection (TCP keepalive) after so long without traffic. Default: 15 s.
        #[serde(serialize_with = "write_duration")]
        keepalive: Duration,
        /// The system closes the connection if sent data is not acknowledged for so long. Default: 15 s. On Linux only.
        #[serde(serialize_with = "write_duration")]
        user_timeout: Duration,
        /// A file with the root certificate for TLS (PEM), which replaces the system's. Default: none.
        ca_file: PathBuf,
        /// A file with the client's certificate for TLS (PEM); needs `key_file`. Default: none.
        cert_file: PathBuf,
        /// A file with the key of the client's certificate (PEM). Default: none.
        key_file: PathBuf,
    }
}

section! {
    /// The breaker around the remote tier.
    pub struct BreakerConfig {
        /// It opens after so many failures in a row. Default: 3.
        threshold: u32,
        /// For how long it stays open before the tier is tried again. Default: 1 s.
        #[serde(serialize_with = "write_duration")]
        cool_down: Duration,
    }
}

section! {
    /// How values are compressed in the remote tier.
    pub struct CompressionConfig {
        /// The algorithm. Default: none.
        algorithm: Algorithm,
        /// The level of Zstandard, from 1 (fast) to 22 (small). Default: 3.
        level: i32,
        /// Values of fewer bytes are not compressed. Default: 1,024.
        threshold: u64 as Size,
    }
}

section! {
    /// How values are encrypted in the remote tier (feature `encryption`).
    pub struct EncryptionConfig {
        /// Whether values are encrypted. Default: true if there is a key.
        enabled: bool,
        /// The id of the key that encrypts; the others only decrypt. Default: the only key's.
        write_with: u32,
        /// The keys by their ids, which are numbers. Default: none.
        keys: BTreeMap<String, KeyConfig>,
    }
}

section! {
    /// The place of a key, one of three. The key has 32 bytes, in base64 (44 characters); a file may contain the bytes
    /// themselves.
    pub struct KeyConfig {
        /// The environment variable that holds it.
        env: String,
        /// The file that holds it.
        file: PathBuf,
        /// The key itself.
        base64: Secret,
    }
}

/// The format of values in the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// postcard.
    Postcard,
    /// JSON (feature `json`).
    Json,
    /// MessagePack.
    #[serde(alias = "msgpack")]
    MessagePack,
}

/// Which entry is removed first when the memory tier is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Eviction {
    /// CLOCK-Pro: scan-resistant, and the cheapest hit.
    Auto,
    /// Least recently used (feature `moka`).
    Lru,
    /// Window TinyLFU (feature `moka`).
    Lfu,
    /// What expires soonest.
    Ttl,
}

/// Whether Redis has to answer before a cache is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ConnectMode {
    /// No: it is used once it is there. Wrong credentials, too, are noticed only then, in `tracing` events.
    Lazy,
    /// Yes: without an answer building fails.
    Strict,
}

/// How values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Algorithm {
    /// Not at all.
    None,
    /// LZ4 (feature `lz4`).
    Lz4,
    /// Zstandard (feature `zstd`).
    Zstd,
}

/// Where callers share one load for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stampede {
    /// In all processes that share the remote tier.
    Fleet,
    /// In this process.
    Process,
    /// Nowhere.
    Off,
}

/// What a read does if the cache fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnError {
    /// It loads.
    Bypass,
    /// It returns an error.
    Fail,
}

/// The tiers that functions read and fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tiers {
    /// Memory and the remote tier.
    All,
    /// The memory tier of this process.
    Memory,
    /// The remote tier.
    Remote,
}

/// Whether functions read and store the cached value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// They do both.
    ReadWrite,
    /// They store nothing.
    ReadOnly,
    /// They load at each call.
    WriteOnly,
}

macro_rules! choices {
    ($($Choice:ty),*) => { $(
        impl Kind for $Choice {
            type Read = Self;

            fn read(value: &ValueKind) -> Result<Self, String> {
                choice(value)
            }
        }
    )* };
}

choices!(Codec, Eviction, ConnectMode, Algorithm, Stampede, OnError, Tiers, Access);

impl CacheConfig {
    /// A named cache with the fields that it inherits from the default cache.
    pub(crate) fn over(&self, base: &Self) -> Self {
        let mut base = base.clone();
        // A bound of the one kind takes the place of the other kind's.
        if self.memory.max_entries.is_some() || self.memory.max_bytes.is_some() {
            base.memory.max_entries = None;
            base.memory.max_bytes = None;
        }
        // An address of its own takes the place of all parts of the other one: its password is not meant for another server.
        if self.redis.has_address() {
            base.redis.without_address();
        }
        if self.redis.has_password() {
            base.redis.without_password();
        }
        // Other keys have other ids.
        if self.encryption.keys.is_some() {
            base.encryption.write_with = None;
        }
        self.fields_over(&base)
    }
}

/// The sections below a cache's have nothing that excludes something else.
macro_rules! plain {
    ($($Section:ty),*) => {
        $( impl $Section {
            fn over(&self, base: &Self) -> Self {
                self.fields_over(base)
            }
        } )*
    };
}

plain!(PolicyConfig, MemoryConfig, RedisConfig, BreakerConfig, CompressionConfig, EncryptionConfig);

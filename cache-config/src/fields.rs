//! The fields, with their defaults and units.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::section::section;
use crate::units::{self, Ttl};

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
        #[serde(with = "units::size")]
        max_value_bytes: u64,
        /// For how long the generations of tags that were read from the remote tier are taken for the current ones: see
        /// [`Builder::trust_tags`](cache_core::Builder::trust_tags). Default: zero, they are read with every value.
        #[serde(with = "units::duration")]
        trust_tags: Duration,
    }
    sections {
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
        /// Whether there is one. Default: true.
        enabled: bool,
        /// At most so many entries. Default: 10,000, if there is no `max_bytes`.
        max_entries: u64,
        /// At most so many bytes, by the weight of the entries. Default: none.
        #[serde(with = "units::size")]
        max_bytes: u64,
        /// What goes first when it is full. Default: auto.
        eviction: Eviction,
        /// How often to look for expired entries, to give their memory back. Default: 10 s.
        #[serde(with = "units::duration")]
        sweep_every: Duration,
    }
}

section! {
    /// Redis as the remote tier (feature `redis`). Options in the URL take the place of the fields of their names.
    pub struct RedisConfig {
        /// Whether it is used. Default: true if there is a URL.
        enabled: bool,
        /// Where it is: `redis://`, `rediss://` (feature `redis-tls`), `unix://`, `redis-sentinel://` or
        /// `redis-cluster://`, with credentials and options. Default: none, and then there is no remote tier.
        url: Secret,
        /// Whether Redis has to answer before the cache is built. Default: lazy.
        connect: Connect,
        /// How long an operation may take, all of its round trips together. Default: 500 ms.
        #[serde(with = "units::duration")]
        operation_timeout: Duration,
        /// How long one attempt to connect may take. Default: 1 s.
        #[serde(with = "units::duration")]
        connect_timeout: Duration,
        /// So many connections to each server, from 1 to 1024. Default: 1.
        connections: u32,
        /// After so many operations in a row without an answer a connection is replaced. Default: 3.
        half_open_after: u32,
        /// How often every process says on the bus that it is there. Default: 5 s.
        #[serde(with = "units::duration")]
        bus_heartbeat: Duration,
        /// Whether Redis tells of every value that changes, whoever changes it. Default: false.
        tracking: bool,
        /// After so long without traffic the system asks whether the other side is still there. Default: 15 s.
        #[serde(with = "units::duration")]
        keepalive: Duration,
        /// After so long without an acknowledgement of what was sent the system closes the connection.
        /// Default: 15 s. On Linux only.
        #[serde(with = "units::duration")]
        user_timeout: Duration,
        /// A file with the root certificate for TLS (PEM), in place of the system's. Default: none.
        ca_file: PathBuf,
        /// A file with the client's own certificate for TLS (PEM); needs `key_file`. Default: none.
        cert_file: PathBuf,
        /// A file with the key of the client's own certificate (PEM). Default: none.
        key_file: PathBuf,
    }
}

section! {
    /// The breaker around the remote tier.
    pub struct BreakerConfig {
        /// It opens after so many failures in a row. Default: 3.
        threshold: u32,
        /// For how long it stays open before the tier is tried again. Default: 1 s.
        #[serde(with = "units::duration")]
        cool_down: Duration,
    }
}

section! {
    /// How values are compressed in the remote tier.
    pub struct CompressionConfig {
        /// How. Default: none.
        algorithm: Algorithm,
        /// How small Zstandard makes them, from 1 (fast) to 22 (small). Default: 3.
        level: i32,
        /// Values of fewer bytes are stored as they are. Default: 1,024.
        #[serde(with = "units::size")]
        threshold: u64,
    }
}

section! {
    /// How values are encrypted in the remote tier (feature `encryption`).
    pub struct EncryptionConfig {
        /// Whether they are. Default: true if there is a key.
        enabled: bool,
        /// The id of the key that encrypts; the others only decrypt. Default: the only key's.
        write_with: u32,
        /// The keys by their ids, which are numbers. Default: none.
        keys: BTreeMap<String, KeyConfig>,
    }
}

section! {
    /// Where a key lies, in one of three places: 32 bytes in base64 (44 characters), or as they are in a file.
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
pub enum Codec {
    /// postcard.
    Postcard,
    /// JSON (feature `json`).
    Json,
    /// MessagePack.
    #[serde(alias = "msgpack")]
    MessagePack,
}

/// What goes first when the memory tier is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
pub enum Connect {
    /// No: it is used once it is there. Wrong credentials, too, are noticed only then, in `tracing` events.
    Lazy,
    /// Yes: without an answer building fails.
    Strict,
}

/// How values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Not at all.
    None,
    /// LZ4 (feature `lz4`).
    Lz4,
    /// Zstandard (feature `zstd`).
    Zstd,
}

impl CacheConfig {
    /// What holds for a named cache: its own fields, and the default cache's for those that it leaves out.
    pub(crate) fn over(&self, base: &Self) -> Self {
        let mut base = base.clone();
        // A bound of the one kind takes the place of the other kind's.
        if self.memory.max_entries.is_some() || self.memory.max_bytes.is_some() {
            base.memory.max_entries = None;
            base.memory.max_bytes = None;
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

plain!(MemoryConfig, RedisConfig, BreakerConfig, CompressionConfig, EncryptionConfig);

//! What a build without features says of fields that need one: `cargo test -p cache-config --no-default-features`.
#![cfg(not(any(
    feature = "redis",
    feature = "toml",
    feature = "json-files",
    feature = "yaml",
    feature = "json",
    feature = "lz4",
    feature = "zstd",
    feature = "encryption",
    feature = "moka"
)))]
#![allow(clippy::unwrap_used)]

use cache_config::{Config, ConfigLoader};

fn told(layers: ConfigLoader) -> String {
    layers.load().unwrap_err().mistakes()[0].to_string()
}

#[test]
fn fields_name_the_feature_that_they_need() {
    for (variable, value, message) in [
        (
            "REDIS_URL",
            "redis://host",
            "redis.url (REDIS_URL): a remote tier needs the feature `redis`",
        ),
        ("LARDER_CODEC", "json", "codec (LARDER_CODEC): `json` needs the feature `json`"),
        (
            "LARDER_MEMORY__EVICTION",
            "lru",
            "memory.eviction (LARDER_MEMORY__EVICTION): `lru` needs the feature `moka`",
        ),
        (
            "LARDER_COMPRESSION__ALGORITHM",
            "lz4",
            "compression.algorithm (LARDER_COMPRESSION__ALGORITHM): `lz4` needs the feature `lz4`",
        ),
        (
            "LARDER_COMPRESSION__ALGORITHM",
            "zstd",
            "compression.algorithm (LARDER_COMPRESSION__ALGORITHM): `zstd` needs the feature `zstd`",
        ),
        (
            "LARDER_ENCRYPTION__KEYS__1__ENV",
            "KEY",
            "encryption.keys (LARDER_ENCRYPTION__KEYS__1__ENV): encryption needs the feature `encryption`",
        ),
    ] {
        assert_eq!(told(Config::layers().env_from([(variable, value)])), message);
    }
}

#[test]
fn files_name_the_feature_that_they_need() {
    for (ending, feature) in [
        ("toml", "config-toml"),
        ("json", "config-json"),
        ("yaml", "config-yaml"),
        ("yml", "config-yaml"),
    ] {
        let file = format!("larder.{ending}");
        let message = format!("{file}: `.{ending}` files need the feature `{feature}`");
        assert_eq!(told(Config::layers().file(&file)), message);
    }
}

#[test]
fn all_else_works() {
    let config = Config::layers().env_from([("LARDER_DEFAULT_TTL", "5m")]).load().unwrap();
    assert!(config.default.default_ttl.is_some());
}

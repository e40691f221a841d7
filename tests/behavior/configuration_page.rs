//! The documentation page and the example list every field and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use larder::config::{
    Algorithm, BreakerConfig, CacheConfig, Codec, CompressionConfig, Config, ConnectMode,
    EncryptionConfig, Eviction, KeyConfig, MemoryConfig, OnError, PolicyConfig, RedisConfig,
    Secret, Stampede, Ttl,
};

use larder::Capacity;

const PAGE: &str = include_str!("../../docs/configuration.md");
const EXAMPLE: &str = include_str!("../../examples/larder.toml");

/// A value in every field. There is no `..` here, so that a new field causes a compile error.
fn full() -> CacheConfig {
    let second = Some(Duration::from_secs(1));
    let key = KeyConfig {
        env: Some("KEY".to_owned()),
        file: Some("key".into()),
        base64: Some(Secret::from("key")),
    };
    CacheConfig {
        enabled: Some(true),
        namespace: Some("shop".to_owned()),
        default_ttl: Some(Ttl::Never),
        codec: Some(Codec::Postcard),
        max_value_bytes: Some(1),
        trust_tags: second,
        // They have the fields of `policy`, at other places.
        models: None,
        functions: None,
        policy: PolicyConfig {
            enabled: None,
            metrics: None,
            refresh_every: None,
            tiers: None,
            access: None,
            ttl: Some(Ttl::Never),
            tti: second,
            memory_ttl: second,
            jitter: Some(0.1),
            stale: second,
            stale_if_error: second,
            throttle: second,
            soft_timeout: second,
            hard_timeout: second,
            none_ttl: second,
            err_ttl: second,
            lease: second,
            stampede: Some(Stampede::Fleet),
            on_error: Some(OnError::Bypass),
        },
        memory: MemoryConfig {
            enabled: Some(true),
            max_entries: Some(1),
            max_bytes: Some(1),
            eviction: Some(Eviction::Auto),
            ttl: second,
            sweep_every: second,
        },
        redis: RedisConfig {
            enabled: Some(true),
            url: Some(Secret::from("redis://host")),
            host: Some("host".to_owned()),
            port: Some(1),
            database: Some(1),
            user: Some("user".to_owned()),
            password: Some(Secret::from("password")),
            password_env: Some("PASSWORD".to_owned()),
            password_file: Some("password".into()),
            tls: Some(true),
            connect: Some(ConnectMode::Lazy),
            operation_timeout: second,
            connect_timeout: second,
            connections: Some(1),
            half_open_after: Some(1),
            retry_attempts: Some(1),
            health_check_interval: second,
            bus_heartbeat: second,
            tracking: Some(false),
            keepalive: second,
            user_timeout: second,
            ca_file: Some("ca".into()),
            cert_file: Some("cert".into()),
            key_file: Some("key".into()),
        },
        breaker: BreakerConfig { threshold: Some(1), cool_down: second },
        compression: CompressionConfig {
            algorithm: Some(Algorithm::None),
            level: Some(1),
            threshold: Some(1),
        },
        encryption: EncryptionConfig {
            enabled: Some(true),
            write_with: Some(1),
            keys: Some(BTreeMap::from([("1".to_owned(), key)])),
        },
    }
}

fn leaves(value: &serde_json::Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{field}"), into);
            }
        }
        _ => drop(into.insert(path.to_owned())),
    }
}

fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let config = Config { default: full(), caches: BTreeMap::new() };
    leaves(&serde_json::to_value(config).unwrap(), "", &mut fields);
    assert!(fields.len() > 30);
    fields
}

#[test]
fn the_page_has_every_field_with_its_variable_and_no_other() {
    let rows = PAGE.lines().filter(|line| line.contains("| `LARDER_"));
    let rows: BTreeMap<String, Vec<&str>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            (cells[0].trim_matches('`').to_owned(), cells)
        })
        .collect();
    let fields = fields();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), fields);
    for (field, cells) in rows {
        let variable = format!("`LARDER_{}`", field.to_uppercase().replace('.', "__"));
        assert!(cells[1].starts_with(&variable), "{field}: {}", cells[1]);
        assert!(cells.len() == 5 && cells.iter().all(|cell| !cell.is_empty()), "{cells:?}");
        // The variable exists: an invalid value is a mistake at exactly this field.
        let name = variable.trim_matches('`').to_owned();
        let read = Config::layers().env_from([(name, "\u{1}***")]).load();
        let told = read.map(drop).map_err(|error| error.mistakes()[0].path().to_owned());
        let texts = ["encryption.keys.1.env", "encryption.keys.1.file"];
        let paths = ["redis.ca_file", "redis.cert_file", "redis.key_file", "redis.password_file"];
        if !paths.contains(&&*field) {
            let at = if texts.contains(&&*field) { &*field } else { field.as_str() };
            assert_eq!(told, Err(at.to_owned()));
        }
    }
}

#[test]
fn the_example_has_every_field_and_is_right() {
    for field in fields() {
        let name = field.rsplit('.').next().unwrap();
        let name = if field.starts_with("encryption.keys") { "keys" } else { name };
        let there = EXAMPLE.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            line.starts_with(name) || line.contains(&format!("{{ {name} = "))
        });
        assert!(there, "{field}");
    }
}

#[tokio::test]
async fn the_example_builds_the_described_caches() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/larder.toml");
    let config = Config::layers().file(path).load().unwrap();
    let caches = config.build().await.unwrap();
    let names: Vec<_> = caches.iter().map(|cache| (cache.name(), cache.namespace())).collect();
    assert_eq!(
        names,
        [(None, "shop"), (Some("pages"), "shop/pages"), (Some("sessions"), "sessions")]
    );
    let ttl = |name| caches.get(name).unwrap().default_ttl();
    assert_eq!(ttl(None), Some(Duration::from_secs(300)));
    assert_eq!(ttl(Some("sessions")), Some(Duration::from_secs(1_800)));
    caches.get("sessions").unwrap().set_capacity(Capacity::Bytes(128 << 20)).unwrap();
    caches.get("pages").unwrap().insert("a", 1u64).await.unwrap();
}

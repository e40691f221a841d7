//! Configuration from code, files and the environment, in layers; and the caches that it builds.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::config::{
    Algorithm, BreakerConfig, CacheConfig, Codec, CompressionConfig, Config, ConnectMode, Eviction,
    Format, FromEnv, MemoryConfig, RedisConfig, Ttl,
};
use larder::{Cache, Capacity, cached};
use proptest::prelude::*;

use crate::support::{Proxy, Server, eventually};

fn toml(text: &str) -> Config {
    Config::layers().text(Format::Toml, "larder.toml", text).load().unwrap()
}

fn env(pairs: &[(&str, &str)]) -> Config {
    Config::layers().env_from(pairs.iter().copied()).load().unwrap()
}

#[test]
fn nothing_is_the_default() {
    assert_eq!(env(&[]), Config::default());
    assert_eq!(toml(""), Config::default());
    assert_eq!(
        env(&[("PATH", "/bin"), ("LARDER", "x"), ("LARDER_NAMESPACE", "")]),
        Config::default()
    );
}

#[test]
fn redis_url_is_the_simple_form_and_has_less_priority() {
    let url = |config: Config| config.default.redis.url.map(|url| url.expose().to_owned());
    assert_eq!(url(env(&[("REDIS_URL", "redis://a")])).as_deref(), Some("redis://a"));
    for pairs in [
        [("REDIS_URL", "redis://a"), ("LARDER_REDIS__URL", "redis://b")],
        [("LARDER_REDIS__URL", "redis://b"), ("REDIS_URL", "redis://a")],
    ] {
        assert_eq!(url(env(&pairs)).as_deref(), Some("redis://b"));
    }
}

#[test]
fn the_environment_wins_over_the_file_and_code_over_both() {
    let file = "namespace = 'file'\ndefault_ttl = '1m'\n[memory]\nmax_entries = 1\n\
                [caches.sessions]\ndefault_ttl = '2m'\nredis.url = 'redis://file'\nredis.connections = 2";
    let config = Config::layers()
        .text(Format::Toml, "larder.toml", file)
        .text(Format::Json, "local.json", r#"{"memory": {"max_entries": 2, "eviction": "ttl"}}"#)
        .env_from([
            ("LARDER_DEFAULT_TTL", "never"),
            ("LARDER_CACHES__SESSIONS__REDIS__URL", "redis://environment"),
            ("LARDER_CACHES__PAGES__ENABLED", "false"),
        ])
        .load()
        .unwrap()
        .cache("code", CacheConfig::default().namespace("code"));
    let sessions = CacheConfig::default()
        .default_ttl(Duration::from_secs(120))
        .redis(RedisConfig::default().url("redis://environment").connections(2u32));
    let memory = MemoryConfig::default().max_entries(2u64).eviction(Eviction::Ttl);
    let default = CacheConfig::default().namespace("file").default_ttl(Ttl::Never).memory(memory);
    let expected = Config::new(default)
        .cache("sessions", sessions)
        .cache("pages", CacheConfig::default().enabled(false))
        .cache("code", CacheConfig::default().namespace("code"));
    assert_eq!(config, expected);
}

#[test]
fn the_three_formats_are_equivalent() {
    let expected = Config::new(
        CacheConfig::default()
            .default_ttl(Duration::from_secs(300))
            .codec(Codec::MessagePack)
            .max_value_bytes(1_000_000u64)
            .breaker(
                BreakerConfig::default().threshold(5u32).cool_down(Duration::from_millis(250)),
            ),
    )
    .cache("a-B_1", CacheConfig::default().memory(MemoryConfig::default().max_bytes(64u64 << 20)));
    let texts = [
        (
            Format::Toml,
            "default_ttl = '5m'\ncodec = 'messagepack'\nmax_value_bytes = '1 MB'\n\
             breaker = { threshold = 5, cool_down = 0.25 }\n[caches.a-B_1.memory]\nmax_bytes = '64 MiB'",
        ),
        (
            Format::Json,
            r#"{"default_ttl": 300, "codec": "msgpack", "max_value_bytes": 1000000,
                "breaker": {"threshold": "5", "cool_down": "250ms"}, "redis": null,
                "caches": {"a-B_1": {"memory": {"max_bytes": "64MiB"}}}}"#,
        ),
        (
            Format::Yaml,
            "default_ttl: 5m\ncodec: messagepack\nmax_value_bytes: 1000 kB\nbreaker:\n  threshold: 5\n  \
             cool_down: 250ms\ncaches:\n  a-B_1:\n    memory: {max_bytes: 65536 KiB}\n",
        ),
    ];
    // `null` is for fields, not for tables.
    let texts = texts.map(|(format, text)| (format, text.replace(r#" "redis": null,"#, "")));
    for (format, text) in texts {
        let read = Config::layers().text(format, "larder", &text).load().unwrap();
        assert_eq!(read, expected, "{format:?}");
    }
}

/// A program can embed the configuration in its own.
#[test]
fn it_is_an_ordinary_serde_type() {
    #[derive(serde::Deserialize)]
    struct Program {
        port: u16,
        cache: Config,
    }
    let text =
        r#"{"port": 80, "cache": {"default_ttl": "5m", "caches": {"a": {"enabled": false}}}}"#;
    let program: Program = serde_json::from_str(text).unwrap();
    let expected = Config::new(CacheConfig::default().default_ttl(Duration::from_secs(300)))
        .cache("a", CacheConfig::default().enabled(false));
    assert_eq!((program.port, program.cache), (80, expected));
    // A string may represent any kind, as in larder's own sources; a number with a fraction is not a whole number.
    let text = r#"{"redis": {"connections": "2", "tracking": "true"}, "codec": "msgpack"}"#;
    let redis = RedisConfig::default().connections(2u32).tracking(true);
    let expected = Config::new(CacheConfig::default().redis(redis).codec(Codec::MessagePack));
    assert_eq!(serde_json::from_str::<Config>(text).unwrap(), expected);
    let wrong = r#"{"memory": {"max_entries": 1.5, "sweep": 1}, "redis": "redis://:hunter2@h"}"#;
    let wrong = serde_json::from_str::<Program>(&format!(r#"{{"port": 80, "cache": {wrong}}}"#));
    let wrong = wrong.map(|program| program.port).unwrap_err().to_string();
    for message in [
        "memory.max_entries: found `1.5`; wanted a whole number",
        "memory.sweep: there is no such field; did you mean `sweep_every`?",
        "redis: found a text (hidden, because it may be a secret); wanted a table of fields",
    ] {
        assert!(wrong.contains(message), "{wrong}");
    }
    let wrong = serde_json::from_str::<Config>(r#"{"default_ttll": 5}"#).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the cache configuration is wrong: default_ttll: there is no such field; did you mean `default_ttl`?"
    );
}

#[tokio::test]
async fn a_named_cache_inherits_the_fields_that_it_does_not_set() {
    let config = toml(
        "namespace = 'shop'\ndefault_ttl = '5m'\n[caches.sessions]\n[caches.pages]\nnamespace = 'web'\n\
         default_ttl = 'never'\nenabled = false",
    );
    let caches = config.build().await.unwrap();
    let of = |name: Option<&'static str>| {
        let cache = caches.get(name).unwrap();
        (cache.namespace().to_owned(), cache.default_ttl(), cache.is_enabled())
    };
    let minutes = Some(Duration::from_secs(300));
    assert_eq!(of(None), ("shop".to_owned(), minutes, true));
    assert_eq!(of(Some("sessions")), ("shop/sessions".to_owned(), minutes, true));
    assert_eq!(of(Some("pages")), ("web".to_owned(), None, false));
    assert!(caches.get("others").is_none());
    assert_eq!(caches.iter().count(), 3);
}

#[tokio::test]
async fn a_bound_replaces_one_of_the_other_kind() {
    let config = toml("[memory]\nmax_entries = 100\n[caches.large.memory]\nmax_bytes = '8 MiB'");
    let caches = config.build().await.unwrap();
    caches.get(None).unwrap().set_capacity(Capacity::Entries(200)).unwrap();
    caches.get("large").unwrap().set_capacity(Capacity::Bytes(16 << 20)).unwrap();
    assert!(caches.get("large").unwrap().set_capacity(Capacity::Entries(200)).is_err());
}

#[cached(cache = "configured", key = "number:{n}")]
async fn number(n: u64) -> u64 {
    n
}

/// In a test kit, so that the default cache of other tests stays unchanged.
#[tokio::test]
async fn every_tier_is_as_configured() {
    larder::testing::isolated(tiers_as_configured()).await;
}

async fn tiers_as_configured() {
    let server = Server::start();
    let text = format!(
        "[memory]\nenabled = false\n[redis]\nurl = '{}'\nconnect = 'strict'\n[compression]\nalgorithm = 'zstd'\n\
         threshold = '1 KiB'\n[caches.configured]\nnamespace = 'shop'\ncodec = 'json'\ndefault_ttl = '1h'\n\
         [caches.others.memory]\nenabled = true\nmax_entries = 10\n",
        server.url()
    );
    let caches = toml(&text).install().await.unwrap();
    assert_eq!(number(7).traced().await.source, larder::Source::Loaded);
    assert_eq!(number(7).traced().await.source, larder::Source::Remote);
    let configured = caches.get("configured").unwrap();
    configured.insert("json", Duration::from_secs(7)).await.unwrap();
    let bytes = server.bytes("shop:json").unwrap();
    let json = br#"{"secs":7,"nanos":0}"#;
    assert!(bytes.windows(json.len()).any(|window| window == json), "JSON, as it stands");
    let ttl: i64 = server.cli(&["TTL", "shop:number:7"]).parse().unwrap();
    assert!((3_500..=3_700).contains(&ttl), "{ttl}");
    let default = caches.get(None).unwrap();
    default.insert("long", "a".repeat(10_000)).await.unwrap();
    assert!(server.bytes("larder:long").unwrap().len() < 1_000);
    let others = caches.get("others").unwrap();
    others.insert("a", 1u64).await.unwrap();
    assert_eq!((others.stats().entries, default.stats().entries), (1, 0));
    assert_eq!(server.cli(&["EXISTS", "larder/others:a"]), "1");
}

#[tokio::test]
async fn caches_with_the_same_redis_share_its_connections() {
    let server = Server::start();
    let connections = async |text: &str| {
        let proxy = Proxy::start(server.port());
        let config = Config::layers()
            .text(Format::Toml, "larder.toml", text)
            .env_from([("REDIS_URL", proxy.url())])
            .load()
            .unwrap();
        let caches = config.build().await.unwrap();
        for cache in caches.iter() {
            eventually("the bus is connected", async || cache.is_linked()).await;
            cache.ping().await.unwrap();
        }
        proxy.accepted()
    };
    let alone = connections("").await;
    let both = connections("[caches.a]").await;
    let apart = connections("[caches.a.redis]\nconnections = 2").await;
    // Another cache needs another subscription, but no other connection for operations.
    assert_eq!((alone, both), (2, 3));
    assert!(apart > both, "{apart}");
}

#[tokio::test]
async fn if_one_cache_cannot_be_built_none_is_installed() {
    let server = Server::start();
    let text = format!(
        "[redis]\nurl = '{}'\nconnect = 'strict'\n[caches.half-installed]\n\
         [caches.unreachable.redis]\nurl = 'redis://127.0.0.1:1'",
        server.url()
    );
    let error = toml(&text).install().await.unwrap_err();
    let paths: Vec<_> = error.mistakes().iter().map(|mistake| mistake.path()).collect();
    assert_eq!(paths, ["caches.unreachable.redis.url"]);
    assert!(Cache::named("half-installed").is_err());
}

#[tokio::test]
async fn errors_about_credentials_do_not_contain_them() {
    let server = Server::with_args(&["--requirepass", "right-one"]);
    let url = server.url().replace("redis://", "redis://:wrong-one@");
    let config = Config::new(
        CacheConfig::default().redis(RedisConfig::default().url(url).connect(ConnectMode::Strict)),
    );
    let error = config.build().await.unwrap_err().to_string();
    assert!(
        error.contains("redis.url: connect: refused") && !error.contains("wrong-one"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cache_from_the_environment_is_the_default_one() {
    // Reads the variables of this process. None of them is larder's, or the test would not run.
    let cache = Cache::from_env().await.unwrap();
    assert_eq!((cache.name(), cache.namespace()), (None, "larder"));
    // The cache is not installed; `install_from_env` does that.
    cache.insert("of-the-environment", 1u64).await.unwrap();
    assert_eq!(larder::default_cache().get::<u64>("of-the-environment").await.unwrap(), None);
}

// --- round trips -----------------------------------------------------------------------------------

fn times() -> impl Strategy<Value = Duration> {
    let written = prop_oneof![1u64..10_000, 1u64..1_000_000_000_000];
    prop_oneof![
        written.prop_map(Duration::from_millis),
        (1_000u64..1_000_000).prop_map(Duration::from_micros)
    ]
}

fn caches() -> impl Strategy<Value = CacheConfig> {
    let general = (
        prop::option::of(any::<bool>()),
        prop::option::of("[a-zA-Z0-9_./-]{1,12}"),
        prop::option::of(prop_oneof![Just(Ttl::Never), times().prop_map(Ttl::For)]),
        prop::option::of(prop::sample::select(vec![
            Codec::Postcard,
            Codec::Json,
            Codec::MessagePack,
        ])),
        prop::option::of(1u64..i64::MAX as u64),
    );
    let memory =
        (prop::option::of(1u64..i64::MAX as u64), any::<bool>(), prop::option::of(times()))
            .prop_map(|(most, bytes, sweep_every)| MemoryConfig {
                max_entries: most.filter(|_| !bytes),
                max_bytes: most.filter(|_| bytes),
                sweep_every,
                eviction: bytes.then_some(Eviction::Lfu),
                ..MemoryConfig::default()
            });
    let redis = (
        prop::option::of("redis://[a-z][a-z0-9.-]{0,8}(:6379)?(/[0-9])?"),
        prop::option::of(1u32..1024),
        prop::option::of(any::<bool>()),
        prop::option::of(times()),
    )
        .prop_map(|(url, connections, tracking, operation_timeout)| RedisConfig {
            url: url.map(Into::into),
            connections,
            tracking,
            operation_timeout,
            ..RedisConfig::default()
        });
    let compression = (prop::option::of(1i32..=22), prop::option::of(0u64..1_000_000)).prop_map(
        |(level, threshold)| CompressionConfig {
            algorithm: level.map(|_| Algorithm::Zstd),
            level,
            threshold,
        },
    );
    (general, memory, redis, compression).prop_map(|(general, memory, redis, compression)| {
        let (enabled, namespace, default_ttl, codec, max_value_bytes) = general;
        CacheConfig {
            enabled,
            namespace,
            default_ttl,
            codec,
            max_value_bytes,
            memory,
            redis,
            compression,
            ..CacheConfig::default()
        }
    })
}

/// The same configuration as environment variables.
fn variables(value: &serde_json::Value, name: String, into: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                let name = match &*name {
                    "" => format!("LARDER_{}", field.to_uppercase()),
                    _ => format!("{name}__{}", field.to_uppercase()),
                };
                variables(value, name, into);
            }
        }
        serde_json::Value::String(text) => drop(into.insert(name, text.clone())),
        other => drop(into.insert(name, other.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_configuration_survives_a_round_trip(
        default in caches(),
        named in prop::collection::btree_map("[a-c]{1,2}", caches(), 0..3),
    ) {
        // Avoids mistakes that depend on several fields: every cache gets a separate namespace.
        let named = named.into_iter().map(|(name, cache)| {
            let namespace = format!("own/{name}");
            (name, cache.namespace(namespace))
        });
        let mut config = Config { default, caches: named.collect() };
        config.default.redis.tracking = None;
        let json = serde_json::to_string_pretty(&config).unwrap();
        let read = Config::layers().text(Format::Json, "a.json", &json).load();
        prop_assert_eq!(read.as_ref(), Ok(&config), "{}", json);
        prop_assert_eq!(&serde_json::from_str::<Config>(&json).unwrap(), &config);

        let mut pairs = BTreeMap::new();
        variables(&serde_json::to_value(&config).unwrap(), String::new(), &mut pairs);
        let read = Config::layers().env_from(pairs.clone()).load();
        // Environment variables cannot express a table without fields.
        config.caches.retain(|_, cache| *cache != CacheConfig::default());
        prop_assert_eq!(read.as_ref(), Ok(&config), "{:?}", pairs);
    }
}

/// What only code can give a cache comes with the settings of the configuration, for each cache by its name.
#[tokio::test]
async fn a_program_completes_the_builders() {
    use std::sync::{Arc, Mutex};

    use larder::backend::MemoryBackend;

    let text = "default_ttl = '1m'\nmemory.max_bytes = '1 MiB'\n[caches.jars]\nnamespace = 'shelf'\n[caches.plain]\nmemory.max_entries = 7";
    let names = Mutex::new(Vec::new());
    let heard = Arc::new(Mutex::new(0));
    let caches = toml(text)
        .build_with(|name, builder| {
            names.lock().unwrap().push(name.map(str::to_owned));
            let heard = Arc::clone(&heard);
            match name {
                None => builder.change_memory(|memory| memory.weigher(|_: &u32| 1_000)),
                Some("jars") => builder
                    .remote(MemoryBackend::new())
                    .listener(move |_: &larder::stats::CacheEvent<'_>| *heard.lock().unwrap() += 1),
                Some(_) => builder,
            }
        })
        .await
        .unwrap();
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(*names.lock().unwrap(), [None, some("jars"), some("plain")]);
    let [default, jars, plain] =
        [None, Some("jars"), Some("plain")].map(|name| caches.get(name).unwrap());
    assert!(default.info().await.memory.is_some() && default.info().await.remote.is_none());
    let before = default.stats().bytes;
    default.insert("k", 7_u32).await.unwrap();
    assert!(default.stats().bytes >= before + 1_000, "the weigher is in use");
    assert!(
        matches!(default.info().await.memory.unwrap().capacity, Capacity::Bytes(_)),
        "and the bound"
    );
    assert_eq!(jars.namespace(), "shelf");
    assert!(jars.info().await.remote.is_some());
    jars.insert("k", 7_u32).await.unwrap();
    jars.remove("k").await.unwrap();
    assert!(*heard.lock().unwrap() > 0);
    assert!(plain.ttl("k").await.unwrap().is_none());

    // The builder must still be valid, and mistakes of the configuration come first.
    let refused = toml(text).build_with(|_, builder| builder.no_memory()).await.unwrap_err();
    assert_eq!(refused.mistakes().len(), 3, "{refused}");
    let mut wrong = Config::default();
    wrong.default.policy.ttl = Some(Ttl::For(Duration::ZERO));
    assert!(wrong.build_with(|_, _| unreachable!("not asked")).await.is_err());
}

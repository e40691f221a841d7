//! Every mistake in a configuration has a separate message, with path, source and fix.

use larder::config::{CacheConfig, Config, Format, MemoryConfig, RedisConfig};

fn toml(text: &str) -> String {
    told(Config::layers().text(Format::Toml, "larder.toml", text).load().map(drop))
}

/// The mistakes, one per line, without the introduction.
fn told(result: Result<(), larder::config::ConfigError>) -> String {
    let error = result.expect_err("a mistake");
    assert_eq!(format!("{error:?}"), error.to_string());
    let mistakes: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
    mistakes.join("\n")
}

#[track_caller]
fn each(cases: &[(&str, &str)]) {
    for (text, message) in cases {
        assert_eq!(toml(text), *message, "of {text}");
    }
}

#[test]
fn unknown_fields() {
    each(&[
        (
            "defaultttl = 5",
            "defaultttl (larder.toml): there is no such field; did you mean `default_ttl`?",
        ),
        (
            "cache.a.enabled = true",
            "cache (larder.toml): there is no such field; did you mean `caches`?",
        ),
        (
            "[caches.sessions.redis]\nurll = 'redis://:secret@host'",
            "caches.sessions.redis.urll (larder.toml): there is no such field; did you mean `url`?",
        ),
        (
            "redis_url = 'redis://:secret@host'",
            "redis_url (larder.toml): there is no such field; did you mean `redis.url`?",
        ),
        (
            "[caches.a]\nmemory-maxentries = 1",
            "caches.a.memory-maxentries (larder.toml): there is no such field; did you mean `memory.max_entries`?",
        ),
        (
            "ttl = '5m'",
            "ttl (larder.toml): there is no such field; did you mean `policy.ttl` or `memory.ttl`?",
        ),
        (
            "[caches.a]\nmax_entries = 1",
            "caches.a.max_entries (larder.toml): there is no such field; did you mean `memory.max_entries`?",
        ),
        (
            "memory_pages = 1",
            "memory_pages (larder.toml): there is no such field; `memory` has enabled, max_entries, max_bytes, eviction, ttl, sweep_every",
        ),
        (
            "[breaker]\nxyz = 1",
            "breaker.xyz (larder.toml): there is no such field; the fields are threshold, cool_down",
        ),
        (
            "[caches.a.caches.b]\nenabled = true",
            "caches.a.caches (larder.toml): there is no such field; the fields are enabled, namespace, \
             default_ttl, codec, max_value_bytes, trust_tags, models, functions, policy, memory, redis, breaker, compression, encryption",
        ),
    ]);
}

#[test]
fn values_of_another_kind() {
    let duration =
        "wanted a duration such as `250ms`, `90s`, `5m`, `1h 30m` or `2d`, or a number of seconds";
    let size = "wanted a size such as `64 MiB`, `512 KiB` or `1 GB`, or a number of bytes";
    for (text, message) in [
        ("default_ttl = '5 minutes'", format!("default_ttl (larder.toml): found `5 minutes`; {duration}, or `never`")),
        ("default_ttl = -1", format!("default_ttl (larder.toml): found `-1`; {duration}, or `never`")),
        ("default_ttl = nan", format!("default_ttl (larder.toml): found `NaN`; {duration}, or `never`")),
        ("default_ttl = true", format!("default_ttl (larder.toml): found `true`; {duration}, or `never`")),
        ("memory.sweep_every = 'never'", format!("memory.sweep_every (larder.toml): found `never`; {duration}")),
        ("memory.sweep_every = '1e9'", "memory.sweep_every".to_owned()),
        ("memory.sweep_every = [1]", "memory.sweep_every (larder.toml): found a list; wanted".to_owned()),
        ("memory.max_bytes = '64 cows'", format!("memory.max_bytes (larder.toml): found `64 cows`; {size}")),
        ("memory.max_bytes = -1", format!("memory.max_bytes (larder.toml): found `-1`; {size}")),
        ("memory.max_entries = 1.5", "memory.max_entries (larder.toml): found `1.5`; wanted a whole number".to_owned()),
        ("memory.max_entries = 'many'", "memory.max_entries (larder.toml): found `many`; wanted a whole number".to_owned()),
        ("redis.connections = -4", "redis.connections (larder.toml): found `-4`; wanted a whole number".to_owned()),
        ("redis.tracking = 'yes'", "redis.tracking (larder.toml): found `yes`; wanted `true` or `false`".to_owned()),
        ("namespace = 5", "namespace (larder.toml): found `5`; wanted a text".to_owned()),
        ("redis = 'redis://:secret@host'", "redis (larder.toml): found a text (hidden, because it may be a secret); wanted a table of fields".to_owned()),
        ("redis.url = 5", "redis.url (larder.toml): found `5`; wanted a text".to_owned()),
        ("caches = []", "caches (larder.toml): found a list; wanted a table of fields".to_owned()),
        ("caches.a = 1", "caches.a (larder.toml): found `1`; wanted a table of fields".to_owned()),
        ("codec = 'jsn'", "codec (larder.toml): found `jsn`; wanted one of `postcard`, `json`, `messagepack`, `msgpack`; did you mean `json`?".to_owned()),
        ("codec = 1", "codec (larder.toml): found `1`; wanted a text".to_owned()),
        ("memory.eviction = 'fifo'", "memory.eviction (larder.toml): found `fifo`; wanted one of `auto`, `lru`, `lfu`, `ttl`".to_owned()),
        ("redis.connect = 'eager'", "redis.connect (larder.toml): found `eager`; wanted one of `lazy`, `strict`".to_owned()),
        ("compression.algorithm = 'gzip'", "compression.algorithm (larder.toml): found `gzip`; wanted one of `none`, `lz4`, `zstd`".to_owned()),
    ] {
        if text.contains("1e9") {
            // Environment variables contain only text, so a text may represent a number.
            assert!(Config::layers().text(Format::Toml, "larder.toml", text).load().is_ok());
            continue;
        }
        let told = toml(text);
        assert!(told.starts_with(&message), "{text}\n told: {told}\nwanted: {message}");
    }
}

#[test]
fn invalid_values() {
    each(&[
        (
            "default_ttl = 0",
            "default_ttl (larder.toml): found zero; wanted some time; leave it out, or write `never`, for entries that do not expire",
        ),
        (
            "max_value_bytes = 0",
            "max_value_bytes (larder.toml): found zero; wanted 1 byte at least; use `#[cached(local)]` for values that stay in this process",
        ),
        (
            "namespace = 'my shop'",
            "namespace (larder.toml): `my shop` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`",
        ),
        (
            "namespace = ''",
            "namespace (larder.toml): `` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`",
        ),
        (
            "[caches.a]\nnamespace = 'a:b'",
            "caches.a.namespace (larder.toml): `a:b` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`",
        ),
        (
            "memory.max_entries = 0",
            "memory.max_entries (larder.toml): found zero; wanted 1 at least; for a cache without a memory tier use `no_memory()`, or in a configuration `memory.enabled = false`",
        ),
        (
            "memory.max_bytes = '0 B'",
            "memory.max_bytes (larder.toml): found zero; wanted 1 at least; for a cache without a memory tier use `no_memory()`, or in a configuration `memory.enabled = false`",
        ),
        (
            "memory.ttl = 0",
            "memory.ttl (larder.toml): found zero; wanted some time; leave it out to serve entries as long as they are fresh, or use \
             `no_memory()`, or in a configuration `memory.enabled = false`",
        ),
        (
            "memory.sweep_every = 0",
            "memory.sweep_every (larder.toml): found zero; wanted 1 ms at least; leave it out for 10 seconds",
        ),
        (
            "memory = { max_entries = 1, max_bytes = 1 }",
            "memory.max_bytes (larder.toml): found together with `max_entries`; wanted one bound: remove one of them",
        ),
        (
            "memory.enabled = false",
            "memory.enabled (larder.toml): there is neither a memory tier nor a remote one; remove `memory.enabled = false`, or set `redis.url`",
        ),
        (
            "breaker.threshold = 0",
            "breaker.threshold (larder.toml): found zero; wanted 1 failure at least",
        ),
        (
            "breaker.cool_down = '0s'",
            "breaker.cool_down (larder.toml): found zero; wanted 1 ms at least; leave it out for 1 second",
        ),
        (
            "redis.operation_timeout = 0",
            "redis.operation_timeout (larder.toml): found zero; wanted 1 ms at least; leave it out for the default",
        ),
        (
            "redis.bus_heartbeat = '0ms'",
            "redis.bus_heartbeat (larder.toml): found zero; wanted 1 ms at least; leave it out for the default",
        ),
        (
            "redis.retry_attempts = -1",
            "redis.retry_attempts (larder.toml): found `-1`; wanted a whole number",
        ),
        (
            "redis.health_check_interval = 'often'",
            "redis.health_check_interval (larder.toml): found `often`; wanted a duration such as `250ms`, `90s`, `5m`, `1h 30m` or `2d`, or a number of seconds",
        ),
        (
            "redis.health_check_interval = 0.0005",
            "redis.health_check_interval (larder.toml): found `500µs`; wanted 1 ms at least, or zero (`0s`) for no checks; leave it out for 10 seconds",
        ),
        (
            "redis.half_open_after = 0",
            "redis.half_open_after (larder.toml): found zero; wanted 1 at least",
        ),
        (
            "redis.connections = 0",
            "redis.connections (larder.toml): found `0`; wanted a number from 1 to 1024",
        ),
        (
            "redis.connections = 2000",
            "redis.connections (larder.toml): found `2000`; wanted a number from 1 to 1024",
        ),
        (
            "redis.enabled = true",
            "redis.url (larder.toml): missing, although `redis.enabled = true`; set it or `redis.host`, or the variable `REDIS_URL`",
        ),
        (
            "compression = { algorithm = 'zstd', level = 23 }",
            "compression.level (larder.toml): found `23`; wanted a number from 1 (fast) to 22 (small)",
        ),
        (
            "compression = { algorithm = 'lz4', level = 3 }",
            "compression.level (larder.toml): only `zstd` has levels; remove it",
        ),
        (
            "encryption.enabled = true",
            "encryption.keys (larder.toml): missing, although `encryption.enabled = true`; write `keys.1 = { env = \"..\" }` or `{ file = \"..\" }`",
        ),
        (
            "encryption.keys = {}",
            "encryption.keys (larder.toml): found an empty table; wanted a key, or `encryption.enabled = false`",
        ),
        (
            "encryption.keys.one = { base64 = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }",
            "encryption.keys.one (larder.toml): found `one`; wanted a number for an id",
        ),
        (
            "encryption.keys.1 = {}",
            "encryption.keys.1 (larder.toml): wanted one of `env`, `file` and `base64`",
        ),
        (
            "encryption.keys.1 = { base64 = 'hunter2' }",
            "encryption.keys.1.base64 (larder.toml): it contains no key; wanted 32 bytes in base64 (`openssl rand -base64 32`)",
        ),
        (
            "encryption.keys.1 = { file = '/no/such/file' }",
            "encryption.keys.1.file (larder.toml): `/no/such/file` can't be read: No such file or directory (os error 2)",
        ),
        (
            "encryption.keys.1 = { env = 'NO_SUCH_VARIABLE' }",
            "encryption.keys.1.env (larder.toml): there is no environment variable `NO_SUCH_VARIABLE`",
        ),
        (
            "[encryption]\nwrite_with = 2\nkeys.1 = { base64 = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }",
            "encryption.write_with (larder.toml): found `2`; wanted the id of one of the keys",
        ),
        (
            "caches.default.enabled = true",
            "caches.default (larder.toml): the fields of the default cache are at the top level; move them there",
        ),
        (
            "caches.'a b'.enabled = true",
            "caches.a b (larder.toml): `a b` can't be a name; use letters, digits, `-` and `_`",
        ),
        (
            "caches.Sessions.enabled = true\ncaches.sessions.enabled = true",
            "caches.sessions (larder.toml): `Sessions` differs from it only in case, which environment variables do not preserve; rename one",
        ),
        (
            "redis.url = 'redis://host'\ncaches.a.namespace = 'larder'",
            "caches.a.namespace (larder.toml): `larder` is also the value of `namespace` on the same Redis, so the caches would share entries; change one of them",
        ),
    ]);
}

#[test]
fn urls_are_checked_and_never_shown_with_passwords() {
    let form = "write `redis://[user:password@]host[:port][/db]`, `unix:///path/to/socket[?db=n]`, \
                `redis-sentinel://host[:port],host[:port]/master[/db]` or \
                `redis-cluster://host[:port],host[:port]`";
    assert_eq!(
        toml("caches.sessions.redis.url = 'redi://host'"),
        format!(
            "caches.sessions.redis.url (larder.toml): `redi://host` is not a Redis URL: {form}"
        )
    );
    let told = toml("redis.url = 'redis://user:hunter2@host/zero'");
    assert!(told.starts_with("redis.url (larder.toml): `redis://***@host/zero` is not"), "{told}");
    assert_eq!(
        toml("redis = { url = 'redis-cluster://host', tracking = true }"),
        "redis.tracking (larder.toml): a cluster can't be tracked; evict, instead, where values change"
    );
    for text in [
        "redis.url = 'redis://:hunter2@host:x'",
        "redis.url = 'redis://:hunter2@ho st'",
        "redis.url = ['redis://:hunter2@host']",
        "redis = 'redis://:hunter2@host'",
        "redis.connections = 'redis://:hunter2@host'",
        "redis.connect = 'redis://:hunter2@host'",
        "default_ttl = 'redis://:hunter2@host'",
        "redis.url = 'redis://:hunter2@host' x",
        "redis.url = 'redis://:hunter2@host",
        "redis.url = redis://:hunter2@host",
        "redis.url = \"redis://:hunter2@host\\q\"",
        "codec = 'hunter2hunter2hunter2hunter2hunter2='",
    ] {
        let told = toml(text);
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[cfg(feature = "redis-tls")]
#[test]
fn certificates_go_with_keys_and_with_tls() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let with = |url: &str, fields: &str| toml(&format!("[redis]\nurl = '{url}'\n{fields}"));
    assert_eq!(
        with("rediss://host", &format!("cert_file = '{manifest}'")),
        "redis.cert_file (larder.toml): needs `key_file` too"
    );
    assert_eq!(
        with("rediss://host", &format!("key_file = '{manifest}'")),
        "redis.key_file (larder.toml): needs `cert_file` too"
    );
    assert_eq!(
        with("rediss://host", "ca_file = '/no/such/file'"),
        "redis.ca_file (larder.toml): `/no/such/file` can't be read: No such file or directory (os error 2)"
    );
    assert_eq!(
        with("redis://host", &format!("ca_file = '{manifest}'")),
        "redis.ca_file (larder.toml): the URL is not one of TLS: write `rediss://`"
    );
}

#[test]
fn secrets_are_not_printed_and_a_dump_without_them_is_rejected() {
    let redis = RedisConfig::default().url("rediss://user:hunter2@host:6380/1");
    let config = Config::new(CacheConfig::default().redis(redis));
    assert!(!format!("{config:?}").contains("hunter2"));
    let dumped = serde_json::to_string(&config).unwrap();
    assert_eq!(dumped, r#"{"redis":{"url":"rediss://***"}}"#);
    let read = Config::layers().text(Format::Json, "dump.json", &dumped).load();
    assert_eq!(
        told(read.map(drop)),
        "redis.url (dump.json): found `***`, the placeholder for a secret; wanted the secret itself"
    );
}

#[test]
fn all_mistakes_of_all_layers_are_reported_together() {
    let text = "default_ttl = '5 minutes'\nnamespace = 'a b'\n[memory]\nmax_entrys = 5\nsweep_every = 0\n\
                [caches.a]\ncodec = 'xml'\n[caches.a.redis]\nurl = 1\nconnections = 0";
    let error = Config::layers()
        .text(Format::Toml, "one.toml", text)
        .text(Format::Toml, "two.toml", "[caches.b.breaker]\nthreshold = 0")
        .file("no/such/file.toml")
        .env_from([("LARDER_CACHES__B__ENABLED", "perhaps")])
        .load()
        .unwrap_err();
    let paths: Vec<_> = error
        .mistakes()
        .iter()
        .map(|mistake| (mistake.path(), mistake.origin().unwrap_or_default()))
        .collect();
    assert_eq!(
        paths,
        [
            ("", "no/such/file.toml"),
            ("caches.a.codec", "one.toml"),
            ("caches.a.redis.url", "one.toml"),
            ("caches.b.enabled", "LARDER_CACHES__B__ENABLED"),
            ("default_ttl", "one.toml"),
            ("memory.max_entrys", "one.toml"),
            ("namespace", "one.toml"),
            ("memory.sweep_every", "one.toml"),
            ("caches.a.redis.connections", "one.toml"),
            ("caches.b.breaker.threshold", "two.toml"),
        ]
    );
    assert!(error.to_string().starts_with("the cache configuration is wrong in 10 places:\n"));
}

#[test]
fn files_that_cannot_be_read() {
    let file = |path: &str| told(Config::layers().file(path).load().map(drop));
    assert_eq!(
        file("no/such/larder.toml"),
        "no/such/larder.toml: it can't be read: No such file or directory (os error 2)"
    );
    assert_eq!(
        file("Cargo.lock"),
        "Cargo.lock: the file name must end in `.toml`, `.json`, `.yaml` or `.yml`"
    );
    assert!(Config::layers().file_if_there("no/such/larder.toml").load().is_ok());
}

#[test]
fn texts_that_do_not_parse() {
    let text = |format, text| told(Config::layers().text(format, "larder", text).load().map(drop));
    assert_eq!(
        text(Format::Toml, "namespace = 'a'\ndefault_ttl = = 5"),
        "larder: invalid TOML: extra `=`, expected nothing at line 2 column 15"
    );
    assert_eq!(
        text(Format::Toml, "namespace = 'a'\nnamespace = 'b'"),
        "larder: invalid TOML: duplicate key at line 2 column 1"
    );
    assert_eq!(
        text(Format::Json, "{\"namespace\": }"),
        "larder: invalid JSON: expected value at line 1 column 15"
    );
    assert_eq!(
        text(Format::Json, r#"{"caches": {"a": {}, "b": {}, "a": {}}}"#),
        "larder: `caches.a` is defined twice at line 1 column 33"
    );
    assert_eq!(
        text(Format::Json, "\"hunter2\""),
        "larder: found no table; wanted a table of fields"
    );
    assert_eq!(text(Format::Yaml, "- hunter2"), "larder: found no table; wanted a table of fields");
    let told = text(Format::Yaml, "namespace: a\nnamespace: b");
    assert!(told.starts_with("larder: invalid YAML: "), "{told}");
    assert!(told.contains("line 2"), "{told}");
    assert!(Config::layers().text(Format::Json, "larder", "\u{feff}{}").load().is_ok());
}

#[test]
fn numbers_that_are_too_large_for_their_file() {
    each(&[
        (
            "[caches.a.memory]\nmax_bytes = 99999999999999999999",
            "caches.a.memory.max_bytes (larder.toml): found `99999999999999999999`; \
             wanted a number from -9223372036854775808 to 9223372036854775807",
        ),
        (
            "breaker.threshold = 1e300",
            "breaker.threshold (larder.toml): found `1e300`; wanted a whole number",
        ),
    ]);
}

#[test]
fn times_that_are_too_short_or_too_long() {
    each(&[
        (
            "memory.sweep_every = 1e-6",
            "memory.sweep_every (larder.toml): found `1\u{b5}s`; wanted 1 ms at least; leave it out for 10 seconds",
        ),
        (
            "redis.operation_timeout = 1e-9",
            "redis.operation_timeout (larder.toml): found `1ns`; wanted 1 ms at least; leave it out for the default",
        ),
        (
            "redis.keepalive = '500ms'",
            "redis.keepalive (larder.toml): found `500ms`; wanted 1 s to 32767 s; leave it out for the default",
        ),
        (
            "redis.keepalive = '10h'",
            "redis.keepalive (larder.toml): found `36000s`; wanted 1 s to 32767 s; leave it out for the default",
        ),
    ]);
}

#[test]
fn a_mistake_is_reported_once() {
    each(&[(
        "redis = { url = 'redis://host', connections = 2000 }",
        "redis.connections (larder.toml): found `2000`; wanted a number from 1 to 1024",
    )]);
}

#[test]
fn empty_tables() {
    each(&[
        ("namespace = {}", "namespace (larder.toml): found a table; wanted a text"),
        (
            "encryption.keys.1 = {}",
            "encryption.keys.1 (larder.toml): wanted one of `env`, `file` and `base64`",
        ),
    ]);
}

#[test]
fn an_id_without_a_key() {
    each(&[(
        "encryption.write_with = 3",
        "encryption.write_with (larder.toml): found `3`, but there is no key; add `keys.3`",
    )]);
    assert!(
        Config::layers()
            .text(Format::Toml, "larder.toml", "encryption = { enabled = false, write_with = 3 }")
            .load()
            .is_ok()
    );
}

#[test]
fn one_database_under_two_names() {
    for (one, other) in [
        ("redis://host", "redis://:pw@HOST:6379/0?connections=2"),
        ("redis-sentinel://a,b/main", "redis-sentinel://b:26379,a/main/0"),
    ] {
        let text = format!(
            "redis.url = '{one}'\ncaches.a = {{ namespace = 'larder', redis.url = '{other}' }}"
        );
        assert_eq!(
            toml(&text),
            "caches.a.namespace (larder.toml): `larder` is also the value of `namespace` on the same Redis, \
             so the caches would share entries; change one of them"
        );
        let apart = text.replace(other, "redis://host/1");
        assert!(Config::layers().text(Format::Toml, "larder.toml", &apart).load().is_ok());
    }
}

#[test]
fn configurations_from_code_are_checked_too() {
    let memory = MemoryConfig::default().max_entries(0u64);
    let config = Config::default().cache("sessions", CacheConfig::default().memory(memory));
    assert_eq!(
        told(config.check()),
        "caches.sessions.memory.max_entries: found zero; wanted 1 at least; for a cache without a memory tier \
         use `no_memory()`, or in a configuration `memory.enabled = false`"
    );
}

/// The rules of the builders are checked for each cache, including inherited fields.
#[test]
fn an_inherited_mistake_is_reported_where_the_field_is_set() {
    each(&[
        (
            "breaker.threshold = 0\n[caches.a]\ndefault_ttl = 1\n[caches.b.breaker]\ncool_down = 1",
            "breaker.threshold (larder.toml): found zero; wanted 1 failure at least",
        ),
        (
            "redis.url = 'redis://h:x'\n[caches.a.redis]\nconnections = 0",
            "redis.url (larder.toml): the given text is not a Redis URL (the port must be a number below 65536): write \
             `redis://[user:password@]host[:port][/db]`, `unix:///path/to/socket[?db=n]`, \
             `redis-sentinel://host[:port],host[:port]/master[/db]` or `redis-cluster://host[:port],host[:port]`\n\
             caches.a.redis.connections (larder.toml): found `0`; wanted a number from 1 to 1024",
        ),
        (
            "namespace = 'a b'\n[caches.c]",
            "namespace (larder.toml): `a b` can't be a namespace; use letters, digits, `-`, `_`, `.` and `/`",
        ),
    ]);
}

#[test]
fn two_keys_of_one_id() {
    let key = "{ base64 = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }";
    each(&[(
        &format!("[encryption]\nwrite_with = 1\nkeys.1 = {key}\nkeys.01 = {key}"),
        "encryption.keys (larder.toml): two keys have the id 1; give each its own",
    )]);
}

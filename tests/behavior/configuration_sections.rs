//! The caches as a part of a program's own configuration: a section of its file, or a field of its struct.

use std::path::PathBuf;
use std::time::Duration;

use larder::config::{CacheConfig, Config, ConfigError, Format, MemoryConfig, RedisConfig, Ttl};

const APP: &str = "port = 80\nname = 'app'\n[database]\nurl = 'postgres://:hunter2@host'\n\
                   [cache]\nnamespace = 'shop'\ndefault_ttl = '5m'\nmemory.max_entries = 7\n\
                   [cache.caches.sessions]\ndefault_ttl = '1m'";

fn in_section(section: &str, text: &str) -> Result<Config, ConfigError> {
    Config::layers().section(section).text(Format::Toml, "app.toml", text).load()
}

/// The mistakes, one per line, without the introduction.
fn told(read: Result<Config, ConfigError>) -> String {
    let error = read.expect_err("a mistake");
    let mistakes: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
    mistakes.join("\n")
}

fn shop() -> Config {
    let memory = MemoryConfig::default().max_entries(7u64);
    let default = CacheConfig::default().namespace("shop").default_ttl(Duration::from_secs(300));
    let sessions = CacheConfig::default().default_ttl(Duration::from_secs(60));
    Config::new(default.memory(memory)).cache("sessions", sessions)
}

/// A file that is removed with this.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("larder-section-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_section_of_any_format() {
    assert_eq!(in_section("cache", APP).unwrap(), shop());
    let json = r#"{"port": 80, "services": {"api": {"cache": {"namespace": "shop",
        "default_ttl": 300, "memory": {"max_entries": 7},
        "caches": {"sessions": {"default_ttl": "1m"}}}}, "list": [1, 2]}}"#;
    let yaml = "port: 80\nservices:\n  api:\n    cache:\n      namespace: shop\n      default_ttl: 5m\n      \
                memory: {max_entries: 7}\n      caches: {sessions: {default_ttl: 1m}}\n";
    for (format, text) in [(Format::Json, json), (Format::Yaml, yaml)] {
        let layers = Config::layers().section("services.api.cache").text(format, "app", text);
        assert_eq!(layers.load().unwrap(), shop(), "{format:?}");
    }
    // A section without fields.
    assert_eq!(in_section("cache", "[cache]").unwrap(), Config::default());
    let empty =
        Config::layers().section("cache").text(Format::Yaml, "a.yaml", "cache:\nport: 80\n");
    assert_eq!(empty.load().unwrap(), Config::default());
    // No section: the whole file.
    assert_eq!(in_section("", "namespace = 'a'").unwrap().default.namespace.as_deref(), Some("a"));
}

#[test]
fn a_file_with_the_environment_on_top() {
    let app = File::new("app.toml", APP);
    // No variable of larder is set in this process, or other tests would not run.
    assert_eq!(Config::from_section(&app.0, "cache").unwrap(), shop());
    let local = File::new("local.toml", "[cache.redis]\nurl = 'redis://local'");
    let other = File::new("other.toml", "[database]\nurl = 'x'");
    let layers = Config::layers()
        .section("cache")
        .file(&app.0)
        .file_if_there(&local.0)
        // It is there, and has no such section.
        .file_if_there(&other.0)
        .file_if_there("/no/such/file.toml")
        .env_from([
            ("LARDER_NAMESPACE", "environment"),
            ("LARDER_CACHES__SESSIONS__DEFAULT_TTL", "never"),
            ("CACHE_NAMESPACE", "not larder's"),
        ]);
    let mut expected = shop();
    expected.default.namespace = Some("environment".to_owned());
    expected.default.redis = RedisConfig::default().url("redis://local");
    expected.caches.get_mut("sessions").unwrap().default_ttl = Some(Ttl::Never);
    assert_eq!(layers.load().unwrap(), expected);
}

#[test]
fn mistakes_have_the_path_in_the_file() {
    for (section, text, message) in [
        (
            "cache",
            "[cache]\nmemory.max_entries = 'many'",
            "cache.memory.max_entries (app.toml): found `many`; wanted a whole number",
        ),
        (
            "services.cache",
            "[services.cache]\ndefault_ttl = 0",
            "services.cache.default_ttl (app.toml): found zero; wanted some time; leave it out, or write `never`, for entries that do not expire",
        ),
        (
            "cache",
            "[cache.caches.sessions.redis]\nurll = 'redis://:hunter2@host'",
            "cache.caches.sessions.redis.urll (app.toml): there is no such field; did you mean `url`?",
        ),
        ("cache", "[cache.redis]\nport = 7", "cache.redis.port (app.toml): needs `redis.host`"),
        (
            "cache",
            "[cache.caches.default]",
            "cache.caches.default (app.toml): the fields of the default cache are at the top level; move them there",
        ),
        ("cache", "[database]\nurl = 'x'", "cache (app.toml): there is no such section"),
        ("services.cache", "[services]", "services.cache (app.toml): there is no such section"),
        (
            "services.cache",
            "services = 'postgres://:hunter2@host'",
            "services (app.toml): found a text (hidden, because it may be a secret); wanted a table of fields",
        ),
        (
            "cache",
            "[[cache]]\nnamespace = 'a'",
            "cache (app.toml): found a list; wanted a table of fields",
        ),
    ] {
        assert_eq!(told(in_section(section, text)), message, "of {text}");
    }
    let invalid = told(in_section("cache", "[cache\n"));
    assert!(invalid.starts_with("app.toml: invalid TOML: "), "{invalid}");
}

/// Each source calls its fields by its own names.
#[test]
fn mistakes_of_several_sources() {
    let app = File::new("mistakes.toml", "[cache]\nmemory.max_entries = 'many'\nnamespace = 'a b'");
    let layers = Config::layers()
        .section("cache")
        .file(&app.0)
        // Another section of the same source.
        .section("workers.cache")
        .text(Format::Toml, app.shown(), "[workers.cache]\nredis.connections = 0.5")
        .section("")
        .text(Format::Toml, "plain.toml", "codec = 'jsn'")
        .env_from([("LARDER_MEMORY__EVICTION", "fifo")]);
    let told = told(layers.load());
    let place = app.shown();
    for field in [
        format!("cache.memory.max_entries ({place}): "),
        format!("cache.namespace ({place}): "),
        format!("workers.cache.redis.connections ({place}): "),
        "codec (plain.toml): ".to_owned(),
        "memory.eviction (LARDER_MEMORY__EVICTION): ".to_owned(),
    ] {
        assert!(told.lines().any(|line| line.starts_with(&field)), "{field} in {told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}

/// A field of a program's own struct, which serde reads from wherever the program likes.
#[test]
fn a_field_of_a_struct_with_the_environment_on_top() {
    #[derive(serde::Deserialize)]
    struct App {
        cache: Config,
    }
    let text = r#"{"port": 80, "cache": {"namespace": "shop", "memory": {"max_entries": 7},
        "redis": {"host": "a", "password": "hunter2"}, "functions": {"shop::search": {"ttl": "1m"}},
        "caches": {"sessions": {"default_ttl": "1m", "codec": "json"}}}}"#;
    let read = || serde_json::from_str::<App>(text).unwrap().cache;
    // Nothing in the environment of this process.
    assert_eq!(read().with_env().unwrap(), read());
    let over = |pairs: &[(&str, &str)]| {
        Config::layers().over(read()).env_from(pairs.iter().copied()).load()
    };
    let mut expected = read();
    expected.default.namespace = Some("environment".to_owned());
    expected.default.memory = MemoryConfig::default().max_bytes(1u64 << 20);
    // Another address has no part of the first one.
    expected.default.redis = RedisConfig::default().url("redis://b");
    expected.caches.get_mut("sessions").unwrap().default_ttl = Some(Ttl::Never);
    let expected = expected.cache("pages", CacheConfig::default().enabled(false));
    let merged = over(&[
        ("LARDER_NAMESPACE", "environment"),
        ("LARDER_MEMORY__MAX_BYTES", "1 MiB"),
        ("REDIS_URL", "redis://b"),
        ("LARDER_CACHES__SESSIONS__DEFAULT_TTL", "never"),
        ("LARDER_CACHES__PAGES__ENABLED", "false"),
    ]);
    assert_eq!(merged.unwrap(), expected);
    let wrong = told(over(&[("LARDER_DEFAULT_TTL", "soon"), ("LARDER_MEMORY__MAX_ENTRIES", "0")]));
    let fields: Vec<&str> = wrong.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(fields[0], "default_ttl (LARDER_DEFAULT_TTL)", "{wrong}");
    assert_eq!(fields[1], "memory.max_entries (LARDER_MEMORY__MAX_ENTRIES)", "{wrong}");
    // A rule that serde does not know.
    let mut cache = read();
    cache.default.namespace = Some("a b".to_owned());
    assert!(told(cache.with_env()).starts_with("namespace: "));
}

#[test]
fn a_later_source_replaces_the_bound_of_an_earlier_one() {
    let bounds = |file: &str, pairs: &[(&str, &str)]| {
        let layers = Config::layers().text(Format::Toml, "larder.toml", file);
        let config = layers.env_from(pairs.iter().copied()).load().unwrap();
        let of = |cache: &CacheConfig| (cache.memory.max_entries, cache.memory.max_bytes);
        (of(&config.default), config.caches.get("a").map(of))
    };
    let file = "memory.max_entries = 1\n[caches.a.memory]\nmax_bytes = 2\neviction = 'ttl'";
    assert_eq!(bounds(file, &[]), ((Some(1), None), Some((None, Some(2)))));
    let pairs = [("LARDER_MEMORY__MAX_BYTES", "3")];
    assert_eq!(bounds(file, &pairs), ((None, Some(3)), Some((None, Some(2)))));
    let pairs = [("LARDER_CACHES__A__MEMORY__MAX_ENTRIES", "4")];
    assert_eq!(bounds(file, &pairs), ((Some(1), None), Some((Some(4), None))));
}

#[tokio::test]
async fn a_section_is_installed() {
    let app = File::new(
        "install.toml",
        "[services.cache]\nnamespace = 'section'\n[services.cache.caches.of-a-section]",
    );
    larder::testing::isolated(async {
        let caches = larder::config::install_from_section(&app.0, "services.cache").await.unwrap();
        assert_eq!(caches.get(None).unwrap().namespace(), "section");
        assert_eq!(
            larder::Cache::named("of-a-section").unwrap().namespace(),
            "section/of-a-section"
        );
    })
    .await;
    let missing = larder::config::install_from_section(&app.0, "cache").await.unwrap_err();
    let expected = format!("cache ({}): there is no such section", app.shown());
    assert_eq!(missing.to_string(), format!("the cache configuration is wrong: {expected}"));
}

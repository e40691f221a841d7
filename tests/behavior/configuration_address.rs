//! Redis by the parts of its address: fields, the variables that platforms set, and passwords in files and variables.

use larder::config::{Config, Format};

use crate::support::Server;

fn env(pairs: &[(&str, &str)]) -> Config {
    Config::layers().env_from(pairs.iter().copied()).load().unwrap()
}

fn told(text: &str, pairs: &[(&str, &str)]) -> String {
    let layers = Config::layers().text(Format::Toml, "larder.toml", text);
    let error = layers.env_from(pairs.iter().copied()).load().expect_err(text);
    error.mistakes().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The parts that are read, as text.
fn parts(config: &Config) -> String {
    let redis = &config.default.redis;
    let url = redis.url.as_ref().map(|url| url.expose());
    let password = redis.password.as_ref().map(|password| password.expose());
    format!(
        "{url:?} {:?} {:?} {:?} {:?} {password:?}",
        redis.host, redis.port, redis.database, redis.user
    )
}

#[test]
fn the_variables_of_platforms_are_parts_of_an_address() {
    let all = [
        ("REDIS_HOST", "redis.internal"),
        ("REDIS_PORT", "7000"),
        ("REDIS_DB", "2"),
        ("REDIS_USERNAME", "shop"),
        ("REDIS_PASSWORD", "pass/word"),
    ];
    let read = r#"None Some("redis.internal") Some(7000) Some(2) Some("shop") Some("pass/word")"#;
    assert_eq!(parts(&env(&all)), read);
    // larder's own variables have precedence.
    let own = [&all[..], &[("LARDER_REDIS__PORT", "7001")]].concat();
    assert_eq!(parts(&env(&own)), read.replace("7000", "7001"));
    // A URL says all; platforms set both.
    let both = [&all[..], &[("REDIS_URL", "redis://a")]].concat();
    assert_eq!(parts(&env(&both)), r#"Some("redis://a") None None None None None"#);
    // The image of Redis has a password and no host. Kubernetes sets the port of a service called `redis` to a URL.
    assert_eq!(env(&all[1..]), Config::default());
    let links = [("REDIS_HOST", "redis"), ("REDIS_PORT", "tcp://10.0.0.7:6379")];
    assert_eq!(parts(&env(&links)), r#"None Some("redis") None None None None"#);
}

#[test]
fn passwords_are_not_shown() {
    let config = env(&[("REDIS_HOST", "redis.internal"), ("REDIS_PASSWORD", "hunter2")]);
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&config).unwrap().contains("hunter2"));
}

#[test]
fn mistakes_in_an_address() {
    for (text, message) in [
        (
            "redis = { url = 'redis://a', host = 'b' }",
            "redis.host (larder.toml): `redis.url` is set, too, and has this part; remove one of the two",
        ),
        (
            "redis = { url = 'redis://a', password = 'b' }",
            "redis.password (larder.toml): `redis.url` is set, too, and has this part; remove one of the two",
        ),
        ("redis = { password = 'b' }", "redis.password (larder.toml): needs `redis.host`"),
        (
            "redis = { host = 'redis://a' }",
            "redis.host (larder.toml): wanted a name or an address, such as `redis.internal`; the port, the user and the password have fields of their own",
        ),
        (
            "redis = { host = 'a', port = 70000 }",
            "redis.port (larder.toml): wanted a number from 1 to 65535",
        ),
        (
            "redis = { host = 'a', user = 'b' }",
            "redis.user (larder.toml): needs a password: `password`, `password_env` or `password_file`",
        ),
        (
            "redis = { host = 'a', password = 'hunter2', password_env = 'B' }",
            "redis.password (larder.toml): wanted one of `password`, `password_env` and `password_file`",
        ),
        (
            "redis = { host = 'a', password_env = 'LARDER-NOT-SET' }",
            "redis.password_env (larder.toml): there is no environment variable `LARDER-NOT-SET` with a text",
        ),
        (
            "redis = { host = 'a', password_file = '/no/such/file' }",
            "redis.password_file (larder.toml): `/no/such/file` can't be read: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(told(text, &[]), message, "of {text}");
    }
    let both = told("redis.url = 'redis://a'", &[("REDIS_HOST", "b")]);
    assert!(both.starts_with("redis.host (REDIS_HOST): `redis.url` is set, too"), "{both}");
}

#[tokio::test]
async fn a_password_with_special_characters_comes_from_a_file() {
    let password = "p:a/s@s %25#?";
    let server = Server::with_args(&["--requirepass", password]);
    // A named cache with another server does not send it this password, which it would refuse.
    let other = Server::start();
    let file = std::env::temp_dir().join(format!("larder-password-{}", std::process::id()));
    std::fs::write(&file, format!("{password}\n")).unwrap();
    let text = format!(
        "redis = {{ host = '127.0.0.1', port = {}, password_file = '{}', connect = 'strict' }}\n\
         caches.second.redis.database = 3\n\
         caches.other.redis = {{ host = '127.0.0.1', port = {} }}",
        server.port(),
        file.display(),
        other.port(),
    );
    let config = Config::layers().text(Format::Toml, "larder.toml", &text).load().unwrap();
    let caches = config.build().await.unwrap();
    for name in [None, Some("second"), Some("other")] {
        caches.get(name).unwrap().insert("a", 1_u64).await.unwrap();
    }
    let found = |database: &str, key: &str| {
        server.cli(&["--no-auth-warning", "-a", password, "-n", database, "EXISTS", key])
    };
    assert_eq!((found("0", "larder:a"), found("3", "larder/second:a")), ("1".into(), "1".into()));
    assert_eq!(other.cli(&["EXISTS", "larder/other:a"]), "1");
    std::fs::remove_file(file).unwrap();
}

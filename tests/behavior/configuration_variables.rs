//! Invalid environment variables and the messages about them.

use larder::config::Config;
use std::ffi::OsString;

fn told<T: Into<OsString>>(pairs: impl IntoIterator<Item = (T, T)>) -> String {
    let error = Config::layers().env_from(pairs).load().expect_err("a mistake");
    let mistakes: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
    mistakes.join("\n")
}

#[test]
fn two_underscores_stand_for_the_dot() {
    for (variable, meant) in [
        ("LARDER_REDIS_URL", "LARDER_REDIS__URL"),
        ("LARDER_MEMORY_MAX_ENTRIES", "LARDER_MEMORY__MAX_ENTRIES"),
        ("LARDER_CACHES__SESSIONS__REDIS_URL", "LARDER_CACHES__SESSIONS__REDIS__URL"),
        ("LARDER_CACHES_SESSIONS_REDIS_URL", "LARDER_CACHES__SESSIONS__REDIS__URL"),
        ("LARDER_CACHES_MY_PAGES_DEFAULT_TTL", "LARDER_CACHES__MY_PAGES__DEFAULT_TTL"),
        ("LARDER_CACHE__SESSIONS__ENABLED", "LARDER_CACHES__SESSIONS__ENABLED"),
        ("LARDER_DEFAULT_TLL", "LARDER_DEFAULT_TTL"),
        ("LARDER_MAX_ENTRIES", "LARDER_MEMORY__MAX_ENTRIES"),
        ("LARDER_CACHES__SESSIONS__URL", "LARDER_CACHES__SESSIONS__REDIS__URL"),
    ] {
        let told = told([(variable, "1")]);
        let end = format!("({variable}): there is no such field; did you mean `{meant}`?");
        assert!(told.ends_with(&end), "{told}\nwanted: {end}");
    }
    // The suggested name is a field.
    let right =
        [("LARDER_CACHES__MY_PAGES__DEFAULT_TTL", "1m"), ("LARDER_REDIS__URL", "redis://h")];
    let config = Config::layers().env_from(right).load().unwrap();
    assert!(config.caches["my_pages"].default_ttl.is_some() && config.default.redis.url.is_some());
}

#[test]
fn names_of_unknown_fields() {
    for variable in ["LARDER_", "LARDER__", "LARDER_XYZ", "LARDER_PORT_6379_TCP"] {
        let told = told([(variable, "1")]);
        assert!(told.contains(variable) && told.contains("there is no such field"), "{told}");
    }
    for other in ["LARDER", "LARDERS_X", "larder_enabled"] {
        assert!(Config::layers().env_from([(other, "1")]).load().is_ok(), "{other} is not ours");
    }
}

#[test]
fn variables_that_exclude_each_other() {
    assert_eq!(
        told([("LARDER_REDIS", "redis://:hunter2@host"), ("LARDER_REDIS__CONNECTIONS", "2")]),
        "redis (LARDER_REDIS): found a text, but `LARDER_REDIS__CONNECTIONS` is set too; wanted only one of them"
    );
}

#[test]
fn two_variables_for_one_field() {
    for pairs in [
        [("LARDER_ENABLED", "true"), ("LARDER_enabled", "false")],
        [("LARDER_enabled", "false"), ("LARDER_ENABLED", "true")],
    ] {
        assert_eq!(
            told(pairs),
            "enabled (LARDER_enabled): `LARDER_ENABLED` sets it, too; unset one of the two"
        );
    }
    // The simple form has less priority, in any order.
    for pairs in [
        [("REDIS_URL", "redis://a"), ("LARDER_REDIS__URL", "redis://b")],
        [("LARDER_REDIS__URL", "redis://b"), ("REDIS_URL", "redis://a")],
    ] {
        let config = Config::layers().env_from(pairs).load().unwrap();
        assert_eq!(config.default.redis.url.unwrap().expose(), "redis://b");
    }
}

#[cfg(unix)]
#[test]
fn variables_that_are_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    assert_eq!(
        told([(bytes(b"REDIS_URL"), bytes(b"redis://:hunter2@\xff"))]),
        "redis.url (REDIS_URL): found bytes that are not valid UTF-8; wanted a text"
    );
    assert_eq!(
        told([(bytes(b"LARDER_EN\xffABLED"), bytes(b"false"))]),
        "LARDER_EN\u{fffd}ABLED: the variable's name is not valid UTF-8; wanted `LARDER_` and a field's path"
    );
    let others = [(bytes(b"OTHER\xff"), bytes(b"\xff"))];
    assert!(Config::layers().env_from(others).load().is_ok());
}

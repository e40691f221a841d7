//! Processes configured by environment variables only: the example, run by this test binary.

use std::process::Command;

use crate::support::Server;

#[allow(unreachable_pub)]
#[path = "../../examples/from_env.rs"]
mod from_env;

/// The variable that makes this process run the example.
const ROLE: &str = "BE_THE_EXAMPLE";
const BEGIN: &str = "-- begin";
const END: &str = "-- end";

/// The code that the second process runs. Run as a test it does nothing.
#[test]
fn the_example() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    println!("{BEGIN}");
    if let Err(error) = from_env::main() {
        println!("{error}");
    }
    println!("{END}");
}

/// Returns the output of the example in this environment, without larder's other variables.
fn run(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| name.starts_with("LARDER_"));
        if ours || name == "REDIS_URL" {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["--exact", "configuration_processes::the_example", "--nocapture"])
        .env(ROLE, "1")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, said) = said.split_once(BEGIN).unwrap_or_else(|| panic!("it did not begin: {said}"));
    let (said, _) = said.split_once(END).unwrap_or_else(|| panic!("it did not end: {said}"));
    said.trim().to_owned()
}

const COLD: &str = "default time to live: None
computing the square of 12
square(12) = 144 from Loaded
computing the square of 13
square(13) = 169 from Loaded
";

/// Checks only the beginning: memory is not served alone before the bus is connected, which may take a moment.
#[track_caller]
fn assert_begins(said: &str, beginning: &str) {
    assert!(said.starts_with(beginning), "{said}");
}

#[test]
fn without_a_redis_each_process_has_separate_memory() {
    for _ in 0..2 {
        assert_eq!(run(&[]), format!("{COLD}square(12) = 144 from Memory"));
    }
}

#[test]
fn with_a_redis_url_the_second_process_reads_the_values_of_the_first() {
    let server = Server::start();
    let redis = ("REDIS_URL", &*server.url());
    assert_begins(&run(&[redis]), COLD);
    let warm = "default time to live: None
square(12) = 144 from Remote
square(13) = 169 from Remote
";
    assert_begins(&run(&[redis]), warm);
    // Another namespace is another cache, and `LARDER_ENABLED` disables caching.
    assert_begins(&run(&[redis, ("LARDER_NAMESPACE", "elsewhere")]), COLD);
    assert_begins(&run(&[redis, ("LARDER_REDIS__ENABLED", "false")]), COLD);
    assert_eq!(server.cli(&["EXISTS", "larder:square:12", "elsewhere:square:12"]), "2");
}

#[test]
fn every_other_field_has_a_variable_too() {
    let said = run(&[("LARDER_DEFAULT_TTL", "1h 30m")]);
    assert!(said.starts_with("default time to live: Some(5400s)"), "{said}");
}

#[test]
fn an_unreachable_redis_is_an_error_only_if_it_is_strict() {
    let url = "redis://:se%2Fcret@127.0.0.1:1";
    assert_begins(&run(&[("REDIS_URL", url)]), COLD);
    let said = run(&[("REDIS_URL", url), ("LARDER_REDIS__CONNECT", "strict")]);
    assert!(
        said.starts_with("the cache configuration is wrong: redis.url: connect: unreachable"),
        "{said}"
    );
    assert!(!said.contains("se%2Fcret") && !said.contains("se/cret"), "{said}");
}

#[test]
fn mistakes_name_their_variables() {
    let said = run(&[("LARDER_DEFAULT_TTTL", "5s"), ("LARDER_REDIS__CONNECTIONS", "many")]);
    assert_eq!(
        said,
        "the cache configuration is wrong in 2 places:
  default_tttl (LARDER_DEFAULT_TTTL): there is no such field; did you mean `LARDER_DEFAULT_TTL`?
  redis.connections (LARDER_REDIS__CONNECTIONS): found `many`; wanted a whole number"
    );
}

#[test]
fn a_key_comes_from_a_variable() {
    let server = Server::start();
    let environment = [
        ("REDIS_URL", &*server.url()),
        ("LARDER_ENCRYPTION__KEYS__1__ENV", "SHOP_KEY"),
        ("SHOP_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ];
    assert_begins(&run(&environment), COLD);
    assert!(run(&environment).contains("square(12) = 144 from Remote"));
    // Without the key the stored value is a miss.
    assert!(run(&environment[..1]).contains("square(12) = 144 from Loaded"));
    let said = run(&environment[..2]);
    assert_eq!(
        said,
        "the cache configuration is wrong: encryption.keys.1.env (LARDER_ENCRYPTION__KEYS__1__ENV): \
         there is no environment variable `SHOP_KEY`"
    );
    let said = run(&[environment[0], environment[1], ("SHOP_KEY", "hunter2")]);
    assert_eq!(
        said,
        "the cache configuration is wrong: encryption.keys.1.env (LARDER_ENCRYPTION__KEYS__1__ENV): \
         the environment variable `SHOP_KEY` contains no key; wanted 32 bytes in base64 (`openssl rand -base64 32`)"
    );
}

//! Users know one crate, `larder`: no log target, documentation or compiler message names the crates behind it.

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["cache-config/src", "cache-core/src", "cache-redis/src", "src"];

fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let (mut folders, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

/// An event without a target has its module path as target.
#[test]
fn log_targets_begin_with_larder() {
    let mut seen = 0;
    for (path, text) in CRATES.iter().flat_map(|folder| files(folder, "rs")) {
        for (at, _) in text.match_indices("tracing::") {
            let (name, rest) =
                text[at + "tracing::".len()..].split_once(['!', ';', '}']).unwrap_or(("", ""));
            let level = name.strip_suffix("_span").unwrap_or(name);
            if !["trace", "debug", "info", "warn", "error", "event", "span"].contains(&level) {
                continue;
            }
            seen += 1;
            let rest: String = rest.chars().filter(|c| !c.is_whitespace()).take(20).collect();
            assert!(
                rest.starts_with("(target:\"larder\"") || rest.starts_with("(target:\"larder::"),
                "{}: an event without a target that begins with `larder`: {rest}",
                path.display()
            );
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Lines that rustdoc hides, and targets of links, may contain these names.
#[test]
fn documentation_says_larder() {
    for (path, text) in CRATES.iter().flat_map(|folder| files(folder, "rs")) {
        for line in text.lines() {
            let line = line.trim_start();
            let Some(shown) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
                continue;
            };
            let shown = shown.trim_start();
            if shown.starts_with("# ") {
                continue;
            }
            let shown = shown.replace("](cache_core::", "](").replace("]: cache_core::", "]: ");
            for name in ["cache_core", "cache_redis", "cache_config"] {
                assert!(!shown.contains(name), "{}: {line}", path.display());
            }
        }
    }
}

/// rustc identifies an `impl` block in another module than its type by that module, which has no other name.
#[test]
fn compiler_messages_say_larder() {
    for (path, text) in files("tests/ui", "stderr") {
        for line in text.lines().filter(|line| !line.contains("::<impl ")) {
            for name in ["cache_core::", "cache_redis::", "cache_config::"] {
                assert!(!line.contains(name), "{}: {line}", path.display());
            }
        }
    }
}

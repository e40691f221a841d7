//! The examples in the documentation of larder's crates name items by their paths in `larder`.

use std::collections::BTreeSet;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(file: impl AsRef<Path>) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// The types and traits at the root of `larder`.
fn at_the_root() -> BTreeSet<String> {
    let facade = read(Path::new(ROOT).join("src/lib.rs"));
    let (_, list) = facade.split_once("pub use cache_core::{").unwrap();
    let (list, _) = list.split_once("};").unwrap();
    types(list).map(str::to_owned).collect()
}

/// The names of types in a list.
fn types(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', '\n', ' ']).filter(|name| name.starts_with(char::is_uppercase))
}

/// The types that an import takes from the root: those outside of the inner braces, and without a module.
fn imported(import: &str) -> Vec<String> {
    if import.starts_with(char::is_lowercase) {
        return Vec::new();
    }
    let (mut depth, mut outside) = (0, String::new());
    for c in import.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth <= 1 => outside.push(c),
            _ => {}
        }
    }
    types(&outside).map(str::to_owned).collect()
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn examples_import_what_the_root_has() {
    let root = at_the_root();
    assert!(root.contains("Cache") && root.len() > 20, "{root:?}");
    let mut files = Vec::new();
    for package in ["cache-core", "cache-config", "cache-redis", "cache-testkit", "cache-dashboard"]
    {
        sources(&Path::new(ROOT).join(package).join("src"), &mut files);
    }
    let mut imports = 0;
    for file in files {
        for line in read(&file).lines().filter(|line| line.trim_start().starts_with("//")) {
            let Some((_, import)) = line.split_once(" use larder::") else { continue };
            // Hidden lines may use the flat names of `cache-core`.
            if line.contains("# use") {
                continue;
            }
            imports += 1;
            for name in imported(import.trim_end_matches(';')) {
                let why = "is not at the root of `larder`: name its module";
                assert!(root.contains(&name), "{}: `{name}` {why}", file.display());
            }
        }
    }
    assert!(imports > 20, "the examples were not found: {imports}");
}

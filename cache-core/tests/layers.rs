//! Each module of the crate is a layer, and imports only those below it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top.
const LAYERS: [&str; 13] = [
    "base", "key", "backend", "tags", "entry", "codec", "stats", "memory", "remote", "engine",
    "registry", "call", "api",
];

/// Modules that may use every layer, and that no layer uses.
const OUTSIDE: [&str; 3] = ["lib", "__private", "__testing"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// The top-level module to which a file belongs.
fn layer(source: &Path, root: &Path) -> String {
    let first = source.strip_prefix(root).unwrap().iter().next().unwrap();
    first.to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The modules that `code` names after `crate::`, one by one or in a group.
fn imports(code: &str) -> BTreeSet<&str> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            let whole =
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            let path = &line[at + "crate::".len()..];
            let end = path.find(|next: char| !(next.is_alphanumeric() || next == '_'));
            if whole {
                found.insert(&path[..end.unwrap_or(path.len())]);
            }
        }
    }
    found
}

#[test]
fn imports_point_downwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "the sources are where they were");
    let place = |layer: &str| LAYERS.iter().position(|known| *known == layer);
    let mut wrong = Vec::new();
    for file in files {
        let own = layer(&file, &root);
        if OUTSIDE.contains(&&*own) {
            continue;
        }
        let at = place(&own).unwrap_or_else(|| panic!("`{own}` is no layer: add it to `LAYERS`"));
        let code = fs::read_to_string(&file).unwrap();
        for import in imports(&code) {
            // A group, or a name of the crate's root, hides the layer.
            match place(import) {
                Some(other) if other <= at => {}
                _ => wrong.push(format!("{}: `{own}` names `crate::{import}`", file.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "imports that do not point downwards:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_found() {
    let code = "use crate::engine::{Inner, Plan};\n// crate::api::Typed\nlet x = crate::base::boxed(|| 1);\n\
                use cache_crate::call;\nuse crate::{Error, key};\n";
    assert_eq!(imports(code), BTreeSet::from(["", "base", "engine"]));
}

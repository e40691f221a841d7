//! Common mistakes, each compiled with and without the attribute: rustc reports the same message at the same place.
//!
//! `tests/mistakes/differences.txt` lists the differences. After a change: `TRYBUILD=overwrite cargo test -p tests
//! --test mistakes`, and review the diff. A new difference needs a reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/compiler.rs"]
mod compiler;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use compiler::{Compiler, Diagnostic, side_by_side};

/// There is one case per kind of mistake; at least this many have no difference.
const LEAST_ALIKE: usize = 40;

#[test]
fn mistakes_are_reported_as_without_the_attribute() {
    std::env::set_current_dir(compiler::root()).unwrap();
    let compiler = Compiler::of("mistakes");
    let entries = std::fs::read_dir("tests/mistakes").unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    cases.sort();
    let differences: Vec<_> = side_by_side(&cases, |case| difference(&compiler, case));
    let alike = differences.iter().filter(|difference| difference.is_none()).count();
    let actual: String = differences.into_iter().flatten().collect();
    let written = Path::new("tests/mistakes/differences.txt");
    if std::env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite") {
        std::fs::write(written, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(written).unwrap_or_default();
    assert!(actual == expected, "--- expected\n{expected}\n--- said\n{actual}");
    assert!(
        alike >= LEAST_ALIKE,
        "only {alike} of {} mistakes have the same messages",
        cases.len()
    );
}

/// Returns the messages with and without the attribute, if they differ.
fn difference(compiler: &Compiler, case: &Path) -> Option<String> {
    let text = std::fs::read_to_string(case).unwrap();
    let name = case.file_stem().unwrap().to_string_lossy().into_owned();
    let plain = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mistakes/{name}.plain.rs"));
    std::fs::write(&plain, without_attributes(&text)).unwrap();
    let (with, without) = (told(&compiler.check(case)), told(&compiler.check(&plain)));
    assert!(!without.is_empty(), "{name}: compiles without an error");
    if with == without {
        return None;
    }
    let mut out = format!("{name}\n");
    for (kind, told) in [("with", with), ("without", without)] {
        for line in told {
            let _ = writeln!(out, "  {kind}: {line}");
        }
    }
    Some(out)
}

/// The code, place and text of each message.
fn told(said: &[Diagnostic]) -> Vec<String> {
    let told = said.iter().filter(|said| said.code() != Some("unused_imports")).map(|said| {
        let mut line = said.level.clone();
        if let Some(code) = said.code() {
            let _ = write!(line, "[{code}]");
        }
        for span in said.spans.iter().filter(|span| span.is_primary) {
            let (from, to) = (span.line_start, span.line_end);
            let _ = write!(line, " {from}:{}-{to}:{}", span.column_start, span.column_end);
        }
        let _ = write!(line, " {}", said.message);
        for label in
            said.spans.iter().filter(|span| span.is_primary).filter_map(|span| span.label.as_ref())
        {
            let _ = write!(line, "; {label}");
        }
        line
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

/// Replaces larder's attributes by spaces, and removes the imports of larder.
fn without_attributes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) =
        ["#[cached", "#[cache_", "use larder::"].iter().filter_map(|start| rest.find(start)).min()
    {
        out.push_str(&rest[..at]);
        let end = at
            + rest[at..].find(if rest[at..].starts_with('#') { "]\n" } else { ";" }).unwrap()
            + 1;
        out.push_str(&" ".repeat(end - at));
        rest = &rest[end..];
    }
    out + rest
}

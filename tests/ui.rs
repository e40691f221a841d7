//! Wrong uses of the attributes and the compiler's messages for each: one error, at the wrong token, which names the
//! fix.
//!
//! Messages of rustc itself (a trait bound, a wrong argument) are those of one version. Cases in which rustc lists the
//! types that implement serde's traits are left out, because the list varies.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test -p tests --test ui`, and review the diff.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/compiler.rs"]
mod compiler;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use compiler::{Compiler, side_by_side};

#[test]
fn wrong_uses() {
    std::env::set_current_dir(compiler::root()).unwrap();
    let compiler = Compiler::of("ui");
    let overwrite = std::env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite");
    let cases = cases(Path::new("tests/ui"));
    assert!(!cases.is_empty(), "there are no cases");
    let differences = side_by_side(&cases, |case| difference(&compiler, case, overwrite));
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn cases(directory: &Path) -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cases.extend(self::cases(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            cases.push(path);
        }
    }
    cases.sort();
    cases
}

/// Returns how the messages for `case` differ from the recorded ones.
fn difference(compiler: &Compiler, case: &Path, overwrite: bool) -> Option<String> {
    let said = compiler.check(case);
    let rendered = said.iter().filter_map(|said| said.rendered.as_deref());
    let normal: Vec<_> = rendered.map(|said| normal(said, &case.to_string_lossy())).collect();
    let actual = normal.join("\n");
    let written = case.with_extension("stderr");
    if !said.iter().any(|said| said.level == "error") {
        return Some(format!("{}: compiles\n{actual}", case.display()));
    }
    let expected = std::fs::read_to_string(&written).unwrap_or_default();
    if actual == expected {
        return None;
    }
    if overwrite {
        std::fs::write(&written, actual).unwrap();
        return None;
    }
    let case = case.display();
    Some(format!("{case}:\n--- expected\n{expected}\n--- said\n{actual}"))
}

/// The messages of rustc without the parts that depend on the machine and on other files than the case.
fn normal(rendered: &str, case: &str) -> String {
    let root = format!("{}/", compiler::root().display());
    let rendered = rendered.trim_end().replace(&root, "");
    let (before, after) = (margin(&rendered, None), margin(&rendered, Some(case)));
    let mut out = String::new();
    let mut in_case = true;
    for line in rendered.lines() {
        let line = match Gutter::of(line) {
            Some(Gutter::Arrow(arrow, place)) => {
                in_case = place.starts_with(case);
                let place = if in_case { place } else { without_position(place) };
                format!("{:after$}{arrow} {place}", "")
            }
            Some(Gutter::Line(number, rest)) => {
                let number = if in_case { number } else { "" };
                format!("{number:>after$} {rest}")
            }
            None if line.starts_with(' ') => line[(before - after).min(line.len())..].to_owned(),
            // A suggestion refers to the case.
            None => {
                in_case |= line.starts_with("help: ");
                line.to_owned()
            }
        };
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The part of a line to the left of the source text.
enum Gutter<'a> {
    /// `-->` or `:::`, and a place.
    Arrow(&'a str, &'a str),
    /// The number of a line, if it has one, and the rest of the line, which begins with `|` or `=`.
    Line(&'a str, &'a str),
}

impl<'a> Gutter<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let trimmed = line.trim_start();
        let rest = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &trimmed[..trimmed.len() - rest.len()];
        let rest = rest.trim_start();
        for arrow in ["-->", ":::"] {
            if let Some(place) = rest.strip_prefix(arrow).filter(|_| number.is_empty()) {
                return Some(Self::Arrow(arrow, place.trim_start()));
            }
        }
        let note = number.is_empty() && rest.starts_with("= ") && line.starts_with(' ');
        let diff = !number.is_empty() && rest.starts_with(['+', '-', '~']);
        (rest.starts_with('|') || note || diff).then_some(Self::Line(number, rest))
    }
}

/// How many digits the line numbers have, except those of other files than `case`.
fn margin(rendered: &str, case: Option<&str>) -> usize {
    let (mut margin, mut counts) = (1, true);
    for gutter in rendered.lines().filter_map(Gutter::of) {
        match gutter {
            Gutter::Arrow(_, place) => counts = case.is_none_or(|case| place.starts_with(case)),
            Gutter::Line(number, _) if counts => margin = margin.max(number.len()),
            Gutter::Line(..) => {}
        }
    }
    margin
}

/// Returns `src/lib.rs` for `src/lib.rs:3:1`.
fn without_position(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}

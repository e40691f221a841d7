//! The compile time of cached functions: 200 plain functions, the same functions with larder's
//! `#[cached]`, and with the attribute of its most popular peer. Each kind is a separate crate,
//! whose dependencies are built before the measurement.
//!
//! The fixed cost of a library (linking, the binary) is separate from the cost of each function:
//! each kind is also built with a few functions, and the difference counts.
//!
//! ```text
//! cargo run --release -p benches --bin compile              three rounds, the median of each kind
//! cargo run --release -p benches --bin compile -- 5 400     rounds, functions
//! ```
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A kind of function.
struct Kind {
    name: &'static str,
    dependency: String,
    attribute: fn(usize) -> String,
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().unwrap());
    let (rounds, functions) = (args.next().unwrap_or(3), args.next().unwrap_or(200));
    let larder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let larder = format!("larder = {{ path = {:?} }}", larder.display());
    let peer = "cached = { version = \"4.1\", features = [\"async\"] }".to_owned();
    let kinds = [
        Kind { name: "plain", dependency: String::new(), attribute: |_| String::new() },
        Kind { name: "larder", dependency: larder.clone(), attribute: automatic },
        Kind { name: "larder-key", dependency: larder, attribute: template },
        Kind {
            name: "cached",
            dependency: peer,
            attribute: |_| "#[cached::macros::cached(ttl_secs = 300, max_size = 1000)]".to_owned(),
        },
    ];
    let target = std::env::temp_dir().join("larder-compile-bench");
    let few = functions / 10;
    for profile in ["dev", "release"] {
        println!("{profile}, {few} and {functions} async functions, median of {rounds} rounds:");
        let mut plain = None;
        for kind in &kinds {
            let less = Build::new(&target, kind, few, profile, rounds);
            let more = Build::new(&target, kind, functions, profile, rounds);
            let added = (functions - few) as f64;
            let each = (more.seconds - less.seconds) / added;
            let bytes = (more.bytes - less.bytes) / added;
            let (plain_each, plain_bytes) = *plain.get_or_insert((each, bytes));
            println!(
                "{:>12} {:>6.2} s and {:>6.2} s: {:>6.2} ms a function beyond plain   {:>5.1} and {:>5.1} MB: {:>6.0} bytes",
                kind.name,
                less.seconds,
                more.seconds,
                (each - plain_each) * 1000.0,
                less.bytes / 1e6,
                more.bytes / 1e6,
                bytes - plain_bytes,
            );
        }
    }
}

/// The measurements of one build.
struct Build {
    seconds: f64,
    bytes: f64,
}

impl Build {
    fn new(target: &Path, kind: &Kind, functions: usize, profile: &str, rounds: usize) -> Self {
        let project = project(target, kind, functions);
        build(&project, target, profile);
        let times = (0..rounds).map(|round| {
            touch(&project, round);
            build(&project, target, profile)
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        let bytes = size(target, kind, functions, profile) as f64;
        Self { seconds: times[rounds / 2].as_secs_f64(), bytes }
    }
}

fn automatic(_: usize) -> String {
    "#[larder::cached(ttl = 300)]".to_owned()
}

fn template(at: usize) -> String {
    format!("#[larder::cached(ttl = 300, key = \"f{at}:{{id}}:{{name}}\")]")
}

fn project(target: &Path, kind: &Kind, functions: usize) -> PathBuf {
    let project = target.join(format!("{}-{functions}", kind.name));
    std::fs::create_dir_all(project.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"bench-{}-{functions}\"\nedition = \"2024\"\n\n[dependencies]\ntokio = {{ version = \"1\", features = [\"rt\", \"macros\"] }}\n{}\n\n[workspace]\n",
        kind.name, kind.dependency
    );
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let mut source = String::new();
    for at in 0..functions {
        writeln!(
            source,
            "{}\nasync fn f{at}(id: u64, name: String) -> Result<String, String> {{\n    if id == {at} {{ return Err(name); }}\n    Ok(format!(\"{{name}} {{id}}\"))\n}}\n",
            (kind.attribute)(at)
        )
        .unwrap();
    }
    source.push_str("#[tokio::main(flavor = \"current_thread\")]\nasync fn main() {\n");
    for at in 0..functions {
        writeln!(source, "    println!(\"{{:?}}\", f{at}(7, \"a\".to_owned()).await);").unwrap();
    }
    source.push_str("}\n");
    std::fs::write(project.join("src/main.rs"), source).unwrap();
    project
}

/// Changes one body, so that cargo builds the crate again.
fn touch(project: &Path, round: usize) {
    let path = project.join("src/main.rs");
    let source = std::fs::read_to_string(&path).unwrap();
    let line = format!("// round {round}\n");
    std::fs::write(path, line + &source).unwrap();
}

fn build(project: &Path, target: &Path, profile: &str) -> Duration {
    let began = Instant::now();
    let status = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--quiet", "--profile", profile])
        .current_dir(project)
        .env("CARGO_TARGET_DIR", target.join("target"))
        // Whole builds, because the time of an incremental build depends on the change.
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .unwrap();
    assert!(status.success(), "{} does not build", project.display());
    began.elapsed()
}

fn size(target: &Path, kind: &Kind, functions: usize, profile: &str) -> u64 {
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary =
        target.join("target").join(folder).join(format!("bench-{}-{functions}", kind.name));
    std::fs::metadata(binary).unwrap().len()
}

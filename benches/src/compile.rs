//! What cached functions cost at compile time: 200 plain ones, the same under `#[cached]` of larder, and under that of its
//! most used peer. Each kind is a crate of its own, whose dependencies are built before the clock starts.
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
    for profile in ["dev", "release"] {
        println!("{profile}, {functions} async functions, median of {rounds} rounds:");
        let mut plain = None;
        for kind in &kinds {
            let project = project(&target, kind, functions);
            build(&project, &target, profile);
            let times = (0..rounds).map(|round| {
                touch(&project, round);
                build(&project, &target, profile)
            });
            let mut times: Vec<Duration> = times.collect();
            times.sort_unstable();
            let (time, size) = (times[rounds / 2], size(&target, kind, profile));
            let (plain_time, plain_size) = *plain.get_or_insert((time, size));
            println!(
                "{:>12} {:>7.2} s  {:>6.2} ms a function more   {:>9} bytes  {:>6} bytes a function more",
                kind.name,
                time.as_secs_f64(),
                (time.as_secs_f64() - plain_time.as_secs_f64()) * 1000.0 / functions as f64,
                size,
                (size as i64 - plain_size as i64) / functions as i64,
            );
        }
    }
}

fn automatic(_: usize) -> String {
    "#[larder::cached(ttl = 300)]".to_owned()
}

fn template(at: usize) -> String {
    format!("#[larder::cached(ttl = 300, key = \"f{at}:{{id}}:{{name}}\")]")
}

fn project(target: &Path, kind: &Kind, functions: usize) -> PathBuf {
    let project = target.join(kind.name);
    std::fs::create_dir_all(project.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"bench-{}\"\nedition = \"2024\"\n\n[dependencies]\ntokio = {{ version = \"1\", features = [\"rt\", \"macros\"] }}\n{}\n\n[workspace]\n",
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
        // Whole builds: what an incremental one saves depends on what was changed.
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .unwrap();
    assert!(status.success(), "{} does not build", project.display());
    began.elapsed()
}

fn size(target: &Path, kind: &Kind, profile: &str) -> u64 {
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = target.join("target").join(folder).join(format!("bench-{}", kind.name));
    std::fs::metadata(binary).unwrap().len()
}

//! Compiles small programs against the libraries that this test was built with, and reads rustc's messages.
//!
//! This builds no library: cargo reports where they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

/// The libraries that programs can use.
const LIBRARIES: [&str; 5] = ["larder", "async_trait", "serde", "serde_json", "tokio"];

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// A compiler with the paths of the libraries.
pub(crate) struct Compiler {
    arguments: Vec<OsString>,
    out: PathBuf,
}

/// A message of rustc.
#[derive(Debug, Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) message: String,
    #[allow(dead_code, reason = "not every suite compares codes")]
    code: Option<Code>,
    pub(crate) level: String,
    pub(crate) spans: Vec<Span>,
    /// The whole message as rustc prints it.
    #[allow(dead_code, reason = "not every suite compares texts")]
    pub(crate) rendered: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
}

/// A place in a message.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "not every suite compares places")]
pub(crate) struct Span {
    pub(crate) line_start: usize,
    pub(crate) line_end: usize,
    pub(crate) column_start: usize,
    pub(crate) column_end: usize,
    pub(crate) is_primary: bool,
    pub(crate) label: Option<String>,
}

impl Diagnostic {
    /// `E0308`, or the name of a lint.
    #[allow(dead_code, reason = "not every suite compares codes")]
    pub(crate) fn code(&self) -> Option<&str> {
        Some(&self.code.as_ref()?.code)
    }
}

/// The parts of cargo's messages that name libraries.
#[derive(Deserialize)]
struct Artifact {
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Compiler {
    /// Finds the libraries of the test called `test`.
    pub(crate) fn of(test: &str) -> Self {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        std::fs::create_dir_all(&out).expect("a directory for what rustc writes");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
            "test",
            "--no-run",
            "--offline",
            "--test",
            test,
        ]);
        cargo.arg("--message-format=json");
        // The environment variables that cargo sets for this test would make some build scripts run again.
        let of_package =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if of_package.iter().any(|prefix| text.starts_with(prefix)) {
                cargo.env_remove(&name);
            }
        }
        if cfg!(feature = "redis-tls") {
            cargo.arg("--all-features");
        }
        // The features of dependencies depend on the packages that are built together.
        if std::env::var_os("WHOLE_WORKSPACE").is_some() {
            cargo.arg("--workspace");
        }
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(output.status.success(), "cargo does not find what it has just built");
        let libraries = libraries(&String::from_utf8_lossy(&output.stdout));
        let mut arguments: Vec<OsString> =
            ["--edition=2024", "--crate-type=bin", "--emit=metadata", "--error-format=json"]
                .map(OsString::from)
                .to_vec();
        for (name, library) in libraries {
            let mut library_of = OsString::from(format!("{name}="));
            library_of.push(&library);
            arguments.extend(["--extern".into(), library_of]);
            if let Some(directory) = library.parent() {
                let mut dependency = OsString::from("dependency=");
                dependency.push(directory);
                arguments.extend(["-L".into(), dependency]);
            }
        }
        Self { arguments, out }
    }

    /// Returns rustc's messages for `source`, a file below the root.
    pub(crate) fn check(&self, source: &Path) -> Vec<Diagnostic> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let output = Command::new(rustc)
            .current_dir(root())
            .args(&self.arguments)
            .env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))
            .args(["--crate-name", "case", "--diagnostic-width=140"])
            .arg("-o")
            .arg(self.out.join(stem + ".rmeta"))
            .arg(source)
            .output()
            .expect("rustc runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = stderr.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|_| panic!("rustc says: {stderr}"))
        });
        said.filter(|said: &Diagnostic| !is_summary(said)).collect()
    }
}

/// The sentence at the end, with the number of errors.
fn is_summary(said: &Diagnostic) -> bool {
    said.spans.is_empty()
        && (said.message.starts_with("aborting due to")
            || said.message.starts_with("For more information about")
            || said.message.starts_with("Some errors have detailed explanations")
            || said.message.ends_with(" emitted"))
}

fn libraries(messages: &str) -> BTreeMap<String, PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let mut found = BTreeMap::new();
    for Artifact { target, filenames } in artifacts {
        let Some(Target { name }) = target else { continue };
        let name = name.replace('-', "_");
        if !LIBRARIES.contains(&name.as_str()) {
            continue;
        }
        let is = |path: &&PathBuf, extensions: &[&str]| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| extensions.contains(&extension))
        };
        let library = filenames.iter().find(|path| is(path, &["rlib"]));
        let macros = || filenames.iter().find(|path| is(path, &["so", "dylib", "dll"]));
        if let Some(path) = library.or_else(macros) {
            found.insert(name, path.clone());
        }
    }
    found
}

/// Runs `each` on all items, on as many threads as the machine has processors.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    items.get(at).map(|item| (at, item))
                } {
                    let result = each(item);
                    done.lock().expect("no thread panics with it").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

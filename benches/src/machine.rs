//! The machine and the versions, for the report.

/// What a reader needs to compare figures.
pub(crate) fn describe() -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut facts = vec![("cores".to_owned(), cores.to_string())];
    facts.extend(processor().map(|model| ("processor".to_owned(), model)));
    facts.extend(output("rustc", &["--version"]).map(|version| ("rustc".to_owned(), version)));
    facts.extend(
        output("git", &["rev-parse", "--short", "HEAD"])
            .map(|commit| ("larder".to_owned(), commit)),
    );
    let lock = include_str!("../../Cargo.lock");
    for name in ["cached", "foyer-memory", "moka", "quick_cache", "redis"] {
        facts.extend(version(lock, name).map(|version| (name.to_owned(), version.to_owned())));
    }
    facts
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The first line that a program prints.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(args).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.lines().next()?.to_owned())
}

/// The version of a package in a lock file.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let start = lock.find(&format!("name = \"{name}\"\n"))?;
    lock[start..].lines().nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        assert_eq!(super::version(lock, "b"), Some("2.0.0"));
    }
}

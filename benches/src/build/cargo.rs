//! Runs cargo, and measures it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Result;

/// The cost of a build, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) wall: f64,
    /// Processor time of cargo and all its children; a busy machine changes it less. Zero where `/proc` is missing.
    pub(super) cpu: f64,
}

/// Builds the crate in a folder.
pub(super) fn build(folder: &Path, profile: &str) -> Result<Cost> {
    let (before, began) = (children(), Instant::now());
    let status = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--quiet", "--profile", profile])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .status()?;
    if !status.success() {
        return Err(format!("{} does not build", folder.display()).into());
    }
    Ok(Cost { wall: began.elapsed().as_secs_f64(), cpu: children() - before })
}

/// The processor time of children that have ended, in seconds.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks(&stat).unwrap_or_default() as f64 / 100.0
}

/// The fields 16 and 17 of `/proc/self/stat`, in hundredths of a second.
fn ticks(stat: &str) -> Option<u64> {
    // The second field is the name of the program in parentheses, and may contain spaces.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(13);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
}

/// The bytes of the binary.
pub(super) fn binary(folder: &Path, profile: &str) -> Result<f64> {
    let target = folder.join("target").join(if profile == "dev" { "debug" } else { profile });
    Ok(std::fs::metadata(target.join("service"))?.len() as f64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn children_are_the_fields_16_and_17() {
        let stat = "7 (larder bench) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 700 80 20 0 1 0";
        assert_eq!(super::ticks(stat), Some(780));
    }
}

//! Traces: the keys that a program reads, in order. Generated ones, and readers of public formats.

mod arc;
pub(crate) mod generated;
mod lirs;
mod meta;
mod twitter;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use crate::Result;

/// Keys in the order in which they are read, and the number of entries of the cache.
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) capacity: usize,
    pub(crate) keys: Vec<u64>,
}

/// The formats of recorded traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Arc,
    Lirs,
    Twitter,
    Meta,
}

/// A recorded trace, and the sizes of the caches that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    format: Format,
    capacities: Vec<usize>,
}

impl Source {
    /// Reads `FORMAT:PATH` or `FORMAT:PATH:ENTRIES,ENTRIES`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let format = match parts.next() {
            Some("arc") => Format::Arc,
            Some("lirs") => Format::Lirs,
            Some("twitter") => Format::Twitter,
            Some("meta") => Format::Meta,
            _ => {
                return Err(
                    format!("`{text}` must begin with arc:, lirs:, twitter: or meta:").into()
                );
            }
        };
        let path = parts.next().ok_or_else(|| format!("`{text}` has no path"))?.into();
        let capacities = parts
            .next()
            .map_or(Ok(Vec::new()), |list| list.split(',').map(str::parse::<usize>).collect())?;
        Ok(Self { path, format, capacities })
    }
}

/// The trace of a file for each capacity: the given ones, or 1 % and 10 % of its keys.
pub(crate) fn recorded(source: &Source) -> Result<Vec<Trace>> {
    let keys = read(source.format, BufReader::new(File::open(&source.path)?))?;
    if keys.is_empty() {
        return Err(format!("{} has no reads", source.path.display()).into());
    }
    let mut capacities = source.capacities.clone();
    if capacities.is_empty() {
        let distinct = keys.iter().collect::<std::collections::HashSet<_>>().len();
        capacities.extend([distinct.div_ceil(100), distinct.div_ceil(10)]);
    }
    let name = source.path.file_stem().unwrap_or_default().to_string_lossy();
    let trace = |capacity| Trace { name: name.to_string(), capacity, keys: keys.clone() };
    Ok(capacities.into_iter().map(trace).collect())
}

fn read(format: Format, lines: impl BufRead) -> Result<Vec<u64>> {
    match format {
        Format::Arc => arc::read(lines),
        Format::Lirs => lirs::read(lines),
        Format::Twitter => twitter::read(lines),
        Format::Meta => meta::read(lines),
    }
}

/// A number for a key of text.
fn number(key: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// An error that quotes the line.
fn malformed(format: &str, line: &str) -> Box<dyn std::error::Error> {
    format!("not a line of a trace in the format {format}: `{line}`").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_format_path_and_sizes() {
        let source = Source::parse("arc:traces/OLTP.lis:1000,2000").expect("valid");
        assert_eq!(source.format, Format::Arc);
        assert_eq!(source.path, PathBuf::from("traces/OLTP.lis"));
        assert_eq!(source.capacities, [1000, 2000]);
        assert!(Source::parse("lirs:loop.trace").expect("valid").capacities.is_empty());
        assert!(Source::parse("loop.trace").is_err());
    }
}
